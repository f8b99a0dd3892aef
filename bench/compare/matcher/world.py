# SPDX-License-Identifier: Apache-2.0
"""A made-up city with a seed: its fleet, a second of moves in ticks, and what is asked in between.

160 × 170 km around Wenzhou; 70 % of the units in 25 clusters; 40 % are free; six capabilities.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.kernels.layout import F64, I64
from core.units.columns import FIX_DTYPE
from core.units.index import around

Bools = NDArray[np.bool_]

NOW_S = 1_790_000_000
SOUTH, NORTH, WEST, EAST = 27.15, 28.6, 119.9, 121.6
CLUSTERS, CLUSTERED, SPREAD_M = 25, 0.7, 3_000.0
FREE = 0.4
BITS = 6
MOVES_PER_TICK = 1_000
TICKS_PER_S = 100
FLIPPED = 0.02
QUERIES_PER_TICK = 10
K, REACH_M = 10, 30_000
STEP_M = 30.0
M_PER_DEGREE = 111_000.0


@dataclass(frozen=True, slots=True)
class Query:
    """Who is nearest to a place, and can do this?"""

    lat: float
    lon: float
    need: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Ten milliseconds: where units are now, who became free or busy, and what is asked then."""

    rows: I64
    lat_e7: I64
    lon_e7: I64
    free: Bools
    flipped: list[tuple[int, bool]]
    queries: list[Query]

    @property
    def records(self) -> bytes:
        """Return the fixes as the gateway has them."""
        records = np.zeros(self.rows.size, FIX_DTYPE)
        records["unit"], records["fix_s"] = self.rows, NOW_S
        records["lat_e7"], records["lon_e7"] = self.lat_e7, self.lon_e7
        return records.tobytes()


@dataclass(frozen=True, slots=True)
class World:
    """How it begins, and what happens."""

    lat_e7: I64
    lon_e7: I64
    mask: I64
    free: Bools
    ticks: list[Tick]


def world(units: int, ticks: int, seed: int) -> World:
    """Make one up."""
    rng = np.random.default_rng(seed)
    lat, lon = rng.uniform(SOUTH, NORTH, units), rng.uniform(WEST, EAST, units)
    of = rng.integers(0, CLUSTERS, units)
    clustered = rng.random(units) < CLUSTERED
    for degrees, low, high in ((lat, SOUTH, NORTH), (lon, WEST, EAST)):
        centres = rng.uniform(low, high, CLUSTERS)[of]
        near = centres + rng.normal(0, SPREAD_M / M_PER_DEGREE, units)
        degrees[clustered] = near.clip(low, high)[clustered]
    begin = World(_e7(lat), _e7(lon), rng.integers(0, 1 << BITS, units) << 1, rng.random(units) < FREE, [])
    lat_e7, lon_e7, free = begin.lat_e7.copy(), begin.lon_e7.copy(), begin.free.copy()
    step_e7 = STEP_M / M_PER_DEGREE * 1e7
    for _ in range(ticks):
        rows = rng.choice(units, min(MOVES_PER_TICK, units), replace=False)
        lat_e7[rows] += rng.normal(0, step_e7, rows.size).astype(np.int64)
        lon_e7[rows] += rng.normal(0, step_e7, rows.size).astype(np.int64)
        turned = rows[rng.random(rows.size) < FLIPPED]
        free[turned] ^= True
        begin.ticks.append(
            Tick(
                rows,
                lat_e7[rows],
                lon_e7[rows],
                free[rows],
                list(zip(turned.tolist(), free[turned].tolist(), strict=True)),
                [_query(rng) for _ in range(QUERIES_PER_TICK)],
            )
        )
    return begin


class Truth:
    """The state after some ticks, looked at row by row: what every answer is held against."""

    def __init__(self, begin: World) -> None:
        self.lat_e7, self.lon_e7, self.free = begin.lat_e7.copy(), begin.lon_e7.copy(), begin.free.copy()
        self._mask = begin.mask

    def follow(self, tick: Tick) -> None:
        """Go on by one tick."""
        self.lat_e7[tick.rows], self.lon_e7[tick.rows], self.free[tick.rows] = (
            tick.lat_e7,
            tick.lon_e7,
            tick.free,
        )

    def wrong(self, query: Query, rows: list[int], slack: float) -> str:
        """Return what is wrong with an answer; distances may differ by `slack`, for some measure on a sphere."""
        metres = _metres(self.lat_e7, self.lon_e7, around(query.lat, query.lon))
        able = self.free & (self._mask & query.need == query.need)
        sure = np.sort(metres[able & (metres <= REACH_M * (1 - slack))])[:K]
        given = np.array(rows, np.int64)
        if len(set(rows)) != len(rows) or len(rows) > K or not able[given].all():
            return "it names units that cannot go, or one twice"
        if len(rows) < sure.size:
            return f"it found {len(rows)} of {sure.size}"
        told = metres[given]
        if (told > REACH_M * (1 + slack) + 1e-3).any():
            return "it names units out of reach"
        if (np.sort(told)[: sure.size] > sure * (1 + slack) + 1e-3).any() or (
            np.diff(told) < -slack * told[1:] - 1e-3
        ).any():
            return "nearer units were left out"
        return ""


def _query(rng: np.random.Generator) -> Query:
    return Query(
        float(rng.uniform(SOUTH, NORTH)), float(rng.uniform(WEST, EAST)), 1 << int(rng.integers(1, BITS + 1))
    )


def _e7(degrees: F64) -> I64:
    return np.round(degrees * 1e7).astype(np.int64)


def _metres(lat_e7: I64, lon_e7: I64, place: F64) -> F64:
    """Return metres by the formula of core/kernels/rank.py, here without a turn over the date line."""
    north = np.radians((lat_e7 - place[0]) / 1e7)
    half = north / 2
    north_m = north * (place[2] + half * (place[3] + half * place[4]))
    east_m = np.radians((lon_e7 - place[1]) / 1e7) * (place[5] + half * (place[6] + half * place[7]))
    metres: F64 = np.hypot(north_m, east_m)
    return metres
