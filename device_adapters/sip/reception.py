# SPDX-License-Identifier: Apache-2.0
"""Who is let in: the refusal of a new call, and the answer to what belongs to none."""

from collections import Counter
from collections.abc import Callable, Mapping

from device_adapters.sip.demands import (
    SCHEMES,
    Refusal,
    refusal_of_call,
    refusal_of_method,
    refusal_of_options,
)
from device_adapters.sip.digest import Doorman
from device_adapters.sip.events import Address
from device_adapters.sip.grammar import scheme_of
from device_adapters.sip.message import Request
from device_adapters.sip.response import ACCEPT, ALLOW, SUPPORTED
from device_adapters.sip.settings import SipSettings
from device_adapters.sip.station import Station

INSIDE = ("BYE", "UPDATE", "INFO", "PRACK")
"Methods that mean something only within a call: 481 without one (12.2.2)."
NONCE_KEY_TAGS = 4
"All the chance there is in here: 64 bits each."


class Reception:
    """Decides, and remembers nothing."""

    def __init__(self, station: Station, doorman: Doorman | None) -> None:
        self._station = station
        self._doorman = doorman
        self.draining = False
        "Take no new calls."

    def refusal(self, request: Request, caller: str, held: int, now: float) -> Refusal | None:
        """Return why a new call is not taken, or None; `held` are the legs there are (RFC 3261 8.2)."""
        station, settings = self._station, self._station.settings
        request.overload = station.admission.overload(request, held, now)
        if station.layer.sibling(request) is not None:
            return Refusal(482)
        refused = refusal_of_call(request, self._called_as(request.source), settings.min_se_s)
        if refused is not None:
            return refused
        trunk = station.admission.trunk(request.source)
        challenge = self._doorman.challenge(request, trunk, now) if self._doorman else None
        if challenge is not None:
            return Refusal(401, challenge)
        if self.draining:
            station.counters["calls_refused"] += 1
            return Refusal(503, station.retry)
        room = station.has_room(request.source)
        shed = station.admission.refusal(request, caller, now, held, room)
        if shed is None:
            return None
        station.counters[shed.counted] += 1
        return Refusal(shed.status, shed.extra)

    def _called_as(self, source: Address) -> tuple[str, ...]:
        """Return what is an emergency for this peer: the house's names, and its trunk's."""
        called_as = self._station.settings.called_as
        trunk = None if "*" in called_as else self._station.admission.trunk(source)
        return called_as + trunk.called_as if trunk else called_as

    def to_stranger(self, request: Request, held: int, now: float) -> Refusal:
        """Return the answer to what belongs to no call: the same to everybody, whatever calls there are."""
        request.overload = self._station.admission.overload(request, held, now)
        if self.draining or self._no_room_for(request, held):
            self._station.counters["shed"] += 1
            return Refusal(503, self._station.retry)
        if request.faults:
            return Refusal(400)
        if request.method in INSIDE:
            return Refusal(481)
        if request.method != "OPTIONS":
            return refusal_of_method(request)
        if scheme_of(request.uri) not in SCHEMES:
            return Refusal(416)
        return refusal_of_options(request) or Refusal(200, ALLOW + ACCEPT + SUPPORTED)

    def _no_room_for(self, request: Request, held: int) -> bool:
        """Tell whether to spare ourselves an answer; a trunk that is told 503 takes its calls elsewhere."""
        admission = self._station.admission
        if admission.listed(request.source):
            return admission.full(held)
        return admission.nearly_full(held)


def doorman_of(
    settings: SipSettings, secrets: Mapping[str, str], new_tag: Callable[[], str], counters: Counter[str]
) -> Doorman | None:
    """Return who asks trunks for their password; None when no trunk has one."""
    if not any(trunk.digest for trunk in settings.trunks):
        return None
    nonce_key = "".join(new_tag() for _ in range(NONCE_KEY_TAGS)).encode()
    return Doorman(settings, secrets, nonce_key, counters)
