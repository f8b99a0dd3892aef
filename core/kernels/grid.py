# SPDX-License-Identifier: Apache-2.0
"""The free units by place: square cells, each a list of pages of sixteen units, swapped in and out in O(1).

Places are whole 1e-7°, so a unit is in one cell and no other, and distances are those of core/kernels/rank.py
to the last bit. A cell is pruned by a lower bound of that same formula over its rectangle; what the grid cannot
hold (a fix at 0°, 0°, a unit in the next province) lies in one more cell, `wild`, that every question looks
through. So an answer is that of a scan, whatever the cells are; they only say how long it takes.

A candidate is one integer, millimetres above and row below: whole candidates compare as (distance, row) do.
"""

import math
from typing import Any

import numpy as np

from core.kernels._jit import kernel
from core.kernels.ellipsoid import C0, C1, C2, LAT0_E7, LON0_E7, M0, M1, M2
from core.kernels.layout import F64, FIX_S, FREE, I32, I64, LAT_E7, LON_E7, MASK, NARROW, WIDE

SLOTS = 16
"Units in a page: latitudes, longitudes and rows of one page are three cache lines."
LAT, LON, ROW = range(3)
"Parts of a page in `pages`, int32, shape (pages, 3, SLOTS); their masks stand in `masks`, (pages, SLOTS)."
HEAD, COUNT = range(2)
"Columns of `cells`, int32, shape (cells + 1, 2): first page or -1, units in it; all later pages are full."
NEXT, SPARE = range(2)
"Rows of `chain`, int32, shape (2, pages): the page after this one or -1; the stack of pages given back."
SLOT, CELL = range(2)
"Columns of `where`, int32, shape (units, 2): a unit's slot in all pages or -1, and its cell."
BLOCK_SHIFT = 3
"Cells are counted together eight by eight in `blocks`, int32: empty country is passed over at one look."

BOOKED = 10
"Elements of `book`, int64. A cell is 2^SHIFT times 1e-7° wide and high; NX and NY are multiples of eight."
SPARES, MADE, NX, NY, SOUTH_E7, WEST_E7, SHIFT, OLDEST_S, WILD_UNITS, HELD = range(BOOKED)

FOUND = 3
"Rows of `found`, int64: the candidates as one integer each (a heap while we look), their rows, their mm."
KEY, FOUND_ROW, FOUND_MM = range(FOUND)
ROW_BITS = 20
_NOBODY = (1 << 63) - 1
_ROW_MASK = (1 << ROW_BITS) - 1

NEAR = 64
"Columns of `near`, int64, shape (2, NEAR): slots of those who may be near, found without a branch; their keys."

FOLDED = -1
"Instead of a count: from this place some cells lie beyond the date line. Scan."

_RAD_PER_E7 = math.pi / 180 * 1e-7
_HALF_TURN_E7 = 180e7
_TURN_E7 = 360e7
_RADIUS_M_MIN = 6.0e6
"Less than M0 + M1·t + M2·t² anywhere, for any t up to half a turn."
_ROUNDING = 1e-9
"Far more than float64 loses in these few operations (1e-15): a bound is never too tight."
_SCANNED = 512
"Rows measured at a time by the scan: 4 kB of distances stay in the first cache."


def _columns() -> tuple[I32, I64]:
    """Return twenty units: one busy, one never seen, one lost, one at 0°, 0°, the rest around 28° N 120° E."""
    narrow, wide = np.zeros((NARROW, 24), np.int32), np.zeros((WIDE, 24), np.int64)
    narrow[LAT_E7, :20] = [280_000_000 + 40_000 * (row % 5) for row in range(20)]
    narrow[LON_E7, :20] = [1_200_000_000 + 90_000 * (row % 3) for row in range(20)]
    narrow[:2, 3] = 0
    wide[FIX_S, :20], wide[MASK, :20] = 1000, 3
    wide[MASK, 0], wide[FIX_S, 1], wide[FIX_S, 2] = 2, 0, 10
    return narrow, wide


