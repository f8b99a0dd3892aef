# SPDX-License-Identifier: Apache-2.0
"""The emergency button: an officer in danger is an incident of level 1 before all others, and only a desk ends it.

What was known at the first press is frozen in the incident. Where the unit moves afterwards, and what it presses and
says, are further words beside that (docs/decisions/0048).
"""

from typing import Literal

from msgspec.structs import replace

from core.dispatch.dispatcher import placed, recommend, release, serve_waiting
from core.dispatch.lines import orders_of
from core.effects import Emergency, StatusSource
from core.errors import UnknownError
from core.events import Location, UnitCalled, UnitStatus
from core.geodesy import distance_m
from core.incidents.candidates import OFFICER, PACE_M_PER_S, SOURCES, UNCERTAINTY_M_MAX
from core.incidents.handlers import close, hear, open_incident, watch_unattended
from core.incidents.incident import Cry, Incident
from core.orders.handlers import cancel
from core.state import State
from core.units.history import CLOCK_SET_S, said_s
from core.units.status import take_status
from core.units.unit import EVENTS_KEPT, Unit

Event = Literal["emergency", "man_down"]
Raiser = Literal["unit", "desk", "check_in"]
NS_PER_S = 1_000_000_000
GRAVEST = 1
AGAIN_NS = NS_PER_S  # a button held down is one press: the desk is told no more than once a second. A guess
FOLLOW_NS = 5 * NS_PER_S  # a moving unit ranks its colleagues anew no more often: 80 m at 60 km/h. A guess
OVER = frozenset({"available", "clearing", "off_duty", "out_of_service"})
"What a unit says of itself when it means that it is over."
AFTERWARDS: dict[str, UnitStatus] = {
    "signed": "acknowledged",
    "enroute": "enroute",
    "on_scene": "on_scene",
}
"What a unit does again once its emergency is over, by the order it has."

SOURCE: dict[Raiser, StatusSource] = {"unit": "unit", "desk": "desk", "check_in": "gateway"}
WHAT = {"emergency": "emergency button", "man_down": "man down"}
HOW = {"desk": "in danger, says a desk", "check_in": "no answer to a safety check"}
PLACE = {"event": "at the place it told,", "fix": "at its last fix,"}


def holds(state: State, unit: Unit) -> bool:
    """Return whether the unit's cry for help stands: then no word of its own ends it."""
    return unit.status == "emergency"


def claimed(state: State, unit: Unit, status: UnitStatus) -> None:
    """Take down what a unit says of itself while its cry for help stands, and ask the desk whether it is over."""
    if unit.claims == status:
        return
    unit.claims = status
    state.touch_unit(unit)
    if status in OVER:
        position = state.columns.position(unit.row)
        state.warn(
            "officer_says_over",
            unit.entry.unit_id,
            unit.entry.county,
            f"reports {status}: speak to the officer, then emergency.end",
            position.lat if position is not None else None,
            position.lon if position is not None else None,
        )


def heard_again(state: State, unit: Unit) -> None:
    """Its last status `emergency`, without a device time, came again after a desk had ended it: a copy, or not.

    Nobody is sent for a copy, and no cry for help is passed over in silence: a desk finds out.
    """
    known = last_known(state, unit)
    text = f"{sentence(known)}; ended before: the broker's copy, or pressed again; ask the officer"
    entry = unit.entry
    state.warn("officer_emergency_again", entry.unit_id, entry.county, text, known.lat, known.lon, known)


def called(state: State, fact: UnitCalled) -> None:
    """A press of the button, a man-down sensor, a text, or the answer to a safety check."""
    unit = state.units.get(fact.unit_id)
    if unit is None:
        raise UnknownError("a unit that is not on the roster")
    event = (fact.event, fact.tst, fact.seq)
    dated = fact.tst >= CLOCK_SET_S  # a clock that was never set says the same after each start
    if fact.event == "emergency" or fact.event == "man_down":
        if dated and (event in unit.last_presses or event in unit.last_events):
            state.count("event_doubled")  # delivered again, perhaps long after a desk ended it
            return
        remember(unit, event)
        cry_out(state, unit, _told_by(state, unit, fact), fact.seq)
        return
    if dated and event in unit.last_events:
        state.count("event_doubled")
        return
    unit.last_events = [*unit.last_events, event][-EVENTS_KEPT:]
    if fact.event == "text":
        said = _told_by(state, unit, fact)
        state.warn("officer_text", unit.entry.unit_id, unit.entry.county, fact.text, said.lat, said.lon)


