# SPDX-License-Identifier: Apache-2.0
"""What follows when units move, report, call for help, or come and go on the air."""

import numpy as np

from core.dispatch.dispatcher import placed, recommend, release, serve_waiting
from core.effects import ShowPositions
from core.errors import OutOfTurnError, UnknownError
from core.events import Location, UnitCalled, UnitLinked, UnitReported, UnitsMoved
from core.ids import UnitId
from core.incidents.candidates import OFFICER
from core.incidents.handlers import hear, open_incident, watch_unattended
from core.incidents.incident import Incident
from core.roads.sampling import learn
from core.state import State
from core.units.columns import FIX_DTYPE
from core.units.machine import OURS
from core.units.status import assume_available, take_link, take_status
from core.units.unit import EVENTS_KEPT, Unit

HEADS_PER_TICK = 4  # incidents tried at each tick of positions: a tick may cost a few scans, not a thousand


def moved(state: State, fact: UnitsMoved) -> None:
    """Take over one tick of fixes and show them; a unit seen for the first time may be ordered."""
    fixes = state.columns.apply_fixes(fact.data, now_s=fact.at_ns // 1_000_000_000)
    state.count("fix_late", fixes.late)
    state.count("fix_unknown", fixes.unknown + fixes.timeless)
    state.count("fix_ahead", fixes.ahead)
    _show_by_county(state, fixes.accepted)
    learn(state, fixes.accepted)
    for row in fixes.first:
        unit = state.units[state.unit_ids[row]]
        if unit.heard_status or unit.status != "off_duty":
            state.touch_unit(unit)
        else:
            assume_available(state, unit)
    if state.incidents_waiting:
        serve_waiting(state, HEADS_PER_TICK, together=False)


def reported(state: State, fact: UnitReported) -> None:
    """Take over a status. One that is not newer than the last (device time) changes nothing."""
    unit = _known(state, fact.unit_id)
    if fact.status in OURS:
        raise OutOfTurnError(f"a unit cannot make itself {fact.status}")
    if fact.tst and (fact.tst, fact.seq) <= (unit.status_tst, unit.status_seq):
        state.count("status_late")  # or the broker's retained copy of what we know
        return
    if unit.status == "emergency" and not fact.tst:
        state.count("status_in_emergency")  # only a status that is surely newer ends a cry for help
        return
    repeated = unit.heard_status and unit.status == fact.status
    unit.heard_status = True
    if fact.tst:
        unit.status_tst, unit.status_seq = fact.tst, fact.seq
    if repeated:
        return
    if fact.status == "emergency":  # the same cry by another way
        cry = UnitCalled(
            at_ns=fact.at_ns, unit_id=fact.unit_id, event="emergency", tst=fact.tst, seq=fact.seq
        )
        called(state, cry)
        return
    take_status(state, unit, fact.status)
    serve_waiting(state)


def called(state: State, fact: UnitCalled) -> None:
    """The emergency button: the unit itself is an incident of level 1, at its last fix."""
    unit = _known(state, fact.unit_id)
    event = (fact.event, fact.tst, fact.seq)
    if event in unit.last_events and fact.tst:
        state.count("event_doubled")
        return
    unit.last_events = [*unit.last_events, event][-EVENTS_KEPT:]
    lat, lon = _place(state, unit, fact)
    state.warn(f"officer_{fact.event}", unit.entry.unit_id, unit.entry.county, fact.text, lat, lon)
    if fact.event == "text":
        return
    unit.status_tst, unit.status_seq = max((unit.status_tst, unit.status_seq), (fact.tst, fact.seq))
    take_status(state, unit, "emergency")
    known = state.incidents.get(unit.emergency)
    if known is not None:  # pressed again: the desk has been told again, and perhaps now knows the place
        if not known.located and lat is not None and lon is not None:
            _hear_officer(state, known, unit, lat, lon)
            placed(state, known)
        return
    incident = open_incident(state, unit.entry.county, 1, f"officer_{fact.event}")
    unit.emergency = incident.incident_id
    incident.whose = unit.entry.unit_id
    incident.passed_over.append(unit.entry.unit_id)
    if lat is not None and lon is not None:
        _hear_officer(state, incident, unit, lat, lon)
    recommend(state, incident)
    release(state, incident, since_ns=state.now_ns)
    watch_unattended(state, incident)


def linked(state: State, fact: UnitLinked) -> None:
    """The unit's radio came on the air or left it."""
    unit = _known(state, fact.unit_id)
    if unit.link != fact.link:
        take_link(state, unit, fact.link)
        serve_waiting(state)


def _known(state: State, unit_id: UnitId) -> Unit:
    unit = state.units.get(unit_id)
    if unit is None:
        raise UnknownError("a unit that is not on the roster")
    return unit


def _place(state: State, unit: Unit, fact: UnitCalled) -> tuple[float | None, float | None]:
    if fact.lat is not None and fact.lon is not None:
        return fact.lat, fact.lon
    position = state.columns.position(unit.row)
    return (position.lat, position.lon) if position is not None else (None, None)


def _hear_officer(state: State, incident: Incident, unit: Unit, lat: float, lon: float) -> None:
    place = Location(lat=lat, lon=lon, source=OFFICER, address=unit.entry.call_sign)
    hear(state, incident, place, whose=unit.entry.unit_id)


def _show_by_county(state: State, accepted: bytes) -> None:
    fixes = np.frombuffer(accepted, FIX_DTYPE)
    counties = state.columns.county[fixes["unit"]]
    for index in np.unique(counties):
        mine = fixes[counties == index]
        state.say(
            ShowPositions(
                county=state.counties[index],
                at_ms=state.now_ns // 1_000_000,
                n=mine.shape[0],
                data=mine.tobytes(),
            )
        )
