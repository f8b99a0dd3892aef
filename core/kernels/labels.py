# SPDX-License-Identifier: Apache-2.0
"""Hub labels (Abraham et al. 2011): what a node must know so that any drive is one look at two short lists.

Hubs are numbered by importance, 0 the most important, so that what is looked at most lies together. The label
of a node begins with the node itself at 0 ms. A label holds a hub only where no more important one lies on a
fastest way there: none is longer than it must be for this order of nodes.

Labels are written in the order of hubs. While they are made, that of hub h is [first[h], first[h + 1]); for
asking, `at[node]` says where a node's begins and ends.
"""

import numpy as np
from numpy.typing import NDArray

from core.kernels._jit import kernel
from core.kernels.hierarchy import IN, INFINITE, MS, NEXT_OUT, NONE, OUT

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

FULL = -1
"The table is too short for the next label."
STRAYED = -2
"The weights are not those of the labels."


HUB, TIME = range(2)
"Columns of a label under construction, int32."


def _upwards() -> tuple[I32, I32, I32, I32]:
    """Return (arcs, first, hub_of, node_of) of three nodes in a row, the middle one most important."""
    arcs = np.array([[0, 1, 5, -1, -1], [1, 0, 6, -1, -1], [2, 1, 7, -1, -1], [1, 2, 8, -1, -1]], np.int32)
    first = np.array([[0, 1], [NONE, NONE], [2, 3]], np.int32)
    return arcs, first, np.array([1, 0, 2], np.int32), np.array([1, 0, 2], np.int32)


def _begun() -> tuple[I32, I32, I32, I32, I32, I32]:
    """Return both tables with the label of hub 0, then `best` and `touched`."""

    def table() -> tuple[I32, I32]:
        return np.array([0, 1, 0, 0], np.int32), np.zeros((8, 2), np.int32)

    return (*table(), *table(), np.full(3, INFINITE, np.int32), np.zeros(3, np.int32))


def _ready() -> tuple[I32, I32, I32, I32, I32, I32, I32, I32]:
    """Return both sides of those three labels, room to scatter one, and a target 4 ms from node 2."""

    def side(one: int, other: int) -> tuple[I32, I32, I32]:
        return (
            np.array([[1, 3], [0, 1], [3, 5]], np.int32),
            np.array([0, 1, 0, 2, 0], np.int32),
            np.array([0, 0, one, 0, other], np.int32),
        )

    return (*side(5, 7), *side(6, 8), np.full(3, INFINITE, np.int32), np.array([[2, 4]], np.int32))


@kernel(
    "i8(i4[:, ::1], i4[:, ::1], i4[::1], i4[::1], i8, i4[::1], i4[:, ::1], i4[::1], i4[:, ::1], i4[::1], i4[::1])",
    trial=lambda: (*_upwards(), 1, *_begun()),
    long=True,
)
def extend(
    arcs: I32,
    first: I32,
    hub_of: I32,
    node_of: I32,
    done: int,
    out_first: I32,
    out_label: I32,
    in_first: I32,
    in_label: I32,
    best: I32,
    touched: I32,
) -> int:
    """Write the labels of hub `done` and all after it; return how many hubs have theirs.

    Fewer than there are: a table is full, and the caller gives longer ones with the same content. `arcs` and
    `first` are what `hierarchy.contract` left; `best` is INFINITE everywhere, before and after.
    """
    for h in range(done, node_of.shape[0]):
        out_end = _label(
            arcs, first, hub_of, node_of[h], OUT, out_first, out_label, in_first, in_label, best, touched
        )
        in_end = _label(
            arcs, first, hub_of, node_of[h], IN, in_first, in_label, out_first, out_label, best, touched
        )
        if out_end == FULL or in_end == FULL:
            return h
        out_first[h + 1] = out_end
        in_first[h + 1] = in_end
    return int(node_of.shape[0])


@kernel(
    "i8(i4[:, ::1], i4[:, ::1], i4[::1], i8, i8, i4[::1], i4[:, ::1], i4[::1], i4[:, ::1], i4[::1], i4[::1])",
    trial=lambda: (*_upwards()[:3], 0, OUT, *_begun()),
)
def _label(
    arcs: I32,
    first: I32,
    hub_of: I32,
    v: int,
    side: int,
    own_first: I32,
    own: I32,
    other_first: I32,
    other: I32,
    best: I32,
    touched: I32,
) -> int:
    """Write one label of node v; return where it ends, or FULL.

    The candidates are the hubs of the more important neighbours. One is kept unless going by a still more
    important hub is as fast.
    """
    me = hub_of[v]
    best[me] = 0
    touched[0] = me
    count, ways = 1, 0
    arc = first[v, side]
    while arc != NONE:
        x, ms = hub_of[arcs[arc, 1 - side]], arcs[arc, MS]
        for i in range(own_first[x], own_first[x + 1]):
            hub, there = own[i, HUB], np.int32(ms + own[i, TIME])
            if there < best[hub]:
                if best[hub] == INFINITE:
                    touched[count] = hub
                    count += 1
                best[hub] = there
        ways += 1
        arc = arcs[arc, NEXT_OUT + side]
    start = int(own_first[me])
    end = FULL
    if start + count <= own.shape[0]:
        end = start
        for i in range(count):
            hub = touched[i]
            there = best[hub]
            keep = True
            if i > 0 and ways > 1:  # by a single way up, the neighbour's hubs are exact already
                for j in range(other_first[hub] + 1, other_first[hub + 1]):
                    if best[other[j, HUB]] + other[j, TIME] <= there:
                        keep = False
                        break
            if keep:
                own[end, HUB] = hub
                own[end, TIME] = there
                end += 1
    for i in range(count):
        best[touched[i]] = INFINITE
    return end


