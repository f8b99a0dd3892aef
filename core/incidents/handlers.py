# SPDX-License-Identifier: Apache-2.0
"""Opening, joining, locating and closing incidents."""

from core.calls.call import Call
from core.calls.number import is_mobile
from core.dispatch.queue import urgency_key
from core.errors import OutOfTurnError, UnknownError
from core.events import CallReceived, Location, TimerFired
from core.geodesy import distance_m
from core.ids import CallId, CountyCode, IncidentId
from core.incidents.candidates import DESK, LOOKUP, chosen, heard, readable, weigh
from core.incidents.incident import Incident
from core.incidents.machine import step
from core.state import State

NS_PER_S = 1_000_000_000
NO_CALL, NO_INCIDENT = CallId(""), IncidentId("")
GUESS = 2  # the standing of a mobile number's registered address


def incident_for(state: State, call: Call, fact: CallReceived, before: IncidentId) -> Incident:
    """Return the incident this call is about: that of a call before, an open one close by and recent, or a new one."""
    place = fact.location
    if place is not None and not readable(place):
        place = None
        state.count("location_refused")
    found = state.incidents.get(before)
    if found is None and place is not None:
        found = _recent_near(state, place.lat, place.lon)
    if found is None:
        found = open_incident(state, call.county, state.settings.level_default)
        found.whose = call.whose
    found.address = found.address or fact.address
    found.count_call(call.call_id)
    found.live_calls += 1
    if place is not None:
        hear(
            state,
            found,
            place,
            whose=call.whose,
            call_id=call.call_id,
            mobile=place.source == LOOKUP and is_mobile(call.number),
        )
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


def hear(
    state: State,
    incident: Incident,
    place: Location,
    *,
    whose: str,
    call_id: CallId = NO_CALL,
    mobile: bool = False,
) -> bool:
    """Keep a word about where it is (WGS-84); return True when it has another place now."""
    if not readable(place):
        state.count("location_refused")
        return False
    witness = whose not in (DESK, incident.whose)
    word = heard(
        place,
        whose=whose,
        call_id=call_id,
        mobile=mobile,
        witness=witness,
        now_ns=state.now_ns,
        first=not incident.locations,
    )
    incident.locations = weigh([*incident.locations, word])
    state.touch_incident(incident)
    return _believe(state, incident)


def take_back(state: State, incident: Incident) -> None:
    """Forget the desk's word: the best of the others counts again."""
    said = [one for one in incident.locations if one.whose == DESK and not one.taken_back]
    if not said:
        raise OutOfTurnError("the desk has given it no place")
    if all(one.whose == DESK for one in incident.locations):
        raise OutOfTurnError("there is no other place")
    for one in said:
        one.taken_back = True
    incident.locations = weigh(incident.locations)
    state.touch_incident(incident)
    _believe(state, incident)


def take_over(incident: Incident) -> None:
    """Give an incident of an older snapshot, which has a place and no words about it, the word it must have had."""
    incident.calls = len(incident.call_ids)
    if incident.lat is not None and incident.lon is not None:
        place = Location(lat=incident.lat, lon=incident.lon, source="pidf-lo", address=incident.address)
        word = heard(place, whose="", call_id=NO_CALL, mobile=False, witness=False, now_ns=incident.opened_ns)
        incident.locations = weigh([word])


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


def _believe(state: State, incident: Incident) -> bool:
    """Move it to the place that is believed; False when it is there already."""
    best = chosen(incident.locations)
    assert best is not None, "who was heard once is believed, or someone else is"
    guessed = best.standing == GUESS
    if (best.lat, best.lon) == (incident.lat, incident.lon) and guessed == incident.guessed:
        incident.address = best.address or incident.address
        return False
    if incident.revision:
        _look_around(state, incident, best.lat, best.lon)
    incident.state = step(incident.state, "located")
    incident.lat, incident.lon, incident.guessed = best.lat, best.lon, guessed
    incident.address = best.address or incident.address
    state.places.put(incident.incident_id, best.lat, best.lon)
    return True


def _look_around(state: State, incident: Incident, lat: float, lon: float) -> None:
    """Tell what a place that was not there at the opening changes. Nothing is merged: only a desk may know."""
    # A moved place ought to go to the units as the next version of their orders; until then a desk tells them.
    if incident.active_orders:
        if incident.lat is None or incident.lon is None:
            text = "units were ordered without a place"
        elif (metres := distance_m(incident.lat, incident.lon, lat, lon)) > state.settings.place_moved_m:
            text = f"{metres:.0f} m from where units were ordered to"
        else:
            text = ""
        if text:
            state.warn("place_moved", incident.incident_id, incident.county, text, lat, lon)
    other = None if incident.told_same else _recent_near(state, lat, lon, but=incident.incident_id)
    if other is not None:
        incident.told_same = True
        state.warn("may_be_same", incident.incident_id, incident.county, other.incident_id, lat, lon)


def _recent_near(state: State, lat: float, lon: float, but: IncidentId = NO_INCIDENT) -> Incident | None:
    oldest_ns = state.now_ns - state.settings.link_s * NS_PER_S
    for incident_id in state.places.within(lat, lon, state.settings.link_m):
        incident = state.incidents[incident_id]
        if incident.opened_ns >= oldest_ns and incident_id != but:
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
