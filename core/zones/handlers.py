# SPDX-License-Identifier: Apache-2.0
"""Taking over a map of zones, and telling each incident whose ground it is on."""

from core.events import ZonesLoaded
from core.incidents.incident import Incident
from core.state import State
from core.zones.ground import Ground


def loaded(state: State, fact: ZonesLoaded) -> None:
    """Take over a map, whole; open incidents are told what they belong to now."""
    state.zones = Ground(fact.zones)
    for incident in state.incidents.values():
        if belong(state, incident):
            state.touch_incident(incident)


def belong(state: State, incident: Incident) -> bool:
    """Give an incident the county and the zone of its place; return True when that is news."""
    if incident.lat is None or incident.lon is None:
        return False
    special, county = state.zones.find(incident.lat, incident.lon)
    name = special.name if special is not None else ""
    news = (incident.jurisdiction, incident.zone) != (county, name)
    incident.jurisdiction, incident.zone = county, name
    return news
