# SPDX-License-Identifier: Apache-2.0
"""A real day of 489 taxis (San Francisco, 2008-05-30): what a fleet's fixes look like when nobody has tidied them.

Nobody knows where the taxis truly were. So the day is looked at twice: as it is, for what each filter takes and what
impossible steps it leaves; and without the fixes that contradict both their neighbours, 1 % displaced by us as in the
synthetic fleet, for the error against what the taxi had said.
"""

import csv
import gzip
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.compare.fixes.filters import Filter, metres
from bench.compare.fixes.fleet import METRES_PER_E7, NS
from device_adapters.fixes import COURSE_TURN, Fix

DAY = Path("../shared/data/fleet/cabspotting_2008-05-30.csv.gz")
IMPOSSIBLE_M_S = 40.0
"No taxi drives 144 km/h through a city of hills."


@dataclass(frozen=True, slots=True)
class Arrival:
    """One fix of one taxi; `said` is what it said before we displaced it."""

    index: int
    fix: Fix
    said: Fix

    @property
    def bad(self) -> bool:
        """Whether it is displaced."""
        return self.fix is not self.said


@dataclass(slots=True)
class Day:
    """What a filter made of it."""

    taken: int = 0
    impossible: int = 0
    "Steps of the shown position that no taxi can have made."
    bad: int = 0
    bad_shown: int = 0
    good_refused: int = 0
    errors_m: list[float] = field(default_factory=list)
    "At each arrival: from what is shown to where the taxi had said it was."


def read(most: int = 0) -> list[Arrival]:
    """Return the day in order of arrival, `most` of it (0: all)."""
    numbers: dict[str, int] = {}
    found = []
    with gzip.open(DAY, "rt", encoding="ascii", newline="") as file:
        for row in csv.DictReader(file):
            index = numbers.setdefault(row["cab"], len(numbers))
            fix = Fix(
                round(float(row["lat"]) * 1e7),
                round(float(row["lon"]) * 1e7),
                int(row["unix_ts"]),
                0,
                COURSE_TURN,
                0,
            )
            found.append(Arrival(index, fix, fix))
            if len(found) == most:
                break
    return found


def displaced(day: Sequence[Arrival], seed: int) -> list[Arrival]:
    """Return the credible part of the day with 1 % of it displaced, 30 % of that in runs of two to five."""
    chance = random.Random(seed)
    runs: dict[int, tuple[int, int, int]] = {}
    found = []
    for one in _credible(day):
        left, north, east = runs.get(one.index, (0, 0, 0))
        if left == 0 and chance.random() < 0.01:
            far_e7, way = chance.uniform(500, 50_000) / METRES_PER_E7, chance.uniform(0, 2 * math.pi)
            left = chance.randrange(2, 6) if chance.random() < 0.3 else 1
            north, east = (
                round(far_e7 * math.cos(way)),
                round(far_e7 * math.sin(way) / 0.79),
            )  # at 37.8° north
        if left > 0:
            runs[one.index] = (left - 1, north, east)
            said = one.said
            fix = Fix(said.lat_e7 + north, said.lon_e7 + east, said.tst, 0, COURSE_TURN, 0)
            found.append(Arrival(one.index, fix, said))
        else:
            found.append(one)
    return found


def follow(day: Sequence[Arrival], one: Filter) -> Day:
    """Let the day arrive."""
    seen = Day()
    for arrival in day:
        before = one.shown[arrival.index]
        shown = one.put(arrival.index, arrival.fix, arrival.fix.tst * NS)
        now = one.shown[arrival.index]
        seen.taken += shown
        if arrival.bad:
            seen.bad += 1
            seen.bad_shown += shown
        elif before is None or arrival.fix.tst > before.tst:
            seen.good_refused += not shown
        if now is not None:
            seen.errors_m.append(metres(now, arrival.said))
            if shown and before is not None and _m_s(before, now) > IMPOSSIBLE_M_S:
                seen.impossible += 1
    return seen


def _credible(day: Sequence[Arrival]) -> list[Arrival]:
    ways: dict[int, list[Arrival]] = {}
    for one in day:
        ways.setdefault(one.index, []).append(one)
    wrong = set()
    for way in ways.values():
        for before, one, after in zip(way, way[1:], way[2:], strict=False):
            if min(_m_s(before.fix, one.fix), _m_s(one.fix, after.fix)) > IMPOSSIBLE_M_S:
                wrong.add(id(one))
    return [one for one in day if id(one) not in wrong]


def _m_s(one: Fix, other: Fix) -> float:
    return metres(one, other) / max(1, abs(other.tst - one.tst))
