# SPDX-License-Identifier: Apache-2.0
"""Changing what a unit is doing, and keeping its row of the columns true to it."""

from core.events import Link, UnitStatus
from core.ids import OrderId
from core.state import State
from core.units.columns import Barred
from core.units.machine import foreseen
from core.units.unit import Unit

BARRED_BY_STATUS: dict[UnitStatus, Barred] = {
    "off_duty": Barred.OFF_DUTY,
    "out_of_service": Barred.OUT_OF_SERVICE,
    "emergency": Barred.EMERGENCY,
}


def take_status(state: State, unit: Unit, status: UnitStatus) -> None:
    """Take over a status; one the table does not foresee is taken too, and marked."""
    unit.out_of_turn = not foreseen(unit.status, status)
    unit.status = status
    _show(state, unit)


def take_link(state: State, unit: Unit, link: Link) -> None:
    """Note that the unit's radio came or went."""
    unit.link = link
    _show(state, unit)


def assume_available(state: State, unit: Unit) -> None:
    """A unit that sends positions but never told a status is taken to be on duty."""
    unit.status = "available"
    _show(state, unit)


def take_order(state: State, unit: Unit, order_id: OrderId) -> None:
    """Give the unit an order; it is not free until it has left it."""
    unit.order_ids.append(order_id)
    take_status(state, unit, "dispatched")


def leave_order(state: State, unit: Unit, order_id: OrderId) -> None:
    """Take an order from the unit; without any other it is available again, unless it said otherwise."""
    unit.order_ids.remove(order_id)
    if not unit.order_ids and unit.status in {
        "dispatched",
        "acknowledged",
        "enroute",
        "on_scene",
        "clearing",
    }:
        unit.status = "available"
        unit.out_of_turn = False
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


def _show(state: State, unit: Unit) -> None:
    state.columns.set_barred(unit.row, barred(unit))
    state.touch_unit(unit)
