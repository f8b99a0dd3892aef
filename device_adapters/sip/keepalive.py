# SPDX-License-Identifier: Apache-2.0
"""Asking listed trunks whether they are there (RFC 3261 11): trunks.py decides when, this asks and hears."""

from core.ids import Leg
from device_adapters.sip.events import Address, TrunkChanged
from device_adapters.sip.message import MAGIC_COOKIE, Response
from device_adapters.sip.settings import way_of
from device_adapters.sip.station import Station
from device_adapters.sip.transaction import CLIENT, Outcome, Purpose
from device_adapters.sip.trunks import options

NO_LEG = Leg("")


class KeepAlive:
    """Our OPTIONS, each to one address of a trunk."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._trunks = station.house.trunks
        self._way = way_of(station.transport.lower(), station.sent_by.rpartition(":")[0])
        self._asks = self._trunks.claim(self._way)
        "The first listener of its kind asks; all hear."
        self._watches = len(self._trunks) > 0
        self._asked = 0

    def next_due(self) -> float | None:
        """Return when `ask` wants to be called."""
        return self._trunks.next_due(self._way) if self._asks else None

    def ask(self, now: float) -> None:
        """Send OPTIONS where it is time."""
        if not self._asks:
            return
        for _, address in self._trunks.to_ask(self._way, now):
            self._ask(address, now)

    def heard(self, source: Address, now: float) -> None:
        """Take any request of a trunk as life."""
        if self._watches:
            self._trunks.heard(source[0], now)

    def told(self, peer: Address, outcome: Outcome, response: Response | None, now: float) -> None:
        """Take what became of an OPTIONS."""
        if response is not None:
            self._trunks.answered(peer, response.status, now)
        elif (
            outcome is Outcome.UNREACHABLE
        ):  # a silence is counted by trunks.py, which waits less than timer F
            self._trunks.silent(peer, now, refused=True)

    def next_event(self) -> TrunkChanged | None:
        """Hand over the oldest change not yet taken."""
        return self._trunks.events.popleft() if self._trunks.events else None

    def statistics(self) -> dict[str, int]:
        """Return how many of the trunks we ask stand how."""
        found: dict[str, int] = {}
        for standing in self._trunks.standing(self._way).values() if self._asks else ():
            found[f"trunks_{standing}"] = found.get(f"trunks_{standing}", 0) + 1
        return found

    def _ask(self, address: Address, now: float) -> None:
        station = self._station
        self._asked += 1
        name = f"k{self._asked}.{int(now * 1000):x}"
        branch = f"{MAGIC_COOKIE}{name}"
        data = options(
            address,
            station.sent_by,
            station.transport,
            branch=branch,
            call_id=f"{name}@{station.media_host}",
            tag=name,
            server=station.settings.server,
        )
        station.counters["trunks_asked"] += 1
        station.layer.ask(CLIENT, (branch, "OPTIONS"), Purpose.KEEP_ALIVE, NO_LEG, data, address, now)
