# SPDX-License-Identifier: Apache-2.0
"""Compares the positions that were sent with those that are shown: how old, which never, which wrongly. Pure.

A position is known again by its unit and place, exact to 1e-7 degrees: receivers' noise makes no two alike. Memory
is bounded by time: what is not shown `KEPT_S` after it was sent never is.
"""

from collections import Counter, deque
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from device_adapters.simulated.faults import Truth

RECORD = np.dtype(
    [
        ("unit", "<u4"),
        ("lat_e7", "<i4"),
        ("lon_e7", "<i4"),
        ("tst", "<u4"),
        ("speed_cm_s", "<u2"),
        ("course_cdeg", "<u2"),
    ]
)
"The positions stream's record (docs/contract)."
KEPT_S = 10.0
TRANSIT_MS = 10.0
"What the way to the gateway may take: a batch cut sooner after the sending did not have to hold the fix. A guess."
WAITING_MAX = 64
"Fixes of one unit that are looked at when a newer one of it is shown; a second of a very busy radio."
STEP_MS, AGES_MAX = 0.1, 100_000
"Ages are counted in tenths of a millisecond up to ten seconds."
_NEAR = [(north, east) for north in (-1, 0, 1) for east in (-1, 0, 1) if north or east]

Key = tuple[str, int, int]


