# SPDX-License-Identifier: Apache-2.0
"""Safety checks: an officer on scene who is not heard for a while is asked, missed, and looked for.

Only for incidents that `dispatch.checkins` names. One timer a unit, `checkin:{unit_id}`: after `every_s` without a sign
of life the unit is asked, `warn_s` later the desk is told, and `escalate_s` after the question the duty chief. A person
must have done something for it to be a sign: a check-in, a text, a status, an ack beyond the machine's `delivered`; a
position is none. What a radio kept and sends late was done then, not now (docs/decisions/0048).
"""

from core.effects import CheckInStage, PromptUnit
from core.errors import OutOfTurnError
from core.events import Fact, OrderAcked, TimerFired, UnitCalled, UnitReported
from core.ids import UnitId
from core.orders.order import Order
from core.settings import CheckIn, Settings
from core.state import State
from core.units.emergency import cry_out, last_known, sentence
from core.units.history import said_s
from core.units.unit import Unit
from core.units.watch import Watch

NS_PER_S = 1_000_000_000
GRACE_S = 30  # to answer after the machine or the broker was away: as for a signature
GRACES_MAX = 20  # since the last sign of life: what comes and goes all the time must hide nobody's silence
ON_SCENE = frozenset({"on_scene", "transporting"})
ASKED: frozenset[CheckInStage] = frozenset({"prompted", "missed", "unaccounted"})
MISSED: frozenset[CheckInStage] = frozenset({"missed", "unaccounted"})
PROMPT = "安全确认：请立即应答 Safety check: answer now"
"Read by the officer."


def follow(state: State, fact: Fact) -> None:
    """After each fact: begin and end watches where units came on scene or left, and hear signs of life."""
    if not (state.settings.checkins or state.watched):
        return
    incidents, units = state.touched()
    if isinstance(fact, UnitReported | UnitCalled | OrderAcked):
        unit = state.units[fact.unit_id]
        if _lives(state, unit, fact, changed=any(one is unit for one in units)):
            _heard(state, unit)
    for incident in incidents:  # its category or level may be another
        for order_id in incident.order_ids:
            if order_id in state.orders:
                _attend(state, state.units[state.orders[order_id].unit_id])
    for unit in units:
        _attend(state, unit)


def due(state: State, fact: TimerFired) -> None:
    """Nothing was heard for so long: ask, then tell the desk, then the duty chief, again and again."""
    unit = state.units[UnitId(fact.key.partition(":")[2])]
    watch = unit.watch
    assert watch is not None, "a timer without a watch"
    if "mqtt" in state.away:  # nobody could answer
        if not watch.told_away:
            watch.told_away = True
            text = "the broker is away, so no check-in is heard: ask by voice, then unit.checked"
            _warn(state, unit, "check_in_unheard", text)
        _wait(state, unit, GRACE_S)
        return
    rule = watch.rule
    if watch.stage == "watched":
        _ask(state, unit, watch, "prompted", rule.warn_s)
    elif watch.stage == "prompted":
        _warn(state, unit, "check_in_missed", f"no answer for {rule.warn_s} s: call the officer")
        _ask(state, unit, watch, "missed", rule.escalate_s - rule.warn_s)
    else:
        _escalate(state, unit, watch)


def checked(state: State, unit: Unit) -> None:
    """A desk has spoken to the officer: as good as a check-in."""
    if unit.watch is None:
        raise OutOfTurnError(f"no safety check is kept for {unit.entry.unit_id}")
    _heard(state, unit)


def resume(state: State) -> None:
    """After a restart, perhaps with other settings: everybody on scene is watched, with time to answer."""
    for unit in state.units.values():
        _attend(state, unit)
    give_time(state)


def give_time(state: State) -> None:
    """The machine or the broker is back: ask again who was asked; nobody is missed for our absence, nor forgotten."""
    for unit_id in state.watched:
        unit = state.units[unit_id]
        watch = unit.watch
        assert watch is not None, "who is watched has a watch"
        watch.told_away = False
        due_ns = state.timers[f"checkin:{unit_id}"]
        soonest_ns = state.now_ns + GRACE_S * NS_PER_S
        if due_ns < soonest_ns and watch.graces < GRACES_MAX:
            watch.graces += 1
            due_ns = soonest_ns
            state.set_timer(f"checkin:{unit_id}", due_ns)
        if watch.stage in ASKED:
            _prompt(state, unit, watch, due_ns)


def rule_for(settings: Settings, category: str, level: int) -> CheckIn | None:
    """Return the most particular line: of category and level, of the category, of the level, for all; None: nobody."""
    lines = settings.checkin_of
    for of in ((category, level), (category, 0), ("", level), ("", 0)):
        if of in lines:
            return lines[of]
    return None


