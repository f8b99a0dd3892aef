# SPDX-License-Identifier: Apache-2.0
"""An officer presses the button: everybody is told at once, the nearest go, and only a desk says that it is over."""

from typing import Any

import msgspec
import pytest

from core import snapshot
from core.errors import UnknownError
from core.events import CommandGiven, RosterLoaded, RosterUnit, UnitCalled, UnitLinked, UnitReported
from core.ids import CallId, IncidentId, UnitId
from core.incidents.incident import Incident
from core.settings import PlanLine
from tests.play import (
    LUCHENG,
    NOON_S,
    Play,
    Shows,
    abandoned,
    ack,
    answered,
    at,
    call,
    command,
    fires,
    moved,
    place,
    presses,
    reports,
    roster,
    starts,
)

UNITS = ("u1", "u2", "u3", "u4", "u5")


def city(**policy: Any) -> Play:
    """Five cars, each 400 m farther east than the one before; u1 at the square."""
    play = Play(**policy) >> roster(*UNITS)
    return play >> moved(1, *((row, 400.0 * row, 0.0) for row in range(5)))


def ends(unit: str, second: float, **fields: Any) -> CommandGiven:
    """A desk has spoken to the officer."""
    said = {"by": "desk-3", "text": "spoke to the officer", **fields}
    return command("emergency.end", second, unit_id=UnitId(unit), **said)


def falls(unit: str, second: float, **fields: Any) -> UnitCalled:
    return UnitCalled(
        at_ns=at(second), unit_id=UnitId(unit), event="man_down", tst=int(NOON_S + second), **fields
    )


def status_of(play: Play, unit: str) -> str:
    return play.engine.state.units[UnitId(unit)].status


def incident_of(play: Play, unit: str) -> Incident:
    state = play.engine.state
    return state.incidents[state.crying[UnitId(unit)]]


# What the desk is told


def test_one_warning_says_who_where_how_old_and_what_the_unit_was_on() -> None:
    car = RosterUnit(unit_id=UnitId("u1"), call_sign="Car 1", county=LUCHENG)
    play = Play() >> RosterLoaded(at_ns=at(0), units=(car,)) >> moved(1, (0, 0, 0))
    play >> call("a", 2) >> answered("a", 3) >> ack("u1", "o5", 4, "on_scene")

    play >> presses("u1", 13, text="knife")

    warned = play.last("warning.raised")
    said = warned.emergency
    assert (warned.kind, warned.subject, warned.lat, warned.lon) == ("officer_emergency", "u1", *place(0, 0))
    assert (said.call_sign, said.event, said.place, said.age_s, said.uncertainty_m) == (
        *("Car 1", "emergency", "fix"),
        *(12.0, 38.0),  # 20 m, and 12 s on foot
    )
    assert (said.order_ids, said.incident_ids, said.incident_id) == (("o5",), ("i4",), "i7")
    assert warned.text == (
        "Car 1 (u1): emergency button; at its last fix, 12 s old, within 38 m; was on o5 for i4; says: knife"
    )


def test_a_unit_nobody_ever_saw_is_told_at_once_and_opens_an_incident_without_a_place() -> None:
    play = Play() >> roster("u1", "u2") >> moved(1, (1, 900, 0)) >> presses("u1", 5)

    warned = play.last("warning.raised")
    assert warned.text == "u1: emergency button; place unknown"
    assert (warned.lat, warned.emergency.age_s, warned.emergency.uncertainty_m) == (None, None, None)
    _ = play << Shows("incident.updated", level=1, lat=None)


def test_the_place_the_press_itself_tells_goes_before_the_last_fix() -> None:
    lat, lon = place(700, 0)

    play = city() >> presses("u1", 5, lat=lat, lon=lon)

    said = play.last("warning.raised").emergency
    assert (said.place, said.lat, said.lon, said.age_s) == ("event", lat, lon, 0.0)
    assert play.last("order.issued").unit_id == "u3", "800 m east is nearest to it"


