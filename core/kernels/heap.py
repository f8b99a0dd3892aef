# SPDX-License-Identifier: Apache-2.0
"""Who waits, by level and in the order they came: who is most urgent now, and a change of mind in O(log n).

One indexed 4-ary heap for each level (Johnson 1975; four children share a cache line). Within a level whoever
waits longer is at least as urgent, whatever its curve of urgency, so each level is led by its head for ever; only
the heads are compared, at the moment of asking. That is exact for every curve that never falls, and a curve may
change its pace at any hour without a single row being moved.

core/kernels/waiting.py says how the table is laid out.

Lower SINCE (ms) goes first within a level, equal ones in the order they came. Between levels: the greater urgency,
then SINCE, then who came first; no two rows are ever equal and the order is total. `worst` passes over rows whose mark
is not 0. Levels count from 1; the caller keeps them and slots in range.
"""

import numpy as np

from core.kernels._jit import kernel
from core.kernels.waiting import (
    BENDS,
    BENT,
    CAPACITY,
    COUNTS,
    CRAMPED,
    CURVES,
    FREE,
    FROM,
    HEAPS,
    I64,
    LEADS,
    LEVEL_BITS,
    LEVELS,
    MARKED,
    MARKS,
    NEVER,
    NEXT,
    NOBODY,
    NOW_MS,
    ORDER,
    OVER,
    PLACES,
    POP,
    PUSH,
    REMOVE,
    RISE,
    SINCE,
    SINCE_MS,
    SIZES,
    SLOT_BITS,
    SLOTS,
    STRETCH,
    STRIDE,
    TO_LEVEL,
    USED,
    VERB,
    WAITING,
    WHO,
    empty_table,
    trial_curves,
    trial_moves,
    trial_table,
)

_LEVEL = (1 << LEVEL_BITS) - 1
_SLOT = (1 << SLOT_BITS) - 1


@kernel(
    "i8(i8[::1], i8[:, ::1], i8[::1])",
    trial=lambda: (trial_table(), trial_moves(), np.zeros(4, np.int64)),
)
def apply(table: I64, moves: I64, answers: I64) -> int:
    """Do many operations in order, each as if called alone; write what each answered and return how many.

    CRAMPED, and nothing is done, when there might not be room for so many. A slot there is not belongs to nobody; alone
    that would be the caller's fault, here it may be an answer's.
    """
    if table[SLOTS] < table[CAPACITY] and table[WAITING] + moves.shape[0] > table[SLOTS]:
        return CRAMPED
    for turn in range(moves.shape[0]):
        verb, slot = moves[turn, VERB], moves[turn, WHO]
        if slot < 0:
            slot = answers[-1 - slot]
            if slot < NOBODY:  # it displaced somebody
                slot = -2 - slot
        if slot >= table[SLOTS]:
            slot = NOBODY
        if verb == PUSH:
            answers[turn] = push(
                table,
                moves[turn, TO_LEVEL],
                moves[turn, SINCE_MS],
                moves[turn, NOW_MS],
                moves[turn, MARKED],
            )
        elif verb == POP:
            answers[turn] = pop(table, moves[turn, NOW_MS])
        elif slot < 0:  # nobody was put in
            answers[turn] = NOBODY
        elif verb == REMOVE:
            answers[turn] = remove(table, slot)
        else:
            answers[turn] = reclassify(table, slot, moves[turn, TO_LEVEL], moves[turn, SINCE_MS])
    return int(moves.shape[0])