def _attend(state: State, unit: Unit) -> None:
    """Begin, go on with, or end the watch over a unit, by where it stands now."""
    watch, order = unit.watch, _scene(state, unit)
    incident = state.incidents[order.incident_id] if order is not None else None
    rule = rule_for(state.settings, incident.category, incident.level) if incident is not None else None
    if order is None or rule is None:
        if watch is not None:
            unit.watch = None
            del state.watched[unit.entry.unit_id]
            state.drop_timer(f"checkin:{unit.entry.unit_id}")
            state.touch_unit(unit)
            if watch.stage in MISSED and unit.status != "emergency":
                silent_s = (state.now_ns - watch.heard_ns) // NS_PER_S
                text = f"not asked any more, and not heard for {silent_s} s: call the officer"
                _warn(state, unit, "officer_unaccounted", text)
        return
    if watch is None:
        unit.watch = Watch(
            incident_id=order.incident_id, order_id=order.order_id, rule=rule, heard_ns=state.now_ns
        )
        state.watched[unit.entry.unit_id] = None
        state.touch_unit(unit)
        _wait(state, unit, rule.every_s)
        return
    watch.incident_id, watch.order_id = order.incident_id, order.order_id  # another order makes nobody heard
    if watch.rule != rule:
        watch.rule = rule
        if watch.stage == "watched":
            due_ns = max(state.now_ns, watch.heard_ns + rule.every_s * NS_PER_S)
            state.set_timer(f"checkin:{unit.entry.unit_id}", due_ns)


def _scene(state: State, unit: Unit) -> Order | None:
    """Return the order for which the unit is on scene; None when it is not, or without an order."""
    if unit.status not in ON_SCENE or not unit.order_ids:
        return None
    orders = [state.orders[order_id] for order_id in unit.order_ids]
    return next((order for order in orders if order.state == "on_scene"), orders[0])


def _lives(state: State, unit: Unit, fact: UnitReported | UnitCalled | OrderAcked, *, changed: bool) -> bool:
    """Tell whether a person did this, and now: not the broker's copy of something done before.

    Without a device time a status or an ack counts when it changed something; an event always.
    """
    watch = unit.watch
    if isinstance(fact, OrderAcked) and fact.ack == "delivered":
        return False  # the machine's word
    if isinstance(fact, UnitCalled) and watch is not None and fact.prompt and fact.prompt == watch.prompt:
        return True
    at_s, now_s = said_s(unit, fact.tst), fact.at_ns // NS_PER_S
    if not at_s:
        return changed or isinstance(fact, UnitCalled)
    if (at_s, fact.seq) <= unit.alive:
        return False
    unit.alive = (min(at_s, now_s), fact.seq)
    if watch is not None and at_s < now_s - watch.rule.every_s:
        state.count("check_in_old")
        return False
    return True


def _heard(state: State, unit: Unit) -> None:
    watch = unit.watch
    if watch is None:
        return
    watch.heard_ns, watch.graces = state.now_ns, 0
    _wait(state, unit, watch.rule.every_s)
    if watch.stage != "watched":
        watch.stage = "watched"
        state.touch_unit(unit)


def _ask(state: State, unit: Unit, watch: Watch, stage: CheckInStage, answer_s: int) -> None:
    watch.stage, watch.prompt = stage, state.seq
    state.touch_unit(unit)
    _wait(state, unit, answer_s)
    _prompt(state, unit, watch, state.now_ns + answer_s * NS_PER_S)


def _escalate(state: State, unit: Unit, watch: Watch) -> None:
    silent_s = (state.now_ns - watch.heard_ns) // NS_PER_S
    _warn(state, unit, "officer_unaccounted", f"duty chief: not heard for {silent_s} s")
    if watch.rule.man_down:
        cry_out(state, unit, last_known(state, unit, "man_down", raised_by="check_in"))
        return  # the watch ends with the status: an emergency is told again by itself
    _ask(state, unit, watch, "unaccounted", watch.rule.escalate_s)


def _prompt(state: State, unit: Unit, watch: Watch, due_ns: int) -> None:
    state.say(
        PromptUnit(
            county=unit.entry.county,
            unit_id=unit.entry.unit_id,
            prompt=watch.prompt,
            order_id=watch.order_id,
            incident_id=watch.incident_id,
            deadline=due_ns // NS_PER_S,
            text=PROMPT,
        )
    )


def _warn(state: State, unit: Unit, kind: str, text: str) -> None:
    """Tell the desk, with all that is known of the officer."""
    known = last_known(state, unit, "man_down", raised_by="check_in")
    state.warn(
        kind, unit.entry.unit_id, unit.entry.county, f"{sentence(known)}; {text}", known.lat, known.lon, known
    )


def _wait(state: State, unit: Unit, wait_s: int) -> None:
    state.set_timer(f"checkin:{unit.entry.unit_id}", state.now_ns + wait_s * NS_PER_S)
