# SPDX-License-Identifier: Apache-2.0
"""Who goes to whom when many wait and many are free: the least total cost, kept least as calls and units come and go.

Shortest augmenting paths with prices (Hungarian method; Jonker and Volgenant 1987), on short lists of candidates.
Each call may also be left waiting, at its own cost: a private unit that nobody else can have, so it needs no row.
What makes it incremental: the prices stay right, so one more call is one small search and not the whole again.

    calls   COUNT WAIT TAKEN        candidates it lists; cost of leaving it waiting; place in its list of the unit it
                                    has, or WAITS, UNSEATED, GONE
            MOVED SEEN              whether it was given another place since `changed`; the unit it had then
    units   PRICE CALL FIRST        never above 0, and 0 when free; who has it, or FREE, GONE; its first edge
            DIST VIA STAMP SCANNED  of one search
    edges   UNIT COST               [call, place in its list]
    chains  NEXT PREV               the same places: the edges of one unit. Only what comes after the first solution
                                    needs them, and they cost four times the solution (measured): `chain` is called late
    heap    key, unit               from row 1; row 0 counts the searches

An edge's number is call · width + place. Costs are whole, not negative and below COST_MAX. Of several optima the one
found depends on the order of the operations and on nothing else. The caller keeps numbers in range, and a call
lists a unit once.
"""

import numpy as np
from numpy.typing import NDArray

from core.kernels._jit import kernel

I64 = NDArray[np.int64]
Tables = tuple[I64, I64, I64, I64, I64]

COST_MAX = (
    1 << 50
)  # in ms two weeks at a weight of 900; a chain of all moves of any problem still fits in 64 bits
NOBODY = -1
COUNT, WAIT, TAKEN, MOVED, SEEN = range(5)
WAITS, UNSEATED, GONE = -1, -2, -3
PRICE, CALL, FIRST, DIST, VIA, STAMP, SCANNED = range(7)
UNIT, COST = range(2)
NEXT, PREV = range(2)
FREE = -1


def empty(calls: int, units: int, width: int) -> Tables:
    """Return calls, units, edges, heap and chains: no calls, all units free, `width` candidates a call."""
    call_rows = np.zeros((calls, 5), np.int64)
    call_rows[:, TAKEN], call_rows[:, SEEN] = GONE, NOBODY
    unit_rows = np.zeros((units, 7), np.int64)
    unit_rows[:, CALL], unit_rows[:, FIRST] = FREE, NOBODY
    return (
        call_rows,
        unit_rows,
        np.empty((calls, width, 2), np.int64),
        np.zeros((calls * width + 2, 2), np.int64),
        np.empty((calls, width, 2), np.int64),
    )


def _asked() -> Tables:
    """Return a small problem for the trials: calls 0 and 1 want unit 0 most, call 2 could have 0 or 2."""
    tables = empty(4, 3, 3)
    tables[2][:], tables[4][:] = 0, 0
    listed = np.array([[0, 1, NOBODY], [0, 1, NOBODY], [0, 2, NOBODY]], np.int64)
    costs = np.array([[3, 9, 0], [2, 4, 0], [1, 90, 0]], np.int64)
    put(tables[0], tables[2], np.arange(3, dtype=np.int64), listed, costs, np.array([50, 50, 70], np.int64))
    return tables


def _seated() -> Tables:
    """Return the same with calls 0 and 1 seated, chained."""
    tables = _asked()
    chain(tables[0], tables[1], tables[2], tables[4], np.arange(3, dtype=np.int64))
    seat(*tables[:4], np.arange(2, dtype=np.int64))
    return tables


@kernel(
    "i8(i8[:, ::1], i8[:, :, ::1], i8[::1], i8[:, ::1], i8[:, ::1], i8[::1])",
    trial=lambda: (
        empty(2, 2, 2)[0],
        np.zeros((2, 2, 2), np.int64),
        np.array([1, 0], np.int64),
        np.array([[1, 0], [1, NOBODY]], np.int64),
        np.array([[4, 5], [6, 0]], np.int64),
        np.array([9, 8], np.int64),
    ),
)
def put(calls: I64, edges: I64, rows: I64, units: I64, costs: I64, waits: I64) -> int:
    """Write the calls `rows` with their candidates (up to the first NOBODY), not seated yet; return how many edges.

    NOBODY when one of them is there already, or has a cost out of bounds.
    """
    total = 0
    for turn in range(rows.shape[0]):
        call, count = rows[turn], 0
        if calls[call, TAKEN] != GONE or waits[turn] < 0 or waits[turn] >= COST_MAX:
            return NOBODY
        while count < units.shape[1] and units[turn, count] != NOBODY:
            if costs[turn, count] < 0 or costs[turn, count] >= COST_MAX:
                return NOBODY
            edges[call, count, UNIT], edges[call, count, COST] = units[turn, count], costs[turn, count]
            count += 1
        calls[call, COUNT], calls[call, WAIT], calls[call, TAKEN] = count, waits[turn], UNSEATED
        total += count
    return total