def _empty() -> tuple[I32, I64, I32, I32, I32, I32, I64]:
    book = np.zeros(BOOKED, np.int64)
    book[NX] = book[NY] = 16
    book[SOUTH_E7], book[WEST_E7], book[SHIFT], book[OLDEST_S] = 279_900_000, 1_199_900_000, 15, 5
    cells = np.zeros((257, 2), np.int32)
    cells[:, HEAD] = -1
    return (
        np.zeros((24, 3, SLOTS), np.int32),
        np.zeros((24, SLOTS), np.int64),
        np.full((2, 24), -1, np.int32),
        cells,
        np.zeros(4, np.int32),
        np.full((24, 2), -1, np.int32),
        book,
    )


def _trial_sync() -> tuple[I32, I64, I32, I32, I32, I32, I64, I32, I64, I64]:
    return *_empty(), *_columns(), np.array([*range(20), 3, 25, -1], np.int64)


def _filled() -> tuple[I32, I64, I32, I32, I32, I32, I64]:
    whole = _trial_sync()
    _sync(*whole)
    return whole[:7]


def _place() -> F64:
    return np.array([28.003e7, 120.001e7, 6.35e6, 3e4, -1e2, 5.6e6, -3e6, -2e6], np.float64)


def _trial_nearest() -> tuple[I32, I64, I32, I32, I32, I64, I64, F64, I64, I64, I64, int, int, int, int]:
    pages, masks, chain, cells, blocks, _, book = _filled()
    wide, named, found = _columns()[1], np.array([4, 7], np.int64), np.zeros((FOUND, 6), np.int64)
    return (
        pages,
        masks,
        chain,
        cells,
        blocks,
        book,
        wide,
        _place(),
        named,
        found,
        np.zeros((2, NEAR), np.int64),
        3,
        20,
        50_000,
        4,
    )


def _trial_scan() -> tuple[I32, I64, F64, I64, I64, int, int, int, int, int]:
    found = np.zeros((FOUND, 6), np.int64)
    return *_columns(), _place(), np.array([4, 7], np.int64), found, 20, 3, 20, 50_000, 4


def _trial_look() -> tuple[
    tuple[Any, ...], tuple[float, ...], tuple[int, ...], int, int, int, int, int, float, int
]:
    pages, masks, chain, cells, _, _, book = _filled()
    named, found, near = (
        np.array([4, 7], np.int64),
        np.zeros((FOUND, 6), np.int64),
        np.zeros((2, NEAR), np.int64),
    )
    parts = pages, masks, chain, cells, _columns()[1], _place(), named, found, near
    return (
        parts,
        (float(book[WEST_E7]), 32768.0, 0.011, 0.009),
        (3, 20, 50_000, 4),
        3 * 16,
        0,
        16,
        1,
        2,
        0.0,
        0,
    )


