# SPDX-License-Identifier: Apache-2.0
"""The tables, asked anything."""

import pytest

from core.ids import Leg
from device_adapters.sip import dialog
from device_adapters.sip.errors import LocalProtocolError
from device_adapters.sip.transaction import (
    CLIENT,
    HEARD,
    INVITE,
    OTHER,
    Act,
    Heard,
    Machine,
    State,
    Transaction,
)

MACHINES = [INVITE, OTHER, CLIENT]


def reached(machine: Machine) -> set[State]:
    return {machine.first} | {after for after, _ in machine.table.values()}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_living_transaction_has_a_way_out(machine: Machine) -> None:
    assert {now for now, _ in machine.table} == reached(machine) - {State.TERMINATED}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_timer_that_runs_is_heard(machine: Machine) -> None:
    for state, timers in machine.runs.items():
        for timer in timers:
            assert (state, HEARD[timer]) in machine.table


@pytest.mark.parametrize("machine", MACHINES)
def test_no_timer_is_heard_that_does_not_run(machine: Machine) -> None:
    fired = {heard: timer for timer, heard in HEARD.items()}
    for state, heard in machine.table:
        if heard in fired:
            assert fired[heard] in machine.runs[state]


@pytest.mark.parametrize("state", [State.PROCEEDING, State.COMPLETED, State.CONFIRMED, State.ACCEPTED])
@pytest.mark.parametrize("heard", [Heard.REQUEST, Heard.ACK])
def test_whatever_a_caller_may_say_of_an_invite_is_in_the_table(state: State, heard: Heard) -> None:
    assert (state, heard) in INVITE.table


@pytest.mark.parametrize(
    ("state", "heard", "after", "act"),
    [
        (State.PROCEEDING, Heard.SEND_2XX, State.ACCEPTED, Act.SEND),
        (State.PROCEEDING, Heard.SEND_FAILURE, State.COMPLETED, Act.SEND),
        (State.COMPLETED, Heard.ACK, State.CONFIRMED, Act.NOTHING),
        (State.COMPLETED, Heard.TIMER_G, State.COMPLETED, Act.SEND),
        (State.COMPLETED, Heard.TIMER_H, State.TERMINATED, Act.NOTHING),
        (State.CONFIRMED, Heard.REQUEST, State.CONFIRMED, Act.NOTHING),
        (State.ACCEPTED, Heard.TIMER_L, State.TERMINATED, Act.NOTHING),
    ],
)
def test_the_invite_table_is_the_rfc_s(state: State, heard: Heard, after: State, act: Act) -> None:
    assert INVITE.table[state, heard] == (after, act)


def test_what_is_not_in_the_table_is_told_by_name() -> None:
    transaction = Transaction(OTHER, ("key",), ("192.0.2.9", 5060), Leg("leg0"))

    with pytest.raises(LocalProtocolError, match="TIMER_J while TRYING"):
        transaction.step(Heard.TIMER_J)


def test_every_living_leg_has_a_way_out() -> None:
    living = set(dialog.State) - {dialog.State.OVER}

    assert {now for now, _ in dialog.NEXT} == living
    assert {after for after, _ in dialog.NEXT.values()} == set(dialog.State) - {dialog.State.INVITED}


@pytest.mark.parametrize("state", set(dialog.State) - {dialog.State.OVER})
@pytest.mark.parametrize("heard", [dialog.Heard.CANCEL, dialog.Heard.BYE])
def test_a_caller_may_hang_up_at_any_time(state: dialog.State, heard: dialog.Heard) -> None:
    assert (state, heard) in dialog.NEXT


def test_a_leg_is_told_to_have_ended_exactly_on_the_way_out() -> None:
    told = (dialog.Act.TELL_ENDED, dialog.Act.TELL_ABANDONED)
    out = (dialog.State.ENDING, dialog.State.OVER)

    for (before, heard), (after, acts) in dialog.NEXT.items():
        leaves = before not in out and after in out
        assert sum(act in told for act in acts) == leaves, (before, heard)


def test_every_end_has_a_reason() -> None:
    for (_, heard), (_, acts) in dialog.NEXT.items():
        if dialog.Act.TELL_ENDED in acts or dialog.Act.TELL_ABANDONED in acts:
            assert heard in dialog.REASON
