# SPDX-License-Identifier: Apache-2.0
"""One profile's graph out of a survey: lanes, split junctions, and only what can be reached and left again."""

from collections import defaultdict
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.roads.graph import NOWHERE, RoadGraph
from gateway.errors import RoadSourceError
from gateway.roads.components import components
from gateway.roads.profiles import Profile
from gateway.roads.survey import F64, I32, KINDS, ONE_WAY, Survey
from gateway.roads.turns import Lanes, forbidden

FRAGMENT_KM: Final = 5.0
"""Lanes a part must have to be kept, each direction counted. An island with a police station has more; a compound that
the map shows without its gate has less, and must go: who is in it would have no way to it (guess)."""

Bool = NDArray[np.bool_]


class Network(NamedTuple):
    """A graph and what is to be told of its making."""

    graph: RoadGraph
    islands: int
    "Parts that cannot be driven between, the main one included."
    main_percent: float
    "The share of lanes in the largest of them."
    fragments: int
    "Parts too small to keep."
    fragment_lanes: int
    "Lanes lost with them."
    lost_mm: NDArray[np.int32]
    "(n, 4) the lanes lost as lat, lon, lat, lon in 1e-7°, for the picture."
    splits: int
    "Nodes added because turns are forbidden."


def network(survey: Survey, profile: Profile, fragment_km: float = FRAGMENT_KM) -> Network:
    """Return the graph of what a profile can drive on. Raises RoadSourceError when that is nothing."""
    lanes = _lanes(survey, profile)
    if not len(lanes.begin):
        raise RoadSourceError(f"there is nothing in it that a {profile.name} can drive on")
    split = _split(survey.places, lanes, forbidden(survey, lanes, profile))
    part = components(len(split.place), split.tail, split.head)
    inner = np.unique(split.lane[part[split.tail] == part[split.head]])  # by any of its arcs
    lane_mm = survey.length_mm[lanes.piece[inner]]
    part_mm = np.bincount(part[split.lane_head[inner]], lane_mm, minlength=int(part.max()) + 1)
    touched = np.zeros(len(part), np.bool_)
    touched[split.tail] = touched[split.head] = True
    kept = (part_mm[part] >= fragment_km * 1e6) & touched
    if not kept.any():
        raise RoadSourceError(
            f"for {profile.name} it falls into parts of at most {part_mm.max() / 1e6:.2g} km of lanes, "
            f"and those below {fragment_km:g} km are left out (--fragment)"
        )
    return _finished(survey, lanes, split, part, kept)


def _lanes(survey: Survey, profile: Profile) -> Lanes:
    along, against = _times(survey, profile)
    there, back = np.flatnonzero(along), np.flatnonzero(against)
    row_there = np.full(survey.pieces, NOWHERE, np.int32)
    row_there[there] = np.arange(len(there), dtype=np.int32)
    row_back = np.full(survey.pieces, NOWHERE, np.int32)
    row_back[back] = np.arange(len(there), len(there) + len(back), dtype=np.int32)
    return Lanes(
        begin=np.concatenate((survey.begin[there], survey.end[back])),
        end=np.concatenate((survey.end[there], survey.begin[back])),
        piece=np.concatenate((there, back)).astype(np.int32),
        twin=np.concatenate((row_back[there], row_there[back])),
        ms=np.concatenate((along[there], against[back])),
    )


def _times(survey: Survey, profile: Profile) -> tuple[I32, I32]:
    """Return the travel time of every piece along and against it; 0 where the profile may not go."""
    own = np.array([profile.kmh.get(kind, 0.0) for kind in KINDS])[survey.kind]
    told = survey.kmh * profile.told_percent / 100
    if profile.name not in survey.told_ms and "car" in survey.told_ms and profile.told_percent:
        told = _implied_kmh(survey, survey.told_ms["car"][0]) * profile.told_percent / 100
    kmh = np.where((told > 0) & (own > 0), told, own)
    kmh = np.minimum(kmh, profile.kmh_max)
    kmh[(survey.open_to & profile.vehicle) == 0] = 0
    slow = np.array([profile.against_kmh.get(kind, 0.0) for kind in KINDS])[survey.kind]
    back = kmh.copy()
    if profile.minds_one_way:
        single = survey.one_way != 0
        back[single] = np.where(survey.one_way == ONE_WAY, np.minimum(slow, kmh), 0)[single]
    along_ms, back_ms = _ms(survey.length_mm, kmh), _ms(survey.length_mm, back)
    if profile.name in survey.told_ms:
        there, again = survey.told_ms[profile.name]
        # Who tells the times of a profile also tells where it does not drive.
        along_ms = np.where(along_ms > 0, there, 0).astype(np.int32)
        back_ms = np.where(back_ms > 0, again, 0).astype(np.int32)
    light_ms = survey.signal.astype(np.int32) * np.int32(profile.signal_ms)
    along_ms[along_ms > 0] += light_ms[survey.end][along_ms > 0]
    back_ms[back_ms > 0] += light_ms[survey.begin][back_ms > 0]
    return along_ms, back_ms


