# SPDX-License-Identifier: Apache-2.0
"""Fewer points on the same roads: a bend a vehicle's own fix cannot tell from a straight line is drawn straight.

Every point costs some hundred octets of labels for each profile. Between two junctions a point is left out when
the road stays within `tolerance_m` without it (Douglas and Peucker 1973); length and time stay those of the road.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateway.roads.survey import BOTH_WAYS, F64, I32, Survey

TOLERANCE_M: Final = 3.0
"Half of what a good satellite fix is off in a street (guess)."
PIECE_M_MAX: Final = 400.0
"No longer piece is made: a closure shuts one piece (guess: a city block or two)."

Bool = NDArray[np.bool_]


class _Link(NamedTuple):
    """One piece as it is met on the way along a chain."""

    piece: int
    backward: bool


def straightened(survey: Survey, tolerance_m: float) -> Survey:
    """Return the same roads with fewer points on them."""
    first, second = _pieces_at(survey)
    between = _between(survey, first, second)
    chains = [chain for chain in _chains(survey, between, first, second) if len(chain) > 1]
    merged = [part for chain in chains for part in _parts(survey, chain, tolerance_m)]
    kept = np.ones(survey.pieces, np.bool_)
    kept[[link.piece for chain in chains for link in chain]] = False
    return _joined(survey, kept, merged)


def _pieces_at(survey: Survey) -> tuple[I32, I32]:
    """Return the two pieces that meet at a place; -1 where fewer or more do."""
    ends = np.concatenate((survey.begin, survey.end))
    pieces = np.tile(np.arange(survey.pieces, dtype=np.int32), 2)
    order = np.argsort(ends, kind="stable")
    degree = np.bincount(ends, minlength=survey.places)
    at = np.cumsum(degree) - degree
    pair = np.flatnonzero(degree == 2)
    first, second = np.full(survey.places, -1, np.int32), np.full(survey.places, -1, np.int32)
    first[pair], second[pair] = pieces[order[at[pair]]], pieces[order[at[pair] + 1]]
    return first, second


def _between(survey: Survey, first: I32, second: I32) -> Bool:
    """Return which places are nothing but a bend: two pieces meet there that are alike, and nothing stands there."""
    bend: Bool = (first >= 0) & (first != second) & (survey.barred == 0) & (survey.signal == 0)
    bend[[turn.via for turn in survey.turns]] = False
    one, other = first[bend], second[bend]
    alike = np.ones(len(one), np.bool_)
    for column in (survey.kind, survey.kmh, survey.open_to, survey.one_way):
        alike &= column[one] == column[other]
    bound = np.unique([way for turn in survey.turns for way in (turn.from_way, turn.to_way)])
    same_way = survey.way[one] == survey.way[other]
    alike &= same_way | ~(np.isin(survey.way[one], bound) | np.isin(survey.way[other], bound))
    follows = (survey.end[one] == survey.begin[other]) | (survey.end[other] == survey.begin[one])
    alike &= follows | (survey.one_way[one] == BOTH_WAYS)
    bend[np.flatnonzero(bend)[~alike]] = False
    return bend


def _chains(survey: Survey, between: Bool, first: I32, second: I32) -> Iterator[list[_Link]]:
    """Yield the pieces between two places that are more than bends, in their order; rings of bends stay as they are."""
    begin, end, bend = survey.begin.tolist(), survey.end.tolist(), between.tolist()
    one, other = first.tolist(), second.tolist()
    taken = [False] * survey.pieces
    for start in range(survey.pieces):
        if taken[start] or (bend[begin[start]] and bend[end[start]]):
            continue
        link = _Link(start, backward=bend[begin[start]])
        chain = []
        while True:
            chain.append(link)
            taken[link.piece] = True
            place = begin[link.piece] if link.backward else end[link.piece]
            if not bend[place]:
                break
            following = other[place] if one[place] == link.piece else one[place]
            link = _Link(following, backward=begin[following] != place)
        yield chain


class _Part(NamedTuple):
    """Several pieces made one."""

    begin: int
    end: int
    like: int
    "The piece whose other columns it takes over."
    length_mm: int
    told: dict[str, tuple[int, int]]


def _parts(survey: Survey, chain: list[_Link], tolerance_m: float) -> Iterator[_Part]:
    if chain[0].backward and survey.one_way[chain[0].piece] != BOTH_WAYS:
        chain = [_Link(link.piece, not link.backward) for link in reversed(chain)]
    places = [_start(survey, chain[0]), *(_start(survey, link, far=True) for link in chain)]
    lengths = [int(survey.length_mm[link.piece]) for link in chain]
    corners = _corners(_metres(survey, places), np.cumsum([0, *lengths]) / 1000, tolerance_m)
    for low, top in itertools.pairwise(corners):
        links = chain[low:top]
        yield _Part(
            places[low],
            places[top],
            links[0].piece,
            sum(lengths[low:top]),
            {name: _told(ms, links) for name, ms in survey.told_ms.items()},
        )


def _start(survey: Survey, link: _Link, *, far: bool = False) -> int:
    return int((survey.end if far != link.backward else survey.begin)[link.piece])


def _told(ms: I32, links: list[_Link]) -> tuple[int, int]:
    """Return the source's own times there and back; 0, not told, when a piece of it is not driven that way."""
    there = [int(ms[int(link.backward), link.piece]) for link in links]
    back = [int(ms[int(not link.backward), link.piece]) for link in links]
    return sum(there) if all(there) else 0, sum(back) if all(back) else 0