def test_a_place_told_by_a_clock_that_is_years_behind_is_a_place_of_now() -> None:
    rolled_over_s = int(NOON_S + 5) - 1_024 * 7 * 86_400
    (lat, lon), (later_lat, later_lon) = place(700, 0), place(1700, 0)

    play = city() >> presses("u1", 5, lat=lat, lon=lon, tst=rolled_over_s)

    said = play.last("warning.raised").emergency
    assert (said.place, said.age_s, said.uncertainty_m) == ("event", 0.0, 20.0)
    play >> presses("u1", 65, lat=later_lat, lon=later_lon, tst=rolled_over_s + 60)
    assert (incident_of(play, "u1").lat, incident_of(play, "u1").lon) == (later_lat, later_lon)


def test_a_radio_that_is_off_the_air_is_told_beside_the_cry() -> None:
    gone = UnitLinked(at_ns=at(3), unit_id=UnitId("u1"), link="offline")

    play = city() >> gone >> presses("u1", 5)

    assert "its radio is off the air" in play.last("warning.raised").text


def test_man_down_is_as_grave_as_the_button() -> None:
    play = city() >> falls("u1", 5)

    _ = (
        play
        << Shows("warning.raised", kind="officer_man_down", subject="u1")
        << Shows("order.issued", unit_id="u2", level=1, category="officer_man_down")
        << Shows("unit.updated", unit_id="u1", status="emergency", emergency="i4")
    )


# Before all others


def test_the_nearest_three_are_proposed_and_the_plan_says_how_many_are_sent() -> None:
    play = city(candidates_max=1) >> presses("u1", 5)

    assert [one.unit_id for one in play.last("recommendation.made").candidates] == ["u2", "u3", "u4"]
    assert [order.unit_id for order in play.engine.state.orders.values()] == ["u2"]

    two = PlanLine(category="officer_emergency", count=2)
    play = city(plans=(two,)) >> presses("u1", 5)
    assert [order.unit_id for order in play.engine.state.orders.values()] == ["u2", "u3"]


def test_an_officer_in_danger_comes_before_an_older_incident_of_level_1() -> None:
    play = Play() >> roster("u1", "u2") >> moved(1, (0, 0, 0), (1, 900, 0))
    play >> reports("u1", 2, "on_scene") >> reports("u2", 2, "out_of_service")
    play >> call("a", 3) >> command("call.classify", 4, call_id=CallId("c6"), level=1) >> answered("a", 5)
    play >> presses("u1", 600)

    play >> moved(609, (1, 900, 0)) >> reports("u2", 610, "available")

    assert play.last("order.issued").incident_id == incident_of(play, "u1").incident_id


def test_nobody_waits_for_ever_behind_officers_in_danger() -> None:
    play = Play(emergency_head_start_s=600) >> roster("u1", "u2") >> moved(1, (0, 0, 0))
    play >> reports("u1", 2, "on_scene") >> reports("u2", 2, "out_of_service")
    play >> call("a", 3) >> command("call.classify", 4, call_id=CallId("c6"), level=1) >> answered("a", 5)
    play >> presses("u1", 604)

    play >> moved(609, (1, 900, 0)) >> reports("u2", 610, "available")

    assert play.last("order.issued").incident_id == "i6", "it has waited ten minutes more"


def test_a_desk_that_grades_it_down_takes_its_place_before_the_others_too() -> None:
    play = Play() >> roster("u1", "u2") >> moved(1, (0, 0, 0)) >> presses("u1", 5)
    cry = incident_of(play, "u1")
    assert cry.urgency_ms == (NOON_S + 5 - 3_600 - 86_400) * 1000

    play >> command("incident.level", 6, incident_id=cry.incident_id, level=2)

    assert play.last("incident.updated").urgency_ms == (NOON_S + 5 - 900) * 1000


