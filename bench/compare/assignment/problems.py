# SPDX-License-Identifier: Apache-2.0
"""Seeded problems: calls and units in a city of 30 by 30 km, thirty candidates a call, three weights."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

CITY_KM = 30.0
MS_PER_KM = 78_000
"A kilometre of straight line at 1.3 times its length and 60 km/h."
NOISE_MS = 60_000
CANDIDATES = 30
WEIGHTS, SHARES = (1, 3, 10), (0.4, 0.5, 0.1)
WAIT_MS = 7_200_000
"What leaving a call costs: two hours, times its weight."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """`units` and `costs` have one line a call, nearest or not in no order; `waits` the cost of leaving it."""

    calls: int
    fleet: int
    units: I64
    costs: I64
    waits: I64


def problem(calls: int, fleet: int, seed: int) -> Problem:
    """Return a made-up city's problem."""
    random = np.random.default_rng(seed)
    here, there = random.uniform(0, CITY_KM, (calls, 2)), random.uniform(0, CITY_KM, (fleet, 2))
    away_km = np.hypot(here[:, None, 0] - there[None, :, 0], here[:, None, 1] - there[None, :, 1])
    way_ms = (away_km * MS_PER_KM + random.uniform(0, NOISE_MS, (calls, fleet))).astype(np.int64)
    weights = random.choice(WEIGHTS, calls, p=SHARES).astype(np.int64)
    width = min(CANDIDATES, fleet)
    units = np.argpartition(way_ms, width - 1, axis=1)[:, :width].astype(np.int64)
    costs = np.ascontiguousarray(np.take_along_axis(way_ms, units, 1) * weights[:, None])
    return Problem(calls=calls, fleet=fleet, units=units, costs=costs, waits=weights * WAIT_MS)
