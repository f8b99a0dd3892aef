# SPDX-License-Identifier: Apache-2.0
"""Callers nobody hears, and callers who ring all day: neither is refused, neither is hung up on."""

import pytest

from core import snapshot
from core.effects import AnswerCaller, ChallengeCaller, HangUpCaller
from core.ids import CallId, IncidentId, Leg, UnitId
from tests.play import (
    Play,
    Shows,
    abandoned,
    ack,
    answered,
    at,
    call,
    command,
    ended,
    fires,
    found,
    key,
    moved,
    place,
    silent,
    starts,
    town,
)

WANG = "13911111111"
LEG = Leg("leg-a")


def quiet() -> Play:
    """A call answered at second 3 on which nobody is heard at second 10."""
    return town() >> call("a", 2) >> answered("a", 3) >> silent("a", 10)


def sent_before() -> Play:
    """A unit was ordered for Wang at second 1 and is clear again; by now the number is insistent."""
    play = town() >> call("before", 1, caller=WANG) >> answered("before", 1)
    for what in ("delivered", "signed", "clear"):
        play >> ack("u1", "o5", 1, what)
    return play >> ended("before", 1)


def test_a_silent_caller_is_asked_to_press_a_key() -> None:
    _ = (
        quiet()
        << ChallengeCaller(leg=LEG, why="silent")
        << Shows("set_timer", key="challenge:c4", due_ns=at(30))
        << Shows("call.answered", silence="challenged", state="answered", answered_at_us=at(3) // 1000)
    )


def test_a_key_shows_that_someone_is_there() -> None:
    play = quiet() >> key("a", 12)

    _ = play << Shows("drop_timer", key="challenge:c4") << Shows("call.answered", silence="vouched")
    play >> fires("challenge:c4", 30)
    assert play.effects == []


def test_without_a_key_a_desk_is_told_once_and_the_line_stays_open() -> None:
    lat, lon = place(0, 0)
    play = quiet() >> fires("challenge:c4", 30)

    _ = (
        play
        << Shows("warning.raised", kind="silent_call", subject="c4", lat=lat, lon=lon)
        << Shows("call.answered", silence="unheard")
    )
    play.nothing("hang_up")
    play >> silent("a", 40)
    assert play.effects == []
    _ = play >> key("a", 50) << Shows("call.answered", silence="vouched")
    assert play.engine.state.calls[CallId("c4")].state == "answered"


def test_a_silent_call_is_sent_a_unit_like_any_other() -> None:
    play = town() >> call("a", 2)

    _ = play >> answered("a", 3) << Shows("order.issued", unit_id="u1")
    play >> silent("a", 10) >> fires("challenge:c4", 30)

    play.nothing("order.updated")
    assert play.engine.state.orders


def test_a_key_counts_without_having_been_asked_also_while_it_rings() -> None:
    play = Play(answer="seats") >> call("a", 2)

    _ = play >> key("a", 3) << Shows("call.waiting", silence="vouched", state="ringing")
    play >> key("a", 4) >> answered("a", 5) >> silent("a", 9)

    assert play.effects == [], "someone was there"


def test_silence_told_twice_asks_once_and_before_the_answer_not_at_all() -> None:
    play = quiet() >> silent("a", 11)
    assert play.effects == []

    play >> call("b", 20, spot=(5000, 0)) >> silent("b", 21)
    assert play.effects == []
    assert play.engine.state.counts["OutOfTurnError: call.silent"] == 1


def test_where_nobody_can_be_asked_the_desk_is_told_at_once() -> None:
    play = town(challenge_s=0) >> call("a", 2) >> answered("a", 3)

    _ = play >> silent("a", 10) << Shows("warning.raised", kind="silent_call", subject="c4")
    play.nothing("challenge")
    assert not [name for name in play.engine.state.timers if name.startswith("challenge:")]


def test_a_silent_caller_who_hangs_up_leaves_no_clock_behind() -> None:
    play = quiet() >> ended("a", 12)

    _ = play << Shows("drop_timer", key="challenge:c4")


def test_a_restart_asks_the_silent_caller_again() -> None:
    play = quiet()
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored

    _ = play >> starts(11) << ChallengeCaller(leg=LEG, why="silent")
    _ = play >> fires("challenge:c4", 30) << Shows("warning.raised", kind="silent_call")


def test_an_insistent_caller_waits_behind_others_but_rings_and_is_answered() -> None:
    play = Play(answer="ring:5") >> call("a", 2, caller=WANG, calls_in_hour=30)
    _ = (
        play
        << Shows("ring", leg=LEG)
        << Shows(
            "call.waiting",
            calls_in_hour=30,
            demoted=True,
            urgency_ms=at(2 + 900) // 1_000_000 - 900_000,
        )
    )

    play >> call("b", 600, spot=(5000, 0))

    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 2) == ["c3", "c2"]
    _ = play >> fires("answer:c2", 600) << AnswerCaller(leg=LEG)