def test_the_reserve_is_not_kept_from_an_officer() -> None:
    play = Play(reserve_units=3, reserve_level=1) >> roster("u1", "u2") >> moved(1, (0, 0, 0), (1, 900, 0))

    _ = play >> presses("u1", 5) << Shows("order.issued", unit_id="u2")


def test_a_full_queue_has_room_for_an_officer_and_keeps_them() -> None:
    play = (
        Play(incidents_waiting_max=1) >> roster("u1") >> moved(1, (0, 0, 0)) >> reports("u1", 1, "clearing")
    )
    play >> call("a", 2) >> answered("a", 3)

    _ = play >> presses("u1", 5) << Shows("warning.raised", kind="incident_queue_full", subject="i5")

    play >> call("b", 6, spot=(5000, 0)) >> command("call.classify", 7, call_id=CallId("c8"), level=1)
    _ = play >> answered("b", 8) << Shows("warning.raised", kind="incident_queue_full", subject="i8")


# The last fix is frozen


def test_the_first_place_stays_on_record_while_the_incident_goes_with_the_unit() -> None:
    play = city() >> presses("u1", 5)

    play >> moved(20, (0, 0, 900))

    shown = play.last("incident.updated")
    assert (shown.lat, shown.lon) == pytest.approx(place(0, 900), abs=1e-6)
    assert (shown.emergency.lat, shown.emergency.lon) == pytest.approx(place(0, 0), abs=1e-6)
    assert [one.outdated for one in shown.locations] == [True, False], "both words are there"
    _ = play << Shows("recommendation.made")


def test_a_unit_that_stands_still_or_has_just_moved_ranks_nobody_anew() -> None:
    play = city() >> presses("u1", 5) >> moved(20, (0, 0, 900))

    for second, north_m in ((21, 960), (22, 1020), (26, 940)):
        play >> moved(second, (0, 0, north_m))
        play.nothing("recommendation.made")
    _ = play >> moved(27, (0, 0, 1200)) << Shows("recommendation.made")


def test_a_first_fix_after_the_press_gives_the_incident_its_place_and_somebody_goes() -> None:
    play = Play() >> roster("u1", "u2") >> moved(1, (1, 900, 0)) >> presses("u1", 5)

    _ = play >> moved(6, (0, 0, 0)) << Shows("order.issued", unit_id="u2", incident_id="i4")


def test_a_desk_that_knows_better_is_not_overruled_by_the_radio() -> None:
    play = city() >> presses("u1", 5)
    lat, lon = place(-3000, 0)
    play >> command("incident.locate", 6, incident_id=IncidentId("i4"), lat=lat, lon=lon)

    play >> moved(20, (0, 0, 900))

    assert (incident_of(play, "u1").lat, incident_of(play, "u1").lon) == (lat, lon)
    assert len(incident_of(play, "u1").locations) == 3


# Only a desk ends it


@pytest.mark.parametrize("said", ["available", "off_duty", "clearing", "out_of_service"])
def test_a_unit_that_says_it_is_over_is_heard_and_the_desk_is_asked(said: str) -> None:
    play = city() >> presses("u1", 5)

    play >> reports("u1", 300, said)

    _ = (
        play
        << Shows("warning.raised", kind="officer_says_over", subject="u1")
        << Shows("unit.updated", unit_id="u1", status="emergency", claims=said)
    )
    assert incident_of(play, "u1").cry_stands
    play >> reports("u1", 301, said)
    play.nothing("warning.raised")


def test_what_a_unit_says_of_its_work_is_shown_and_ends_nothing() -> None:
    play = city() >> presses("u1", 5) >> reports("u1", 9, "on_scene")

    _ = play << Shows("unit.updated", unit_id="u1", status="emergency", claims="on_scene")
    play.nothing("warning.raised")