@kernel(
    "i8(i8[:, ::1], i8[:, ::1], i8[:, :, ::1], i8[:, :, ::1], i8[::1])",
    trial=lambda: (*_asked()[:3], np.zeros((4, 3, 2), np.int64), np.array([0, 2], np.int64)),
    long=True,
)
def chain(calls: I64, units: I64, edges: I64, chains: I64, rows: I64) -> int:
    """Chain the edges of these calls to those of their units; return how many."""
    total = 0
    for turn in range(rows.shape[0]):
        for place in range(calls[rows[turn], COUNT]):
            _link(units, edges, chains, rows[turn] * edges.shape[1] + place)
        total += calls[rows[turn], COUNT]
    return int(total)


@kernel(
    "i8(i8[:, ::1], i8[:, ::1], i8[:, :, ::1], i8[:, ::1], i8[::1])",
    trial=lambda: (*_seated()[:4], np.array([2], np.int64)),
    long=True,
)
def seat(calls: I64, units: I64, edges: I64, heap: I64, rows: I64) -> int:
    """Give each of these calls a place, in this order, moving others where that is cheaper; return how many."""
    count = 0
    for turn in range(rows.shape[0]):
        if calls[rows[turn], TAKEN] == UNSEATED:
            _seat(calls, units, edges, heap, rows[turn])
            count += 1
    return count


@kernel(
    "i8(i8[:, ::1], i8[:, :, ::1], i8[:, ::1])",
    trial=lambda: (_seated()[0], _seated()[2], np.zeros((4, 3), np.int64)),
)
def changed(calls: I64, edges: I64, told: I64) -> int:
    """Fill `told` with (call, unit before, unit now) of all that differ since the last time; return how many."""
    count = 0
    for call in range(calls.shape[0]):
        if calls[call, MOVED] == 0:
            continue
        calls[call, MOVED] = 0
        now = edges[call, calls[call, TAKEN], UNIT] if calls[call, TAKEN] >= 0 else NOBODY
        if now != calls[call, SEEN]:
            told[count, 0], told[count, 1], told[count, 2] = call, calls[call, SEEN], now
            calls[call, SEEN] = now
            count += 1
    return count


@kernel(
    "i8(i8[:, ::1], i8[:, ::1], i8[:, :, ::1], i8[:, ::1], i8[:, :, ::1], i8)",
    trial=lambda: (*_seated(), 1),
)
def leave(calls: I64, units: I64, edges: I64, heap: I64, chains: I64, call: int) -> int:
    """Take a call out; what it had goes to whoever gains most by it. Return that unit, or NOBODY."""
    width, unit = edges.shape[1], NOBODY
    if calls[call, TAKEN] >= 0:
        unit = edges[call, calls[call, TAKEN], UNIT]
        units[unit, CALL] = FREE
    calls[call, TAKEN], calls[call, MOVED] = GONE, 1
    for place in range(calls[call, COUNT]):
        _unlink(units, edges, chains, call * width + place)
    calls[call, COUNT] = 0
    if unit != NOBODY:
        _offer(calls, units, edges, heap, chains, unit)
    return int(unit)


@kernel(
    "i8(i8[:, ::1], i8[:, ::1], i8[:, :, ::1], i8[:, ::1], i8[:, :, ::1], i8, i8[::1], i8[::1])",
    trial=lambda: (*_seated(), 2, np.array([0, 1], np.int64), np.array([1, 3], np.int64)),
)
def come(calls: I64, units: I64, edges: I64, heap: I64, chains: I64, unit: int, rows: I64, costs: I64) -> int:
    """Add a free unit to the lists of the calls `rows`, which have room for it; return who has it then, or FREE."""
    width, price = edges.shape[1], 0
    for turn in range(rows.shape[0]):
        call = rows[turn]
        place = calls[call, COUNT]
        edges[call, place, UNIT], edges[call, place, COST] = unit, costs[turn]
        calls[call, COUNT] = place + 1
        _link(units, edges, chains, call * width + place)
        if calls[call, TAKEN] != UNSEATED:
            price = min(price, costs[turn] - _worth(calls, units, edges, call))
    units[unit, PRICE], units[unit, CALL] = price, FREE
    _offer(calls, units, edges, heap, chains, unit)
    return int(units[unit, CALL])


