# SPDX-License-Identifier: Apache-2.0
"""How the roads are just now: the fleet's own pace on them, delays at junctions, and what of it is believed.

All of it is whole numbers. A pace is in permille of the time the road file gives a lane: 2000 is half as fast. It
is kept for each lane and each of eight parts of the day, in the lanes of the leading network; the others know
their lanes by where they begin and end.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.kernels.layout import I64
from core.roads.graph import I32, INFINITE
from core.roads.network import Ends, Network
from core.roads.times import Weights, weights_of

I16 = NDArray[np.int16]

PARTS: Final = 8
"Of a day, three hours each."
AS_BUILT: Final = 1000
PACE_MIN: Final = 300
PACE_MAX: Final = 3000
SHARE: Final = 4
"A new pace counts for a quarter of what is believed, the old belief for the rest; the first belief is AS_BUILT."
HALF_LIFE_H: Final = 168
"What was not driven for a week counts half, for two a quarter. Guess."
AGES_MAX: Final = 12  # 3000 is 0 after that many halvings

DELAYS_MAX: Final = 20_000  # junctions; ten times those of a provincial capital that have lights. Guess
DELAY_S_MAX: Final = 3_600
DELAY_HALF_S: Final = 600
"A delay reported so long ago counts half ..."
DELAY_KEPT_S: Final = 3_600
"... and nothing any more after this. Guess: reports come every few minutes while a jam lasts."
JUNCTION_M: Final = 40
"All nodes this near the reported place are the junction: the crossing of two dual carriageways has four."


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """What was believed at one fact: with the road file all that the weights of every network follow from."""

    of_seq: int = 0
    "The fact; 0: the roads as they were built."
    lanes: bytes = b""
    "int32, ascending: lanes of the leading network whose pace is known ..."
    paces: bytes = b""
    "... and int16, the pace of each."
    delays: tuple[tuple[int, int, int], ...] = ()
    "Latitude and longitude (1e-7°) of a junction, and the ms everyone waits who comes to it."
    closed: tuple[Ends, ...] = ()
    "Ascending."

    def same_as(self, other: "Frozen") -> bool:
        """Tell whether the same weights follow."""
        return msgspec.structs.replace(self, of_seq=other.of_seq) == other


class SavedPaces(msgspec.Struct, frozen=True, kw_only=True):
    """Paces for a snapshot: three columns of those that are known."""

    cells: bytes = b""
    paces: bytes = b""
    hours: bytes = b""


class Paces:
    """The fleet's pace for each lane and part of the day, aged sample by sample and week by week."""

    def __init__(self, lanes: int) -> None:
        self._pace: I16 = np.zeros((PARTS, lanes), np.int16)
        "0: unknown."
        self._hour: I32 = np.zeros((PARTS, lanes), np.int32)
        "Of the newest sample, since 1970."

    def learn(self, lanes: Sequence[int], paces: Sequence[int], at_s: int, utc_offset_s: int) -> None:
        """Take in some paces, in order."""
        pace, hour = self._pace[part_of(at_s, utc_offset_s)], self._hour[part_of(at_s, utc_offset_s)]
        for lane, sample in zip(lanes, paces, strict=True):
            before = int(pace[lane]) or AS_BUILT
            sample = min(max(sample, PACE_MIN), PACE_MAX)
            pace[lane] = ((SHARE - 1) * before + sample + SHARE // 2) // SHARE
            hour[lane] = at_s // 3600

    def believed(self, at_s: int, utc_offset_s: int) -> tuple[I32, I16]:
        """Return the lanes whose pace at this time of day is known and unlike AS_BUILT, ascending, and the paces."""
        part = part_of(at_s, utc_offset_s)
        lanes = np.flatnonzero(self._pace[part])
        ages = np.clip((at_s // 3600 - self._hour[part, lanes]) // HALF_LIFE_H, 0, AGES_MAX)
        more = self._pace[part, lanes].astype(np.int32) - AS_BUILT
        more = np.sign(more) * (np.abs(more) >> ages)
        unlike = more != 0
        return lanes[unlike].astype(np.int32), (more[unlike] + AS_BUILT).astype(np.int16)

    def saved(self) -> SavedPaces:
        """Return them for a snapshot."""
        cells = np.flatnonzero(self._pace)
        paces, hours = self._pace.ravel()[cells], self._hour.ravel()[cells]
        return SavedPaces(cells=cells.tobytes(), paces=paces.tobytes(), hours=hours.tobytes())

    def fill(self, saved: SavedPaces) -> None:
        """Take over what was saved."""
        cells = np.frombuffer(saved.cells, np.int64)
        self._pace.ravel()[cells] = np.frombuffer(saved.paces, np.int16)
        self._hour.ravel()[cells] = np.frombuffer(saved.hours, np.int32)


class Delays:
    """What junctions have reported, the oldest report first."""

    def __init__(self, reported: Iterable[tuple[int, int, int, int]] = ()) -> None:
        self._reported: dict[tuple[int, int], tuple[int, int]] = {
            (lat, lon): (delay_s, at_s) for lat, lon, delay_s, at_s in reported
        }

    def hear(self, lat_e7: int, lon_e7: int, delay_s: int, at_s: int) -> None:
        """Take in a report; 0 takes the delay back. The oldest makes room."""
        self._reported.pop((lat_e7, lon_e7), None)
        if delay_s > 0:
            self._reported[lat_e7, lon_e7] = (min(delay_s, DELAY_S_MAX), at_s)
        if len(self._reported) > DELAYS_MAX:
            del self._reported[next(iter(self._reported))]

    def believed(self, at_s: int) -> tuple[tuple[int, int, int], ...]:
        """Return what counts now, in ms, by place; forget what no longer does."""
        late = [place for place, (_, since_s) in self._reported.items() if at_s - since_s > DELAY_KEPT_S]
        for place in late:
            del self._reported[place]
        return tuple(
            (*place, (delay_s * 1000) >> (max(0, at_s - since_s) // DELAY_HALF_S))
            for place, (delay_s, since_s) in sorted(self._reported.items())
        )

    def items(self) -> list[tuple[int, int, int, int]]:
        """Return the reports for a snapshot."""
        return [(*place, *report) for place, report in self._reported.items()]


def part_of(at_s: int, utc_offset_s: int) -> int:
    """Return which part of the local day it is."""
    return (at_s + utc_offset_s) % 86_400 * PARTS // 86_400


def weigh(network: Network, frozen: Frozen, *, on_wheels: bool) -> Weights:
    """Return the weights of a network that follow from what was believed. Pure; for any thread."""
    graph, in_leading = network.graph, network.in_leading
    if not on_wheels:
        return weights_of(network, graph.base_ms)
    open_ms = graph.base_ms.astype(np.int64)
    lanes, paces = np.frombuffer(frozen.lanes, np.int32), np.frombuffer(frozen.paces, np.int16)
    if len(lanes) and len(in_leading):
        known = np.full(max(int(in_leading.max()), int(lanes[-1])) + 2, AS_BUILT, np.int64)  # -1 is its last
        known[lanes] = paces
        open_ms = (open_ms * known[in_leading] + AS_BUILT // 2) // AS_BUILT
    for lat_e7, lon_e7, delay_ms in frozen.delays:
        open_ms[_arriving(network, network.nodes_near(lat_e7, lon_e7, JUNCTION_M))] += delay_ms
    np.clip(open_ms, 1, INFINITE - 1, out=open_ms)
    closed = sorted(lane for ends in frozen.closed for lane in network.lanes_between(ends))
    return weights_of(network, open_ms.astype(np.int32), np.array(closed, np.int32))


def _arriving(network: Network, junction: I64) -> list[int]:
    """Return the lanes that come to the junction from outside it."""
    inside = set(junction.tolist())
    return [
        lane
        for node in inside
        for lane in network.lanes_to(node)
        if int(network.graph.lane_from[lane]) not in inside
    ]
