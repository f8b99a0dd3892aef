# SPDX-License-Identifier: Apache-2.0
"""Who gets a place: the house's limit, each trunk's contract, the strangers' share, and the insistent.

The rule behind the rules: a call from a listed trunk within its contract is refused only when the house is full,
or nearly full and its number called thirty times within the hour. What is not listed leaves room for what is:
together the strangers hold a share of legs and of transactions, and one address half of the legs. An address can
be forged, so the half is courtesy; the share holds whatever they write. Without listed trunks nobody is a stranger.
"""

from collections import Counter
from typing import NamedTuple

from device_adapters.sip.events import Address
from device_adapters.sip.message import Request
from device_adapters.sip.overload import asks, figure
from device_adapters.sip.rates import Bucket, CallerCounts
from device_adapters.sip.settings import SipSettings, Trunk, source_host, trunks_by_host

ONE_STRANGER_PERCENT = 50
"Of the strangers' room, for one address (guess): a single noisy one leaves room for the next."
BURST_S = 10
"A second's limit may be used up for so many seconds at once: a crossing full of witnesses (guess)."


OWN_LIMIT = ("trunk_full", "trunk_too_fast")
"What a trunk's contract says: its next call may fit again at once."


LONG_OCTETS = 2_500
"A datagram costs as much to read as so many octets of it: some 25 us, and 10 ns each (measured on two cores)."


class Refusal(NamedTuple):
    """Why a call cannot be taken now."""

    status: int
    extra: str
    "Header lines."
    counted: str
    "The name under which it is counted."


