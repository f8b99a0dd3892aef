# SPDX-License-Identifier: Apache-2.0
"""Who would fill each line of an incident's plan, and why one cannot be filled."""

from typing import Literal

import msgspec
import numpy as np

from core.dispatch.asking import SEARCHED, question, rank_for
from core.dispatch.lines import lines, missing, orders_of, still_open
from core.dispatch.matcher import Question, Ranking
from core.effects import Shortfall, Wanted
from core.incidents.incident import Incident
from core.kernels.layout import FREE
from core.state import State
from core.units.columns import Barred, UnitColumns

Why = Literal["nobody", "busy", "no_position", "out_of_reach", "no_road", "named"]


class Filling(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as far as it is under way."""

    wants: tuple[Wanted, ...]
    shortfall: tuple[Shortfall, ...]


def fill(state: State, incident: Incident, ranked_line: int, ranking: Ranking) -> Filling:
    """Return each line with those ordered for it and the best for the rest, and why some are missing.

    In the order in which units are ordered: who is chosen for one line is not offered to the next, and nobody is
    chosen who has no way by road, or goes only if a desk says so. `ranking` is the one just made for `ranked_line`;
    others are made where needed.
    """
    asked, left = lines(state, incident), missing(state, incident)
    chosen: dict[int, list[int]] = {}
    taken: set[int] = set()
    why: dict[int, Why] = {}
    for at in still_open(state, incident):
        most = left[at] + len(taken)
        found = ranking if at == ranked_line else None
        if found is None or len(found.candidates) < min(most, found.considered):
            found = rank_for(state, incident, at, most=most)
        able = _able(state, found, taken)
        if len(able) < left[at] and len(found.candidates) < min(SEARCHED, found.considered):
            found = rank_for(state, incident, at, most=SEARCHED)
            able = _able(state, found, taken)
        chosen[at] = able[: left[at]]
        taken.update(chosen[at])
        if len(chosen[at]) < left[at]:
            why[at] = _why(state.columns, question(state, incident, asked[at], {}), found)
    lacking = [count - len(chosen.get(at, ())) for at, count in enumerate(left)]
    orders = orders_of(state, incident)
    return Filling(
        wants=tuple(
            [
                Wanted(
                    police_type=want.police_type,
                    capabilities=want.capabilities,
                    count=want.count,
                    units=(
                        *[one.unit_id for one in orders if one.want == at or len(asked) == 1],
                        *[state.unit_ids[row] for row in chosen.get(at, ())],
                    ),
                    missing=lacking[at],
                )
                for at, want in enumerate(asked)
            ]
        ),
        shortfall=tuple([Shortfall(want=at, missing=lacking[at], why=why[at]) for at in sorted(why)]),
    )


def _able(state: State, ranking: Ranking, taken: set[int]) -> list[int]:
    asks = state.settings.divert_confirm
    return [
        one.row
        for one in ranking.candidates
        if one.reachable and one.row not in taken and not (one.diverted and asks)
    ]


def _why(columns: UnitColumns, asked: Question, ranking: Ranking) -> Why:
    """Return what keeps units from being sent: of what holds for some, what a desk can do most about."""
    able = (columns.mask | FREE) & asked.need_mask == asked.need_mask
    able &= columns.barred != Barred.NOT_ON_ROSTER
    if asked.police_type:
        able &= columns.police_type == asked.police_type
    if not np.any(able):
        return "nobody"
    if not all(one.reachable for one in ranking.candidates):
        return "no_road"
    excluded = ranking.excluded
    if "out_of_reach" in excluded:
        return "out_of_reach"
    if "no_position" in excluded or "position_lost" in excluded:
        return "no_position"
    free = any(not one.diverted for one in ranking.candidates)
    return "named" if "named" in excluded or free else "busy"
