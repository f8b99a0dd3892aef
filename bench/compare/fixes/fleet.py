# SPDX-License-Identifier: Apache-2.0
"""A seeded fleet whose true places are known: what drove, what was reported, and when it arrived.

Cars of 3 to 25 m/s that turn at corners and stand now and then, one fix in 5 s with 8 m of noise; 1 % of the fixes
begin a displacement of 0.5 to 50 km, 30 % of these a run of two to five; radio gaps of 1 to 10 min, after which the
current fix comes first and the backlog behind it; fixes late by 3 to 20 s, and doubled ones.
"""

import math
import random
from dataclasses import dataclass

from device_adapters.fixes import Fix

NOON_S = 1_700_000_000
METRES_PER_E7 = 0.0111319
COS_LAT = math.cos(math.radians(28.0))
SOUTH_E7, WEST_E7 = 280_000_000, 1_207_000_000
EVERY_S = 5
NOISE_M = 8.0
NOISE_M_S = 0.5
NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """One fix as it arrives."""

    at_ns: int
    fix: Fix
    bad: bool
    "It is displaced."


@dataclass(frozen=True, slots=True)
class Drive:
    """One car's hour: where it was at each second (m north, m east), and what arrived, in that order."""

    truth: list[tuple[float, float]]
    moments: list[Moment]


def drive(seed: int, seconds: int = 3_600, *, begins_wrong: bool = False) -> Drive:
    """Return the same drive for the same arguments; `begins_wrong`: the very first fix is 30 km away."""
    chance = random.Random(seed)
    places, velocities = _way(chance, seconds)
    moments = _reports(chance, places, velocities)
    if begins_wrong:
        moments[0] = Moment(moments[0].at_ns, fix_at(0, 30_000, 0, 0, 0, 1), bad=True)
    return Drive(places, sorted(moments, key=lambda one: one.at_ns))


def fix_at(
    second: float, north_m: float, east_m: float, up_m_s: float, across_m_s: float, seq: int = 0
) -> Fix:
    """Return a fix at so many metres from the corner of the map."""
    return Fix(
        SOUTH_E7 + round(north_m / METRES_PER_E7),
        WEST_E7 + round(east_m / METRES_PER_E7 / COS_LAT),
        NOON_S + int(second),
        round(100 * math.hypot(up_m_s, across_m_s)),
        round(math.degrees(math.atan2(across_m_s, up_m_s)) * 100) % 36_000,
        seq,
    )


def metres_of(fix: Fix) -> tuple[float, float]:
    """Return how far north and east of the corner it is."""
    return (fix.lat_e7 - SOUTH_E7) * METRES_PER_E7, (fix.lon_e7 - WEST_E7) * METRES_PER_E7 * COS_LAT


def _way(chance: random.Random, seconds: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    speed, course, stands, north, east = 12.0, chance.uniform(0, 2 * math.pi), 0, 0.0, 0.0
    places, velocities = [], []
    for _ in range(seconds):
        if stands > 0:
            stands -= 1
        else:
            speed = min(25.0, max(3.0, speed + chance.gauss(0, 0.5)))
            stands = chance.randrange(20, 240) if chance.random() < 0.004 else 0
            if chance.random() < 0.03:
                course += chance.choice((-1, 1)) * math.pi / 2
        now = 0.0 if stands > 0 else speed
        up, across = now * math.cos(course), now * math.sin(course)
        north, east = north + up, east + across
        places.append((north, east))
        velocities.append((up, across))
    return places, velocities


def _reports(
    chance: random.Random, places: list[tuple[float, float]], velocities: list[tuple[float, float]]
) -> list[Moment]:
    found: list[Moment] = []
    held: list[tuple[Fix, bool]] = []
    gap_until, displaced, off_north, off_east = -1, 0, 0.0, 0.0
    for number, second in enumerate(range(0, len(places), EVERY_S), 1):
        if gap_until < 0 and chance.random() < 0.002:
            gap_until = second + chance.randrange(60, 600)
        if displaced == 0 and chance.random() < 0.01:
            displaced = chance.randrange(2, 6) if chance.random() < 0.3 else 1
            far, way = chance.uniform(500, 50_000), chance.uniform(0, 2 * math.pi)
            off_north, off_east = far * math.cos(way), far * math.sin(way)
        bad = displaced > 0
        displaced = max(0, displaced - 1)
        north = places[second][0] + chance.gauss(0, NOISE_M) + bad * off_north
        east = places[second][1] + chance.gauss(0, NOISE_M) + bad * off_east
        up, across = (each + chance.gauss(0, NOISE_M_S) for each in velocities[second])
        fix = fix_at(second, north, east, up, across, number)
        if second < gap_until:
            held.append((fix, bad))
        elif gap_until >= 0:
            found.append(_moment(second + 1, fix, bad))
            found += [_moment(second + 2 + nth / 20, *one) for nth, one in enumerate(held)]
            held, gap_until = [], -1
        else:
            late = chance.expovariate(2) + (chance.uniform(3, 20) if chance.random() < 0.02 else 0)
            found.append(_moment(second + late, fix, bad))
            if chance.random() < 0.02:
                found.append(_moment(second + late + 1, fix, bad))
    return found


def _moment(second: float, fix: Fix, bad: bool) -> Moment:
    return Moment(NOON_S * NS + round(second * NS), fix, bad)
