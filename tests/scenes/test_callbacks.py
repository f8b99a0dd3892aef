# SPDX-License-Identifier: Apache-2.0
"""Who hangs up before the answer: rung back, given their place when they ring again, never forgotten in silence."""

import msgspec
import pytest

from core import snapshot
from core.effects import AnswerCaller, CallbackUpdated
from core.events import CallReceived
from core.ids import CallbackId, CallId, IncidentId, Leg
from tests.play import (
    Play,
    Shows,
    abandoned,
    answered,
    at,
    call,
    command,
    ended,
    fires,
    key,
    starts,
    town,
)

LI = "13800138000"


def test_a_caller_who_hangs_up_is_to_be_rung_back_and_the_task_is_as_old_as_the_first_ring() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI, privacy=True) >> abandoned("a", 9)

    _ = (
        play
        << Shows("call.abandoned", call_id="c2")
        << Shows(
            "callback.updated",
            callback_id="b3",
            state="open",
            caller=LI,
            privacy=True,
            call_ids=("c2",),
            incident_id="i2",
            since_us=at(2) // 1000,
            left_at_us=at(9) // 1000,
            due_us=at(69) // 1000,
            rings=1,
        )
        << Shows("set_timer", key="callback:b3", due_ns=at(69))
    )
    assert len([effect for effect in play.effects if isinstance(effect, CallbackUpdated)]) == 1


def test_an_answered_caller_is_not_rung_back() -> None:
    play = Play() >> call("a", 2, caller=LI) >> answered("a", 3) >> ended("a", 20)

    play.nothing("callback.updated")
    assert not play.engine.state.callbacks


def test_one_number_has_one_task_however_often_it_hangs_up_and_however_it_is_spelt() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 9)
    play >> call("b", 700, caller="+86" + LI) >> abandoned("b", 705)
    play >> call("c", 900, caller="0" + LI) >> abandoned("c", 905)

    _ = play << Shows(
        "callback.updated",
        callback_id="b3",
        state="open",
        call_ids=("c2", "c4", "c6"),
        since_us=at(2) // 1000,
        rings=3,
    )
    assert list(play.engine.state.callbacks) == ["b3"]


def test_two_lines_of_one_number_given_up_are_one_task() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> call("b", 3, caller=LI)
    _ = play >> abandoned("b", 4) << Shows("callback.updated", since_us=at(3) // 1000, rings=1)

    _ = (
        play
        >> abandoned("a", 5)
        << Shows("callback.updated", callback_id="b4", since_us=at(2) // 1000, rings=2, call_ids=("c3", "c2"))
    )


def test_a_withheld_number_makes_a_task_of_its_own_that_names_the_place_to_visit() -> None:
    play = Play(answer="seats") >> call("a", 2) >> abandoned("a", 3)
    _ = play << Shows("callback.updated", callback_id="b3", caller="", incident_id="i2")

    _ = play >> call("b", 4) << Shows("call.waiting", restored_from="")
    play.nothing("callback.updated")
    _ = play >> abandoned("b", 5) << Shows("callback.updated", callback_id="b5", rings=1)


def test_a_caller_who_rings_again_soon_has_the_place_of_the_first_ring() -> None:
    play = (
        Play(answer="seats") >> call("a", 2, caller=LI, spot=None) >> call("other", 3, caller="13911111111")
    )
    play >> abandoned("a", 20)

    play >> call("again", 600, caller=LI)

    _ = (
        play
        << Shows(
            "call.waiting",
            call_id="c5",
            incident_id="i2",
            restored_from="c2",
            waiting_since_us=at(2) // 1000,
            received_at_us=at(600) // 1000,
            urgency_ms=at(2) // 1_000_000 - 900_000,
        )
        << Shows("callback.updated", state="returned", rings=2, reason="c5")
        << Shows("drop_timer", key="callback:b4")
    )
    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 2) == ["c5", "c3"]
    assert len(play.engine.state.incidents) == 2, "it joins the incident of the call given up"


def test_a_caller_who_rings_again_late_waits_like_any_other_and_is_not_rung_back_meanwhile() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 20)

    play >> call("again", 621, caller=LI, spot=(9000, 0))

    _ = play << Shows("call.waiting", restored_from="", incident_id="i4", waiting_since_us=at(621) // 1000)
    _ = play << Shows("callback.updated", callback_id="b3", state="returned")


def test_a_caller_restored_after_their_incident_was_closed_opens_a_new_one() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI, spot=None) >> abandoned("a", 5)
    play >> command("incident.close", 6, incident_id=IncidentId("i2"))

    _ = play >> call("again", 9, caller=LI) << Shows("call.waiting", restored_from="c2", incident_id="i5")


