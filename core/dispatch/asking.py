# SPDX-License-Identifier: Apache-2.0
"""Asking who could go, on behalf of an incident and one line of its plan."""

from core.dispatch.lines import lines
from core.dispatch.matcher import Question, Ranking, rank_units
from core.dispatch.plans import Want
from core.dispatch.policy import divertible
from core.incidents.incident import Incident
from core.state import State

SEARCHED = 64  # candidates looked through for one with a way by road, where none of the first has one


def rank_for(
    state: State,
    incident: Incident,
    line: int,
    *,
    rows: dict[int, int] | None = None,
    most: int = 0,
) -> Ranking:
    """Rank the units for a line of its plan: the free ones, and those the policy lets it take from elsewhere.

    `rows` names others that may be taken, as in `Question.divertible`.
    """
    taken = divertible(state, incident) if rows is None else rows
    asked = question(state, incident, lines(state, incident)[line], taken)
    return rank_units(state.columns, state.settings, asked, state.roads, most=most)


def question(state: State, incident: Incident, want: Want, taken: dict[int, int]) -> Question:
    """Return what the matcher is asked."""
    preferred = state.settings.prefer.get(incident.category, ())
    zone = state.zones.named(incident.zone)
    return Question(
        lat=incident.lat,
        lon=incident.lon,
        now_ms=state.now_ms,
        county=_home(state, incident),
        need_mask=state.mask_of(want.capabilities),
        level=incident.level,
        police_type=state.police_type_index(want.police_type),
        preferred=tuple([state.police_type_index(kind) for kind in preferred]),
        zone=incident.zone,
        zone_organ=state.organ_index(zone.organ) if zone is not None else 0,
        zone_type=state.police_type_index(zone.police_type) if zone is not None else 0,
        excluded_rows=[state.units[unit_id].row for unit_id in (*incident.passed_over, *incident.unsigned)],
        divertible=taken,
    )


def _home(state: State, incident: Incident) -> int:
    """Return the index of the county whose ground it is; of one without units here, an index nobody has.

    A place must not make this gateway answer for another county, as an index of its own would.
    """
    if not incident.jurisdiction:
        return state.county_index(incident.county)
    known = incident.jurisdiction in state.counties
    return state.counties.index(incident.jurisdiction) if known else len(state.counties)