@kernel(
    "i8(i4[:, ::1], i4[::1], i4[::1], i4[:, ::1], i4[::1], i4[::1], i4[::1], i4[:, ::1], i4[:, ::1], i4[::1])",
    trial=lambda: (*_ready(), np.array([[0, 1, 1, 0], [NONE, 0, NONE, 0]], np.int32), np.zeros(2, np.int32)),
)
def ask(
    at: I32,
    hub: I32,
    ms: I32,
    far_at: I32,
    far_hub: I32,
    far_ms: I32,
    scatter: I32,
    far: I32,
    near: I32,
    out: I32,
) -> int:
    """Write into `out`, for each row of `near`, the ms to the best end of `far`; return how many have a way.

    `at, hub, ms` are the labels of the side of `near`, `far_…` those of the other. A row of `near` holds pairs
    (node, ms until there), one of `far` one pair; a node below 0 is none. `scatter` is INFINITE everywhere,
    before and after. The far labels are laid out over all hubs once, then each near one is read in a stream.
    """
    _lay_out(far_at, far_hub, far_ms, scatter, far)
    found = 0
    for row in range(near.shape[0]):
        least = INFINITE
        for end in range(0, near.shape[1], 2):
            if near[row, end] >= 0:
                there = int(near[row, end + 1]) + _meet(at, hub, ms, scatter, near[row, end])
                least = min(least, there)
        out[row] = least
        found += least < INFINITE
    _clear(far_at, far_hub, scatter, far)
    return found


@kernel(
    "i8(i4[:, ::1], i4[::1], i4[::1], i4[:, ::1], i4[::1], i4[::1], i4[::1], i4[:, ::1], i8, i4[::1], i4[::1],"
    " i4[::1], i4[::1], i4[::1])",
    trial=lambda: (
        *(*_ready(), 0, np.array([0, 1, 3, 4], np.int32), np.array([1, 0, 2, 1], np.int32)),
        *(np.arange(4, dtype=np.int32), np.array([5, 6, 8, 7], np.int32), np.zeros(4, np.int32)),
    ),
)
def walk(
    out_at: I32,
    out_hub: I32,
    out_ms: I32,
    in_at: I32,
    in_hub: I32,
    in_ms: I32,
    scatter: I32,
    targets: I32,
    source: int,
    first_out: I32,
    head: I32,
    lane: I32,
    lane_ms: I32,
    lanes: I32,
) -> int:
    """Write the lanes of a fastest way from `source` to `targets` in order; return how many, or NONE, or STRAYED.

    At each node the first arc that lies on a fastest way is taken. It ends at the first node that is a target
    from which going further gains nothing.
    """
    _lay_out(in_at, in_hub, in_ms, scatter, targets)
    u, count = source, 0
    left = _meet(out_at, out_hub, out_ms, scatter, u)
    if left >= INFINITE:
        count = NONE
    while count >= 0 and not _is_end(targets, u, left):
        turned = False
        for arc in range(first_out[u], first_out[u + 1]):
            ms = lane_ms[lane[arc]]
            if ms <= left and ms + _meet(out_at, out_hub, out_ms, scatter, head[arc]) == left:
                turned = count < lanes.shape[0]
                break
        if not turned:
            count = STRAYED
            break
        lanes[count] = lane[arc]
        count += 1
        left -= ms
        u = head[arc]
    _clear(in_at, in_hub, scatter, targets)
    return count


@kernel("i8(i4[:, ::1], i4[::1], i4[::1], i4[::1], i8)", trial=lambda: (*_ready()[:3], _ready()[6], 0))
def _meet(at: I32, hub: I32, ms: I32, scatter: I32, v: int) -> int:
    """Return the least sum of v's label and what is laid out; INFINITE at most."""
    least = np.int32(INFINITE)
    for i in range(at[v, 0], at[v, 1]):
        least = min(least, np.int32(scatter[hub[i]] + ms[i]))
    return int(least)


@kernel("i8(i4[:, ::1], i4[::1], i4[::1], i4[::1], i4[:, ::1])", trial=lambda: _ready()[3:])
def _lay_out(at: I32, hub: I32, ms: I32, scatter: I32, ends: I32) -> int:
    """Write the merged labels of the ends over all hubs; return of how many ends."""
    count = 0
    for row in range(ends.shape[0]):
        v = ends[row, 0]
        if v >= 0 and ends[row, 1] < INFINITE:
            count += 1
            for i in range(at[v, 0], at[v, 1]):
                there = np.int32(min(int(ends[row, 1]) + int(ms[i]), INFINITE))
                if there < scatter[hub[i]]:
                    scatter[hub[i]] = there
    return count


@kernel("i8(i4[:, ::1], i4[::1], i4[::1], i4[:, ::1])", trial=lambda: (*_ready()[3:5], *_ready()[6:8]))
def _clear(at: I32, hub: I32, scatter: I32, ends: I32) -> int:
    """Make `scatter` INFINITE again; return how many entries were looked at."""
    count = 0
    for row in range(ends.shape[0]):
        v = ends[row, 0]
        if v >= 0:
            for i in range(at[v, 0], at[v, 1]):
                scatter[hub[i]] = INFINITE
                count += 1
    return count


@kernel("b1(i4[:, ::1], i8, i8)", trial=lambda: (_ready()[7], 2, 4))
def _is_end(targets: I32, v: int, left: int) -> bool:
    """Whether v is a target that is `left` ms from the place itself."""
    for row in range(targets.shape[0]):
        if targets[row, 0] == v and targets[row, 1] == left:
            return True
    return False
