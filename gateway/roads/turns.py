# SPDX-License-Identifier: Apache-2.0
"""Forbidden turns: which lanes may not follow which.

A restriction with one place between two roads is taken exactly. What is forbidden to a lane is kept as the set
of lanes it must not go on along; `network.py` splits the junction so that no such way exists in the graph.
"""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from gateway.roads.profiles import Profile
from gateway.roads.survey import I32, Survey


@dataclass(frozen=True, eq=False, kw_only=True)
class Lanes:
    """The directed pieces one profile drives on, before junctions are split; a row is a lane."""

    begin: I32
    end: I32
    "Places of the survey."
    piece: I32
    twin: I32
    "The row the other way, -1 without."
    ms: I32


def forbidden(survey: Survey, lanes: Lanes, profile: Profile) -> dict[int, frozenset[int]]:
    """Return {lane: the lanes it must not be followed by}, for lanes that are bound at all."""
    barred = _barred(survey, lanes, profile)
    turned = _turned(survey, lanes, profile) if profile.minds_turns else {}
    return {
        lane: frozenset(barred.get(lane, ())) | frozenset(turned.get(lane, ()))
        for lane in sorted(barred.keys() | turned.keys())
    }


def _barred(survey: Survey, lanes: Lanes, profile: Profile) -> dict[int, set[int]]:
    """Before a bollard there is nothing left but to turn round."""
    closed = np.flatnonzero((survey.barred[lanes.end] & profile.vehicle) != 0)
    leaving = _leaving(lanes, {int(place) for place in lanes.end[closed]})
    return {
        int(lane): {other for other in leaving[int(lanes.end[lane])] if other != lanes.twin[lane]}
        for lane in closed
    }


def _turned(survey: Survey, lanes: Lanes, profile: Profile) -> dict[int, set[int]]:
    binding = [turn for turn in survey.turns if not turn.free & profile.vehicle]
    places = {turn.via for turn in binding}
    leaving, arriving = _leaving(lanes, places), _arriving(lanes, places)
    found: dict[int, set[int]] = defaultdict(set)
    only: dict[int, set[int]] = defaultdict(set)
    for turn in binding:
        wanted = {lane for lane in leaving[turn.via] if survey.way[lanes.piece[lane]] == turn.to_way}
        for lane in arriving[turn.via]:
            if survey.way[lanes.piece[lane]] != turn.from_way:
                continue
            back = int(lanes.twin[lane])
            onto = wanted & {back} if turn.around and turn.from_way == turn.to_way else wanted
            if turn.only and onto:
                only[lane] |= onto
            elif not turn.only:
                found[lane] |= onto
    for lane, allowed in only.items():
        found[lane] |= set(leaving[int(lanes.end[lane])]) - allowed
    return {lane: lanes_out for lane, lanes_out in found.items() if lanes_out}


def _leaving(lanes: Lanes, places: set[int]) -> dict[int, list[int]]:
    return _at(lanes.begin, places)


def _arriving(lanes: Lanes, places: set[int]) -> dict[int, list[int]]:
    return _at(lanes.end, places)


def _at(column: I32, places: set[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {place: [] for place in places}
    for lane in np.flatnonzero(np.isin(column, sorted(places))):
        found[int(column[lane])].append(int(lane))
    return found
