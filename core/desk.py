# SPDX-License-Identifier: Apache-2.0
"""What a person at a desk may command (the `commands` stream of CONTRACT.md), as a table."""

from collections.abc import Callable
from typing import get_args

from core.callbacks import handlers as callbacks
from core.calls.call import Call
from core.calls.doubt import lift, vouch
from core.dispatch.dispatcher import placed, recommend, reinforce, replan, serve_waiting
from core.dispatch.lines import line_for, orders_of, plan
from core.dispatch.ordering import divert, issue, seek_unit
from core.dispatch.plans import wants
from core.dispatch.policy import takeable
from core.effects import AnswerCaller
from core.errors import OutOfTurnError, UnknownError
from core.events import CommandGiven, Location, UnitStatus
from core.incidents.candidates import DESK
from core.incidents.handlers import close, hear, known, take_back
from core.incidents.incident import Incident
from core.orders.handlers import cancel
from core.orders.review import review
from core.orders.stack import may_stack
from core.orders.supersede import follow
from core.roads import handlers as roads
from core.state import State
from core.units import checkins, emergency
from core.units.columns import Barred
from core.units.status import barred, take_status
from core.units.unit import Unit


def given(state: State, fact: CommandGiven) -> None:
    """Do what the desk says; an unknown command or object is refused by name and told to the desk."""
    state.commands_read[fact.county] = fact.stream_id or state.commands_read.get(fact.county, "")
    handler = COMMANDS.get(fact.command)
    try:
        if handler is None:
            raise UnknownError(f"no command {fact.command!r}")
        handler(state, fact)
    except (UnknownError, OutOfTurnError) as error:
        state.count("command_refused")
        state.warn("command_refused", fact.command_id or fact.command, fact.county, str(error))


def _take(state: State, fact: CommandGiven) -> None:
    call = _call(state, fact)
    if call.state != "ringing":
        raise OutOfTurnError("the call does not ring")
    call.taken = True
    state.say(AnswerCaller(leg=call.leg))


def _classify(state: State, fact: CommandGiven) -> None:
    call = _call(state, fact)
    incident = known(state, call.incident_id)
    call.level = fact.level or call.level
    _grade(state, incident, fact)
    vouch(state, call)


def _level(state: State, fact: CommandGiven) -> None:
    _grade(state, known(state, fact.incident_id), fact)


def _locate(state: State, fact: CommandGiven) -> None:
    if fact.lat is None or fact.lon is None or not (-90 <= fact.lat <= 90 and -180 <= fact.lon <= 180):
        raise OutOfTurnError("incident.locate needs lat and lon in degrees")
    incident = known(state, fact.incident_id)
    place = Location(lat=fact.lat, lon=fact.lon, source=DESK, address=fact.address)
    hear(state, incident, place, whose=DESK)
    follow(state, incident, by_desk=True)
    placed(state, incident)
    lift(state, incident)


def _unlocate(state: State, fact: CommandGiven) -> None:
    incident = known(state, fact.incident_id)
    take_back(state, incident)
    placed(state, incident)


def _accept(state: State, fact: CommandGiven) -> None:
    incident = known(state, fact.incident_id)
    unit_id = fact.unit_id or incident.best
    unit = state.units.get(unit_id)
    if unit is None:
        raise UnknownError(f"no unit {unit_id!r}")
    why_not = barred(unit)
    order = takeable(state, incident, unit)
    if why_not is not Barred.FREE and order is None and not may_stack(state, incident, unit):
        raise OutOfTurnError(f"{unit_id} cannot be ordered: {why_not.name.lower()}")
    incident.released, incident.held_ns = True, 0  # the desk vouches for it, and has chosen
    reason = divert(state, order, incident) if order is not None else ""
    line = line_for(state, incident, unit)
    issue(state, incident, unit_id, eta_s=None, line=line, chosen=True, reason=reason)
    if seek_unit(state, incident) or order is not None:
        serve_waiting(state)


def _reinforce(state: State, fact: CommandGiven) -> None:
    incident = known(state, fact.incident_id)
    if not wants(state.settings, incident.category, incident.level, incident.step + 1):
        raise OutOfTurnError("its plan has no further step")
    incident.released, incident.held_ns = True, 0  # whoever asks for more vouches for it
    reinforce(state, incident)