@kernel("i8(i8[::1], i8, i8, i8, i8)", trial=lambda: (trial_table(), 2, 300, 1000, 1))
def push(table: I64, level: int, since: int, now: int, mark: int) -> int:
    """Put a newcomer in and return its slot.

    When all CAPACITY slots are taken, one who would go before the least urgent unmarked member takes its slot: the
    answer is -2 - slot. Else the newcomer is refused: NOBODY. CRAMPED when there could be more slots.
    """
    slot = _room(table)
    displaced = False
    if slot == NOBODY:
        if table[SLOTS] < table[CAPACITY]:
            return CRAMPED
        last = worst(table, now)
        if last == NOBODY:
            return NOBODY
        theirs = table[table[PLACES] + last]
        row = _heap_of(table, theirs & _LEVEL) + 2 * (theirs >> LEVEL_BITS)
        ours_count = _counts(table, level, now - since)
        their_count = _counts(table, theirs & _LEVEL, now - table[row + SINCE])
        if ours_count < their_count or (ours_count == their_count and since >= table[row + SINCE]):
            return NOBODY
        remove(table, last)
        slot = _room(table)
        displaced = True
    turn = table[NEXT]
    table[NEXT] = turn + 1
    table[table[MARKS] + slot] = mark
    _enter(table, level, since, turn << SLOT_BITS | slot)
    if displaced:
        return -2 - slot
    return int(slot)


@kernel(
    "i8(i8[::1], i8, i8[::1], i8[::1])",
    trial=lambda: (trial_table(), 1000, np.zeros(3, np.int64), empty_table(trial_curves(), 5, 5)),
)
def first(table: I64, now: int, slots: I64, edge: I64) -> int:
    """Fill `slots` with the most urgent in order and return how many; the table stays as it is.

    O(k log k): `edge`, an empty table of the same levels, holds the rows that could be next, whose parents have been
    told; their places are its marks. It never holds more than the levels and three for each one told, nor more than
    wait.
    """
    for level in range(1, table[LEVELS] + 1):
        if table[SIZES + level]:
            _reach(table, level, 1, edge)
    count = 0
    while count < slots.shape[0]:
        level = _leader(edge, now)
        if level == 0:
            break
        place = edge[edge[MARKS] + (edge[_heap_of(edge, level) + 2 + ORDER] & _SLOT)]
        _take(edge, level, 1)
        slots[count] = table[_heap_of(table, level) + 2 * place + ORDER] & _SLOT
        count += 1
        for child in range(4 * place - 2, min(4 * place + 1, table[SIZES + level]) + 1):
            _reach(table, level, child, edge)
    return count


@kernel("i8(i8[::1], i8)", trial=lambda: (trial_table(), 1000))
def pop(table: I64, now: int) -> int:
    """Take the most urgent slot out and return it, or NOBODY."""
    level = _leader(table, now)
    if level == 0:
        return NOBODY
    return _take(table, level, 1)


@kernel("i8(i8[::1], i8, i8, i8)", trial=lambda: (trial_table(), 2, 1, 50))
def reclassify(table: I64, slot: int, level: int, since: int) -> int:
    """Give a slot another level or time, its turn among equals kept; return its place, or NOBODY if it is not in."""
    was = table[table[PLACES] + slot]
    if was == 0:
        return NOBODY
    heap = _heap_of(table, was & _LEVEL)
    order = table[heap + 2 * (was >> LEVEL_BITS) + ORDER]
    if was & _LEVEL == level:
        return _settle(table, heap, level, was >> LEVEL_BITS, since, order)
    _leave(table, was & _LEVEL, was >> LEVEL_BITS)
    return _enter(table, level, since, order)


@kernel("i8(i8[::1], i8)", trial=lambda: (trial_table(), 2))
def remove(table: I64, slot: int) -> int:
    """Take a slot out and free it; return it, or NOBODY if it is not in."""
    was = table[table[PLACES] + slot]
    if was == 0:
        return NOBODY
    return _take(table, was & _LEVEL, was >> LEVEL_BITS)


@kernel("i8(i8[::1], i8)", trial=lambda: (trial_table(), 1000))
def peek(table: I64, now: int) -> int:
    """Return the most urgent slot, or NOBODY."""
    level = _leader(table, now)
    if level == 0:
        return NOBODY
    return int(table[_heap_of(table, level) + 2 + ORDER] & _SLOT)