@pytest.mark.parametrize(("times", "limit"), [(29, 30), (40, 0), (0, 30)])
def test_a_caller_below_the_limit_or_without_one_is_not_insistent(times: int, limit: int) -> None:
    play = Play(answer="seats", insistent_per_hour=limit)

    _ = play >> call("a", 2, caller=WANG, calls_in_hour=times) << Shows("call.waiting", demoted=False)


def test_nobody_is_sent_for_an_insistent_caller_until_a_key_is_pressed() -> None:
    play = sent_before() >> call("a", 2, caller=WANG, calls_in_hour=31)

    _ = play >> answered("a", 3) << ChallengeCaller(leg=LEG, why="insistent")
    play.nothing("order.issued")
    assert HangUpCaller(leg=LEG) not in play.effects

    _ = (
        play
        >> key("a", 9)
        << Shows("call.answered", silence="vouched")
        << Shows("order.issued", unit_id="u1")
    )


def test_a_key_pressed_before_the_answer_lets_a_unit_go_at_the_answer() -> None:
    play = sent_before() >> call("a", 2, caller=WANG, calls_in_hour=31) >> key("a", 3)
    play.nothing("order.issued")

    _ = play >> answered("a", 4) << Shows("order.issued", unit_id="u1")
    play.nothing("challenge")


def test_a_desk_that_classifies_the_call_vouches_for_it() -> None:
    play = sent_before() >> call("a", 2, caller=WANG, calls_in_hour=31) >> answered("a", 3)
    play.nothing("order.issued")

    play >> command("call.classify", 9, call_id=CallId("c10"), level=1)

    _ = play << Shows("call.answered", demoted=False) << Shows("order.issued", unit_id="u1")