def remember(unit: Unit, press: tuple[str, int, int]) -> None:
    """Note a cry for help that was heard: a copy of it opens nothing."""
    unit.last_presses = [*unit.last_presses, press][-EVENTS_KEPT:]


def cry_out(state: State, unit: Unit, said: Emergency, seq: int = 0) -> None:
    """Open an incident for an officer in danger, or tell the desk again while it is open."""
    if unit.status != "emergency":
        unit.claims = None
        _bar(state, unit, said, seq)
    known = state.incidents.get(state.crying.get(unit.entry.unit_id, unit.emergency))
    if known is not None and known.cry_stands:
        _again(state, unit, known, said)
        return
    incident = open_incident(state, unit.entry.county, GRAVEST, f"officer_{said.event}")
    said = replace(said, incident_id=incident.incident_id)
    _tell(state, unit, said)
    head_start_ms = state.settings.emergency_head_start_s * 1000
    incident.cry = Cry(said=said, head_start_ms=head_start_ms, told_ns=state.now_ns, followed_ns=state.now_ns)
    state.crying[unit.entry.unit_id] = unit.emergency = incident.incident_id
    incident.whose = unit.entry.unit_id
    incident.passed_over.append(unit.entry.unit_id)
    _hear_officer(state, incident, unit, said)
    recommend(state, incident)
    release(state, incident, since_ns=state.now_ns)
    watch_unattended(state, incident)


def by_desk(state: State, unit: Unit, text: str) -> None:
    """A desk has heard by other ways that the officer is in danger: as if the button had been pressed."""
    cry_out(state, unit, last_known(state, unit, raised_by="desk", text=text))


