# SPDX-License-Identifier: Apache-2.0
"""The desk every fix crosses: in order, of a right clock, from where a vehicle can have come. Pure.

`put` tells what became of a fix, `take` gives the newest good one of each unit once a tick. Memory is bounded by the
fleet: some twenty list cells a unit, no object for a fix. docs/decisions/0045 has the rules and why.
"""

import struct
from collections.abc import Mapping
from typing import Final, Literal

import numpy as np

from device_adapters.fixes.clocks import ROLLED_S, Clocks, mended
from device_adapters.fixes.fix import Fix
from device_adapters.fixes.gate import Gate
from device_adapters.fixes.settings import FixSettings
from device_adapters.fixes.track import TrackRows

RECORD = struct.Struct("<IiiIHH")
"Unit index, latitude 1e-7°, longitude 1e-7°, device time s, speed cm/s, course 0.01°: 20 bytes."
UNITS_MAX = 1_000_000  # 20 MB of records; ten times the police cars of the largest country, a guess
AHEAD_S_MAX = 120
"A device clock further ahead than this is wrong (docs/contract)."

Verdict = Literal["taken", "still", "reanchored", "returned", "late", "duplicate", "jump", "coarse", "future"]
"""taken: the unit's newest. still: so is this, and at the very same place. reanchored: the third of a track that
contradicts all before. returned: back from a burst of outliers. late: older than the newest. duplicate: as old, no
higher `seq`. jump: nobody drives so fast. coarse: of a mast, while there is better. future: its clock is ahead."""
TAKEN: Final = frozenset({"taken", "still", "reanchored", "returned"})

_NS = 1_000_000_000
_NOT_IN_BATCH = -1
_NEVER = -1