def test_a_desk_ends_it_with_a_reason_and_calls_back_who_is_on_the_way() -> None:
    play = city() >> presses("u1", 5) >> reports("u1", 200, "available")

    play >> ends("u1", 300)

    _ = (
        play
        << Shows("order.updated", unit_id="u2", state="cancelled")
        << Shows(
            "incident.updated",
            state="closed",
            outcome="emergency_over",
            ended_by="desk-3",
            ended_reason="spoke to the officer",
        )
        << Shows("unit.updated", unit_id="u1", status="available", emergency="", claims="")
    )
    assert not play.engine.state.crying


def test_a_colleague_who_is_there_finishes_the_work() -> None:
    play = city() >> presses("u1", 5) >> ack("u2", "o4", 100, "on_scene")

    play >> ends("u1", 300)

    _ = play << Shows("incident.updated", incident_id="i4", state="ordered", ended_by="desk-3")
    play.nothing("order.updated")
    _ = play >> ack("u2", "o4", 400, "clear") << Shows("incident.updated", state="closed", outcome="handled")


@pytest.mark.parametrize(
    "missing", [{"by": ""}, {"text": ""}, {"status": "emergency"}, {"status": "asleep"}, {"unit_id": "u2"}]
)
def test_it_does_not_end_without_a_reason_a_name_and_a_sense(missing: dict[str, str]) -> None:
    said = {"unit_id": "u1", "by": "desk-3", "text": "fine", **missing}

    play = city() >> presses("u1", 5) >> command("emergency.end", 9, **said)

    _ = play << Shows("warning.raised", kind="command_refused")
    assert status_of(play, "u1") == "emergency"


def test_after_the_end_a_unit_that_said_nothing_is_sent_nowhere_before_it_reports() -> None:
    play = city() >> presses("u1", 5) >> ends("u1", 300)
    assert status_of(play, "u1") == "out_of_service"

    _ = play >> reports("u1", 310, "available") << Shows("unit.updated", status="available")


def test_after_the_end_a_unit_is_back_at_the_order_it_was_on() -> None:
    play = city() >> call("a", 2) >> answered("a", 3) >> ack("u1", "o5", 4, "on_scene") >> presses("u1", 9)

    play >> ends("u1", 300)

    assert status_of(play, "u1") == "on_scene"


def test_what_a_desk_says_at_the_end_counts_for_more_than_the_roster() -> None:
    play = city() >> presses("u1", 5) >> ends("u1", 300, status="off_duty")

    other = RosterUnit(unit_id=UnitId("u1"), county=LUCHENG, call_sign="Car 1")
    play >> RosterLoaded(at_ns=at(400), units=(other,))

    assert status_of(play, "u1") == "off_duty"


def test_a_desk_that_sets_the_unit_ends_it_too() -> None:
    play = city() >> presses("u1", 5)

    play >> command("unit.set", 60, unit_id=UnitId("u1"), status="available", by="desk-1")

    _ = play << Shows("incident.updated", state="closed", ended_by="desk-1", ended_reason="set to available")
    assert status_of(play, "u1") == "available"


def test_a_desk_that_hears_a_cry_by_voice_presses_the_button_for_the_unit() -> None:
    play = city() >> command("unit.set", 5, unit_id=UnitId("u1"), status="emergency", text="heard shots")

    _ = (
        play
        << Shows(
            "warning.raised",
            kind="officer_emergency",
            text="u1: in danger, says a desk; at its last fix, 4 s old, within 26 m; says: heard shots",
        )
        << Shows("order.issued", unit_id="u2", level=1)
        << Shows("unit.updated", unit_id="u1", status="emergency")
    )


def test_closing_the_incident_is_no_way_round_the_question() -> None:
    play = city() >> presses("u1", 5) >> command("incident.close", 9, incident_id=IncidentId("i4"))

    _ = play << Shows("warning.raised", kind="command_refused")
    assert incident_of(play, "u1").cry_stands


