# SPDX-License-Identifier: Apache-2.0
"""Which incidents are about the same: joined only where both places are known well, asked about everywhere else."""

from collections.abc import Iterable

from core.effects import LocationCandidate
from core.geodesy import distance_m
from core.ids import IncidentId
from core.incidents.candidates import GUESS, chosen
from core.incidents.incident import Incident
from core.state import State

VAGUE_MAX = 64  # of one cell looked at: thousands may be at one mast, and one is enough to ask a desk
NO_INCIDENT = IncidentId("")
NS_PER_S = 1_000_000_000


def sure(state: State, place: LocationCandidate) -> bool:
    """Tell whether the place is known well enough to say that another call is about the same."""
    return place.standing < GUESS and place.doubt_m <= state.settings.link_m


def apart(state: State, incident: Incident, place: LocationCandidate) -> bool:
    """Tell whether a caller is too far from every place the incident was ever said to be at to mean the same.

    Circles that may touch are not apart, and where a number is registered says nothing of where its caller was.
    """
    said = [one.candidate for one in incident.locations if one.candidate.standing < GUESS]
    return bool(said) and place.standing < GUESS and all(_far(state, one, place) for one in said)


def index(state: State, incident: Incident, best: LocationCandidate) -> None:
    """Keep where it is, with those known well or with the others."""
    places, others = state.places, state.vague_places
    if not sure(state, best):
        places, others = others, places
    others.drop(incident.incident_id)
    places.put(incident.incident_id, best.lat, best.lon)


def index_anew(state: State) -> None:
    """Part the places of an older snapshot, which knew only one kind, into those known well and the others."""
    for incident_id, lat, lon in state.places.items():
        best = chosen(state.incidents[incident_id].locations)
        if best is not None and not sure(state, best):
            state.places.drop(incident_id)
            state.vague_places.put(incident_id, lat, lon)


def recent(state: State, those: Iterable[IncidentId], but: IncidentId = NO_INCIDENT) -> Incident | None:
    """Return the first of those opened within `link_s`."""
    oldest_ns = state.now_ns - state.settings.link_s * NS_PER_S
    for incident_id in those:
        incident = state.incidents[incident_id]
        if incident.opened_ns >= oldest_ns and incident_id != but:
            return incident
    return None


def tell_same(
    state: State,
    incident: Incident,
    lat: float,
    lon: float,
    *,
    other: Incident | None = None,
    linked: bool = False,
) -> None:
    """Ask a desk, once, whether it is the same as `other`, or as a recent one that seems to be close by."""
    link_m = state.settings.link_m
    if incident.told_same or not link_m:
        return
    if other is None and not linked:
        other = recent(state, state.places.within(lat, lon, link_m), but=incident.incident_id)
    if other is None:
        vague = state.vague_places.newest_within(lat, lon, link_m, VAGUE_MAX)
        other = recent(state, vague, but=incident.incident_id)
    if other is not None:
        incident.told_same = True
        state.warn("may_be_same", incident.incident_id, incident.county, other.incident_id, lat, lon)


def _far(state: State, one: LocationCandidate, other: LocationCandidate) -> bool:
    apart_m = distance_m(one.lat, one.lon, other.lat, other.lon)
    return apart_m > max(state.settings.link_m, one.doubt_m + other.doubt_m)
