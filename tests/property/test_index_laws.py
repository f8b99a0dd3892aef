# SPDX-License-Identifier: Apache-2.0
"""The unit index is a scan that is faster: after any history, from any place, row for row and mm for mm."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kernels import grid, twins, warm
from core.units import index as index_module
from core.units.columns import FIX_DTYPE, Barred, UnitColumns
from core.units.index import around

warm()

NOW_S = 1_790_000_000
LOST_MS = 120_000
UNITS = 90
SQUARE = twins()["grid._square"]

Fix = tuple[int, float, float, int]


@pytest.fixture(autouse=True, scope="module")
def _always_the_grid() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "INDEX_FROM", 1)
        patch.setattr(index_module, "ROWS_PER_CELL", 0.02)  # or there would be no rings to walk through
        yield


def places(centre: tuple[float, float]) -> st.SearchStrategy[tuple[float, float]]:
    """Places near a centre, on one spot of it, or anywhere on earth and even off it."""
    lat, lon = centre
    close = st.floats(-0.5, 0.5)
    return st.one_of(
        st.builds(lambda north, east: (lat + north, lon + east), close, close),
        st.builds(lambda step: (lat, lon + step / 50), st.integers(-3, 3)),
        st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
        st.sampled_from([(0.0, 0.0), (90.0, 0.0), (-90.0, 180.0), (lat, -lon), (120.0, 200.0)]),
    )


CENTRES = st.sampled_from(
    [(28.0, 120.7), (0.0, 0.0), (-17.0, 179.9), (70.0, -179.9), (89.5, 30.0), (-45.0, 170.0)]
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[tuple[float, float], list[Any]]:
    """What happens to a fleet, tick by tick, and what is asked in between."""
    centre = draw(CENTRES)
    place = places(centre)
    row = st.integers(0, UNITS - 1)
    fix = st.tuples(row, place, st.one_of(st.integers(0, 150), st.just(0)))
    free = st.tuples(st.just("free"), row, st.sampled_from([Barred.FREE, Barred.FREE, *Barred]))
    can = st.tuples(st.just("can"), row, st.sampled_from([0, 2, 4, 6]))
    tick = st.tuples(st.just("tick"), st.lists(fix, max_size=30))
    wait = st.tuples(st.just("wait"), st.integers(0, 400))
    ask = st.tuples(
        st.just("ask"),
        place,
        st.sampled_from([0, 2, 6]),
        st.sampled_from([1, 3, 10, UNITS]),
        st.sampled_from([0, 1_000, 30_000, 200_000, 30_000_000]),
        st.lists(row, max_size=5),
    )
    many = st.tuples(st.just("tick"), st.lists(fix, min_size=UNITS, max_size=2 * UNITS))
    start = draw(st.lists(st.one_of(many, tick), min_size=1, max_size=2))
    return centre, [
        *start,
        *draw(st.lists(st.one_of(tick, tick, free, can, wait, ask, ask), max_size=12)),
        draw(ask),
    ]


def packed(fixes: list[Any], now_s: int) -> bytes:
    records = [
        (row, round(lat * 1e7), round(lon * 1e7), now_s - age_s, 0, 0) for row, (lat, lon), age_s in fixes
    ]
    return np.array(records, FIX_DTYPE).tobytes()


def slow_nearest(
    columns: UnitColumns, place: Any, need: int, k: int, reach_m: int, now_s: int, named: list[int]
) -> Any:
    """The truth: every row, three lines."""
    able = []
    for row in range(columns.rows):
        if columns.barred[row] or need & ~int(columns.mask[row]) or row in named or columns.fix_s[row] == 0:
            continue
        metres = math.sqrt(SQUARE(float(columns.lat_e7[row]), float(columns.lon_e7[row]), place))
        if (now_s - int(columns.fix_s[row])) * 1000 <= LOST_MS and metres <= reach_m:
            able.append((int(metres * 1000 + 0.5), row))
    return sorted(able)[:k]


@given(histories())
@settings(deadline=None, max_examples=40)
def test_the_index_answers_as_every_row_looked_at_does(
    history: tuple[tuple[float, float], list[Any]],
) -> None:
    _, happenings = history
    columns, now_s = UnitColumns(), NOW_S
    for row in range(UNITS):
        columns.add()
        columns.set_barred(row, Barred.FREE if row % 5 else Barred.BUSY)

    for what, *rest in happenings:
        if what == "tick":
            columns.apply_fixes(packed(rest[0], now_s))
        elif what == "free":
            columns.set_barred(rest[0], rest[1])
        elif what == "can":
            columns.describe(rest[0], county=0, capabilities=rest[1])
        elif what == "wait":
            now_s += rest[0]
        else:
            (lat, lon), need, k, reach_m, named = rest
            place = around(lat, lon)
            rows, distances_mm = columns.index.nearest(
                place,
                need=need,
                k=k,
                reach_m=reach_m,
                now_ms=now_s * 1000,
                lost_ms=LOST_MS,
                named=np.array(sorted(set(named)), np.int64),
            )
            truth = slow_nearest(columns, place, need, k, reach_m, now_s, named)
            assert list(zip(distances_mm.tolist(), rows.tolist(), strict=True)) == truth


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from([500, 20_000, 200_000]))
@settings(deadline=None, max_examples=30)
def test_grid_and_scan_agree_on_a_whole_city(seed: int, k: int, reach_m: int) -> None:
    columns, rng = UnitColumns(), np.random.default_rng(seed)
    units = 3_000
    records = np.zeros(units, FIX_DTYPE)
    records["unit"], records["fix_s"] = np.arange(units), NOW_S - rng.integers(0, 140, units)
    spread = rng.choice([0.0, 0.001, 0.05, 1.0], units)
    records["lat_e7"] = (28 + spread * rng.standard_normal(units)) * 1e7
    records["lon_e7"] = (120 + spread * rng.standard_normal(units)) * 1e7
    for _ in range(units):
        columns.add()
    columns.mask[:], columns.barred[:] = rng.integers(0, 8, units) | 1, 0
    columns.apply_fixes(records.tobytes())
    for _ in range(5):
        place, need = around(28 + rng.normal(0, 0.3), 120 + rng.normal(0, 0.3)), int(rng.choice([0, 2, 6]))
        asked = {"need": need, "k": k, "reach_m": reach_m, "now_ms": NOW_S * 1000, "lost_ms": LOST_MS}

        rows, distances_mm = (found.tolist() for found in columns.index.nearest(place, **asked))  # type: ignore[arg-type]

        found = np.zeros((grid.FOUND, k), np.int64)
        nobody = index_module.NOBODY
        oldest_s = NOW_S - LOST_MS // 1000
        many = grid.scan(
            columns.narrow, columns.wide, place, nobody, found, units, need | 1, oldest_s, reach_m, k
        )
        assert rows == found[grid.FOUND_ROW, :many].tolist()
        assert distances_mm == found[grid.FOUND_MM, :many].tolist()


@given(histories())
@settings(deadline=None, max_examples=12)
def test_the_grid_kernels_and_their_twins_leave_the_same_grid(
    history: tuple[tuple[float, float], list[Any]],
) -> None:
    _, happenings = history
    columns = UnitColumns()
    for row in range(UNITS):
        columns.add()
        columns.set_barred(row, Barred.FREE)
    index = columns.index
    index.nearest(around(28.0, 120.7), need=0, k=1, reach_m=1, now_ms=NOW_S * 1000, lost_ms=LOST_MS)
    slow = {name.partition(".")[2]: twin for name, twin in twins().items() if name.startswith("grid.")}
    parts = [*index._grid, index._where, index._book]
    copies = [part.copy() for part in parts]

    for what, *rest in happenings:
        if what == "tick":
            columns.apply_fixes(packed(rest[0], NOW_S))
            rows = np.array([row for row, *_ in rest[0]], np.int64)
            slow["sync"](*copies, columns.narrow, columns.wide, rows)
    if not index._stale:
        assert [part.tobytes() for part in parts] == [copy.tobytes() for copy in copies]
