# SPDX-License-Identifier: Apache-2.0
"""Who waits, by level and in the order they came: who is most urgent now, and a change of mind in O(log n).

One indexed 4-ary heap for each level (Johnson 1975; four children share two cache lines). Within a level whoever
waits longer is at least as urgent, whatever its curve of urgency, so each level is led by its head for ever; only
the heads are compared, at the moment of asking. That is exact for every curve that never falls, and a curve may
change its pace at any hour without a single row being moved.

core/kernels/waiting.py says how the table is laid out.

Lower SINCE (ms) goes first within a level, equal ones by SEQ, first come first served. Between levels: the greater
urgency, then SINCE, then SEQ; no two rows are ever equal and the order is total. `worst` passes over rows whose MARK
is not 0. Levels count from 1; the caller keeps them and slots in range.
"""

import numpy as np

from core.kernels._jit import kernel
from core.kernels.waiting import (
    BENDS,
    CAPACITY,
    COUNTS,
    CRAMPED,
    FIRST_SLOT,
    FREE,
    FROM,
    I64,
    LEVEL,
    LEVELS,
    LINK,
    MARK,
    MARKED,
    NEXT,
    NOBODY,
    NOW_MS,
    OVER,
    PLACE,
    POP,
    PUSH,
    REMOVE,
    RISE,
    SEQ,
    SINCE,
    SINCE_MS,
    SIZE,
    SLOT,
    SLOTS,
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


@kernel(
    "i8(i8[:, ::1], i8[:, ::1], i8[::1])",
    trial=lambda: (trial_table(), trial_moves(), np.zeros(4, np.int64)),
)
def apply(table: I64, moves: I64, answers: I64) -> int:
    """Do many operations in order, each as if called alone; write what each answered and return how many.

    A slot there is not belongs to nobody; alone that would be the caller's fault, here it may be an answer's.
    """
    for turn in range(moves.shape[0]):
        verb, slot = moves[turn, VERB], moves[turn, WHO]
        if slot < 0:
            slot = answers[-1 - slot]
            if slot < NOBODY:  # it displaced somebody
                slot = -2 - slot
        if slot >= table[0, SLOTS]:
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


@kernel("i8(i8[:, ::1], i8, i8, i8, i8)", trial=lambda: (trial_table(), 2, 300, 1000, 1))
def push(table: I64, level: int, since: int, now: int, mark: int) -> int:
    """Put a newcomer in and return its slot.

    When all CAPACITY slots are taken, one who would go before the least urgent unmarked member takes its slot: the
    answer is -2 - slot. Else the newcomer is refused: NOBODY. CRAMPED when there could be more slots.
    """
    slot = _room(table)
    displaced = False
    if slot == NOBODY:
        if table[0, SLOTS] < table[0, CAPACITY]:
            return CRAMPED
        last = worst(table, now)
        if last == NOBODY:
            return NOBODY
        row = _heap_of(table, table[FIRST_SLOT + last, LEVEL]) + table[FIRST_SLOT + last, PLACE]
        ours = _counts(table, level, now - since)
        theirs = _counts(table, table[FIRST_SLOT + last, LEVEL], now - table[row, SINCE])
        if ours < theirs or (ours == theirs and since >= table[row, SINCE]):
            return NOBODY
        remove(table, last)
        slot = _room(table)
        displaced = True
    seq = table[1, NEXT]
    table[1, NEXT] = seq + 1
    table[FIRST_SLOT + slot, MARK] = mark
    _enter(table, slot, level, since, seq)
    if displaced:
        return -2 - slot
    return int(slot)


@kernel(
    "i8(i8[:, ::1], i8, i8[::1], i8[:, ::1])",
    trial=lambda: (trial_table(), 1000, np.zeros(3, np.int64), empty_table(trial_curves(), 5, 5)),
)
def first(table: I64, now: int, slots: I64, edge: I64) -> int:
    """Fill `slots` with the most urgent in order and return how many; the table stays as it is.

    O(k log k): `edge`, an empty table of the same levels, holds the rows that could be next, whose parents have been
    told. It never holds more than the levels and three for each one told, nor more than wait.
    """
    for level in range(1, table[1, LEVELS] + 1):
        heap = _heap_of(table, level)
        if table[heap, SIZE]:
            slot = _room(edge)
            edge[FIRST_SLOT + slot, MARK] = 1
            _enter(edge, slot, level, table[heap + 1, SINCE], table[heap + 1, SEQ])
    count = 0
    while count < slots.shape[0]:
        best = pop(edge, now)
        if best == NOBODY:
            break
        level, place = edge[FIRST_SLOT + best, LEVEL], edge[FIRST_SLOT + best, MARK]
        heap = _heap_of(table, level)
        slots[count] = table[heap + place, SLOT]
        count += 1
        for child in range(4 * place - 2, min(4 * place + 1, table[heap, SIZE]) + 1):
            slot = _room(edge)
            edge[FIRST_SLOT + slot, MARK] = child
            _enter(edge, slot, level, table[heap + child, SINCE], table[heap + child, SEQ])
    return count


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (trial_table(), 1000))
def pop(table: I64, now: int) -> int:
    """Take the most urgent slot out and return it, or NOBODY."""
    slot = peek(table, now)
    if slot != NOBODY:
        remove(table, slot)
    return slot


