# SPDX-License-Identifier: Apache-2.0
"""Which units could go to an incident, what each would cost in seconds, and why the others could not."""

from collections.abc import Sequence
from typing import Final

import msgspec

from core.dispatch.costs import Question
from core.dispatch.search import Search
from core.kernels import rank
from core.roads.atlas import Roads
from core.settings import Settings
from core.units.columns import Barred, UnitColumns

__all__ = ["EXCLUDED", "Question", "Ranked", "Ranking", "rank_units"]

EXCLUDED: Final[dict[int, str]] = {
    **{barred.value: barred.name.lower() for barred in Barred if barred is not Barred.FREE},
    rank.CAPABILITY: "capability",
    rank.OTHER_TYPE: "police_type",
    rank.NAMED: "named",
    rank.NO_POSITION: "no_position",
    rank.POSITION_LOST: "position_lost",
    rank.OUT_OF_REACH: "out_of_reach",
}
"{kernel code: published reason}; of several that hold, the first in this order is counted."


class Ranked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One unit that could go. `cost_ms` is the sum of all the others in ms."""

    row: int
    cost_ms: int
    travel_ms: int
    "The way; the constant for an unknown place when the incident has none."
    distance_m: float | None
    """In a straight line, to the millimetre, from where it is assumed now; None when nobody knows where the incident
    is."""
    driven_m: float
    "Since its fix, as is assumed: 0 for one that is parked."
    way: int
    "A code of core/kernels/rank.py: STRAIGHT without roads, and where the incident has no place."
    profile: str
    "What it drives the road as; empty for the straight line."
    age_s: float | None
    "Of the position, 0 when the device's clock is ahead; None when there is none."
    speed_cms: int
    "As told with the position."
    county: int
    "Index of the unit's own county."
    police_type: str
    crew: int
    shift_end_min: int
    covered: int
    "Other free units that cover its place; counted only where it matters."
    diverted: bool
    "It is one of the question's `divertible`, under way to something else."
    stale_ms: int
    county_ms: int
    type_ms: int
    zone_ms: int
    crew_ms: int
    shift_ms: int
    coverage_ms: int
    switch_ms: int
    no_road_ms: int

    @property
    def reachable(self) -> bool:
        """False without a way by road: never ordered by itself."""
        return self.way != rank.NO_ROAD


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """The best units, and a count for every other: `considered` + all of `excluded` = all rows."""

    located: bool
    candidates: tuple[Ranked, ...]
    "At most `candidates_max`, by (cost_ms, row)."
    excluded: dict[str, int]
    considered: int
    zone: str = ""
    "The special zone the incident is in."
    proven: bool = True
    "False when `road_candidates_max` left ways unasked among which a cheaper one may be."


def rank_units(
    columns: UnitColumns,
    settings: Settings,
    question: Question,
    roads: Roads | None = None,
    *,
    most: int = 0,
) -> Ranking:
    """Rank all units for one incident; the best `most`, or `candidates_max`. Without `roads` the way is straight."""
    search = Search(columns, settings, question, roads, most or settings.candidates_max)
    search.run()
    counted = search.counts.tolist()
    assert counted[Barred.FREE] == 0, "a unit is free, or barred for a reason"
    return Ranking(
        located=question.located,
        candidates=tuple([_ranked(kept, question, columns, search.profiles) for kept in search.best]),
        excluded={reason: counted[code] for code, reason in EXCLUDED.items() if counted[code]},
        considered=search.considered,
        zone=question.zone,
        proven=search.proven,
    )


def _ranked(kept: list[int], question: Question, columns: UnitColumns, of: Sequence[str]) -> Ranked:
    located, fix_s, kind = question.located, kept[rank.FIX_OF], kept[rank.TYPE_OF]
    return Ranked(
        row=kept[rank.ROW],
        cost_ms=kept[rank.COST],
        travel_ms=kept[rank.TRAVEL],
        distance_m=kept[rank.DISTANCE_MM] / 1000 if located else None,
        driven_m=kept[rank.DRIVEN_MM] / 1000,
        way=kept[rank.CODE],
        profile=of[kind] if located else "",
        age_s=max(0, question.now_ms - fix_s * 1000) / 1000 if fix_s else None,
        speed_cms=kept[rank.SPEED_OF],
        county=kept[rank.COUNTY_OF],
        police_type=columns.police_types[kind],
        crew=kept[rank.CREW_OF],
        shift_end_min=kept[rank.SHIFT_OF],
        covered=kept[rank.COVERED],
        diverted=kept[rank.DIVERTED] != 0,
        stale_ms=kept[rank.STALE],
        county_ms=kept[rank.ABROAD],
        type_ms=kept[rank.KIND],
        zone_ms=kept[rank.ZONE],
        crew_ms=kept[rank.CREWED],
        shift_ms=kept[rank.SHIFT],
        coverage_ms=kept[rank.COVERAGE],
        switch_ms=kept[rank.SWITCHED],
        no_road_ms=kept[rank.NO_WAY],
    )