class Age(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from sending."""

    n: int = 0
    p50: float | None = None
    p99: float | None = None
    max: float | None = None


class ShownReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the positions."""

    sent: int
    "Those that are to be shown, and those that are not."
    shown: int
    in_matcher_ms: Age
    "From sending to the tick with which the matcher got it (`at` of the entry)."
    readable_ms: Age
    "From sending to whoever reads the stream."
    over_tick_share: float
    "Of the shown: longer on the way into the matcher than a tick. A fix may wait a whole one, and the way is on top."
    missed_tick_share: float
    "Of the shown: a batch was cut 10 ms or more after it was sent, and it came with a later one."
    never_shown: dict[str, int]
    "By fault, `` for a good one. Not those that a newer fix of the same unit rightly replaced before a batch was cut."
    wrongly_shown: dict[str, int]
    repeated: int
    strangers: int
    "Shown, and not sent within ten seconds before."


class _Flight(msgspec.Struct, gc=False):
    truth: Truth
    sent_ms: float
    shown: bool = False
    superseded: bool = False
    counts: bool = True


class Entry(NamedTuple):
    """One entry of a positions stream."""

    county: str
    at_ms: int
    data: bytes


class Shown:
    """The books of what is under way."""

    def __init__(self, tick_ms: float = 100.0) -> None:
        self._tick_ms = tick_ms
        self._flights: dict[Key, _Flight] = {}
        self._line: deque[Key] = deque()
        self._waiting: dict[str, deque[_Flight]] = {}
        "Of each unit, what is to be shown, the oldest first."
        self._names: dict[int, str] = {}
        self._cut_ms: dict[str, int] = {}
        "When each county's newest batch was cut."
        self.begin()

    def begin(self) -> None:
        """Count from now on; what is under way stays known, and is no stranger when it is shown."""
        self._ages = {name: np.zeros(AGES_MAX, np.int64) for name in ("in_matcher", "readable")}
        self._oldest = dict.fromkeys(self._ages, 0.0)
        self._sent = self._seen = self._over = self._missed = self._repeated = self._strangers = 0
        self._never: Counter[str] = Counter()
        self._wrongly: Counter[str] = Counter()
        for flight in self._flights.values():
            flight.counts = False

    def sent(self, truth: Truth, now_ms: float) -> None:
        """Note a position that has just been sent."""
        self._sent += 1
        self._forget(now_ms - 1000 * KEPT_S)
        key = (truth.unit_id, truth.lat_e7, truth.lon_e7)
        if key in self._flights:
            return
        flight = self._flights[key] = _Flight(truth, now_ms)
        self._line.append(key)
        if truth.must == "shown":
            waiting = self._waiting.get(truth.unit_id)
            if waiting is None:
                waiting = self._waiting[truth.unit_id] = deque(maxlen=WAITING_MAX)
            waiting.append(flight)

    def name(self, units: dict[int, str]) -> None:
        """Learn which unit an index is."""
        self._names.update(units)

    def take(self, entry: Entry, read_ms: float) -> bool:
        """Take one entry of a stream; return whether every index in it is known."""
        whole = True
        records: npt.NDArray[np.void] = np.frombuffer(entry.data, RECORD)
        before_ms = self._cut_ms.get(entry.county, 0)
        self._cut_ms[entry.county] = entry.at_ms
        for unit, lat, lon in zip(
            records["unit"].tolist(), records["lat_e7"].tolist(), records["lon_e7"].tolist(), strict=True
        ):
            name = self._names.get(unit)
            if name is None:
                whole = False
                self._strangers += 1
                continue
            flight = self._find(name, lat, lon)
            if flight is None:
                self._strangers += 1
            elif flight.shown:
                self._repeated += 1
            elif not flight.counts:
                flight.shown = True
            else:
                self._landed(flight, entry.at_ms, before_ms, read_ms)
        return whole

    def report(self) -> ShownReport:
        """Return how it stands; what is still under way counts for nothing."""
        self._forget(self._line_end_ms())
        return ShownReport(
            sent=self._sent,
            shown=self._seen,
            in_matcher_ms=self._age("in_matcher"),
            readable_ms=self._age("readable"),
            over_tick_share=round(self._over / max(self._seen, 1), 5),
            missed_tick_share=round(self._missed / max(self._seen, 1), 5),
            never_shown=dict(self._never),
            wrongly_shown=dict(self._wrongly),
            repeated=self._repeated,
            strangers=self._strangers,
        )

    def _find(self, name: str, lat: int, lon: int) -> _Flight | None:
        """Return the position shown there; a datum there and back may cost its last digit."""
        found = self._flights.get((name, lat, lon))
        if found is not None:
            return found
        near = (self._flights.get((name, lat + north, lon + east)) for north, east in _NEAR)
        return next((flight for flight in near if flight is not None), None)

    def _landed(self, flight: _Flight, at_ms: int, before_ms: int, read_ms: float) -> None:
        flight.shown = True
        self._seen += 1
        if flight.truth.must == "hidden":
            self._wrongly[flight.truth.fault] += 1
        self._replaces(flight, before_ms)
        in_matcher_ms = max(0.0, at_ms - flight.sent_ms)
        self._over += in_matcher_ms > self._tick_ms
        self._missed += before_ms > flight.sent_ms + TRANSIT_MS
        for name, age_ms in (("in_matcher", in_matcher_ms), ("readable", max(0.0, read_ms - flight.sent_ms))):
            self._ages[name][min(int(age_ms / STEP_MS), AGES_MAX - 1)] += 1
            self._oldest[name] = max(self._oldest[name], age_ms)

    def _replaces(self, flight: _Flight, before_ms: int) -> None:
        """Of what the unit sent before, excuse all that the batch before this one could not have held.

        And what was newest for less than a tick, and sent less than one before that batch: in a burst the way is longer
        than `TRANSIT_MS`, and nobody missed it.
        """
        waiting = self._waiting.get(flight.truth.unit_id)
        while waiting and waiting[0].sent_ms <= flight.sent_ms:
            older = waiting.popleft()
            newest_ms = (waiting[0] if waiting else flight).sent_ms - older.sent_ms
            way_ms = self._tick_ms if newest_ms < self._tick_ms else TRANSIT_MS
            older.superseded = older.sent_ms > before_ms - way_ms

    def _forget(self, before_ms: float) -> None:
        while self._line and self._flights[self._line[0]].sent_ms < before_ms:
            flight = self._flights.pop(self._line.popleft())
            if flight.truth.must == "shown" and flight.counts and not (flight.shown or flight.superseded):
                self._never[flight.truth.fault] += 1

    def _line_end_ms(self) -> float:
        """Return before when a fix should have been shown by now: the newest batch, less two ticks."""
        return max(self._cut_ms.values(), default=0) - 2 * self._tick_ms

    def _age(self, name: str) -> Age:
        counts, n = self._ages[name], self._seen
        if not n:
            return Age()
        rising = np.cumsum(counts)

        def at(share: float) -> float:
            return round(float(np.searchsorted(rising, share * n) + 1) * STEP_MS, 1)

        return Age(n=n, p50=at(0.5), p99=at(0.99), max=round(self._oldest[name], 1))