@kernel("i8(i8[:, ::1], i8, i8, i8)", trial=lambda: (trial_table(), 2, 1, 50))
def reclassify(table: I64, slot: int, level: int, since: int) -> int:
    """Give a slot another level or time, its turn among equals kept; return its place, or NOBODY if it is not in."""
    place = table[FIRST_SLOT + slot, PLACE]
    if place == 0:
        return NOBODY
    heap = _heap_of(table, table[FIRST_SLOT + slot, LEVEL])
    seq = table[heap + place, SEQ]
    if table[FIRST_SLOT + slot, LEVEL] == level:
        return _settle(table, heap, place, since, seq, slot)
    _leave(table, slot)
    return _enter(table, slot, level, since, seq)


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (trial_table(), 2))
def remove(table: I64, slot: int) -> int:
    """Take a slot out and free it; return it, or NOBODY if it is not in."""
    if table[FIRST_SLOT + slot, PLACE] == 0:
        return NOBODY
    _leave(table, slot)
    table[FIRST_SLOT + slot, LINK] = table[0, FREE]
    table[0, FREE] = slot + 1
    return slot


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (trial_table(), 1000))
def peek(table: I64, now: int) -> int:
    """Return the most urgent slot, or NOBODY."""
    best, most = 0, 0
    for level in range(1, table[1, LEVELS] + 1):
        heap = _heap_of(table, level)
        if table[heap, SIZE] == 0:
            continue
        counts = _counts(table, level, now - table[heap + 1, SINCE])
        if (
            best == 0
            or counts > most
            or (counts == most and _before(table, heap + 1, table[best, SINCE], table[best, SEQ]))
        ):
            best, most = heap + 1, counts
    if best == 0:
        return NOBODY
    return int(table[best, SLOT])


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (trial_table(), 1000))
def worst(table: I64, now: int) -> int:
    """Return the least urgent slot whose MARK is 0, or NOBODY. O(n): every row may be marked."""
    found, least = 0, 0
    for level in range(1, table[1, LEVELS] + 1):
        heap = _heap_of(table, level)
        last = 0
        for row in range(heap + 1, heap + 1 + table[heap, SIZE]):
            if table[FIRST_SLOT + table[row, SLOT], MARK] == 0 and (
                last == 0 or _before(table, last, table[row, SINCE], table[row, SEQ])
            ):
                last = row
        if last == 0:
            continue
        counts = _counts(table, level, now - table[last, SINCE])
        if (
            found == 0
            or counts < least
            or (counts == least and _before(table, found, table[last, SINCE], table[last, SEQ]))
        ):
            found, least = last, counts
    if found == 0:
        return NOBODY
    return int(table[found, SLOT])


@kernel("i8(i8[:, ::1], i8, i8)", trial=lambda: (trial_table(), 1000, 4))
def ahead(table: I64, now: int, slot: int) -> int:
    """Return how many go before this slot, or NOBODY if it is not in. O(n)."""
    place = table[FIRST_SLOT + slot, PLACE]
    if place == 0:
        return NOBODY
    level = table[FIRST_SLOT + slot, LEVEL]
    own = _heap_of(table, level) + place
    urgency = _counts(table, level, now - table[own, SINCE])
    count = 0
    for level in range(1, table[1, LEVELS] + 1):
        heap = _heap_of(table, level)
        for row in range(heap + 1, heap + 1 + table[heap, SIZE]):
            counts = _counts(table, level, now - table[row, SINCE])
            if counts > urgency or (
                counts == urgency and _before(table, row, table[own, SINCE], table[own, SEQ])
            ):
                count += 1
    return count


