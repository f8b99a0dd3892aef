# SPDX-License-Identifier: Apache-2.0
"""The matcher beside scipy's cKDTree rebuilt at every tick of positions, with the same filter.

70 % of the units in 25 clusters, 40 % free, six capabilities; penalties off,
so that the nearest are the cheapest and both must name the same rows first. A tick's worth of work is timed:
one tree and its queries, or as many scans. Where we lose: the scan is linear, the tree is paid once. With
one query per tick we are ahead by 4 (1,000 units) to 8 (10,000), with twenty by 1.9 to 1.25; with a hundred at
10,000 units it is a draw, and beyond that the tree wins. Where nothing but the nearest is asked `columns.index` answers
instead (suite `matcher`); a ranking looks at everybody, for it says why they are left out (docs/decisions/0040). Part
of the tree's query is its exact re-ranking in Python. Without JIT (NUMBA_DISABLE_JIT=1) the scan is its slow twin and
loses by far.

    pytest bench/test_matcher_bench.py --benchmark-enable
"""

import random
from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.peers import TreeMatcher
from core.dispatch.matcher import Question, rank_units
from core.kernels import kernels, warm
from core.settings import Settings
from core.units.columns import FIX_DTYPE, Barred, UnitColumns

NOW_S = 1_790_000_000
NEED = 1 | 1 << 3
POLICY = Settings(stale_cost_per_s=0, other_county_cost_s=0, candidates_max=10)

Place = tuple[float, float]


def fleet(units: int, city: random.Random) -> UnitColumns:
    """Return a fleet in a box of 160 × 170 km around Wenzhou."""
    clusters = [(city.uniform(27.1, 28.5), city.uniform(119.7, 121.3)) for _ in range(25)]
    columns, fixes = UnitColumns(), []
    for _ in range(units):
        row = columns.add()
        columns.describe(row, county=0, capabilities=city.randrange(64) << 1)
        columns.set_barred(row, Barred.FREE if city.random() < 0.4 else Barred.BUSY)
        lat, lon = city.choice(clusters)
        if city.random() < 0.7:
            lat, lon = city.gauss(lat, 0.03), city.gauss(lon, 0.03)
        else:
            lat, lon = city.uniform(27.1, 28.5), city.uniform(119.7, 121.3)
        fixes.append((row, round(lat * 1e7), round(lon * 1e7), NOW_S - city.randrange(150), 0, 0))
    columns.apply_fixes(np.array(fixes, FIX_DTYPE).tobytes())
    return columns


def scan(columns: UnitColumns, places: list[Place]) -> list[list[int]]:
    """Answer each place by our matcher."""
    return [
        [
            ranked.row
            for ranked in rank_units(
                columns, POLICY, Question(lat=lat, lon=lon, county=0, need_mask=NEED, now_ms=NOW_S * 1000)
            ).candidates
        ]
        for lat, lon in places
    ]


def tree(columns: UnitColumns, places: list[Place]) -> list[list[int]]:
    """Build the tree of this tick and answer each place from it."""
    matcher = TreeMatcher(columns, POLICY)
    matcher.tick(NEED, NOW_S)
    return [matcher.nearest(lat, lon) for lat, lon in places]


@pytest.mark.parametrize("queries", [1, 20, 100])
@pytest.mark.parametrize("units", [1_000, 5_000, 10_000])
@pytest.mark.parametrize("answer", [scan, tree], ids=["ours", "ckdtree"])
def test_queries_of_one_tick(
    benchmark: BenchmarkFixture,
    answer: Callable[[UnitColumns, list[Place]], list[list[int]]],
    units: int,
    queries: int,
) -> None:
    """Time one tick: new positions, then so many queries."""
    warm()
    city = random.Random(units)
    columns = fleet(units, city)
    places = [(city.uniform(27.1, 28.5), city.uniform(119.7, 121.3)) for _ in range(queries)]
    assert scan(columns, places) == tree(columns, places), "the answers must be equal before the times are"

    benchmark.group = f"matcher, {units} units, {queries} queries per tick"
    benchmark.extra_info["kernels"] = kernels()["rank.bound"]
    benchmark(answer, columns, places)