def test_a_desk_that_classifies_a_ringing_call_lifts_the_demotion() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=WANG, calls_in_hour=31)
    play >> call("b", 10, spot=(5000, 0))
    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 2) == ["c3", "c2"]

    play >> command("call.classify", 11, call_id=CallId("c2"), category="theft")

    _ = play << Shows("call.waiting", demoted=False, urgency_ms=at(2) // 1_000_000 - 900_000)
    assert play.engine.state.calls_waiting.first(play.engine.state.now_ms, 2) == ["c2", "c3"]


def test_a_desk_may_send_a_unit_for_an_insistent_caller() -> None:
    play = sent_before() >> call("a", 2, caller=WANG, calls_in_hour=31) >> answered("a", 3)

    play >> command("order.accept", 9, incident_id=IncidentId("i10"), unit_id=UnitId("u2"))

    _ = play << Shows("order.issued", unit_id="u2")


def test_a_second_caller_who_is_not_insistent_is_reason_enough_to_send_a_unit() -> None:
    play = sent_before() >> call("a", 2, caller=WANG, calls_in_hour=31) >> answered("a", 3)

    _ = play >> call("b", 4, spot=(50, 0)) >> answered("b", 5) << Shows("order.issued", incident_id="i10")


def test_a_desk_is_told_at_the_answer_that_no_unit_goes_for_an_insistent_caller_and_again_when_no_key_came() -> (
    None
):
    lat, lon = place(0, 0)
    play = sent_before() >> call("a", 2, caller=WANG, calls_in_hour=31)

    _ = (
        play
        >> answered("a", 3)
        << Shows("warning.raised", kind="insistent_call", subject="c10", lat=lat, lon=lon)
        << Shows("set_timer", key="doubt:c10", due_ns=at(23))
    )
    _ = play >> fires("doubt:c10", 23) << Shows("warning.raised", kind="insistent_call", subject="c10")
    play.nothing("order.issued")


@pytest.mark.parametrize("how", ["key", "desk", "gone"])
def test_a_desk_is_not_told_again_of_an_insistent_caller_who_was_vouched_for_or_is_gone(how: str) -> None:
    play = sent_before() >> call("a", 2, caller=WANG, calls_in_hour=31) >> answered("a", 3)

    if how == "key":
        play >> key("a", 4)
    elif how == "desk":
        play >> command("call.classify", 4, call_id=CallId("c10"), level=2)
    else:
        play >> ended("a", 4)

    _ = play << Shows("drop_timer", key="doubt:c10")


def test_a_number_that_rings_every_five_seconds_warns_once_a_minute() -> None:
    play = sent_before()
    warned = 0
    for n in range(60):
        (
            play
            >> call(f"n{n}", 100 + 5 * n, caller=WANG, calls_in_hour=31 + n)
            >> answered(f"n{n}", 101 + 5 * n)
        )
        warned += sum(effect.__struct_config__.tag == "warning.raised" for effect in play.effects)
        play >> ended(f"n{n}", 102 + 5 * n)

    assert warned == 5


def test_an_insistent_caller_who_rang_about_another_place_is_sent_a_unit_as_anybody_is() -> None:
    play = sent_before() >> call("a", 2, (5000, 0), caller=WANG, calls_in_hour=31)

    _ = play >> answered("a", 3) << Shows("order.issued", incident_id="i10", lon=place(5000, 0)[1])
    play.nothing("challenge")
    play.nothing("warning.raised")


def test_an_insistent_caller_for_whom_no_unit_ever_went_is_sent_one() -> None:
    play = town(answer="seats")
    for n in range(40):  # the line is busy, and they try again
        play >> call(f"n{n}", 2 * n + 2, caller=WANG, calls_in_hour=n + 1) >> abandoned(f"n{n}", 2 * n + 3)

    play >> call("last", 90, caller=WANG, calls_in_hour=41)

    _ = play >> answered("last", 91) << Shows("order.issued", incident_id="i4")


def test_what_was_sent_an_hour_ago_withholds_nothing() -> None:
    play = sent_before() >> moved(3700, (0, 100, 0))

    _ = play >> call("a", 3701, caller=WANG, calls_in_hour=31) >> answered("a", 3702) << Shows("order.issued")


def test_an_insistent_caller_without_a_place_is_sent_a_unit_once_it_is_known_and_new() -> None:
    play = sent_before() >> call("a", 2, None, caller=WANG, calls_in_hour=31)
    _ = play >> answered("a", 3) << ChallengeCaller(leg=LEG, why="insistent")
    play >> found("a", 4, (30, 0))
    play.nothing("order.issued")

    _ = play >> found("a", 5, (4000, 0), uncertainty_m=10.0) << Shows("order.issued", incident_id="i10")
    assert not [name for name in play.engine.state.timers if name.startswith("doubt:")]


def test_a_desk_that_names_another_place_for_an_insistent_caller_lets_a_unit_go_there() -> None:
    play = sent_before() >> call("a", 2, None, caller=WANG, calls_in_hour=31) >> answered("a", 3)
    lat, lon = place(4000, 0)

    play >> command("incident.locate", 5, incident_id=IncidentId("i10"), lat=lat, lon=lon)

    _ = play << Shows("order.issued", incident_id="i10", lat=lat)


def test_a_snapshot_remembers_where_units_went_for_a_number() -> None:
    play = sent_before()
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored

    play >> call("a", 2, caller=WANG, calls_in_hour=31) >> answered("a", 3)

    play.nothing("order.issued")


@pytest.mark.parametrize("shown", ["110", "0", "112", "000000", ""])
def test_a_telephone_without_a_card_is_never_insistent(shown: str) -> None:
    play = town() >> call("a", 2, caller=shown, calls_in_hour=500)
    _ = play << Shows("call.waiting", demoted=False)

    _ = play >> answered("a", 3) << Shows("order.issued", unit_id="u1")


def test_an_insistent_caller_opens_no_new_incident_each_time() -> None:
    play = Play(dispatch="confirm")
    for n in range(100):
        name = f"n{n}"
        play >> call(name, 10 * n + 2, caller=WANG, spot=None, calls_in_hour=n + 1)
        play >> answered(name, 10 * n + 3) >> ended(name, 10 * n + 4)

    state = play.engine.state
    assert len(state.incidents) == 29, (
        "one for each call before it was insistent; the last of them has the rest"
    )
    newest = [*state.incidents.values()][-1]
    assert newest.calls == 72
    assert (len(newest.call_ids), newest.call_ids[0], newest.call_ids[-1]) == (64, "c86", "c299")


def test_an_insistent_caller_whose_last_incident_is_closed_opens_one() -> None:
    play = Play() >> call("a", 2, caller=WANG, spot=None) >> abandoned("a", 3)
    play >> command("incident.close", 4, incident_id=IncidentId("i2"))

    _ = (
        play
        >> call("b", 5, caller=WANG, spot=None, calls_in_hour=40)
        << Shows("call.waiting", incident_id="i5")
    )


def test_an_insistent_caller_who_withholds_the_number_is_not_taken_for_another() -> None:
    play = Play() >> call("a", 2, spot=None) >> call("b", 5, spot=None, calls_in_hour=40)

    _ = play << Shows("call.waiting", incident_id="i3", demoted=False)


def test_what_the_trunk_says_of_a_caller_is_shown() -> None:
    play = Play() >> call(
        "a", 2, caller=WANG, privacy=True, diverted_from="10086", attestation="B", calls_in_hour=2
    )
    facts = {"privacy": True, "diverted_from": "10086", "attestation": "B", "calls_in_hour": 2}

    _ = play << Shows("call.waiting", **facts)
    _ = play >> answered("a", 3) << Shows("call.answered", **facts)
    _ = play >> ended("a", 4) << Shows("call.ended", **facts)
