# SPDX-License-Identifier: Apache-2.0
"""Dijkstra's algorithm in the weights of this moment, from a few ends outwards, until enough vehicles are met.

The kernels know no direction: given the arcs by head and the tails they lead back to, they find the times
*to* the seeds; given them by tail and the heads, the times *from* them.

`seen` and `mark` are used again without being wiped: each search has a base lower by 2³² than the one before,
and what stands in them belongs to this search if and only if it is below base + INFINITE.
"""

import numpy as np
from numpy.typing import NDArray

from core.kernels._jit import kernel

Bool = NDArray[np.bool_]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

NONE = -1
INFINITE = 2**30

BASE, BOUND, ENOUGH = range(3)
"Elements of `limits`, int64: the search's base (a multiple of 2³²), ms and rows after which it stops."
LIMITS = 3

UNSEEN = 2**62  # above every base, and a lane can be added to it
_NODE = 2**32 - 1


def _trial() -> tuple[I32, I32, I32, I32, I64, I32, I32, I64, I64, I32, I64, I32]:
    """Return a square 0 → 1 → 3, 0 → 2 → 3 with a seed at 0, and rows at 3, at 1 or 2, and nowhere."""
    return (
        np.array([0, 2, 3, 4, 4], np.int32),
        np.array([1, 2, 3, 3], np.int32),
        np.array([0, 1, 2, 3], np.int32),
        np.array([5, 6, 9, 7], np.int32),
        np.array([7 << 32, 1000, 3], np.int64),
        np.array([[0, 2]], np.int32),
        np.array([[3, 1, NONE, 0], [1, 9, 2, 3], [NONE, 0, NONE, 0]], np.int32),
        np.full(4, UNSEEN, np.int64),
        np.full(4, UNSEEN, np.int64),
        np.zeros(6, np.int32),
        np.zeros(16, np.int64),
        np.zeros(3, np.int32),
    )


@kernel(
    "i8(i4[::1], i4[::1], i4[::1], i4[::1], i8[::1], i4[:, ::1], i4[:, ::1], i8[::1], i8[::1], i4[::1], i8[::1],"
    " i4[::1])",
    trial=_trial,
)
def spread(
    first: I32,
    onward: I32,
    lane: I32,
    lane_ms: I32,
    limits: I64,
    seeds: I32,
    rows: I32,
    seen: I64,
    mark: I64,
    chain: I32,
    heap: I64,
    out: I32,
) -> int:
    """Write into `out` the ms of each row from the nearest seed; return how many nodes were settled.

    A seed is (node, ms at the start), a row pairs of (node, ms from there on); a node below 0 is none. A row
    not met before BOUND ms are passed or ENOUGH rows are known gets INFINITE. Equal times go to the lower node.
    `chain` has an element for each pair, `heap` one for each arc, seed and pair. A row met waits its own ms in
    the heap like a node behind the last one, so that when it comes out nothing can be faster.
    """
    base, nodes, size = limits[BASE], first.shape[0] - 1, 0
    _hang_up(base, rows, mark, chain)
    out[:] = INFINITE
    for i in range(seeds.shape[0]):
        v, ms = int(seeds[i, 0]), int(seeds[i, 1])
        if v >= 0 and ms < INFINITE and base + ms < seen[v]:
            seen[v] = base + ms
            size = _rise(heap, size, (ms << 32) + v)
    settled, met = 0, 0
    while size > 0 and met < limits[ENOUGH]:
        ms, v = int(heap[0]) >> 32, int(heap[0]) & _NODE
        if ms > limits[BOUND]:
            break
        size -= 1
        _sink(heap, size, heap[size])
        if v >= nodes:
            met += out[v - nodes] == INFINITE
            out[v - nodes] = min(int(out[v - nodes]), ms)
            continue
        if base + ms > seen[v]:
            continue
        settled += 1
        if mark[v] < base + INFINITE:
            pair = int(mark[v] - base)
            while pair != NONE:
                row, end = pair // (rows.shape[1] // 2), pair % (rows.shape[1] // 2)
                if ms + int(rows[row, 2 * end + 1]) < INFINITE:
                    size = _rise(heap, size, ((ms + int(rows[row, 2 * end + 1])) << 32) + nodes + row)
                pair = int(chain[pair])
        for arc in range(first[v], first[v + 1]):
            there = ms + int(lane_ms[lane[arc]])
            x = onward[arc]
            if base + there < seen[x] and there < INFINITE:
                seen[x] = base + there
                size = _rise(heap, size, (there << 32) + int(x))
    return settled