@kernel(
    "i8(i4[:, :, ::1], i8[:, ::1], i4[:, ::1], i4[:, ::1], i4[::1], i8[::1], i8[:, ::1], f8[::1], i8[::1], "
    "i8[:, ::1], i8[:, ::1], i8, i8, i8, i8)",
    trial=_trial_nearest,
)
def nearest(
    pages: I32,
    masks: I64,
    chain: I32,
    cells: I32,
    blocks: I32,
    book: I64,
    wide: I64,
    place: F64,
    named: I64,
    found: I64,
    near: I64,
    need: int,
    oldest_s: int,
    reach_m: int,
    k: int,
) -> int:
    """Write the `k` nearest units that could go into `found`, by (mm, row); return how many, or FOLDED.

    First the wild ones and the nine cells around the place, which mostly settle it; then rings of blocks
    outwards, until nothing in a whole ring can be nearer than the last of `k`.
    """
    nx, ny, shift = book[NX], book[NY], book[SHIFT]
    lat, lon = place[LAT0_E7], place[LON0_E7]
    south, west, side = float(book[SOUTH_E7]), float(book[WEST_E7]), float(1 << shift)
    if not (lon - west <= _HALF_TURN_E7 and west + nx * side - lon <= _HALF_TURN_E7):
        return FOLDED
    # Metres per 1e-7° at least, for whatever lies within reach: beyond, a unit is out of reach anyway.
    half = 0.5 * float(reach_m) / _RADIUS_M_MIN
    north_m = max(0.0, place[M0] - half * abs(place[M1]) - half * half * abs(place[M2]))
    east_m = max(0.0, place[C0] - half * abs(place[C1]) - half * half * abs(place[C2]))
    north_m *= _RAD_PER_E7 * (1 - _ROUNDING)
    east_m *= _RAD_PER_E7 * (1 - _ROUNDING)
    cell_y = min(max(int((lat - south) / side), 0), ny - 1)
    cell_x = min(max(int((lon - west) / side), 0), nx - 1)

    parts = pages, masks, chain, cells, wide, place, named, found, near
    frame, asked = (west, side, north_m, east_m), (need, oldest_s, reach_m, k)
    kept = 0
    if book[WILD_UNITS] > 0:  # perhaps beyond the date line: no bound on how far east
        kept = _look(parts, (west, side, north_m, 0.0), asked, nx * ny, 0, 1, 0, 0, 0.0, kept)
    for y in (cell_y, cell_y - 1, cell_y + 1):
        if 0 <= y < ny:
            kept = _look(
                parts,
                frame,
                asked,
                y * nx,
                max(cell_x - 1, 0),
                min(cell_x + 2, nx),
                0,
                0,
                _beyond(lat, south + y * side, side) * north_m,
                kept,
            )

    many_x, many_y = nx >> BLOCK_SHIFT, ny >> BLOCK_SHIFT
    block_x, block_y = cell_x >> BLOCK_SHIFT, cell_y >> BLOCK_SHIFT
    breadth = side * (1 << BLOCK_SHIFT)
    into_y, into_x = lat - (south + block_y * breadth), lon - (west + block_x * breadth)
    inner_y, inner_x = min(into_y, breadth - into_y), min(into_x, breadth - into_x)
    rings = max(block_x, many_x - 1 - block_x, block_y, many_y - 1 - block_y) + 1
    for ring in range(rings):
        if ring > 0:
            out_y, out_x = inner_y + (ring - 1) * breadth, inner_x + (ring - 1) * breadth
            if min(out_y * north_m, out_x * east_m) > _limit(found, reach_m, k, kept):
                break
        for by in range(max(block_y - ring, 0), min(block_y + ring + 1, many_y)):
            step = 1 if by in (block_y - ring, block_y + ring) else max(2 * ring, 1)
            for bx in range(block_x - ring, block_x + ring + 1, step):
                if bx < 0 or bx >= many_x or blocks[by * many_x + bx] == 0:
                    continue
                far_x = _beyond(lon, west + bx * breadth, breadth) * east_m
                for y in range(by << BLOCK_SHIFT, (by + 1) << BLOCK_SHIFT):
                    far_y = _beyond(lat, south + y * side, side) * north_m
                    limit = _limit(found, reach_m, k, kept)
                    if far_y * far_y + far_x * far_x > limit * limit:
                        continue
                    seen = 1 if abs(y - cell_y) <= 1 else 0
                    kept = _look(
                        parts,
                        frame,
                        asked,
                        y * nx,
                        bx << BLOCK_SHIFT,
                        (bx + 1) << BLOCK_SHIFT,
                        cell_x - seen,
                        cell_x + 2 * seen,
                        far_y,
                        kept,
                    )
    return _settle(found, kept)


@kernel(
    "i8(i4[:, ::1], i8[:, ::1], f8[::1], i8[::1], i8[:, ::1], i8, i8, i8, i8, i8)",
    trial=_trial_scan,
    allocates=True,
)
def scan(
    narrow: I32,
    wide: I64,
    place: F64,
    named: I64,
    found: I64,
    rows: int,
    need: int,
    oldest_s: int,
    reach_m: int,
    k: int,
) -> int:
    """Answer as `nearest` does by looking at every row, several at a time where the processor can."""
    kept = 0
    squares = np.empty(_SCANNED, np.float64)
    limit = float(reach_m) * float(reach_m) * (1 + _ROUNDING)
    for start in range(0, rows, _SCANNED):
        many = min(_SCANNED, rows - start)
        lats, lons = narrow[LAT_E7, start : start + many], narrow[LON_E7, start : start + many]
        able = wide[MASK, start : start + many]
        for i in range(
            many
        ):  # without a branch: several rows at a time (measured: 0.45 ns a row, 2.7 with one)
            square = _square(float(lats[i]), float(lons[i]), place)
            squares[i] = square if need & ~able[i] == 0 else np.inf
        for i in range(many):
            row = start + i
            if not squares[i] <= limit or wide[FIX_S, row] < oldest_s:
                continue
            before, metres = kept, math.sqrt(squares[i])
            if metres <= reach_m:
                kept = _offer(found, int(metres * 1000.0 + 0.5) << ROW_BITS | row, named, k, kept)
            if kept == k and (before == k or kept > before):
                last = ((found[KEY, 0] >> ROW_BITS) + 1) * 0.001
                limit = min(limit, last * last * (1 + _ROUNDING))
    return _settle(found, kept)