@kernel(
    "i8(i8[:, ::1], i8[:, ::1], i8[:, :, ::1], i8[:, ::1], i8[:, :, ::1], i8)",
    trial=lambda: (*_seated(), 0),
)
def go(calls: I64, units: I64, edges: I64, heap: I64, chains: I64, unit: int) -> int:
    """Take a unit out of all lists; who had it gets another place. Return who that was, or a negative number."""
    width, call = edges.shape[1], units[unit, CALL]
    if call >= 0:
        calls[call, TAKEN] = UNSEATED
    edge = units[unit, FIRST]
    while edge != NOBODY:
        row, place = edge // width, edge % width
        after, last = chains[row, place, NEXT], calls[row, COUNT] - 1
        _unlink(units, edges, chains, edge)
        if place != last:
            _unlink(units, edges, chains, row * width + last)
            edges[row, place, UNIT], edges[row, place, COST] = edges[row, last, UNIT], edges[row, last, COST]
            _link(units, edges, chains, edge)
            if calls[row, TAKEN] == last:
                calls[row, TAKEN] = place
        calls[row, COUNT] = last
        edge = after
    units[unit, CALL], units[unit, PRICE] = GONE, 0
    if call >= 0:
        _seat(calls, units, edges, heap, call)
    return int(call)


@kernel(
    "i8(i8[:, ::1], i8[:, ::1], i8[:, :, ::1], i8[:, ::1], i8)",
    trial=lambda: (*_seated()[:4], 2),
)
def _seat(calls: I64, units: I64, edges: I64, heap: I64, call: int) -> int:
    """Find the cheapest chain of moves that gives this call a place, and make them; return what they cost.

    The chain ends at a free unit, or at a call that is left waiting. Equal chains: the one found first; waiting
    before any.
    """
    width, size, scanned = edges.shape[1], 0, 0
    heap[0, 0] += 1
    stamp = heap[0, 0]
    best, end_unit, end_call = calls[call, WAIT], NOBODY, call
    row, before = call, 0
    while True:
        for place in range(calls[row, COUNT]):
            unit = edges[row, place, UNIT]
            dist = before + edges[row, place, COST] - units[unit, PRICE]
            if dist >= best:
                continue
            if units[unit, CALL] == FREE:
                best, end_unit = dist, unit
                units[unit, VIA] = row * width + place
            elif units[unit, STAMP] != stamp or dist < units[unit, DIST]:
                units[unit, STAMP], units[unit, DIST] = stamp, dist
                units[unit, VIA] = row * width + place
                size = _push(heap, size, dist, unit)
        while size > 0 and heap[1, 0] != units[heap[1, 1], DIST]:
            size = _pop(heap, size)  # reached on a shorter way since
        if size == 0 or heap[1, 0] >= best:
            break
        dist, unit = heap[1, 0], heap[1, 1]
        size = _pop(heap, size)
        units[scanned, SCANNED] = unit
        scanned += 1
        row = units[unit, CALL]
        before = dist - _worth(calls, units, edges, row)
        if before + calls[row, WAIT] < best:
            best, end_unit, end_call = before + calls[row, WAIT], NOBODY, row
    for turn in range(scanned):
        unit = units[turn, SCANNED]
        units[unit, PRICE] += units[unit, DIST] - best
    if end_unit == NOBODY:
        taken = calls[end_call, TAKEN]
        calls[end_call, TAKEN], calls[end_call, MOVED] = WAITS, 1
        if end_call == call:
            return int(best)
        end_unit = edges[end_call, taken, UNIT]
    while True:
        row, place = units[end_unit, VIA] // width, units[end_unit, VIA] % width
        taken = calls[row, TAKEN]
        calls[row, TAKEN], calls[row, MOVED], units[end_unit, CALL] = place, 1, row
        if row == call:
            return int(best)
        end_unit = edges[row, taken, UNIT]