def test_when_the_caller_gives_up_again_the_same_task_goes_on_with_the_age_of_the_first_ring() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 20)
    play >> call("again", 40, caller=LI)

    _ = (
        play
        >> abandoned("again", 50)
        << Shows(
            "callback.updated",
            callback_id="b3",
            state="open",
            since_us=at(2) // 1000,
            rings=2,
            call_ids=("c2", "c4"),
        )
    )
    _ = play << Shows("set_timer", key="callback:b3", due_ns=at(80))
    play >> call("third", 70, caller=LI)
    _ = play << Shows("call.waiting", waiting_since_us=at(2) // 1000, restored_from="c4")


def test_a_call_back_ends_when_the_returned_call_is_answered() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 20)
    play >> call("again", 40, caller=LI)

    _ = play >> answered("again", 45) << Shows("callback.updated", state="reached", reason="c4")
    assert not play.engine.state.callbacks


def test_a_returned_caller_we_never_answered_is_still_to_be_rung_back() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 20)
    play >> call("again", 40, caller=LI)

    _ = play >> ended("again", 14_441) << Shows("callback.updated", callback_id="b3", state="open")
    _ = play << Shows("set_timer", key="callback:b3")


@pytest.mark.parametrize("reason", ["hung_up", "refused", "expired", "gone"])
def test_a_ringing_caller_whose_line_we_end_is_to_be_rung_back(reason: str) -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI)

    play >> msgspec.structs.replace(ended("a", 14_402), reason=reason)

    _ = (
        play
        << Shows("call.ended", reason=reason)
        << Shows("callback.updated", state="open", call_ids=("c2",))
    )
    _ = play << Shows("set_timer", key="callback:b3")


def test_nobody_is_rung_back_on_one_line_while_they_speak_on_another() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> call("b", 2.1, caller="+86" + LI)
    play >> answered("a", 3)

    _ = play >> abandoned("b", 3.1) << Shows("call.abandoned", call_id="c3")
    play.nothing("callback.updated")
    assert not [name for name in play.engine.state.timers if name.startswith("callback:")]

    play >> ended("a", 60) >> call("c", 100, caller=LI)
    _ = play >> abandoned("c", 103) << Shows("callback.updated", state="open")


def test_a_restart_knows_who_speaks_on_another_line() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> call("b", 2.1, caller=LI) >> answered("a", 3)
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored

    play >> abandoned("b", 4)
    play.nothing("callback.updated")
    play >> ended("a", 5)

    assert not play.engine.state.talking


@pytest.mark.parametrize("policy", ["immediately", "ring:5"])
def test_a_call_back_is_not_ended_by_a_machine_s_answer(policy: str) -> None:
    play = Play(answer=policy) >> call("a", 2, caller=LI) >> abandoned("a", 3)
    play >> call("again", 10, caller=LI)

    play >> answered("again", 15)
    play.nothing("callback.updated")
    assert "callback:b3" not in play.engine.state.timers, "they are on the line"

    _ = play >> ended("again", 40) << Shows("callback.updated", callback_id="b3", state="open")
    _ = play << Shows("set_timer", key="callback:b3", due_ns=at(63))


@pytest.mark.parametrize("how", ["key", "classify", "take"])
def test_a_call_back_ends_when_a_caller_the_machine_answered_is_vouched_for_or_a_desk_had_taken_the_call(
    how: str,
) -> None:
    play = Play(answer="ring:60") >> call("a", 2, caller=LI) >> abandoned("a", 3)
    play >> call("again", 10, caller=LI)

    if how == "take":
        play >> command("call.take", 12, call_id=CallId("c4"))
    play >> answered("again", 15)
    if how == "key":
        play >> key("again", 16)
    if how == "classify":
        play >> command("call.classify", 16, call_id=CallId("c4"), level=2)

    _ = play << Shows("callback.updated", state="reached", reason="c4")
    play >> ended("again", 40)
    play.nothing("callback.updated")


def test_nobody_is_overdue_while_a_machine_has_answered_their_other_line() -> None:
    play = Play(answer="ring:5") >> call("a", 2, caller=LI) >> call("b", 3, caller=LI) >> abandoned("b", 4)

    _ = play >> answered("a", 7) << Shows("callback.updated", state="returned", rings=2)
    assert not [name for name in play.engine.state.timers if name.startswith("callback:")]
    play >> ended("a", 9)

    _ = play << Shows("callback.updated", state="open")


def test_age_is_not_hoarded_by_ringing_once_every_few_minutes() -> None:
    play = Play(answer="seats")
    for n in range(13):
        play >> call(f"n{n}", 2 + 540 * n, None, caller=LI) >> abandoned(f"n{n}", 3 + 540 * n)

    _ = (
        play
        >> call("last", 7022, None, caller=LI)
        << Shows("call.waiting", waiting_since_us=at(6422) // 1000)
    )
    _ = play << Shows("callback.updated", since_us=at(2) // 1000)


def test_an_overdue_call_back_is_told_once_and_given_up_aloud_at_last() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 10)

    _ = (
        play
        >> fires("callback:b3", 70)
        << Shows("warning.raised", kind="callback_overdue", subject="b3", text="of i2")
        << Shows("set_timer", key="callback:b3", due_ns=at(14_410))
        >> fires("callback:b3", 14_410)
        << Shows("warning.raised", kind="callback_given_up", subject="b3")
        << Shows("callback.updated", state="given_up", reason="nobody rang back")
    )
    assert not play.engine.state.callbacks
    assert not play.engine.state.callback_of


def test_ringing_again_does_not_put_off_when_a_call_back_is_overdue() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 10)
    play >> call("b", 65, caller=LI) >> fires("callback:b3", 70)
    play.nothing("warning.raised")

    _ = play >> abandoned("b", 100) << Shows("set_timer", key="callback:b3", due_ns=at(70))
    _ = play >> fires("callback:b3", 100) << Shows("warning.raised", kind="callback_overdue")