@kernel("i8(i8[:, ::1])", trial=lambda: (trial_table(),))
def _room(table: I64) -> int:
    """Take a free slot and return it, or NOBODY."""
    slot = table[0, FREE] - 1
    if slot >= 0:
        table[0, FREE] = table[FIRST_SLOT + slot, LINK]
    elif table[0, USED] < table[0, SLOTS]:
        slot = table[0, USED]
        table[0, USED] = slot + 1
    return int(slot)


@kernel("i8(i8[:, ::1], i8, i8, i8, i8)", trial=lambda: (trial_table(), 1, 2, 50, 1))
def _enter(table: I64, slot: int, level: int, since: int, seq: int) -> int:
    """Put a slot into the heap of a level; return its place."""
    heap = _heap_of(table, level)
    table[1, WAITING] += 1
    table[heap, SIZE] += 1
    table[FIRST_SLOT + slot, LEVEL] = level
    return _settle(table, heap, table[heap, SIZE], since, seq, slot)


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (trial_table(), 2))
def _leave(table: I64, slot: int) -> int:
    """Take a slot out of its heap, where it is; return the place it had."""
    place = table[FIRST_SLOT + slot, PLACE]
    heap = _heap_of(table, table[FIRST_SLOT + slot, LEVEL])
    last = table[heap, SIZE]
    table[1, WAITING] -= 1
    table[heap, SIZE] = last - 1
    table[FIRST_SLOT + slot, PLACE] = 0
    if place != last:
        row = heap + last
        _settle(table, heap, place, table[row, SINCE], table[row, SEQ], table[row, SLOT])
    return int(place)


@kernel("i8(i8[:, ::1], i8, i8, i8, i8, i8)", trial=lambda: (trial_table(), 15, 1, 800, 3, 2))
def _settle(table: I64, heap: int, place: int, since: int, seq: int, slot: int) -> int:
    """Write a row where it belongs, starting at `place` (whose own content is lost); return where that is."""
    above = (place + 2) >> 2
    while place > 1 and (
        since < table[heap + above, SINCE]
        or (since == table[heap + above, SINCE] and seq < table[heap + above, SEQ])
    ):
        moved = table[heap + above, SLOT]
        table[heap + place, SINCE] = table[heap + above, SINCE]
        table[heap + place, SEQ] = table[heap + above, SEQ]
        table[heap + place, SLOT] = moved
        table[FIRST_SLOT + moved, PLACE] = place
        place = above
        above = (place + 2) >> 2
    size = table[heap, SIZE]
    while True:
        child = 4 * place - 2
        if child > size:
            break
        soonest, least, turn = 0, since, seq
        for other in range(child, min(child + 3, size) + 1):
            theirs = table[heap + other, SINCE]
            if theirs < least or (theirs == least and table[heap + other, SEQ] < turn):
                soonest, least, turn = other, theirs, table[heap + other, SEQ]
        if soonest == 0:
            break
        moved = table[heap + soonest, SLOT]
        table[heap + place, SINCE] = least
        table[heap + place, SEQ] = turn
        table[heap + place, SLOT] = moved
        table[FIRST_SLOT + moved, PLACE] = place
        place = soonest
    table[heap + place, SINCE] = since
    table[heap + place, SEQ] = seq
    table[heap + place, SLOT] = slot
    table[FIRST_SLOT + slot, PLACE] = place
    return int(place)


@kernel("b1(i8[:, ::1], i8, i8, i8)", trial=lambda: (trial_table(), 17, 500, 2))
def _before(table: I64, row: int, since: int, seq: int) -> bool:
    """Whether a row waits longer than (since, seq)."""
    return bool(table[row, SINCE] < since or (table[row, SINCE] == since and table[row, SEQ] < seq))


@kernel("i8(i8[:, ::1], i8, i8)", trial=lambda: (trial_table(), 2, 250))
def _counts(table: I64, level: int, waited: int) -> int:
    """Return as how much waiting (ms) it counts on this level to have waited so long."""
    bends = table[1, BENDS]
    row = _heap_of(table, table[1, LEVELS] + 1) + (level - 1) * bends
    last = row + bends - 1
    while row < last and table[row + 1, FROM] <= waited:
        row += 1
    more, rise, over = waited - table[row, FROM], table[row, RISE], table[row, OVER]
    if rise != over:  # a division costs as much as all the rest
        more = more * rise // over
    return int(table[row, COUNTS] + more)


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (trial_table(), 2))
def _heap_of(table: I64, level: int) -> int:
    """Return the row before place 1 of a level."""
    return int((table[0, SLOTS] + 1) * level + 1)