@kernel(
    "i8(i4[::1], i4[::1], i4[::1], i4[::1], i8, i4[:, ::1], i8[::1], i8, i4[::1])",
    trial=lambda: (
        *_trial()[:4],
        7 << 32,
        np.array([[3, 1]], np.int32),
        np.array([14, 10, 8, 1], np.int64) + (7 << 32),
        0,
        np.zeros(4, np.int32),
    ),
)
def follow(
    first_out: I32,
    head: I32,
    lane: I32,
    lane_ms: I32,
    base: int,
    targets: I32,
    seen: I64,
    source: int,
    lanes: I32,
) -> int:
    """Write the lanes of a fastest way from `source` to the targets that were the seeds of the last search.

    Return how many; NONE, when there is no way or the weights are others now. At each node the first arc that
    lies on a fastest way is taken; the way ends at the first node that is a target from which going further
    gains nothing.
    """
    count, u = 0, source
    if seen[u] - base >= INFINITE:
        return NONE
    while True:
        for row in range(targets.shape[0]):
            if targets[row, 0] == u and targets[row, 1] == seen[u] - base:
                return count
        arc, end = int(first_out[u]), int(first_out[u + 1])
        while arc < end and seen[head[arc]] + int(lane_ms[lane[arc]]) != seen[u]:
            arc += 1
        if arc == end or count == lanes.shape[0]:
            return NONE
        lanes[count] = lane[arc]
        count += 1
        u = int(head[arc])


@kernel(
    "i8(i4[::1], i4[::1], i4[::1], i4[::1], i8, b1[::1], i4[::1])",
    trial=lambda: (*_trial()[:4], 0, np.zeros(4, np.bool_), np.zeros(4, np.int32)),
)
def flood(first: I32, onward: I32, lane: I32, lane_ms: I32, start: int, wet: Bool, queue: I32) -> int:
    """Mark in `wet`, false everywhere before, each node that open lanes lead to from `start`; return how many.

    `queue` has an element for each node.
    """
    wet[start] = True
    queue[0] = start
    done, count = 0, 1
    while done < count:
        v = queue[done]
        done += 1
        for arc in range(first[v], first[v + 1]):
            x = onward[arc]
            if not wet[x] and lane_ms[lane[arc]] < INFINITE:
                wet[x] = True
                queue[count] = x
                count += 1
    return count


@kernel("i8(i8, i4[:, ::1], i8[::1], i4[::1])", trial=lambda: (7 << 32, _trial()[6], *_trial()[8:10]))
def _hang_up(base: int, rows: I32, mark: I64, chain: I32) -> int:
    """Hang each pair of the rows on its node: mark leads to the first, chain to the next; return how many."""
    width, count = rows.shape[1] // 2, 0
    for row in range(rows.shape[0]):
        for end in range(width):
            v = rows[row, 2 * end]
            if v >= 0:
                pair = row * width + end
                chain[pair] = mark[v] - base if mark[v] < base + INFINITE else NONE
                mark[v] = base + pair
                count += 1
    return count


@kernel("i8(i8[::1], i8, i8)", trial=lambda: (np.array([1, 5, 3, 9, 0], np.int64), 4, 2))
def _rise(heap: I64, size: int, key: int) -> int:
    """Add a key to a binary heap of `size`; return its new size."""
    place = size
    while place > 0 and heap[(place - 1) >> 1] > key:
        heap[place] = heap[(place - 1) >> 1]
        place = (place - 1) >> 1
    heap[place] = key
    return size + 1


@kernel("i8(i8[::1], i8, i8)", trial=lambda: (np.array([1, 5, 3, 9, 8], np.int64), 5, 6))
def _sink(heap: I64, size: int, key: int) -> int:
    """Put a key in place of the least of a binary heap of `size`; return where it came to stand."""
    place = 0
    while True:
        child = 2 * place + 1
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if child >= size or heap[child] >= key:
            break
        heap[place] = heap[child]
        place = child
    heap[place] = key
    return place
