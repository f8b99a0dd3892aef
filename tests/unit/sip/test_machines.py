# SPDX-License-Identifier: Apache-2.0
"""The tables, asked anything."""

import pytest

from core.ids import Leg
from device_adapters.sip import dialog, offers, reliable, sessiontimer
from device_adapters.sip.errors import LocalProtocolError
from device_adapters.sip.transaction import (
    CLIENT,
    HEARD,
    INVITE,
    OTHER,
    OUTCOME,
    REINVITE,
    REPEATING,
    WAITS_FOR_STRAYS,
    Act,
    Heard,
    Machine,
    State,
    Transaction,
)

MACHINES = [INVITE, OTHER, CLIENT, REINVITE]
OURS = [CLIENT, REINVITE]


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


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_ends_by_itself(machine: Machine) -> None:
    """Whatever the far side leaves out: but for the wait for our own answer, time alone leads to the end."""
    ends = {State.TERMINATED}
    if machine in (INVITE, OTHER):
        ends.add(machine.first)
    for _ in State:
        ends |= {
            state
            for (state, heard), (after, _) in machine.table.items()
            if after in ends and heard.name.startswith("TIMER_")
        }

    assert reached(machine) <= ends


@pytest.mark.parametrize("machine", OURS)
@pytest.mark.parametrize("heard", [Heard.GOT_1XX, Heard.GOT_2XX, Heard.GOT_FAILURE, Heard.UNREACHABLE])
def test_whatever_a_peer_may_answer_is_in_the_table(machine: Machine, heard: Heard) -> None:
    assert {now for now, befell in machine.table if befell is heard} == reached(machine) - {State.TERMINATED}


@pytest.mark.parametrize("machine", OURS)
def test_an_owner_is_told_of_the_end_once(machine: Machine) -> None:
    open_states = (State.CALLING, State.TRYING, State.PROCEEDING)
    for (state, heard), (after, act) in machine.table.items():
        told = act in (Act.TELL_OWNER, Act.ACK_AND_TELL)
        if heard is Heard.GOT_2XX and state is State.ACCEPTED:
            assert told  # RFC 6026 7.2: for its ACK
            continue
        if after is not state and after is not State.PROCEEDING:
            assert told == (state in open_states), (state, heard)
        if told:
            assert heard in OUTCOME


@pytest.mark.parametrize("machine", MACHINES)
def test_no_state_lives_by_a_timer_that_does_not_run_over_a_connection(machine: Machine) -> None:
    for state, timers in machine.runs.items():
        lasting = [timer for timer in timers if timer not in REPEATING]
        assert lasting, (state, timers)
        for timer in WAITS_FOR_STRAYS.intersection(timers):
            assert machine.table[state, HEARD[timer]][0] is State.TERMINATED


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


def test_a_reliable_ring_has_a_way_out_of_every_state_but_being_deaf() -> None:
    outstanding = (reliable.State.UNHEARD, reliable.State.OVERTAKEN)

    for state in outstanding:
        assert reliable.NEXT[state, reliable.Heard.PRACK] is reliable.State.FREE
    for state in reliable.State:
        assert (state, reliable.Heard.FINAL) in reliable.NEXT
    assert reliable.NEXT[reliable.State.UNHEARD, reliable.Heard.GIVE_UP] is reliable.State.DEAF


def test_only_one_reliable_ring_is_outstanding() -> None:
    said = [state for state, heard in reliable.NEXT if heard is reliable.Heard.SAID]

    assert said == [reliable.State.FREE]


def test_an_offer_is_taken_exactly_where_nobody_owes_an_answer() -> None:
    assert set(offers.CROSSING) == set(offers.Owed) - {offers.Owed.NOTHING}
    assert offers.NEXT[offers.Owed.THEIRS, offers.Move.THEY_ANSWER] is offers.Owed.NOTHING


def test_every_session_that_is_kept_ends_by_its_deadline_or_with_its_leg() -> None:
    kept = set(sessiontimer.State) - {sessiontimer.State.OFF}

    for state in kept:
        assert sessiontimer.NEXT[state, sessiontimer.Heard.OVER][0] is sessiontimer.State.OFF
        after, act = sessiontimer.NEXT[state, sessiontimer.Heard.DUE]
        assert act is sessiontimer.Act.ASK or after is sessiontimer.State.OFF
        for heard in (sessiontimer.Heard.WE_REFRESH, sessiontimer.Heard.THEY_REFRESH):
            assert (state, heard) in sessiontimer.NEXT


def test_a_session_is_given_up_only_for_silence_or_a_word_that_the_call_is_gone() -> None:
    telling = (sessiontimer.Act.TELL_EXPIRED, sessiontimer.Act.TELL_GONE)
    why = {heard for (_, heard), (_, act) in sessiontimer.NEXT.items() if act in telling}

    assert why == {sessiontimer.Heard.DUE, sessiontimer.Heard.GONE}