def test_the_desk_says_what_became_of_a_call_back() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 10)
    mine = {"callback_id": CallbackId("b3"), "by": "seat4"}

    _ = play >> command("callback.tried", 30, **mine) << Shows("callback.updated", state="open", tries=1)
    _ = (
        play
        >> command("callback.done", 60, status="reached", text="a pocket", **mine)
        << Shows("callback.updated", state="reached", tries=1, reason="a pocket", by="seat4")
        << Shows("drop_timer", key="callback:b3")
    )
    _ = (
        play
        >> command("callback.done", 61, command_id="x", status="reached", **mine)
        << Shows("warning.raised", kind="command_refused", text="no open call-back 'b3'")
    )


def test_a_caller_nobody_can_reach_is_given_up_by_the_desk() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 10)

    play >> command("callback.done", 60, callback_id=CallbackId("b3"), status="unreached")

    _ = play << Shows("callback.updated", state="given_up")


@pytest.mark.parametrize("status", ["", "perhaps"])
def test_an_outcome_nobody_knows_settles_nothing(status: str) -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 10)

    play >> command("callback.done", 60, callback_id=CallbackId("b3"), status=status)

    _ = play << Shows("warning.raised", kind="command_refused")
    assert list(play.engine.state.callbacks) == ["b3"]


def test_when_no_more_call_backs_fit_one_that_nobody_can_ring_goes_first_aloud_then_the_oldest() -> None:
    play = Play(answer="seats", callbacks_max=2) >> call("a", 2, caller=LI) >> abandoned("a", 3)
    play >> call("b", 4, caller="") >> abandoned("b", 5)

    play >> call("c", 6, caller="13911111111") >> abandoned("c", 7)
    _ = play << Shows("warning.raised", kind="callbacks_full", subject="b5")
    _ = play << Shows("callback.updated", callback_id="b5", state="displaced")
    _ = play << Shows("callback.updated", callback_id="b7", state="open")

    play >> call("d", 8, caller="13922222222") >> abandoned("d", 9)
    _ = play << Shows("callback.updated", callback_id="b3", state="displaced")
    assert list(play.engine.state.callbacks) == ["b7", "b9"]


def test_a_number_that_hangs_up_all_day_has_one_task_of_bounded_size() -> None:
    play = Play(answer="seats")
    for n in range(40):
        play >> call(f"n{n}", 10 * n + 2, caller=LI) >> abandoned(f"n{n}", 10 * n + 3)

    task = play.last("callback.updated")

    assert (task.rings, len(task.call_ids), task.call_ids[0], task.call_ids[-1]) == (40, 16, "c2", "c80")


def test_a_call_found_after_a_crash_is_rung_back_as_any_other() -> None:
    play = town() >> call("a", 2, caller=LI)

    _ = play >> abandoned("a", 300) << Shows("callback.updated", state="open", since_us=at(2) // 1000)


def test_a_restart_keeps_who_is_to_be_rung_back_and_when() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 10)
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored

    play >> starts(20, answer="seats")

    _ = play >> call("again", 30, caller=LI) << Shows("call.waiting", restored_from="c2")
    _ = play << Shows("callback.updated", callback_id="b3", state="returned")


def test_an_insistent_caller_gains_no_place_by_hanging_up() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 10)

    play >> call("again", 20, caller=LI, calls_in_hour=31)

    _ = play << Shows("call.waiting", restored_from="", waiting_since_us=at(20) // 1000, incident_id="i2")
    _ = play << Shows("callback.updated", state="returned")


def test_a_call_taken_by_a_seat_after_the_caller_left_is_refused_and_the_task_stays() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 10)

    play >> command("call.take", 11, call_id=CallId("c2"))

    assert AnswerCaller(leg=Leg("leg-a")) not in play.effects
    assert list(play.engine.state.callbacks) == ["b3"]


def test_an_old_journal_without_the_new_fields_still_rings() -> None:
    fact = CallReceived(at_ns=at(2), leg=Leg("leg-a"), sip_call_id="a@trunk", county=call("a", 2).county)

    play = Play() >> fact

    _ = play << Shows("ring") << Shows("call.waiting", calls_in_hour=0, silence="", demoted=False)
    play.nothing("look_up")


def test_a_call_back_stays_returned_while_another_line_of_the_caller_rings() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=LI) >> abandoned("a", 10)
    play >> call("b", 20, caller=LI) >> call("c", 21, caller=LI)

    _ = play >> abandoned("b", 25) << Shows("callback.updated", state="returned", rings=3)
    _ = play >> abandoned("c", 26) << Shows("callback.updated", state="open", call_ids=("c2", "c4", "c5"))