@kernel(
    "i8(i8[:, ::1], i8[:, ::1], i8[:, :, ::1], i8[:, ::1], i8[:, :, ::1], i8)",
    trial=lambda: (*_seated(), 1),
)
def _offer(calls: I64, units: I64, edges: I64, heap: I64, chains: I64, free: int) -> int:
    """Give a free unit to whoever gains most by it, down a chain of moves; return what is gained.

    The same search the other way: from the unit to the calls that list it, to the units those have. The chain ends
    at a call that waited, or at a unit that is free now.
    """
    width, size, scanned = edges.shape[1], 0, 0
    gain = -units[free, PRICE]
    if gain == 0:
        return 0
    heap[0, 0] += 1
    stamp = heap[0, 0]
    best, end_edge, end_unit = gain, NOBODY, NOBODY
    units[free, STAMP], units[free, DIST] = stamp, 0
    unit, before = free, 0
    while True:
        units[scanned, SCANNED] = unit
        scanned += 1
        edge = units[unit, FIRST]
        while edge != NOBODY:
            row, place = edge // width, edge % width
            taken = calls[row, TAKEN]
            if taken != UNSEATED and taken != place:
                dist = (
                    before + edges[row, place, COST] - _worth(calls, units, edges, row) - units[unit, PRICE]
                )
                if dist < best and taken == WAITS:
                    best, end_edge, end_unit = dist, edge, NOBODY
                elif dist < best:
                    other = edges[row, taken, UNIT]
                    if units[other, STAMP] != stamp or dist < units[other, DIST]:
                        units[other, STAMP], units[other, DIST], units[other, VIA] = stamp, dist, edge
                        size = _push(heap, size, dist, other)
                        if dist - units[other, PRICE] < best:
                            best, end_edge, end_unit = dist - units[other, PRICE], NOBODY, other
            edge = chains[row, place, NEXT]
        while size > 0 and heap[1, 0] != units[heap[1, 1], DIST]:
            size = _pop(heap, size)
        if size == 0 or heap[1, 0] >= best:
            break
        before, unit = heap[1, 0], heap[1, 1]
        size = _pop(heap, size)
    for turn in range(scanned):
        unit = units[turn, SCANNED]
        units[unit, PRICE] += best - units[unit, DIST]
    if end_unit != NOBODY:
        units[end_unit, CALL] = FREE
        end_edge = units[end_unit, VIA]
    while end_edge != NOBODY:
        row, place = end_edge // width, end_edge % width
        unit = edges[row, place, UNIT]
        calls[row, TAKEN], calls[row, MOVED], units[unit, CALL] = place, 1, row
        end_edge = units[unit, VIA] if unit != free else NOBODY
    return int(gain - best)


@kernel("i8(i8[:, ::1], i8[:, ::1], i8[:, :, ::1], i8)", trial=lambda: (*_seated()[:3], 0))
def _worth(calls: I64, units: I64, edges: I64, call: int) -> int:
    """Return the price of serving a call that has a place: its cost less the price of what it has."""
    taken = calls[call, TAKEN]
    if taken == WAITS:
        return int(calls[call, WAIT])
    return int(edges[call, taken, COST] - units[edges[call, taken, UNIT], PRICE])


@kernel(
    "i8(i8[:, ::1], i8[:, :, ::1], i8[:, :, ::1], i8)",
    trial=lambda: (*_asked()[1:3], np.zeros((4, 3, 2), np.int64), 3),
)
def _link(units: I64, edges: I64, chains: I64, edge: int) -> int:
    """Put an edge first in the chain of its unit; return which was first."""
    row, place = edge // edges.shape[1], edge % edges.shape[1]
    unit = edges[row, place, UNIT]
    second = units[unit, FIRST]
    chains[row, place, NEXT], chains[row, place, PREV] = second, NOBODY
    if second != NOBODY:
        chains[second // edges.shape[1], second % edges.shape[1], PREV] = edge
    units[unit, FIRST] = edge
    return int(second)


@kernel(
    "i8(i8[:, ::1], i8[:, :, ::1], i8[:, :, ::1], i8)",
    trial=lambda: (*_seated()[1:3], _seated()[4], 3),
)
def _unlink(units: I64, edges: I64, chains: I64, edge: int) -> int:
    """Take an edge out of the chain of its unit; return the one after it."""
    width = edges.shape[1]
    row, place = edge // width, edge % width
    after, earlier = chains[row, place, NEXT], chains[row, place, PREV]
    if earlier == NOBODY:
        units[edges[row, place, UNIT], FIRST] = after
    else:
        chains[earlier // width, earlier % width, NEXT] = after
    if after != NOBODY:
        chains[after // width, after % width, PREV] = earlier
    return int(after)


@kernel("i8(i8[:, ::1], i8, i8, i8)", trial=lambda: (np.array([[1, 0], [5, 1], [0, 0]], np.int64), 1, 3, 2))
def _push(heap: I64, size: int, key: int, unit: int) -> int:
    """Put a unit in under a key; return how many are in."""
    place = size + 1
    while place > 1 and heap[place >> 1, 0] > key:
        heap[place, 0], heap[place, 1] = heap[place >> 1, 0], heap[place >> 1, 1]
        place >>= 1
    heap[place, 0], heap[place, 1] = key, unit
    return size + 1


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (np.array([[1, 0], [3, 2], [5, 1], [4, 0]], np.int64), 3))
def _pop(heap: I64, size: int) -> int:
    """Take the least out, which stands in row 1; return how many are left."""
    key, unit, place = heap[size, 0], heap[size, 1], 1
    while 2 * place < size:
        child = 2 * place
        if child + 1 < size and heap[child + 1, 0] < heap[child, 0]:
            child += 1
        if heap[child, 0] >= key:
            break
        heap[place, 0], heap[place, 1] = heap[child, 0], heap[child, 1]
        place = child
    heap[place, 0], heap[place, 1] = key, unit
    return size - 1