def _metres(survey: Survey, places: list[int]) -> F64:
    """Return the places on a plane around the first; good to a centimetre over the length of a street."""
    lat, lon = survey.lat_e7[places] / 1e7, survey.lon_e7[places] / 1e7
    east = (np.remainder(lon - lon[0] + 180, 360) - 180) * 111_320 * np.cos(np.radians(lat[0]))
    return np.stack((east, (lat - lat[0]) * 110_900), axis=1)


def _corners(points: F64, along_m: F64, tolerance_m: float) -> list[int]:
    """Return the points that stay, the first and the last among them."""
    kept = {0, len(points) - 1}
    waiting = [(0, len(points) - 1)]
    while waiting:
        low, top = waiting.pop()
        if top - low < 2:
            continue
        off_m = _off_m(points[low + 1 : top], points[low], points[top])
        worst = int(off_m.argmax())
        if off_m[worst] <= tolerance_m:
            if along_m[top] - along_m[low] <= PIECE_M_MAX:
                continue
            worst = (top - low) // 2 - 1
        kept.add(low + 1 + worst)
        waiting += [(low, low + 1 + worst), (low + 1 + worst, top)]
    return sorted(kept)


def _off_m(points: F64, begin: F64, end: F64) -> F64:
    """Return how far points are from a straight piece; from its end where it has no length: a ring stays a ring."""
    line = end - begin
    length2 = float(line @ line)
    share = np.clip((points - begin) @ line / length2, 0, 1) if length2 > 0 else np.zeros(len(points))
    off_m: F64 = np.hypot(*(points - begin - share[:, None] * line).T)
    return off_m if length2 > 0 else np.maximum(off_m, np.inf)


def _joined(survey: Survey, kept: Bool, merged: list[_Part]) -> Survey:
    like = np.concatenate((np.flatnonzero(kept), np.array([part.like for part in merged], np.int64)))
    count = int(kept.sum())

    def column(of: I32, more: list[int]) -> I32:
        return np.concatenate((of[kept], np.array(more, np.int32)))

    told = {
        name: np.stack([column(ms[way], [part.told[name][way] for part in merged]) for way in (0, 1)])
        for name, ms in survey.told_ms.items()
    }
    assert count + len(merged) == len(like), "every part has a piece it is like"
    return replace(
        survey,
        begin=column(survey.begin, [part.begin for part in merged]),
        end=column(survey.end, [part.end for part in merged]),
        length_mm=column(survey.length_mm, [part.length_mm for part in merged]),
        kind=survey.kind[like],
        kmh=survey.kmh[like],
        open_to=survey.open_to[like],
        one_way=survey.one_way[like],
        way=survey.way[like],
        told_ms=told,
    )
