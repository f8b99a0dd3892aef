# SPDX-License-Identifier: Apache-2.0
"""Opening, joining, locating and closing incidents."""

from core.calls.call import Call
from core.calls.number import is_mobile
from core.errors import OutOfTurnError, UnknownError
from core.events import CallReceived, Location, TimerFired
from core.geodesy import distance_m
from core.ids import CallId, CountyCode, IncidentId
from core.incidents.candidates import (
    DESK,
    GUESS,
    LOOKUP,
    Heard,
    chosen,
    heard,
    joined,
    readable,
    seen_from_elsewhere,
    weigh,
)
from core.incidents.incident import Incident
from core.incidents.linking import apart, index, recent, sure, tell_same
from core.incidents.machine import step
from core.orders.supersede import follow
from core.state import State
from core.zones.handlers import belong

NS_PER_S = 1_000_000_000
NO_CALL, NO_INCIDENT = CallId(""), IncidentId("")


def incident_for(state: State, call: Call, fact: CallReceived, before: IncidentId) -> tuple[Incident, bool]:
    """Return the incident this call is about, and whether the call has moved it.

    It is that of a call before, if this one is not from elsewhere; else an open one close by and recent, if both
    places are known well enough to say so; else a new one. What may be the same, and is not merged, is told.
    """
    word = _word_of(state, call, fact)
    found = state.incidents.get(before)
    left = None
    if found is not None and word is not None and apart(state, found, word.candidate):
        left, found = found, None
    known = word is not None and sure(state, word.candidate)
    if found is None and known and word is not None:
        found = recent(
            state, state.places.within(word.candidate.lat, word.candidate.lon, state.settings.link_m)
        )
    opened = found is None
    if found is None:
        found = open_incident(state, call.county, state.settings.level_default)
        found.whose = call.whose
    if not found.located:
        found.address = found.address or fact.address
    found.count_call(call.call_id)
    found.live_calls += 1
    moved = word is not None and _take_in(state, found, word)
    if opened and word is not None and (left is not None or not known or state.vague_places):
        tell_same(state, found, word.candidate.lat, word.candidate.lon, other=left, linked=known)
    if not found.unattended:
        state.drop_timer(f"unattended:{found.incident_id}")
    state.touch_incident(found)
    return found, moved


def await_place(state: State, incident: Incident, answers: int) -> None:
    """Let it wait a moment for location servers asked just now: once, and not when a unit is wanted already."""
    settings = state.settings
    if incident.has_waited or incident.wants_unit or not settings.held_s or settings.dispatch != "automatic":
        return
    incident.has_waited, incident.awaited = True, answers
    state.set_timer(f"held:{incident.incident_id}", state.now_ns + settings.held_s * NS_PER_S)


def place_came(state: State, incident: Incident) -> None:
    """A location server has answered: one less is waited for."""
    if incident.awaited:
        incident.awaited -= 1
        if not incident.awaited:
            state.drop_timer(f"held:{incident.incident_id}")


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
        urgency_ms=state.urgency_ms(level, state.now_ms),
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
    word = heard(
        place, whose=whose, call_id=call_id, mobile=mobile, witness=False, now_ns=state.now_ns, first=True
    )
    return _take_in(state, incident, word)


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
    if (
        incident.lat is not None and incident.lon is not None
    ):  # a desk's word, for all we know: no other displaces it
        place = Location(lat=incident.lat, lon=incident.lon, source=DESK, address=incident.address)
        word = heard(
            place, whose=DESK, call_id=NO_CALL, mobile=False, witness=False, now_ns=incident.opened_ns
        )
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
    key = f"unattended:{incident.incident_id}"
    if not incident.unattended or (incident.cry_stands and key in state.timers):
        return
    settings = state.settings
    wait_s = settings.emergency_tell_s if incident.cry_stands else settings.unattended_close_s
    due_ns = state.now_ns + wait_s * NS_PER_S
    state.set_timer(key, due_ns)


def unattended_due(state: State, fact: TimerFired) -> None:
    """Nobody came back to it: close it, and say so."""
    incident = state.incidents.get(IncidentId(fact.key.partition(":")[2]))
    if incident is None or not incident.unattended:
        return
    if incident.cry_stands:
        tell_alone(state, incident, "nobody is on the way: order.accept sends someone, emergency.end ends it")
        watch_unattended(state, incident)
        return
    state.warn("incident_unattended", incident.incident_id, incident.county, "closed; ring the caller back")
    close(state, incident, "unattended")