def test_the_last_colleague_who_leaves_does_not_end_it() -> None:
    play = city() >> presses("u1", 5)

    play >> ack("u2", "o4", 60, "clear")

    _ = (
        play
        << Shows("warning.raised", kind="officer_alone", subject="u1")
        << Shows("incident.updated", incident_id="i4", state="located", outcome="")
    )
    play.nothing("order.issued")
    assert status_of(play, "u1") == "emergency"


def test_an_officer_to_whom_nobody_goes_is_told_again_each_minute() -> None:
    play = Play() >> roster("u1") >> presses("u1", 5)

    for second in (65, 125, 185):
        _ = (
            play
            >> fires("unattended:i3", second)
            << Shows("warning.raised", kind="officer_alone", subject="u1")
        )

    assert incident_of(play, "u1").cry_stands


@pytest.mark.parametrize("policy", ["automatic", "confirm"])
def test_an_officer_for_whom_nobody_is_free_or_nobody_was_chosen_is_told_again_each_minute(
    policy: str,
) -> None:
    play = Play(dispatch=policy) >> roster("u1", "u2") >> moved(1, (0, 0, 0), (1, 900, 0))
    if policy == "automatic":
        play >> reports("u2", 2, "out_of_service")
    play >> presses("u1", 5)
    name = incident_of(play, "u1").incident_id
    play >> call("a", 20) >> answered("a", 30) >> abandoned("a", 40)

    for second in (65, 125):
        play >> fires(f"unattended:{name}", second)
        _ = play << Shows("warning.raised", kind="officer_alone", subject="u1")

    play >> moved(129, (1, 900, 0)) >> reports("u2", 130, "available")
    if policy == "confirm":
        play >> command("order.accept", 131, incident_id=name, unit_id=UnitId("u2"))
    _ = play << Shows("order.issued", unit_id="u2", incident_id=name)
    assert f"unattended:{name}" not in play.engine.state.timers


def test_a_full_table_of_incidents_closes_others_and_no_officers() -> None:
    play = Play(incidents_open_max=2) >> roster("u1", "u2") >> presses("u1", 5) >> presses("u2", 6)

    play >> call("a", 7)

    assert len(play.engine.state.incidents) == 3
    assert [one.cry_stands for one in play.engine.state.incidents.values()] == [True, True, False]


# Again, and twice


def test_pressed_again_the_desk_is_told_again_and_nobody_more_is_sent() -> None:
    play = city() >> presses("u1", 5)

    for second, times in ((6, 2), (7, 3)):
        play >> presses("u1", second)
        assert play.last("warning.raised").text.endswith(f"heard {times} times")
        play.nothing("order.issued").nothing("incident.updated")


def test_a_button_held_down_is_told_once_a_second() -> None:
    play = city() >> presses("u1", 5)

    told = 0
    for n in range(1, 31):
        fact = UnitCalled(
            at_ns=at(5 + n / 10), unit_id=UnitId("u1"), event="emergency", tst=int(NOON_S + 5), seq=n
        )
        play >> fact
        told += len(play.effects)

    assert told == 3
    assert play.engine.state.counts["press_repeated"] == 27


def test_the_same_press_delivered_again_after_the_end_opens_nothing() -> None:
    play = city() >> presses("u1", 5) >> ends("u1", 300)

    again = UnitCalled(at_ns=at(310), unit_id=UnitId("u1"), event="emergency", tst=int(NOON_S + 5))
    play >> again

    assert play.effects == []
    assert not play.engine.state.crying


def test_texts_do_not_make_an_old_press_new() -> None:
    play = city() >> presses("u1", 5) >> ends("u1", 300)
    for second in range(301, 321):
        play >> UnitCalled(at_ns=at(second), unit_id=UnitId("u1"), event="text", tst=int(NOON_S + second))

    play >> UnitCalled(at_ns=at(330), unit_id=UnitId("u1"), event="emergency", tst=int(NOON_S + 5))

    assert not play.engine.state.crying