class Admission:
    """The legs held, by trunk and by stranger, and the pace of new ones: one for all listeners of a house."""

    def __init__(self, settings: SipSettings) -> None:
        self._settings = settings
        self._trunks = trunks_by_host(settings)
        self._server = f"Server: {settings.server}\r\n"
        self._extra = f"Retry-After: {settings.retry_after_s}\r\nServer: {settings.server}\r\n"
        self._room = settings.calls_max * settings.strangers_percent
        "Legs, times 100: a share rounds up, so that a small house still has a place."
        self._paces = {
            trunk.name: Bucket(trunk.calls_per_s, trunk.calls_per_s * BURST_S)
            for trunk in settings.trunks
            if trunk.calls_per_s
        }
        self._strangers_pace = Bucket(settings.strangers_per_s, settings.strangers_per_s * BURST_S)
        self._strangers_reading = Bucket(
            settings.strangers_datagrams_per_s, settings.strangers_datagrams_per_s
        )
        self._callers = CallerCounts(settings.callers_counted_max)
        self.legs = 0
        "Held in all."
        self._held: Counter[str] = Counter()
        "Legs of each listed trunk, by its name."
        self._strange: Counter[str] = Counter()
        "Legs of each stranger, by its address."
        self._strangers_held = 0

    def trunk(self, source: Address) -> Trunk | None:
        """Return the listed trunk that sends from there."""
        return self._trunks.get(source_host(source[0]))

    def listed(self, source: Address) -> bool:
        """Tell whether messages from there come from a listed trunk."""
        return source_host(source[0]) in self._trunks

    def drop(self, source: Address) -> bool:
        """Tell whether what comes from there must not even be read."""
        return self._settings.only_trunks and not self.listed(source)

    def too_much(self, source: Address, octets: int, now: float) -> bool:
        """Tell whether what a stranger sent would take too much of our time to read; a trunk never pays."""
        if not self._is_stranger(source):
            return False
        return not self._strangers_reading.take(now, 1 + octets // LONG_OCTETS)

    def owed_s(self, source: Address, messages: int, octets: int, now: float) -> float:
        """Return how long not to read on from a stranger's connection, where nothing may be dropped."""
        if not self._is_stranger(source):
            return 0.0
        return self._strangers_reading.owe(now, messages + octets // LONG_OCTETS)

    def has_room(self, source: Address, transactions_held: int) -> bool:
        """Tell whether a request from there may be remembered.

        What strangers fill stays below their share: no flood of theirs makes a trunk's call forgotten.
        """
        most = self._settings.transactions_max
        if self._is_stranger(source):
            return transactions_held * 100 < most * self._settings.strangers_percent
        return transactions_held < most

    def full(self, legs_held: int) -> bool:
        """Tell whether no call is taken any more."""
        return legs_held >= self._settings.calls_max

    def nearly_full(self, legs_held: int) -> bool:
        """Tell whether what is no call must leave its place to calls."""
        return legs_held * 100 >= self._settings.calls_max * self._settings.shed_percent

    def refusal(
        self, request: Request, caller: str, now: float, legs_held: int, room_for_transaction: bool
    ) -> Refusal | None:
        """Return why a new call cannot be taken; None when it is, and has used its trunk's pace. Counts no caller."""
        counted = self._reason(request.source, caller, now, legs_held, room_for_transaction)
        if not counted:
            return None
        # Retry-After stops a whole trunk (RFC 3261 21.5.4): only for a full house, and for nobody's peers
        if counted == "insistent_shed":  # what one number does is no fault of its trunk's others
            return Refusal(480, self._server, counted)
        return Refusal(503, self._server if counted in OWN_LIMIT else self._extra, counted)

    def calls_in_hour(self, caller: str, source: Address, now: float) -> int:
        """Count a call that was taken; return how many of its number this makes within the hour.

        A call that was refused is not counted: its trunk tries it again on the next route. Nor is a stranger's: anybody
        could give somebody else a bad name.
        """
        return 0 if self._is_stranger(source) else self._callers.add(caller, now)

    def came(self, source: Address) -> None:
        """Count a leg from there."""
        self.legs += 1
        trunk = self.trunk(source)
        if trunk is not None:
            self._held[trunk.name] += 1
        elif self._trunks:
            self._strange[source_host(source[0])] += 1
            self._strangers_held += 1

    def left(self, source: Address) -> None:
        """Forget it again."""
        self.legs -= 1
        trunk = self.trunk(source)
        held, key = (self._held, trunk.name) if trunk else (self._strange, source_host(source[0]))
        if key not in held:
            return
        self._strangers_held -= trunk is None
        held[key] -= 1
        if not held[key]:
            del held[key]

    def held(self) -> dict[str, int]:
        """Return the legs of each listed trunk that holds any, by its name."""
        return dict(self._held)

    def loss_percent(self, legs_held: int) -> int:
        """Return how many calls of a hundred should go elsewhere: from 0 at `shed_percent` to 100 at full."""
        most, shed = self._settings.calls_max, self._settings.shed_percent
        if legs_held >= most:
            return 100
        over = legs_held * 100 - most * shed
        return 100 * over // (most * (100 - shed)) if over > 0 else 0

    def overload(self, request: Request, legs_held: int, now: float) -> str:
        """Return the Via parameters of the response to who asked for them (RFC 7339), else an empty string."""
        return figure(self.loss_percent(legs_held), now) if asks(request.via_text) else ""

    def _is_stranger(self, source: Address) -> bool:
        return bool(self._trunks) and not self.listed(source)

    def _reason(self, source: Address, caller: str, now: float, legs_held: int, room: bool) -> str:
        if legs_held >= self._settings.calls_max:
            return "calls_refused"
        trunk = self.trunk(source)
        stranger = trunk is None and bool(self._trunks)
        if not room:
            return "strangers_shed" if stranger else "calls_refused"
        if trunk is not None and 0 < trunk.calls_max <= self._held[trunk.name]:
            return "trunk_full"
        if stranger and self._strangers_full(source):
            return "strangers_shed"
        if self.nearly_full(legs_held) and self._insists(caller, now):
            return "insistent_shed"
        if stranger and not self._strangers_pace.take(now):
            return "strangers_too_fast"
        pace = self._paces.get(trunk.name) if trunk else None
        return "trunk_too_fast" if pace is not None and not pace.take(now) else ""

    def _strangers_full(self, source: Address) -> bool:
        own = self._strange[source_host(source[0])]
        return (
            self._strangers_held * 100 >= self._room or own * 100 * 100 >= self._room * ONE_STRANGER_PERCENT
        )

    def _insists(self, caller: str, now: float) -> bool:
        """Tell whether this would be one call too many of the number; a withheld one is nobody's."""
        return bool(caller) and self._callers.look(caller, now) + 1 >= self._settings.insistent_per_hour