def finish(state: State, incident: Incident) -> None:
    """Its last unit has done its work: close it, unless an officer's cry for help stands: a desk must end that."""
    if not incident.cry_stands:
        close(state, incident, "handled")
        return
    incident.held_ns = state.now_ns  # who is sent after those who were there, a desk decides
    state.incidents_waiting.remove(incident.incident_id)
    incident.state = step(incident.state, "withdrawn")
    if incident.located:
        incident.state = step(incident.state, "located")
    state.touch_incident(incident)
    tell_alone(state, incident, "the colleagues have left: speak to the officer, then emergency.end")
    watch_unattended(state, incident)


def tell_alone(state: State, incident: Incident, text: str) -> None:
    """Tell the desk that an officer in danger has nobody."""
    assert incident.cry is not None, "only a cry for help is told again"
    unit_id = incident.cry.said.unit_id
    state.warn("officer_alone", unit_id, incident.county, text, incident.lat, incident.lon, incident.cry.said)


def close(state: State, incident: Incident, outcome: str) -> None:
    """End it: it leaves the queue, the map and the memory."""
    assert not incident.cry_stands, "only a desk's word ends an officer's cry for help"
    incident.state = step(incident.state, "closed")
    incident.outcome = outcome
    state.incidents_waiting.remove(incident.incident_id)
    state.places.drop(incident.incident_id)
    state.vague_places.drop(incident.incident_id)
    state.drop_timer(f"unattended:{incident.incident_id}")
    state.drop_timer(f"plan:{incident.incident_id}")
    if incident.awaited:
        state.drop_timer(f"held:{incident.incident_id}")
    state.touch_incident(incident)
    del state.incidents[incident.incident_id]


def known(state: State, incident_id: IncidentId) -> Incident:
    """Return an open incident, or raise UnknownError."""
    incident = state.incidents.get(incident_id)
    if incident is None:
        raise UnknownError(f"no open incident {incident_id!r}")
    return incident


def _word_of(state: State, call: Call, fact: CallReceived) -> Heard | None:
    """Return what the call itself says of its place."""
    place = fact.location
    if place is None:
        return None
    if not readable(place):
        state.count("location_refused")
        return None
    mobile = place.source == LOOKUP and is_mobile(call.number)
    return heard(
        place,
        whose=call.whose,
        call_id=call.call_id,
        mobile=mobile,
        witness=False,
        now_ns=state.now_ns,
        first=True,
    )


def _take_in(state: State, incident: Incident, word: Heard) -> bool:
    """Weigh a word with the others; return True when the incident has another place now, or knows it otherwise."""
    if word.whose not in (DESK, incident.whose):
        word = seen_from_elsewhere(word)
    if incident.locations:
        incident.locations = joined(incident.locations, word)
    else:
        incident.locations = [word]  # the first there is, is believed
    state.touch_incident(incident)
    return _believe(state, incident)


def _believe(state: State, incident: Incident) -> bool:
    """Move it to the place that is believed; False when it is there already. An address goes with its own place."""
    best = chosen(incident.locations)
    assert best is not None, "who was heard once is believed, or someone else is"
    guessed, coarse = best.standing == GUESS, best.doubt_m > state.settings.coarse_m
    stays = (best.lat, best.lon) == (incident.lat, incident.lon)
    incident.address = best.address or (incident.address if stays else "")
    if stays and (guessed, coarse) == (incident.guessed, incident.coarse):
        if incident.incident_id not in (state.places if sure(state, best) else state.vague_places):
            index(state, incident, best)
        return False
    if incident.revision:
        _look_around(state, incident, best.lat, best.lon)
    incident.state = step(incident.state, "located")
    incident.lat, incident.lon, incident.guessed, incident.coarse = best.lat, best.lon, guessed, coarse
    belong(state, incident)
    index(state, incident, best)
    follow(state, incident)
    return True


def _look_around(state: State, incident: Incident, lat: float, lon: float) -> None:
    """Tell what a place that was not there at the opening changes. Nothing is merged: only a desk may know."""
    if incident.active_orders:
        if incident.lat is None or incident.lon is None:
            text = "units were ordered without a place"
        elif (metres := distance_m(incident.lat, incident.lon, lat, lon)) > state.settings.place_moved_m:
            text = f"{metres:.0f} m from where units were ordered to"
        else:
            text = ""
        if text:
            state.warn("place_moved", incident.incident_id, incident.county, text, lat, lon)
    tell_same(state, incident, lat, lon)


def _make_room(state: State) -> None:
    """Close the oldest unattended one, else the oldest that waits for a unit without a caller on the line.

    If there is neither, each holds a live call, an ordered unit or an officer's cry for help, and those have limits of
    their own.
    """
    idle = [i for i in state.incidents.values() if not (i.live_calls or i.active_orders or i.cry_stands)]
    oldest = next((incident for incident in idle if incident.unattended), idle[0] if idle else None)
    if oldest is not None:
        state.warn("incidents_full", oldest.incident_id, oldest.county, "closed to make room: hand it over")
        close(state, oldest, "displaced")