@kernel(
    "i8(i4[:, :, ::1], i8[:, ::1], i4[:, ::1], i4[:, ::1], i4[::1], i4[:, ::1], i8[::1], i4[:, ::1], "
    "i8[:, ::1], i8[::1])",
    trial=_trial_sync,
)
def sync(
    pages: I32,
    masks: I64,
    chain: I32,
    cells: I32,
    blocks: I32,
    where: I32,
    book: I64,
    narrow: I32,
    wide: I64,
    rows: I64,
) -> int:
    """Bring each of these rows to where the columns say it is, in, out or across; return how many are wild.

    Held is who is free and has a position of OLDEST_S or later. A row beyond the columns is passed over.
    """
    nx, ny, shift = book[NX], book[NY], book[SHIFT]
    south, west, oldest_s = book[SOUTH_E7], book[WEST_E7], book[OLDEST_S]
    for i in range(rows.shape[0]):
        row = rows[i]
        if row < 0 or row >= where.shape[0]:
            continue
        here, cell = where[row, SLOT], -1
        lat_e7, lon_e7, mask = narrow[LAT_E7, row], narrow[LON_E7, row], wide[MASK, row]
        if mask & FREE != 0 and wide[FIX_S, row] >= oldest_s:
            y, x = (lat_e7 - south) >> shift, (lon_e7 - west) >> shift
            cell = y * nx + x if (y >= 0) & (y < ny) & (x >= 0) & (x < nx) else nx * ny
        if here >= 0 and where[row, CELL] != cell:
            _take_out(pages, masks, chain, cells, blocks, where, book, row)
            here = -1
        if cell < 0:
            continue
        if here < 0:
            here = _make_room(chain, cells, blocks, book, cell)
            where[row, SLOT], where[row, CELL] = here, cell
            pages[here // SLOTS, ROW, here % SLOTS] = row
        page, slot = here // SLOTS, here % SLOTS
        pages[page, LAT, slot], pages[page, LON, slot] = lat_e7, lon_e7
        masks[page, slot] = mask
    return int(book[WILD_UNITS])


_sync = sync  # the twin, for the trials: warm() puts the compiled one under the name


@kernel(
    "i8(i4[:, :, ::1], i8[:, ::1], i4[:, ::1], i4[:, ::1], i4[::1], i4[:, ::1], i8[::1], i8)",
    trial=lambda: (*_filled(), 6),
)
def _take_out(
    pages: I32, masks: I64, chain: I32, cells: I32, blocks: I32, where: I32, book: I64, row: int
) -> int:
    """Take a unit out of its cell; the last of the cell's first page takes its slot. Return the slot."""
    here, cell = where[row, SLOT], where[row, CELL]
    page = cells[cell, HEAD]
    last = cells[cell, COUNT] - 1
    if page * SLOTS + last != here:
        to, slot = here // SLOTS, here % SLOTS
        moved = pages[page, ROW, last]
        for part in range(3):
            pages[to, part, slot] = pages[page, part, last]
        masks[to, slot] = masks[page, last]
        where[moved, SLOT] = here
    if last == 0:
        after = chain[NEXT, page]
        cells[cell, HEAD] = after
        cells[cell, COUNT] = SLOTS if after >= 0 else 0
        chain[SPARE, book[SPARES]] = page
        book[SPARES] += 1
    else:
        cells[cell, COUNT] = last
    where[row, SLOT] = -1
    book[HELD] -= 1
    nx = book[NX]
    if cell == nx * book[NY]:
        book[WILD_UNITS] -= 1
    else:
        blocks[(cell // nx >> BLOCK_SHIFT) * (nx >> BLOCK_SHIFT) + (cell % nx >> BLOCK_SHIFT)] -= 1
    return int(here)


@kernel("i8(i4[:, ::1], i4[:, ::1], i4[::1], i8[::1], i8)", trial=lambda: (*_filled()[2:5], _filled()[6], 9))
def _make_room(chain: I32, cells: I32, blocks: I32, book: I64, cell: int) -> int:
    """Return a free slot of a cell, on a new first page when its first is full."""
    page, count = cells[cell, HEAD], cells[cell, COUNT]
    if page < 0 or count == SLOTS:
        before = page
        if book[SPARES] > 0:
            book[SPARES] -= 1
            page = chain[SPARE, book[SPARES]]
        else:
            page = book[MADE]
            book[MADE] += 1
        chain[NEXT, page] = before
        cells[cell, HEAD] = page
        count = 0
    cells[cell, COUNT] = count + 1
    book[HELD] += 1
    nx = book[NX]
    if cell == nx * book[NY]:
        book[WILD_UNITS] += 1
    else:
        blocks[(cell // nx >> BLOCK_SHIFT) * (nx >> BLOCK_SHIFT) + (cell % nx >> BLOCK_SHIFT)] += 1
    return int(page * SLOTS + count)


@kernel(
    "i8(Tuple((i4[:, :, ::1], i8[:, ::1], i4[:, ::1], i4[:, ::1], i8[:, ::1], f8[::1], i8[::1], i8[:, ::1], "
    "i8[:, ::1])), UniTuple(f8, 4), UniTuple(i8, 4), i8, i8, i8, i8, i8, f8, i8)",
    trial=_trial_look,
)
def _look(
    parts: tuple[I32, I64, I32, I32, I64, F64, I64, I64, I64],
    frame: tuple[float, float, float, float],
    asked: tuple[int, int, int, int],
    start: int,
    from_x: int,
    to_x: int,
    seen_from: int,
    seen_to: int,
    far_y: float,
    kept: int,
) -> int:
    """Offer every unit of some cells of one row that could go, but for those seen; return how many are kept now.

    `start` is the row's first cell, `far_y` how far the row is at least, m.
    """
    pages, masks, chain, cells, wide, place, named, found, near = parts
    west, side, north_m, east_m = frame
    need, oldest_s, reach_m, k = asked
    lat, lon = place[LAT0_E7], place[LON0_E7]
    limit, many = _limit(found, reach_m, k, kept), 0
    for x in range(from_x, to_x):
        count = cells[start + x, COUNT]
        if count == 0 or seen_from <= x < seen_to:
            continue
        far_x = _beyond(lon, west + x * side, side) * east_m
        if far_y * far_y + far_x * far_x > limit * limit:
            continue
        square = limit * limit * (1 + _ROUNDING)
        page = cells[start + x, HEAD]
        while page >= 0:
            for slot in range(count):  # without a branch: nobody can guess who is near
                low_y = (float(pages[page, LAT, slot]) - lat) * north_m
                low_x = (float(pages[page, LON, slot]) - lon) * east_m
                near[0, many] = page * SLOTS + slot
                many += (low_y * low_y + low_x * low_x <= square) & (need & ~masks[page, slot] == 0)
            if many > NEAR - SLOTS:
                kept = _offer_all(pages, wide, place, named, found, near, many, oldest_s, reach_m, k, kept)
                many = 0
                limit = _limit(found, reach_m, k, kept)
                square = limit * limit * (1 + _ROUNDING)
            page, count = chain[NEXT, page], SLOTS
    if many > 0:
        kept = _offer_all(pages, wide, place, named, found, near, many, oldest_s, reach_m, k, kept)
    return kept


@kernel(
    "i8(i4[:, :, ::1], i8[:, ::1], f8[::1], i8[::1], i8[:, ::1], i8[:, ::1], i8, i8, i8, i8, i8)",
    trial=lambda: (
        _filled()[0],
        _columns()[1],
        _place(),
        np.array([4, 7], np.int64),
        np.zeros((FOUND, 6), np.int64),
        np.zeros((2, NEAR), np.int64),
        1,
        20,
        50_000,
        4,
        0,
    ),
)
def _offer_all(
    pages: I32,
    wide: I64,
    place: F64,
    named: I64,
    found: I64,
    near: I64,
    many: int,
    oldest_s: int,
    reach_m: int,
    k: int,
    kept: int,
) -> int:
    """Offer those in the slots of `near` that were heard of and are within reach; return how many are kept now."""
    for i in range(many):
        page, slot = near[0, i] // SLOTS, near[0, i] % SLOTS
        row = int(pages[page, ROW, slot])
        metres = math.sqrt(_square(float(pages[page, LAT, slot]), float(pages[page, LON, slot]), place))
        able = (metres <= reach_m) & (wide[FIX_S, row] >= oldest_s)
        near[1, i] = int(metres * 1000.0 + 0.5) << ROW_BITS | row if able else _NOBODY
    for i in range(many):
        kept = _offer(found, near[1, i], named, k, kept)
    return kept


@kernel("f8(f8, f8, f8)", trial=lambda: (5.0, 7.0, 2.0))
def _beyond(at: float, low: float, extent: float) -> float:
    """Return how far a place is before or behind a stretch that begins at `low`; 0 within it."""
    return max(low - at, at - low - extent, 0.0)


@kernel("f8(i8[:, ::1], i8, i8, i8)", trial=lambda: (np.full((FOUND, 2), 7 << 22, np.int64), 50_000, 2, 2))
def _limit(found: I64, reach_m: int, k: int, kept: int) -> float:
    """Return beyond how many metres nobody is wanted."""
    limit = float(reach_m)
    if kept == k:
        limit = min(limit, ((found[KEY, 0] >> ROW_BITS) + 1) * 0.001)
    return limit


@kernel(
    "i8(i8[:, ::1], i8, i8[::1], i8, i8)",
    trial=lambda: (_trial_scan()[4], 4_000_000 << ROW_BITS | 5, np.array([4, 7], np.int64), 2, 1),
)
def _offer(found: I64, key: int, named: I64, k: int, kept: int) -> int:
    """Keep a candidate if it is among the `k` best so far and not named; return how many are kept.

    `found[KEY]` is a heap with the worst on top.
    """
    if key == _NOBODY or (kept == k and key >= found[KEY, 0]):
        return kept
    row = key & _ROW_MASK
    low, high = 0, named.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if named[middle] < row:
            low = middle + 1
        else:
            high = middle
    if low < named.shape[0] and named[low] == row:
        return kept
    if kept == k:
        return _sink(found, key, k) + k
    at = kept
    while at > 0 and found[KEY, (at - 1) >> 1] < key:
        found[KEY, at] = found[KEY, (at - 1) >> 1]
        at = (at - 1) >> 1
    found[KEY, at] = key
    return kept + 1


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (np.array([[9, 7, 8], [0] * 3, [0] * 3], np.int64), 3))
def _settle(found: I64, kept: int) -> int:
    """Sort the heap, best first, and take the candidates apart into rows and mm; return how many they are."""
    for end in range(kept - 1, 0, -1):
        worst = found[KEY, 0]
        _sink(found, found[KEY, end], end)
        found[KEY, end] = worst
    for i in range(kept):
        found[FOUND_ROW, i] = found[KEY, i] & _ROW_MASK
        found[FOUND_MM, i] = found[KEY, i] >> ROW_BITS
    return kept


@kernel("i8(i8[:, ::1], i8, i8)", trial=lambda: (np.array([[9, 7, 8], [0] * 3, [0] * 3], np.int64), 5, 3))
def _sink(found: I64, key: int, size: int) -> int:
    """Put a key in the place of the heap's top and let it sink; return 0."""
    at = 0
    child = 1
    while child < size:
        if child + 1 < size and found[KEY, child + 1] > found[KEY, child]:
            child += 1
        if found[KEY, child] <= key:
            break
        found[KEY, at] = found[KEY, child]
        at = child
        child = 2 * at + 1
    found[KEY, at] = key
    return 0


@kernel("f8(f8, f8, f8[::1])", trial=lambda: (28.3e7, -179.9e7, _place()))
def _square(lat_e7: float, lon_e7: float, place: F64) -> float:
    """Return the square of the metres to a place, exactly as core/kernels/rank.py measures them."""
    north = (lat_e7 - place[LAT0_E7]) * _RAD_PER_E7
    east_e7 = lon_e7 - place[LON0_E7]
    east_e7 -= _TURN_E7 if east_e7 > _HALF_TURN_E7 else 0.0
    east_e7 += _TURN_E7 if east_e7 < -_HALF_TURN_E7 else 0.0
    half = 0.5 * north
    north_m = north * (place[M0] + half * (place[M1] + half * place[M2]))
    east_m = east_e7 * _RAD_PER_E7 * (place[C0] + half * (place[C1] + half * place[C2]))
    return float(north_m * north_m + east_m * east_m)