def _cancel(state: State, fact: CommandGiven) -> None:
    order = state.orders.get(fact.order_id)
    if order is None:
        raise UnknownError(f"no open order {fact.order_id!r}")
    cancel(state, order, fact.text or f"cancelled by {fact.by}")


def _review(state: State, fact: CommandGiven) -> None:
    review(state, fact.order_id, fact.status, fact.by)
    serve_waiting(state)


def _close(state: State, fact: CommandGiven) -> None:
    incident = known(state, fact.incident_id)
    if incident.cry_stands:
        raise OutOfTurnError("an officer's cry for help is ended by emergency.end, with a reason")
    incident.held_ns = state.now_ns  # a unit that comes free by this is not sent here again
    state.incidents_waiting.remove(incident.incident_id)
    for order in orders_of(state, incident):
        if order.order_id in state.orders:  # or taken for a graver one, when another of these came free
            cancel(state, order, fact.text or f"closed by {fact.by}")
    close(state, incident, "closed_by_desk")
    serve_waiting(state)


def _set_unit(state: State, fact: CommandGiven) -> None:
    unit, status = _unit(state, fact), _status(fact.status)
    if status == "emergency":
        emergency.by_desk(state, unit, fact.text)
        return
    if emergency.holds(state, unit):
        reason = fact.text or f"set to {status}"
        emergency.end(state, unit, by=fact.by or "desk", reason=reason, status=status)
        return
    unit.heard_status = True
    take_status(state, unit, status, source="desk")
    serve_waiting(state)


def _end_emergency(state: State, fact: CommandGiven) -> None:
    unit = _unit(state, fact)
    if not emergency.holds(state, unit):
        raise OutOfTurnError(f"{fact.unit_id} is not in an emergency")
    if not (fact.text and fact.by):
        raise OutOfTurnError("emergency.end needs a reason (text), and who says so (by)")
    status = _status(fact.status) if fact.status else None
    if status == "emergency":
        raise OutOfTurnError("an emergency does not end in an emergency")
    emergency.end(state, unit, by=fact.by, reason=fact.text, status=status)


def _checked(state: State, fact: CommandGiven) -> None:
    checkins.checked(state, _unit(state, fact))


def _unit(state: State, fact: CommandGiven) -> Unit:
    unit = state.units.get(fact.unit_id)
    if unit is None:
        raise UnknownError(f"no unit {fact.unit_id!r}")
    return unit


def _status(said: str) -> UnitStatus:
    status: UnitStatus | None = next((known for known in get_args(UnitStatus) if known == said), None)
    if status is None:
        raise OutOfTurnError(f"no status {said!r}")
    return status


def _call(state: State, fact: CommandGiven) -> Call:
    call = state.calls.get(fact.call_id)
    if call is None:
        raise UnknownError(f"no live call {fact.call_id!r}")
    return call


def _grade(state: State, incident: Incident, fact: CommandGiven) -> None:
    before = plan(state, incident)
    incident.level = fact.level or incident.level
    incident.category = fact.category or incident.category
    if incident.incident_id in state.incidents_waiting:
        state.incidents_waiting.reclassify(incident.incident_id, incident.level, incident.waits_since_ms)
    follow(state, incident)
    wants_more = replan(state, incident, before)  # units are on their way, and it waits for others now
    if wants_more or not incident.active_orders:
        recommend(state, incident)  # another category may need other units
        serve_waiting(state)
    state.touch_incident(incident)


COMMANDS: dict[str, Callable[[State, CommandGiven], None]] = {
    "call.take": _take,
    "call.classify": _classify,
    "incident.locate": _locate,
    "incident.unlocate": _unlocate,
    "incident.level": _level,
    "incident.close": _close,
    "order.accept": _accept,
    "order.cancel": _cancel,
    "order.review": _review,
    "plan.step": _reinforce,
    "callback.tried": callbacks.tried,
    "callback.done": callbacks.done,
    "unit.set": _set_unit,
    "unit.checked": _checked,
    "emergency.end": _end_emergency,
    "road.close": roads.close,
    "road.open": roads.reopen,
}