def test_the_status_emergency_that_the_broker_kept_opens_nothing_after_the_end() -> None:
    for tst in (int(NOON_S + 5), 0):
        first, kept = (
            UnitReported(at_ns=at(second), unit_id=UnitId("u1"), status="emergency", tst=tst)
            for second in (5, 401)
        )
        play = city() >> first >> ends("u1", 300) >> starts(400)

        play >> kept

        assert not play.engine.state.crying, tst


def test_a_copy_without_a_time_is_told_to_the_desk_because_it_might_be_none() -> None:
    timeless = UnitReported(at_ns=at(5), unit_id=UnitId("u1"), status="emergency")
    play = city() >> timeless >> ends("u1", 300)

    play >> UnitReported(at_ns=at(310), unit_id=UnitId("u1"), status="emergency")

    _ = play << Shows("warning.raised", kind="officer_emergency_again", subject="u1")
    play.nothing("order.issued")


def test_a_press_after_the_end_is_a_new_cry() -> None:
    play = city() >> presses("u1", 5) >> ends("u1", 300)

    play >> moved(399, (1, 400, 0)) >> presses("u1", 400)

    _ = play << Shows("order.issued", unit_id="u2", incident_id="i7")
    assert incident_of(play, "u1").incident_id == "i7"


def test_a_radio_without_a_clock_is_heard_again_though_it_says_the_same_after_each_start() -> None:
    first, again = (
        UnitCalled(at_ns=at(second), unit_id=UnitId("u1"), event="emergency", tst=30, seq=1)
        for second in (5, 4000)
    )

    play = city() >> first >> ends("u1", 300) >> again

    assert incident_of(play, "u1").cry_stands


def test_the_status_beside_a_press_is_the_same_cry_and_its_copy_opens_nothing() -> None:
    beside = UnitReported(at_ns=at(6), unit_id=UnitId("u1"), status="emergency", tst=int(NOON_S + 5), seq=2)
    play = city() >> reports("u1", 2, "available") >> presses("u1", 5, seq=1) >> beside
    play >> ends("u1", 300) >> reports("u1", 310, "available")

    play >> msgspec.structs.replace(beside, at_ns=at(320))

    assert not play.engine.state.crying


def test_a_press_that_comes_late_is_heard_whatever_the_unit_said_since() -> None:
    play = city() >> reports("u1", 300, "available")

    late = UnitCalled(at_ns=at(301), unit_id=UnitId("u1"), event="emergency", tst=int(NOON_S + 20))
    play >> late

    assert status_of(play, "u1") == "emergency"
    assert incident_of(play, "u1").cry_stands


# Over restarts and rosters


def test_a_cry_for_help_survives_a_restart_and_a_roster_without_the_unit() -> None:
    play = city() >> presses("u1", 5)

    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored
    play >> starts(60) >> roster("u2", "u3") >> reports("u1", 70, "available")

    assert incident_of(play, "u1").cry_stands
    _ = play >> ends("u1", 80) << Shows("incident.updated", incident_id="i4", outcome="emergency_over")


def test_a_cry_for_help_that_an_older_program_heard_stands_until_a_desk_ends_it() -> None:
    play = city() >> presses("u1", 5)
    saved: dict[str, Any] = msgspec.msgpack.decode(snapshot.take(play.engine))
    for one in saved["incidents"]:
        del one["cry"]
    restored = snapshot.restore(msgspec.msgpack.encode({**saved, "format": 4}))
    assert restored is not None
    play.engine = restored
    assert "unattended:i4" not in restored.state.timers, "somebody is on the way"

    play >> starts(60) >> ack("u2", "o4", 70, "clear")

    _ = play << Shows("warning.raised", kind="officer_alone", subject="u1")
    _ = play >> ends("u1", 80) << Shows("incident.updated", incident_id="i4", outcome="emergency_over")


def test_a_stranger_cannot_cry_for_help() -> None:
    play = city() >> presses("nobody", 5)

    assert play.effects == []
    assert play.engine.state.counts[f"{UnknownError.__name__}: unit.event"] == 1
