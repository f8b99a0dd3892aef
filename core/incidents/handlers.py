# SPDX-License-Identifier: Apache-2.0
"""Opening, joining, locating and closing incidents."""

from core.calls.call import Call
from core.dispatch.queue import urgency_key
from core.errors import UnknownError
from core.events import CallReceived, TimerFired
from core.ids import CountyCode, IncidentId
from core.incidents.incident import Incident
from core.incidents.machine import step
from core.state import State

NS_PER_S = 1_000_000_000


def incident_for(state: State, call: Call, fact: CallReceived) -> Incident:
    """Return the incident this call is about: an open one close by and recent, or a new one."""
    place = fact.location
    found = _recent_near(state, place.lat, place.lon) if place is not None else None
    if found is None:
        found = open_incident(state, call.county, state.settings.level_default)
        if place is not None:
            locate(state, found, place.lat, place.lon, place.address or fact.address)
        else:
            found.address = fact.address
    found.call_ids.append(call.call_id)
    found.live_calls += 1
    state.drop_timer(f"unattended:{found.incident_id}")
    state.touch_incident(found)
    return found


def open_incident(state: State, county: CountyCode, level: int, category: str = "") -> Incident:
    """Open one; when the table is full the oldest idle one is closed aloud to make room."""
    if len(state.incidents) >= state.settings.incidents_open_max:
        _make_room(state)
    incident = Incident(
        incident_id=IncidentId(state.new_id("i")),
        county=county,
        level=level,
        category=category,
        opened_ns=state.now_ns,
        urgency_ms=urgency_key(level, state.now_ns // 1_000_000, state.settings.head_start_s),
    )
    state.incidents[incident.incident_id] = incident
    state.touch_incident(incident)
    return incident


def locate(state: State, incident: Incident, lat: float, lon: float, address: str = "") -> None:
    """Give it a place (WGS-84), or another one."""
    incident.state = step(incident.state, "located")
    incident.lat, incident.lon = lat, lon
    incident.address = address or incident.address
    state.places.put(incident.incident_id, lat, lon)
    state.touch_incident(incident)


def caller_gone(state: State, call: Call) -> None:
    """One caller less; an incident nobody works on is given a time to be looked at."""
    incident = state.incidents.get(call.incident_id)
    if incident is None:
        return
    incident.live_calls -= 1
    watch_unattended(state, incident)


def watch_unattended(state: State, incident: Incident) -> None:
    """Set the clock on an incident that no caller and no unit holds open and that waits for no unit."""
    if not incident.unattended:
        return
    due_ns = state.now_ns + state.settings.unattended_close_s * NS_PER_S
    state.set_timer(f"unattended:{incident.incident_id}", due_ns)


def unattended_due(state: State, fact: TimerFired) -> None:
    """Nobody came back to it: close it, and say so."""
    incident = state.incidents.get(IncidentId(fact.key.partition(":")[2]))
    if incident is None or not incident.unattended:
        return
    state.warn("incident_unattended", incident.incident_id, incident.county, "closed; ring the caller back")
    close(state, incident, "unattended")


def close(state: State, incident: Incident, outcome: str) -> None:
    """End it: it leaves the queue, the map and the memory."""
    incident.state = step(incident.state, "closed")
    incident.outcome = outcome
    state.incidents_waiting.remove(incident.incident_id)
    state.places.drop(incident.incident_id)
    state.drop_timer(f"unattended:{incident.incident_id}")
    state.touch_incident(incident)
    del state.incidents[incident.incident_id]


def known(state: State, incident_id: IncidentId) -> Incident:
    """Return an open incident, or raise UnknownError."""
    incident = state.incidents.get(incident_id)
    if incident is None:
        raise UnknownError(f"no open incident {incident_id!r}")
    return incident


def _recent_near(state: State, lat: float, lon: float) -> Incident | None:
    oldest_ns = state.now_ns - state.settings.link_s * NS_PER_S
    for incident_id in state.places.within(lat, lon, state.settings.link_m):
        incident = state.incidents[incident_id]
        if incident.opened_ns >= oldest_ns:
            return incident
    return None


def _make_room(state: State) -> None:
    """Close the oldest unattended one, else the oldest that waits for a unit without a caller on the line.

    If there is neither, each holds a live call or an ordered unit, and those have limits of their own.
    """
    idle = [i for i in state.incidents.values() if not (i.live_calls or i.active_orders)]
    oldest = next((incident for incident in idle if incident.unattended), idle[0] if idle else None)
    if oldest is not None:
        state.warn("incidents_full", oldest.incident_id, oldest.county, "closed to make room: hand it over")
        close(state, oldest, "displaced")
