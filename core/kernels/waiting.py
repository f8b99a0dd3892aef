# SPDX-License-Identifier: Apache-2.0
"""The table of those who wait, and the operations on it as rows of numbers.

One int64 table of rows of four holds all heaps and curves, so that a kernel takes one array:

    row 0                 SLOTS CAPACITY FREE USED     room now, room at most, the first free slot + 1, slots ever used
    row 1                 WAITING NEXT LEVELS BENDS    how many are in, the number of the next, the shape of the curves
    row 2 + slot          PLACE LEVEL MARK LINK        where that slot stands (0: not in), and the caller's own word
    first row of a level  SIZE                         and after it SIZE rows of
                          SINCE SEQ SLOT               the heap itself; place 1 waits longest
    after the last heap   FROM COUNTS RISE OVER        BENDS rows for each level: the curves, in stretches

A level's heap begins at row (SLOTS + 1) · level + 1, the curves where the heap of one level more would. Levels count
from 1.
"""

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

NOBODY = -1
CRAMPED = -(1 << 62)
"`push` says: no slot is free, and there may be more of them (`roomier`)."
SLOTS, CAPACITY, FREE, USED = range(4)
WAITING, NEXT, LEVELS, BENDS = range(4)
PLACE, LEVEL, MARK, LINK = range(4)
SINCE, SEQ, SLOT = range(3)
SIZE = 0
WIDTH = 4
FIRST_SLOT = 2
"The row of slot 0."

FROM, COUNTS, RISE, OVER = range(4)
"""A stretch of a curve: from so much waiting (ms) on it counts as COUNTS and rises by RISE in OVER. The first stretch
is for those who wait less than 0; FROM of one that is not used is NEVER."""
NEVER = (1 << 63) - 1

PUSH, RECLASSIFY, REMOVE, POP = range(4)
VERB, WHO, TO_LEVEL, SINCE_MS, NOW_MS, MARKED = range(6)
"Columns of an operation for `apply`. WHO is a slot, or -1 - i: whoever operation i of the same batch put in."


def empty_table(curves: I64, slots: int, capacity: int) -> I64:
    """Return a table without members, with room for `slots` of at most `capacity`.

    `curves` has shape (levels, bends, 4): the stretches of each level.
    """
    levels, bends, _ = curves.shape
    table = np.zeros((_curve_row(levels, slots) + levels * bends, WIDTH), np.int64)
    table[:FIRST_SLOT] = [[slots, capacity, 0, 0], [0, 0, levels, bends]]
    table[_curve_row(levels, slots) :] = curves.reshape(-1, WIDTH)
    return table


def roomier(table: I64, slots: int) -> I64:
    """Return the same members in a table with more slots."""
    before, levels = int(table[0, SLOTS]), int(table[1, LEVELS])
    curves = table[_curve_row(levels, before) :].reshape(levels, -1, WIDTH)
    other = empty_table(curves, slots, int(table[0, CAPACITY]))
    other[0, FREE:] = table[0, FREE:]
    other[1] = table[1]
    other[FIRST_SLOT : FIRST_SLOT + before] = table[FIRST_SLOT : FIRST_SLOT + before]
    for level in range(1, levels + 1):
        old, new = (before + 1) * level + 1, (slots + 1) * level + 1
        other[new : new + before + 1] = table[old : old + before + 1]
    return other


def _curve_row(levels: int, slots: int) -> int:
    return (slots + 1) * (levels + 1) + 1


def trial_curves() -> I64:
    """Return two curves for the trials: one that starts ahead, one that steps up after half a second."""
    end = [NEVER, 0, 1, 1]
    return np.array(
        [[[0, 600, 1, 1], [0, 600, 1, 1], end], [[0, 0, 1, 1], [0, 0, 1, 3], [500, 800, 100, 100]]], np.int64
    )


def trial_table() -> I64:
    """Return a small table for the trials: level 1 holds slot 3, level 2 slots 2, 0 and 4, slot 1 is free."""
    table = empty_table(trial_curves(), 6, 6)
    table[:2, :] = [[6, 6, 2, 5], [4, 5, 2, 3]]
    table[2:7] = [[2, 2, 0, 0], [0, 0, 0, 0], [1, 2, 1, 0], [1, 1, 0, 0], [3, 2, 0, 0]]
    table[8:10, :3] = [[1, 0, 0], [900, 3, 3]]
    table[15:19, :3] = [[3, 0, 0], [100, 2, 2], [500, 0, 0], [500, 4, 4]]
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
