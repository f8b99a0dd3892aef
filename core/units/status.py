# SPDX-License-Identifier: Apache-2.0
"""Changing what a unit is doing, and keeping its row of the columns true to it."""

from itertools import takewhile
from typing import Literal

from core.effects import ReportKept, StatusSource
from core.events import Link, UnitStatus
from core.ids import OrderId
from core.state import State
from core.units.columns import Barred
from core.units.history import CLOCK_SET_S, Filing, file
from core.units.report import Report
from core.units.unit import Unit

BARRED_BY_STATUS: dict[UnitStatus, Barred] = {
    "off_duty": Barred.OFF_DUTY,
    "out_of_service": Barred.OUT_OF_SERVICE,
    "emergency": Barred.EMERGENCY,
}
IDLE: frozenset[UnitStatus] = frozenset({"available", "reserved", "off_duty", "out_of_service"})
"Only from these an order makes a unit `dispatched`: whoever is under way keeps its progress."
WITH_ORDERS: frozenset[UnitStatus] = frozenset(
    {"dispatched", "acknowledged", "enroute", "on_scene", "clearing"}
)
"What ends when the last order does, unless the unit says otherwise."
FARTHER: frozenset[UnitStatus] = frozenset(
    {"enroute", "on_scene", "transporting", "at_destination", "clearing"}
)
"Signing an order takes nobody back from these."


def take_status(
    state: State,
    unit: Unit,
    status: UnitStatus,
    *,
    source: StatusSource = "gateway",
    tst: int = 0,
    seq: int = 0,
) -> Filing:
    """Take over a status; one the table does not foresee is taken too, and marked.

    With a device time (s since 1970) one that was said before what is known already only takes its place in the
    unit's history and is shown; without one it is of now. What we say ourselves (`gateway`) is never out of turn.
    """
    report, filing = _file(state, unit, status, source, tst, seq)
    if filing == "newest":
        unit.status = status
        _judge(unit)
        _show(state, unit)
    elif filing != "doubled":
        _keep(state, unit, report, filing)
    return filing


def take_ack(state: State, unit: Unit, status: UnitStatus, *, tst: int, seq: int) -> None:
    """Take over what an ack of an order says of the unit; a signature takes back nothing that it has done since."""
    if status == "acknowledged" and unit.status in FARTHER:
        state.count("signed_later")
    else:
        take_status(state, unit, status, source="order", tst=tst, seq=seq)


def hear_again(state: State, unit: Unit, *, tst: int, seq: int) -> None:
    """The unit says once more what it does: noted, and nothing to tell."""
    report, filing = _file(state, unit, unit.status, "unit", tst, seq)
    if filing in ("late", "beyond"):
        _keep(state, unit, report, filing)


def hold_back(state: State, unit: Unit, status: UnitStatus, *, tst: int, seq: int) -> bool:
    """The unit says what it does while its cry for help stands: recorded and shown, it ends nothing.

    True when it was said after the cry.
    """
    cry = unit.present
    report, filing = _file(state, unit, status, "unit", tst, seq)
    report.held = any(
        known is report for known in takewhile(lambda one: one is not cry, reversed(unit.reports))
    )
    if filing == "newest":
        state.count("status_in_emergency")
        _tell(state, unit, report, "emergency")
    elif filing != "doubled":
        _keep(state, unit, report, filing)
    return filing == "newest"


def take_link(state: State, unit: Unit, link: Link) -> None:
    """Note that the unit's radio came or went."""
    unit.link = link
    _show(state, unit)


def assume(state: State, unit: Unit, status: Literal["available", "off_duty"]) -> None:
    """Say of a unit that never told a status what it is taken to do."""
    if unit.reports:  # it has had orders
        take_status(state, unit, status)
        return
    unit.status = unit.before = status
    _show(state, unit)


def take_order(state: State, unit: Unit, order_id: OrderId) -> None:
    """Give the unit an order; it is not free until it has left it. One that is under way already stays so."""
    assert order_id not in unit.order_ids, "a unit is never twice on one order"
    unit.order_ids.append(order_id)
    if unit.status in IDLE:
        take_status(state, unit, "dispatched", source="gateway")
    else:
        _show(state, unit)


def leave_order(state: State, unit: Unit, order_id: OrderId) -> None:
    """Take an order from the unit; without any other it is available again, unless it said otherwise."""
    unit.order_ids.remove(order_id)
    if not unit.order_ids and unit.status in WITH_ORDERS:
        take_status(state, unit, "available", source="gateway")
    _show(state, unit)


def barred(unit: Unit) -> Barred:
    """Return why the unit cannot be ordered now, or Barred.FREE."""
    if not unit.enrolled:
        return Barred.NOT_ON_ROSTER
    if unit.status in BARRED_BY_STATUS:
        return BARRED_BY_STATUS[unit.status]
    if unit.link == "offline":
        return Barred.OFFLINE
    if unit.order_ids or unit.status != "available":
        return Barred.BUSY
    return Barred.FREE


def _file(
    state: State, unit: Unit, status: UnitStatus, source: StatusSource, tst: int, seq: int
) -> tuple[Report, Filing]:
    if 0 < tst < CLOCK_SET_S:
        state.count("status_clock_unset")
        tst = 0
    if source in ("unit", "order"):
        unit.status_tst, unit.status_seq = max((unit.status_tst, unit.status_seq), (tst, seq))
    report = Report(status, source, 0, seq, state.now_ns, tst=tst)
    return report, file(unit, report, state.settings.status_window_s)


def _keep(state: State, unit: Unit, report: Report, filing: Literal["late", "beyond", "newest"]) -> None:
    """Show a report that is not the newest; what stands after it may be in turn now, or not any more."""
    state.count(f"status_{filing}")
    _tell(state, unit, report, "beyond" if filing == "beyond" else "late")
    if _judge(unit):
        state.touch_unit(unit)


def _judge(unit: Unit) -> bool:
    """Take from the history whether the unit's last step was foreseen; True when that is another answer."""
    began, before = unit.began, unit.out_of_turn
    unit.out_of_turn = began is not None and began.out_of_turn
    return unit.out_of_turn != before


def _tell(state: State, unit: Unit, report: Report, why: Literal["late", "beyond", "emergency"]) -> None:
    state.say(
        ReportKept(
            at_us=state.at_us,
            county=unit.entry.county,
            unit_id=unit.entry.unit_id,
            status=report.status,
            present=unit.status,
            source=report.source,
            why=why,
            said_at_us=report.event_us,
            heard_at_us=report.heard_ns // 1000,
            out_of_turn=report.out_of_turn,
        )
    )


def _show(state: State, unit: Unit) -> None:
    state.columns.set_barred(unit.row, barred(unit))
    state.touch_unit(unit)