def last_known(
    state: State, unit: Unit, event: Event = "emergency", *, raised_by: Raiser = "unit", text: str = ""
) -> Emergency:
    """Return all that a desk must know at once of an officer of whom nothing but the last fix is known."""
    position = state.columns.position(unit.row)
    age_s = float(max(0, state.now_ns // NS_PER_S - position.tst)) if position is not None else None
    return Emergency(
        unit_id=unit.entry.unit_id,
        call_sign=unit.entry.call_sign,
        event=event,
        raised_by=raised_by,
        at_us=state.at_us,
        lat=position.lat if position is not None else None,
        lon=position.lon if position is not None else None,
        place="fix" if position is not None else "unknown",
        age_s=age_s,
        uncertainty_m=_doubt_m(age_s, position.vel) if position is not None and age_s is not None else None,
        order_ids=tuple(unit.order_ids),
        incident_ids=tuple([state.orders[order_id].incident_id for order_id in unit.order_ids]),
        link=unit.link,
        text=text,
    )


def sentence(said: Emergency) -> str:
    """Return it as one sentence for a desk."""
    name = f"{said.call_sign} ({said.unit_id})" if said.call_sign else said.unit_id
    parts = [f"{name}: {HOW.get(said.raised_by) or WHAT[said.event]}"]
    if said.age_s is None or said.uncertainty_m is None:
        parts.append("place unknown")
    else:
        parts.append(f"{PLACE[said.place]} {said.age_s:.0f} s old, within {said.uncertainty_m:.0f} m")
    if said.order_ids:
        parts.append(f"was on {', '.join(said.order_ids)} for {', '.join(said.incident_ids)}")
    if said.link == "offline":
        parts.append("its radio is off the air")
    if said.text:
        parts.append(f"says: {said.text}")
    return "; ".join(parts)


def end(state: State, unit: Unit, *, by: str, reason: str, status: UnitStatus | None) -> None:
    """A desk says that the officer is out of danger: colleagues on their way are called back, those there go on.

    Without a status by the desk the unit is what it said of itself meanwhile, or what its order says, or out of
    service until it reports: nobody is sent on straight from an emergency.
    """
    incident = state.incidents.get(state.crying.pop(unit.entry.unit_id, unit.emergency))
    claims, unit.claims = unit.claims, None
    unit.heard_status = unit.heard_status or status is not None
    take_status(state, unit, status or claims or _afterwards(state, unit), source="desk")
    if incident is not None and incident.cry_stands:
        assert incident.cry is not None, "a cry that stands is one"
        incident.cry.ended_by, incident.cry.ended_reason = by, reason
        incident.held_ns = state.now_ns  # whoever comes free by this is not sent there again
        state.incidents_waiting.remove(incident.incident_id)
        state.touch_incident(incident)
        for order in orders_of(state, incident):
            if order.order_id in state.orders and order.state != "on_scene":
                cancel(state, order, f"the officer is out of danger: {reason}")
        if not incident.active_orders:
            close(state, incident, "emergency_over")
    serve_waiting(state)


def follow(state: State) -> None:
    """Units in danger have moved: each is a further word about where its incident is."""
    for unit_id, incident_id in [*state.crying.items()]:
        unit, incident = state.units[unit_id], state.incidents[incident_id]
        cry = incident.cry
        assert cry is not None, "only cries for help are followed"
        if incident.located and state.now_ns - cry.followed_ns < FOLLOW_NS:
            continue
        _move(state, unit, incident, last_known(state, unit, cry.said.event))


def _bar(state: State, unit: Unit, said: Emergency, seq: int) -> None:
    """Whatever the unit said since, by its own clock: a cry for help that is heard counts from now on."""
    source = SOURCE[said.raised_by]
    take_status(state, unit, "emergency", source=source, tst=said.tst, seq=seq)
    if unit.status != "emergency":
        take_status(state, unit, "emergency", source=source)


def _again(state: State, unit: Unit, incident: Incident, said: Emergency) -> None:
    cry = incident.cry
    assert cry is not None, "only a cry for help is repeated"
    cry.presses += 1
    if state.now_ns - cry.told_ns >= AGAIN_NS:
        cry.told_ns = state.now_ns
        _tell(state, unit, replace(said, incident_id=incident.incident_id), f"; heard {cry.presses} times")
    else:
        state.count("press_repeated")
    _move(state, unit, incident, said)


def _move(state: State, unit: Unit, incident: Incident, said: Emergency) -> None:
    """Add the unit's newest place to the words about its incident, when it is another one."""
    if said.lat is None or said.lon is None or incident.cry is None:
        return
    own = [one.candidate for one in incident.locations if one.candidate.source == OFFICER]
    if own and distance_m(said.lat, said.lon, own[-1].lat, own[-1].lon) <= state.settings.place_moved_m:
        return
    incident.cry.followed_ns = state.now_ns
    if _hear_officer(state, incident, unit, said):
        placed(state, incident)


def _hear_officer(state: State, incident: Incident, unit: Unit, said: Emergency) -> bool:
    if said.lat is None or said.lon is None or said.age_s is None:
        return False
    at_ms = state.now_ms - round(said.age_s * 1000)
    place = Location(lat=said.lat, lon=said.lon, source=OFFICER, address=unit.entry.call_sign, at_ms=at_ms)
    return hear(state, incident, place, whose=unit.entry.unit_id)


def _told_by(state: State, unit: Unit, fact: UnitCalled) -> Emergency:
    """Return what is known at this event: its own place where it has one, else the unit's last fix."""
    said = last_known(state, unit, "man_down" if fact.event == "man_down" else "emergency")
    said = replace(said, tst=fact.tst, text=fact.text)
    if fact.lat is None or fact.lon is None:
        return said
    at_s = said_s(unit, fact.tst)
    age_s = float(max(0, state.now_ns // NS_PER_S - at_s)) if at_s else 0.0
    return replace(
        said, lat=fact.lat, lon=fact.lon, place="event", age_s=age_s, uncertainty_m=_doubt_m(age_s, 0.0)
    )


def _tell(state: State, unit: Unit, said: Emergency, more: str = "") -> None:
    state.warn(
        f"officer_{said.event}",
        unit.entry.unit_id,
        unit.entry.county,
        sentence(said) + more,
        said.lat,
        said.lon,
        said,
    )


def _doubt_m(age_s: float, speed_kmh: float) -> float:
    """Return how far it may have come since, at the speed it told, or on foot."""
    pace_m_per_s = max(PACE_M_PER_S, speed_kmh / 3.6)
    return round(min(UNCERTAINTY_M_MAX, SOURCES[OFFICER].assumed_m + pace_m_per_s * age_s), 1)


def _afterwards(state: State, unit: Unit) -> UnitStatus:
    """Return what the order it has says that it does; without one it is not sent on before it reports."""
    orders = [state.orders[order_id] for order_id in unit.order_ids]
    return next((AFTERWARDS[one.state] for one in orders if one.state in AFTERWARDS), "out_of_service")
