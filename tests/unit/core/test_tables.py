# SPDX-License-Identifier: Apache-2.0
"""The tables of calls, incidents, orders and units, asked what they allow."""

from typing import get_args

import pytest

from core.callbacks import machine as callbacks
from core.calls import machine as calls
from core.calls import silence
from core.effects import CallbackState, CallState, IncidentState, OrderState, Silence
from core.errors import OutOfTurnError
from core.events import UnitStatus
from core.incidents import machine as incidents
from core.orders import machine as orders
from core.units import machine as units


def test_every_living_call_has_a_way_out() -> None:
    assert {now for now, _ in calls.NEXT} == {"ringing", "answered"}


def test_an_ended_call_cannot_be_answered() -> None:
    with pytest.raises(OutOfTurnError, match="call answered while ended"):
        calls.step("ended", "answered")


def test_every_call_state_can_be_reached() -> None:
    assert {"ringing", *calls.NEXT.values()} == set(get_args(CallState))


def test_every_call_back_that_is_not_ended_can_be_settled_and_an_ended_one_never_changes() -> None:
    living = set(get_args(CallbackState)) - callbacks.ENDED

    assert {now for now, heard in callbacks.NEXT if heard == "reached"} == living
    assert {now for now, heard in callbacks.NEXT if heard == "displaced"} == living
    assert {"open", *callbacks.NEXT.values()} == set(get_args(CallbackState))
    assert not {now for now, _ in callbacks.NEXT} & callbacks.ENDED
    with pytest.raises(OutOfTurnError, match="call-back rang while reached"):
        callbacks.step("reached", "rang")


def test_a_call_back_is_not_given_up_by_itself_while_its_caller_rings() -> None:
    with pytest.raises(OutOfTurnError):
        callbacks.step("returned", "expired")


@pytest.mark.parametrize("now", get_args(Silence))
def test_a_key_vouches_whatever_was_thought_before(now: Silence) -> None:
    assert silence.step(now, "key") == "vouched"


@pytest.mark.parametrize("heard", get_args(silence.SilenceHeard))
def test_nothing_takes_back_that_someone_is_there(heard: silence.SilenceHeard) -> None:
    assert silence.step("vouched", heard) == "vouched"


def test_every_thought_about_a_silent_line_can_come_up() -> None:
    assert {"", *silence.NEXT.values()} == set(get_args(Silence))


def test_every_open_incident_can_be_closed_and_a_closed_one_never_changes() -> None:
    open_states = set(get_args(IncidentState)) - {"closed"}

    assert {now for now, heard in incidents.NEXT if heard == "closed"} == open_states
    assert not [now for now, _ in incidents.NEXT if now == "closed"]
    with pytest.raises(OutOfTurnError):
        incidents.step("closed", "ordered")


def test_every_order_that_is_not_final_can_end_well_and_be_cancelled() -> None:
    living = set(get_args(OrderState)) - orders.FINAL

    assert {now for now, heard in orders.NEXT if heard == "clear"} == living
    assert {now for now, heard in orders.NEXT if heard == "cancelled"} == living
    assert not {now for now, _ in orders.NEXT} & orders.FINAL


@pytest.mark.parametrize(
    ("now", "late"), [("signed", "delivered"), ("on_scene", "signed"), ("enroute", "enroute")]
)
def test_a_late_or_doubled_ack_changes_nothing(now: OrderState, late: orders.OrderHeard) -> None:
    assert orders.step(now, late) == now


def test_an_ack_may_skip_stages_when_the_radio_was_away() -> None:
    assert orders.step("issued", "on_scene") == "on_scene"


@pytest.mark.parametrize("after", ["signed", "expired", "delivered"])
def test_a_declined_order_hears_nothing_more(after: orders.OrderHeard) -> None:
    with pytest.raises(OutOfTurnError):
        orders.step("declined", after)


def test_a_signed_order_does_not_expire() -> None:
    with pytest.raises(OutOfTurnError):
        orders.step("signed", "expired")


def test_the_unit_table_names_every_status() -> None:
    statuses = set(get_args(UnitStatus))

    assert set(units.FORESEEN) == statuses
    assert all(after <= statuses for after in units.FORESEEN.values())


@pytest.mark.parametrize("now", get_args(UnitStatus))
def test_the_emergency_button_is_foreseen_from_every_status(now: UnitStatus) -> None:
    assert units.foreseen(now, "emergency")


@pytest.mark.parametrize("now", get_args(UnitStatus))
def test_every_status_leads_back_to_available(now: UnitStatus) -> None:
    seen, todo = {now}, [now]
    while todo:
        for after in units.FORESEEN[todo.pop()] - seen:
            seen.add(after)
            todo.append(after)

    assert "available" in seen