@kernel("i8(i8[::1], i8)", trial=lambda: (trial_table(), 1000))
def worst(table: I64, now: int) -> int:
    """Return the least urgent slot whose mark is 0, or NOBODY. O(n): every row may be marked."""
    found, least = 0, 0
    for level in range(1, table[LEVELS] + 1):
        heap = _heap_of(table, level)
        last = 0
        for row in range(heap + 2, heap + 2 + 2 * table[SIZES + level], 2):
            if table[table[MARKS] + (table[row + ORDER] & _SLOT)] == 0 and (
                last == 0 or _before(table, last, row)
            ):
                last = row
        if last == 0:
            continue
        counts = _counts(table, level, now - table[last + SINCE])
        if found == 0 or counts < least or (counts == least and _before(table, found, last)):
            found, least = last, counts
    if found == 0:
        return NOBODY
    return int(table[found + ORDER] & _SLOT)


@kernel("i8(i8[::1], i8, i8)", trial=lambda: (trial_table(), 1000, 4))
def ahead(table: I64, now: int, slot: int) -> int:
    """Return how many go before this slot, or NOBODY if it is not in. O(n)."""
    was = table[table[PLACES] + slot]
    if was == 0:
        return NOBODY
    own = _heap_of(table, was & _LEVEL) + 2 * (was >> LEVEL_BITS)
    urgency = _counts(table, was & _LEVEL, now - table[own + SINCE])
    count = 0
    for level in range(1, table[LEVELS] + 1):
        heap = _heap_of(table, level)
        for row in range(heap + 2, heap + 2 + 2 * table[SIZES + level], 2):
            counts = _counts(table, level, now - table[row + SINCE])
            if counts > urgency or (counts == urgency and _before(table, row, own)):
                count += 1
    return count


@kernel("i8(i8[::1], i8)", trial=lambda: (trial_table(), 1000))
def _leader(table: I64, now: int) -> int:
    """Return the level whose head is the most urgent of all, or 0 when nobody waits."""
    best, soonest, longest, earliest = 0, NEVER, NEVER, NEVER
    for level in range(1, table[LEVELS] + 1):
        row = _heap_of(table, level) + 2
        since, turn, lead = table[row + SINCE], table[row + ORDER], table[LEADS + level]
        if since == NEVER:
            continue
        if lead == BENT:
            lead = _counts(table, level, now - since) - (now - since)
        counts = since - lead
        sooner = (counts < soonest) | (
            (counts == soonest) & ((since < longest) | ((since == longest) & (turn < earliest)))
        )
        best = level if sooner else best
        soonest = counts if sooner else soonest
        longest = since if sooner else longest
        earliest = turn if sooner else earliest
    return best


@kernel(
    "i8(i8[::1], i8, i8, i8[::1])", trial=lambda: (trial_table(), 2, 3, empty_table(trial_curves(), 5, 5))
)
def _reach(table: I64, level: int, place: int, edge: I64) -> int:
    """Put a row on the edge, with its place as the mark; return its slot there."""
    slot = _room(edge)
    row = _heap_of(table, level) + 2 * place
    edge[edge[MARKS] + slot] = place
    _enter(edge, level, table[row + SINCE], table[row + ORDER] >> SLOT_BITS << SLOT_BITS | slot)
    return slot


@kernel("i8(i8[::1])", trial=lambda: (trial_table(),))
def _room(table: I64) -> int:
    """Take a free slot and return it, or NOBODY."""
    slot = table[FREE] - 1
    if slot >= 0:
        table[FREE] = table[table[MARKS] + slot]
    elif table[USED] < table[SLOTS]:
        slot = table[USED]
        table[USED] = slot + 1
    return int(slot)


@kernel("i8(i8[::1], i8, i8)", trial=lambda: (trial_table(), 2, 2))
def _take(table: I64, level: int, place: int) -> int:
    """Take out who stands at a place and free their slot; return it."""
    slot = table[_heap_of(table, level) + 2 * place + ORDER] & _SLOT
    _leave(table, level, place)
    table[table[PLACES] + slot] = 0
    table[table[MARKS] + slot] = table[FREE]
    table[FREE] = slot + 1
    return int(slot)