def _implied_kmh(survey: Survey, ms: I32) -> F64:
    return np.where(ms > 0, survey.length_mm * 3.6 / np.maximum(ms, 1), 0.0)


def _ms(length_mm: I32, kmh: F64) -> I32:
    """Return whole milliseconds, at least 1 where there is a speed."""
    ms = np.rint(length_mm * 3.6 / np.maximum(kmh, 0.1))
    return np.where(kmh > 0, np.clip(ms, 1, 1 << 29), 0).astype(np.int32)


class _Split(NamedTuple):
    """The nodes and arcs after junctions were split."""

    place: I32
    "(nodes,) The place a node is at; the first nodes are the places themselves."
    lane_head: I32
    tail: I32
    head: I32
    lane: I32


def _split(places: int, lanes: Lanes, bound: dict[int, frozenset[int]]) -> _Split:
    """Give the lanes that are bound alike a copy of their junction, with the arcs they may go on along."""
    copies: dict[tuple[int, frozenset[int]], int] = {}
    copies_at: dict[int, list[tuple[int, frozenset[int]]]] = defaultdict(list)
    lane_head = lanes.end.copy()
    for lane, closed in bound.items():
        key = (int(lanes.end[lane]), closed)
        if key not in copies:
            copies[key] = places + len(copies)
            copies_at[key[0]].append((copies[key], closed))
        lane_head[lane] = copies[key]
    tail = [lanes.begin]
    driven = [np.arange(len(lanes.begin), dtype=np.int32)]
    extra: list[tuple[int, int]] = []
    for leaving in np.flatnonzero(np.isin(lanes.begin, sorted(copies_at))):
        extra += [
            (copy, int(leaving))
            for copy, closed in copies_at[int(lanes.begin[leaving])]
            if int(leaving) not in closed
        ]
    if extra:
        more = np.array(extra, np.int32)
        tail.append(more[:, 0])
        driven.append(more[:, 1])
    all_lanes = np.concatenate(driven)
    place = np.concatenate((np.arange(places, dtype=np.int32), np.array([at for at, _ in copies], np.int32)))
    return _Split(place, lane_head, np.concatenate(tail), lane_head[all_lanes], all_lanes)


def _finished(survey: Survey, lanes: Lanes, split: _Split, part: I32, kept: Bool) -> Network:
    arc_kept = kept[split.tail] & kept[split.head]
    lane_kept = np.zeros(len(lanes.begin), np.bool_)
    lane_kept[split.lane[arc_kept]] = True
    node_row = _renumbered(kept)
    lane_row = _renumbered(lane_kept)
    tail, head = node_row[split.tail[arc_kept]], node_row[split.head[arc_kept]]
    lane = lane_row[split.lane[arc_kept]]
    order = np.lexsort((lane, head, tail))
    tail, head, lane = tail[order], head[order], lane[order]
    lane_head = node_row[split.lane_head[lane_kept]]
    lane_from = np.zeros(len(lane_head), np.int32)
    lane_from[lane[::-1]] = tail[::-1]  # the first of its arcs
    twin = np.where(lanes.twin >= 0, lane_row[lanes.twin], NOWHERE)[lane_kept]
    piece = lanes.piece[lane_kept]
    place = split.place[kept]
    graph = RoadGraph(
        lat_e7=survey.lat_e7[place],
        lon_e7=survey.lon_e7[place],
        tail=tail,
        head=head,
        lane=lane,
        lane_from=lane_from,
        lane_to=lane_head.copy(),
        lane_head=lane_head,
        twin=twin.astype(np.int32),
        length_mm=survey.length_mm[piece],
        base_ms=lanes.ms[lane_kept],
        kind=survey.kind[piece],
        kinds=KINDS,
    )
    graph.validate()
    ends = np.concatenate((split.lane_head[~lane_kept], lanes.begin[~lane_kept]))
    islands = np.unique(part[kept])
    in_main = part[split.lane_head[lane_kept]] == islands[0]
    lost = _lost(survey, lanes, lane_kept)
    return Network(
        graph=graph,
        islands=len(islands),
        main_percent=round(100 * float(in_main.mean()), 1),
        fragments=len(np.unique(part[ends[~kept[ends]]])),
        fragment_lanes=int((~lane_kept).sum()),
        lost_mm=lost,
        splits=int(kept[survey.places :].sum()),
    )


def _renumbered(kept: Bool) -> I32:
    """Return the new row of every old one, NOWHERE for those that go."""
    return np.where(kept, np.cumsum(kept) - 1, NOWHERE).astype(np.int32)


def _lost(survey: Survey, lanes: Lanes, lane_kept: Bool) -> I32:
    """Return the ends of the lanes that were left out; of two ways one."""
    gone = np.flatnonzero(~lane_kept & ((lanes.twin < 0) | (lanes.twin > np.arange(len(lanes.twin)))))
    begin, end = lanes.begin[gone], lanes.end[gone]
    return np.stack(
        (survey.lat_e7[begin], survey.lon_e7[begin], survey.lat_e7[end], survey.lon_e7[end]), axis=1
    )