class FixDesk:
    """Latest wins, by the device's own time, if it can be true.

    Columns are numpy where they are cut as one (the records) and lists where one cell is read at a time: a
    list cell costs 12 ns, a numpy cell 100.
    """

    def __init__(
        self, units: int = 0, settings: FixSettings | None = None, *, ahead_s_max: int = AHEAD_S_MAX
    ) -> None:
        self._settings = settings or FixSettings()
        self._ahead_s_max = ahead_s_max
        self._accuracy_m_max = self._settings.accuracy_m_max or 1 << 62
        self._records = np.zeros(0, dtype=np.uint8)
        self._view = self._records.data
        self._time_s: list[int] = []
        self._seq: list[int] = []
        self._slot: list[int] = []
        self._touched: list[int] = []
        self._gate = Gate(self._settings.speed_m_s_max, self._settings.slack_m, self._settings.agreeing)
        self._come_from = self._gate.judge
        self._clocks = Clocks(correct=self._settings.correct_clocks)
        self._track: TrackRows | None = None
        self._counts: dict[Verdict, int] = dict.fromkeys(
            ("taken", "still", "reanchored", "returned", "late", "duplicate", "jump", "coarse", "future"), 0
        )
        self._weeks_mended = 0
        self.grow(units)

    def __len__(self) -> int:
        """Return how many units moved since the last take."""
        return len(self._touched)

    def keep_track(self) -> TrackRows:
        """Keep a row for each fix from now on, and return where; whoever asks takes them at every tick."""
        if self._track is None:
            self._track = TrackRows()
        return self._track

    def limit_speeds(self, police_types: Mapping[int, str]) -> None:
        """Give units their kind's highest speed: {index: police type}."""
        speeds, other = self._settings.speeds_m_s_max, self._settings.speed_m_s_max
        self.grow(max(police_types, default=-1) + 1)
        for index, police_type in police_types.items():
            self._gate.limit(index, speeds.get(police_type, other) if other else 0.0)

    def grow(self, units: int) -> None:
        """Make room for so many units; what is known of the first ones stays."""
        assert units <= UNITS_MAX, "fleet is larger than the columns"
        more = units - len(self._slot)
        if more <= 0:
            return
        self._time_s.extend([_NEVER] * more)
        self._seq.extend([_NEVER] * more)
        self._slot.extend([_NOT_IN_BATCH] * more)
        self._gate.grow(more)
        self._clocks.grow(more)
        records = np.zeros(units * RECORD.size, dtype=np.uint8)
        records[: self._records.size] = self._records
        self._records = records
        self._view = records.data

    def put(self, index: int, fix: Fix, at_ns: int) -> Verdict:
        """Keep the fix if it is the unit's newest and can be true; `at_ns` is when it came, ns since 1970."""
        if index >= len(self._slot):
            self.grow(max(index + 1, min(2 * len(self._slot), UNITS_MAX)))
        at_s = at_ns // _NS
        tst = fix.tst
        if at_s - tst >= ROLLED_S:
            meant = mended(tst, at_s)
            self._weeks_mended += meant != tst
            tst = meant
        clocks = self._clocks
        if at_s - tst < clocks.least[index] or at_s >= clocks.ends[index]:
            clocks.learn(index, at_s - tst, at_s)
        if clocks.shift[index]:
            tst = max(0, tst + clocks.shift[index])
        if self._time_s[index] < tst <= at_s + self._ahead_s_max and fix.accuracy_m <= self._accuracy_m_max:
            verdict: Verdict = self._come_from(index, tst, fix.lat_e7, fix.lon_e7)
        else:
            verdict = self._judge(index, fix, tst, at_s)
        self._counts[verdict] += 1
        if verdict in TAKEN:
            self._time_s[index] = tst
            self._seq[index] = fix.seq
            slot = self._slot[index]
            if slot == _NOT_IN_BATCH:
                slot = self._slot[index] = len(self._touched)
                self._touched.append(index)
            RECORD.pack_into(
                self._view,
                slot * RECORD.size,
                index,
                fix.lat_e7,
                fix.lon_e7,
                tst,
                fix.speed_cm_s,
                fix.course_cdeg,
            )
        if self._track is not None and verdict != "duplicate" and verdict != "future":
            self._track.add(index, fix, tst, at_ns, verdict)
        return verdict

    def take(self) -> tuple[int, bytes]:
        """Return how many units moved and their records, in the order they first moved; begin a new tick."""
        n = len(self._touched)
        data = self._records[: n * RECORD.size].tobytes()
        for index in self._touched:
            self._slot[index] = _NOT_IN_BATCH
        self._touched.clear()
        return n, data

    def offset_s(self, index: int) -> int | None:
        """Return how far a device's clock is behind ours at most, s (negative: ahead); None: nothing heard."""
        return self._clocks.offset_s(index) if index < len(self._slot) else None

    def statistics(self) -> dict[str, int]:
        """Return how many fixes became what, and how many clocks are wrong."""
        counts = self._counts
        return {
            "fixes_taken": sum(counts[verdict] for verdict in counts if verdict in TAKEN),
            "fixes_still": counts["still"],
            "fixes_reanchored": counts["reanchored"],
            "fixes_returned": counts["returned"],
            "fixes_jumped": counts["jump"],
            "fixes_coarse": counts["coarse"],
            "fixes_future": counts["future"],
            "late": counts["late"],
            "duplicate": counts["duplicate"],
            "weeks_mended": self._weeks_mended,
            "clocks_off": self._clocks.off,
            "track_dropped": self._track.dropped if self._track is not None else 0,
        }

    def _judge(self, index: int, fix: Fix, tst: int, at_s: int) -> Verdict:
        if tst > at_s + self._ahead_s_max:
            return "future"
        newest = self._time_s[index]
        if tst < newest:
            return "late"
        if tst == newest and fix.seq <= self._seq[index]:
            return "duplicate"
        if fix.accuracy_m > self._accuracy_m_max and tst - newest < self._settings.coarse_after_s:
            return "coarse"
        return self._come_from(index, tst, fix.lat_e7, fix.lon_e7)