@kernel("i8(i8[::1], i8, i8, i8)", trial=lambda: (trial_table(), 1, 50, 5 << SLOT_BITS | 1))
def _enter(table: I64, level: int, since: int, order: int) -> int:
    """Put a row into the heap of a level; return its place."""
    size = table[SIZES + level] + 1
    table[WAITING] += 1
    table[SIZES + level] = size
    return _settle(table, _heap_of(table, level), level, size, since, order)


@kernel("i8(i8[::1], i8, i8)", trial=lambda: (trial_table(), 2, 1))
def _leave(table: I64, level: int, place: int) -> int:
    """Take the row at a place out of its heap; its slot is not told. Return the place."""
    heap, last = _heap_of(table, level), table[SIZES + level]
    table[WAITING] -= 1
    table[SIZES + level] = last - 1
    row = heap + 2 * last
    since, order = table[row + SINCE], table[row + ORDER]
    table[row + SINCE] = table[row + ORDER] = NEVER
    if place != last:
        _settle(table, heap, level, place, since, order)
    return place


@kernel(
    "i8(i8[::1], i8, i8, i8, i8, i8)",
    trial=lambda: (
        trial_table(),
        int(trial_table()[HEAPS] + 2 * trial_table()[STRIDE]),
        2,
        1,
        800,
        2 << SLOT_BITS | 2,
    ),
)
def _settle(table: I64, heap: int, level: int, place: int, since: int, order: int) -> int:
    """Write a row where it belongs, starting at `place` (whose own content is lost); return where that is."""
    places = table[PLACES]
    while place > 1:
        above = (place + 2) >> 2
        row = heap + 2 * above
        if table[row + SINCE] < since or (table[row + SINCE] == since and table[row + ORDER] < order):
            break
        table[heap + 2 * place + SINCE] = table[row + SINCE]
        table[heap + 2 * place + ORDER] = table[row + ORDER]
        table[places + (table[row + ORDER] & _SLOT)] = place << LEVEL_BITS | level
        place = above
    bottom = (table[SIZES + level] + 2) >> 2
    while place <= bottom:
        soonest = heap + 8 * place - 4
        least, turn = table[soonest + SINCE], table[soonest + ORDER]
        for other in range(soonest + 2, soonest + 8, 2):  # without a branch: nobody can guess which it is
            theirs = table[other + SINCE]
            if theirs < least or (theirs == least and table[other + ORDER] < turn):
                soonest, least, turn = other, theirs, table[other + ORDER]
        if since < least or (since == least and order < turn):
            break
        table[heap + 2 * place + SINCE] = least
        table[heap + 2 * place + ORDER] = turn
        table[places + (turn & _SLOT)] = place << LEVEL_BITS | level
        place = (soonest - heap) >> 1
    table[heap + 2 * place + SINCE] = since
    table[heap + 2 * place + ORDER] = order
    table[places + (order & _SLOT)] = place << LEVEL_BITS | level
    return int(place)


@kernel("b1(i8[::1], i8, i8)", trial=lambda: (trial_table(), 40, 42))
def _before(table: I64, row: int, other: int) -> bool:
    """Whether one row waits longer than another."""
    return bool(
        table[row + SINCE] < table[other + SINCE]
        or (table[row + SINCE] == table[other + SINCE] and table[row + ORDER] < table[other + ORDER])
    )


@kernel("i8(i8[::1], i8, i8)", trial=lambda: (trial_table(), 2, 250))
def _counts(table: I64, level: int, waited: int) -> int:
    """Return as how much waiting (ms) it counts on this level to have waited so long."""
    bends = table[BENDS]
    at = CURVES + (level - 1) * bends * STRETCH
    last = at + (bends - 1) * STRETCH
    while at < last and table[at + STRETCH + FROM] <= waited:
        at += STRETCH
    more, rise, over = waited - table[at + FROM], table[at + RISE], table[at + OVER]
    if rise != over:  # a division costs as much as all the rest
        more = more * rise // over
    return int(table[at + COUNTS] + more)


@kernel("i8(i8[::1], i8)", trial=lambda: (trial_table(), 2))
def _heap_of(table: I64, level: int) -> int:
    """Return where place 0 of a level would be."""
    return int(table[HEAPS] + level * table[STRIDE])
