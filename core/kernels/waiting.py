# SPDX-License-Identifier: Apache-2.0
"""The table of those who wait, and the operations on it as rows of numbers.

One int64 array holds all heaps and curves, so that a kernel takes one array:

    0 and on         SLOTS CAPACITY FREE USED    room now, room at most, the first free slot + 1, slots ever used
                     WAITING NEXT                how many are in, the number of the next
                     LEVELS BENDS                the shape of the curves
                     PLACES MARKS HEAPS STRIDE   where the parts below begin (HEAPS: where level 0 would), and how far
                                                 it is from one heap to the next
    SIZES + level    how many wait on a level
    LEADS + level    how far a level is ahead of the waiting itself at all times, or BENT: then look at its curve
    CURVES           FROM COUNTS RISE OVER       BENDS times for each level: the curves, in stretches
    PLACES + slot    its place << LEVEL_BITS | its level; 0: not in
    MARKS + slot     the caller's own word; of a free slot the next free one + 1
    heap + 2 · place SINCE ORDER                 who waits since when, in order of arrival; place 1 waits longest

ORDER is the number of the arrival and the slot in one word: whole words compare as arrivals do. Places where nobody
is hold NEVER, twice, and the four children of a place share a cache line: a heap is gone down without asking where it
ends. Levels count from 1.
"""

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

NOBODY = -1
CRAMPED = -(1 << 62)
"`push` and `apply` say: no slot is free, and there may be more of them (`roomier`)."
SLOTS, CAPACITY, FREE, USED, WAITING, NEXT, LEVELS, BENDS, PLACES, MARKS, HEAPS, STRIDE = range(12)
LEVELS_MOST = 8
SIZES, LEADS, CURVES = 15, 15 + LEVELS_MOST, 16 + 2 * LEVELS_MOST
"Levels count from 1: SIZES + 1 is the first of them."

LEVEL_BITS = 4
SLOT_BITS = 24
"Sixteen million slots; the numbers of arrivals wrap after 2^39: at a thousand a second in seventeen years."
SINCE, ORDER = range(2)
LINE = 8
"Words in a cache line."

FROM, COUNTS, RISE, OVER = range(4)
STRETCH = 4
"""A stretch of a curve: from so much waiting (ms) on it counts as COUNTS and rises by RISE in OVER. The first stretch
is for those who wait less than 0; FROM of one that is not used is NEVER."""
NEVER = (1 << 63) - 1
BENT = -1

PUSH, RECLASSIFY, REMOVE, POP = range(4)
VERB, WHO, TO_LEVEL, SINCE_MS, NOW_MS, MARKED = range(6)
"Columns of an operation for `apply`. WHO is a slot, or -1 - i: whoever operation i of the same batch put in."


def empty_table(curves: I64, slots: int, capacity: int) -> I64:
    """Return a table without members, with room for `slots` of at most `capacity`.

    `curves` has shape (levels, bends, 4): the stretches of each level.
    """
    levels, bends, _ = curves.shape
    assert levels <= LEVELS_MOST, "the table has eight levels at most"
    assert capacity <= 1 << SLOT_BITS, "a slot is a part of a word"
    places = CURVES + levels * bends * STRETCH
    marks = places + slots
    # Places 2 to 5 of a heap begin where a cache line does, as does each four after them.
    first = _lines(marks + slots + 4) - 4
    stride = _lines(2 * slots + 2) + LINE
    table = _aligned(first + levels * stride)
    table[:first], table[first:] = 0, NEVER
    table[:SIZES] = (
        slots,
        capacity,
        0,
        0,
        0,
        0,
        levels,
        bends,
        places,
        marks,
        first - stride,
        stride,
        0,
        0,
        0,
    )
    table[LEADS + 1 : LEADS + 1 + levels] = [_lead(curve) for curve in curves]
    table[CURVES:places] = curves.reshape(-1)
    return table


def roomier(table: I64, slots: int) -> I64:
    """Return the same members in a table with more slots."""
    before, levels, places = int(table[SLOTS]), int(table[LEVELS]), int(table[PLACES])
    curves = table[CURVES:places].reshape(levels, -1, STRETCH)
    other = empty_table(curves, slots, int(table[CAPACITY]))
    other[FREE:LEVELS] = table[FREE:LEVELS]
    other[SIZES + 1 : LEADS + 1] = table[SIZES + 1 : LEADS + 1]
    for part in (PLACES, MARKS):
        other[other[part] : other[part] + before] = table[table[part] : table[part] + before]
    for level in range(1, levels + 1):
        old, new = (int(one[HEAPS] + level * one[STRIDE]) for one in (table, other))
        other[new : new + 2 * before + 2] = table[old : old + 2 * before + 2]
    return other


def _lines(words: int) -> int:
    """Return so many words as whole cache lines."""
    return -(-words // LINE) * LINE


def _aligned(words: int) -> I64:
    room = np.empty(words + LINE, np.int64)
    skipped = -(room.ctypes.data // room.itemsize) % LINE
    return room[skipped : skipped + words]


def _lead(curve: I64) -> int:
    """Return by how much a curve is above the waiting itself, when it always is by as much."""
    used = curve[curve[:, FROM] < NEVER]
    leads = used[:, COUNTS] - used[:, FROM]
    straight = (used[:, RISE] == used[:, OVER]).all() and (leads == leads[0]).all()
    return int(leads[0]) if straight else BENT


def trial_curves() -> I64:
    """Return three curves for the trials: two that start ahead, one that steps up after half a second."""
    end = [NEVER, 0, 1, 1]
    return np.array(
        [
            [[0, 600, 1, 1], [0, 600, 1, 1], end],
            [[0, 0, 1, 1], [0, 0, 1, 3], [500, 800, 100, 100]],
            [[0, 500, 1, 1], end, end],
        ],
        np.int64,
    )


def trial_table() -> I64:
    """Return a small table for the trials: level 1 holds slot 3, level 2 slots 2, 0 and 4, slot 1 is free."""
    table = empty_table(trial_curves(), 6, 6)
    table[FREE:LEVELS] = [2, 5, 4, 5]
    table[SIZES + 1 : SIZES + 3] = [1, 3]
    places, marks = int(table[PLACES]), int(table[MARKS])
    table[places : places + 5] = [
        2 << LEVEL_BITS | 2,
        0,
        1 << LEVEL_BITS | 2,
        1 << LEVEL_BITS | 1,
        3 << LEVEL_BITS | 2,
    ]
    table[marks + 2] = 1
    for level, members in ((1, [(900, 3, 3)]), (2, [(100, 2, 2), (500, 0, 0), (500, 4, 4)])):
        heap = int(table[HEAPS] + level * table[STRIDE])
        for place, (since, turn, slot) in enumerate(members, 1):
            table[heap + 2 * place : heap + 2 * place + 2] = since, turn << SLOT_BITS | slot
    return table


def trial_moves() -> I64:
    """Return one operation of each kind for the trials."""
    return np.array(
        [
            [PUSH, 0, 2, 700, 1000, 0],
            [RECLASSIFY, 2, 1, 100, 0, 0],
            [REMOVE, -1, 0, 0, 0, 0],
            [POP, 0, 0, 0, 2000, 0],
        ],
        np.int64,
    )
