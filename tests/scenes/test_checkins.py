# SPDX-License-Identifier: Apache-2.0
"""An officer alone on scene is asked whether they are well; who does not answer is missed, and looked for."""

from typing import Any

import msgspec
import pytest

from core import snapshot
from core.effects import Effect, PromptUnit, WarningRaised
from core.events import NeighbourBack, NeighbourGone, OrderAcked, UnitCalled, UnitReported
from core.ids import CallId, UnitId
from core.settings import CheckIn
from core.units.watch import Watch
from tests.play import (
    NOON_S,
    Play,
    Shows,
    ack,
    answered,
    at,
    call,
    command,
    fires,
    moved,
    presses,
    reports,
    roster,
    starts,
)

TIMER = "checkin:u1"
RULES = (
    CheckIn(category="robbery", level=1, every_s=300, warn_s=30, escalate_s=90),
    CheckIn(category="robbery", every_s=900, warn_s=60, escalate_s=180),
    CheckIn(level=1, every_s=600, warn_s=60, escalate_s=180),
)


def on_scene(category: str = "robbery", level: int = 1, checkins: tuple[CheckIn, ...] = RULES) -> Play:
    """u1 came to the scene of order o6 at second 10."""
    play = Play(checkins=checkins) >> roster("u1", "u2") >> moved(1, (0, 100, 0), (1, 900, 0)) >> call("a", 2)
    play >> command("call.classify", 3, call_id=CallId("c4"), level=level, category=category)
    return play >> answered("a", 4) >> acks(10, "on_scene")


def acks(second: float, what: str) -> OrderAcked:
    return ack("u1", "o6", second, what, tst=int(NOON_S + second))


def says(event: Any, second: float, **fields: Any) -> UnitCalled:
    said = {"tst": int(NOON_S + second), **fields}
    return UnitCalled(at_ns=at(second), unit_id=UnitId("u1"), event=event, **said)


def due_s(play: Play) -> float | None:
    """When the unit's timer rings, in seconds of the scene."""
    due_ns = play.engine.state.timers.get(TIMER)
    return None if due_ns is None else due_ns / 1_000_000_000 - NOON_S


def watch_of(play: Play) -> Watch | None:
    return play.engine.state.units[UnitId("u1")].watch


def prompts(effects: list[Effect]) -> list[PromptUnit]:
    return [effect for effect in effects if isinstance(effect, PromptUnit)]


# Who is asked


@pytest.mark.parametrize(
    ("category", "level", "first_s"),
    [("robbery", 1, 310), ("robbery", 2, 910), ("fire", 1, 610), ("fire", 2, None)],
)
def test_the_most_particular_line_says_how_often(category: str, level: int, first_s: int | None) -> None:
    assert due_s(on_scene(category, level)) == first_s


def test_nobody_is_asked_on_the_way_nor_after_leaving() -> None:
    play = on_scene() >> reports("u1", 20, "clearing")

    assert (watch_of(play), due_s(play)) == (None, None)
    play >> reports("u1", 30, "on_scene")
    assert due_s(play) == 330
    play >> acks(40, "clear")
    assert (watch_of(play), due_s(play)) == (None, None)
    _ = play << Shows("unit.updated", unit_id="u1", check_in="")


def test_an_officer_who_takes_somebody_along_is_watched_on_the_way() -> None:
    play = on_scene() >> reports("u1", 20, "transporting")

    assert due_s(play) == 320


def test_another_grade_brings_another_pace_reckoned_from_the_last_sign_of_life() -> None:
    play = on_scene("robbery", 2)

    play >> command("incident.level", 100, incident_id="i4", level=1)
    assert due_s(play) == 310
    play >> command("incident.level", 200, incident_id="i4", level=3, category="theft")
    assert watch_of(play) is None


# Asked, missed, looked for


def test_who_is_not_heard_is_asked_then_missed_then_looked_for() -> None:
    play = on_scene()

    play >> fires(TIMER, 310)
    (asked,) = prompts(play.effects)
    assert (asked.unit_id, asked.order_id, asked.incident_id) == ("u1", "o6", "i4")
    assert asked.deadline == NOON_S + 340
    assert "安全确认" in asked.text
    _ = play << Shows("unit.updated", unit_id="u1", check_in="prompted")
    play.nothing("warning.raised")

    _ = play >> fires(TIMER, 340) << Shows("warning.raised", kind="check_in_missed", subject="u1")
    (again,) = prompts(play.effects)
    assert again.prompt > asked.prompt
    _ = play << Shows("unit.updated", check_in="missed")

    play >> fires(TIMER, 400)
    warned = play.last("warning.raised")
    assert (warned.kind, warned.subject) == ("officer_unaccounted", "u1")
    assert warned.text == (
        "u1: no answer to a safety check; at its last fix, 399 s old, within 618 m; was on o6 for i4; "
        "duty chief: not heard for 390 s"
    )
    assert (warned.emergency.age_s, warned.emergency.order_ids) == (399.0, ("o6",))
    _ = play << Shows("unit.updated", check_in="unaccounted")

    _ = play >> fires(TIMER, 490) << Shows("warning.raised", kind="officer_unaccounted")
    assert due_s(play) == 580, "again and again"


def test_where_the_line_says_so_silence_counts_as_man_down() -> None:
    rule = CheckIn(category="robbery", every_s=300, warn_s=30, escalate_s=90, man_down=True)
    play = on_scene(checkins=(rule,)) >> moved(399, (1, 900, 0)) >> fires(TIMER, 310) >> fires(TIMER, 340)

    play >> fires(TIMER, 400)

    _ = (
        play
        << Shows("warning.raised", kind="officer_unaccounted", subject="u1")
        << Shows("warning.raised", kind="officer_man_down", subject="u1")
        << Shows("order.issued", unit_id="u2", level=1, category="officer_man_down")
        << Shows("unit.updated", unit_id="u1", status="emergency", check_in="")
    )
    assert (watch_of(play), due_s(play)) == (None, None)
    play >> says("check_in", 401)
    assert play.engine.state.crying, "only a desk ends it"


# Signs of life


@pytest.mark.parametrize("stage", [(), (310,), (310, 340), (310, 340, 400)])
def test_a_check_in_at_any_stage_begins_anew(stage: tuple[int, ...]) -> None:
    play = on_scene()
    for second in stage:
        play >> fires(TIMER, second)

    play >> says("check_in", 420)

    assert due_s(play) == 720
    play.nothing("warning.raised")
    if stage:
        _ = play << Shows("unit.updated", unit_id="u1", check_in="watched")


@pytest.mark.parametrize(
    "sign",
    [says("text", 315, text="all quiet"), reports("u1", 315, "on_scene"), reports("u1", 315, "transporting")],
)
def test_whatever_a_person_does_is_a_sign_of_life(sign: Any) -> None:
    play = on_scene() >> fires(TIMER, 310) >> sign

    assert due_s(play) == 615


def test_an_ack_by_a_person_counts_and_the_machines_does_not() -> None:
    play = on_scene() >> fires(TIMER, 310)

    play >> acks(315, "delivered")
    assert due_s(play) == 340
    play >> acks(316, "signed")
    assert due_s(play) == 616, "late for the order, but somebody pressed it"


def test_positions_and_a_radio_on_the_air_are_no_sign_of_life() -> None:
    play = on_scene() >> fires(TIMER, 310) >> moved(320, (0, 150, 0))

    assert due_s(play) == 340


def test_the_brokers_copy_of_an_old_word_is_no_sign_of_life() -> None:
    play = on_scene() >> reports("u1", 20, "on_scene") >> says("check_in", 25) >> fires(TIMER, 325)

    for old in (reports("u1", 20, "on_scene"), says("check_in", 25), acks(10, "on_scene")):
        play >> msgspec.structs.replace(old, at_ns=at(330))
    timeless = UnitReported(at_ns=at(331), unit_id=UnitId("u1"), status="on_scene")
    play >> timeless

    assert due_s(play) == 355


def test_what_a_radio_kept_and_sends_late_was_done_then() -> None:
    play = on_scene() >> fires(TIMER, 310) >> fires(TIMER, 340)

    play >> says("check_in", 400, tst=int(NOON_S + 60))

    assert due_s(play) == 400, "340 s ago: longer than the 300 s after which one is asked"
    assert play.engine.state.counts["check_in_old"] == 1


def test_a_radio_whose_clock_is_known_to_be_slow_is_heard_as_it_speaks() -> None:
    play = on_scene()
    for second, status in ((20, "transporting"), (40, "on_scene"), (60, "transporting"), (80, "on_scene")):
        late = reports("u1", second - 600, status)
        play >> msgspec.structs.replace(late, at_ns=at(second))

    assert due_s(play) == 380


def test_a_radio_whose_clock_was_never_set_can_say_that_all_is_well() -> None:
    play = on_scene() >> fires(TIMER, 310)

    play >> says("check_in", 320, tst=1000)

    assert due_s(play) == 620


def test_a_clock_that_was_ahead_shuts_out_no_later_word() -> None:
    play = on_scene() >> says("check_in", 20, tst=int(NOON_S + 130))

    play >> says("check_in", 60)

    assert due_s(play) == 360


def test_an_answer_that_names_the_question_counts_whatever_its_clock_says() -> None:
    play = on_scene() >> fires(TIMER, 310)
    (asked,) = prompts(play.effects)

    play >> says("check_in", 320, tst=int(NOON_S - 86_400), prompt=asked.prompt)

    assert due_s(play) == 620


def test_a_desk_that_has_spoken_to_the_officer_begins_anew() -> None:
    play = on_scene() >> fires(TIMER, 310) >> fires(TIMER, 340)

    play >> command("unit.checked", 350, unit_id=UnitId("u1"), by="desk-1")

    _ = play << Shows("unit.updated", unit_id="u1", check_in="watched")
    assert due_s(play) == 650


@pytest.mark.parametrize("unit", ["u2", "nobody"])
def test_a_desk_is_told_that_nobody_is_watched(unit: str) -> None:
    play = on_scene() >> command("unit.checked", 350, unit_id=UnitId(unit))

    _ = play << Shows("warning.raised", kind="command_refused")


def test_a_cry_for_help_ends_the_watch_and_its_end_begins_it_anew() -> None:
    play = on_scene() >> presses("u1", 100)
    assert (watch_of(play), due_s(play)) == (None, None)

    play >> command("emergency.end", 200, unit_id=UnitId("u1"), by="desk-3", text="stumbled")

    assert due_s(play) == 500


@pytest.mark.parametrize(
    "why",
    [
        command("incident.close", 410, incident_id="i4"),
        command("incident.level", 410, incident_id="i4", level=3, category="theft"),
        command("order.cancel", 410, order_id="o6"),
        starts(410),
        msgspec.structs.replace(reports("u1", 60, "clearing"), at_ns=at(410)),
    ],
    ids=["closed", "graded down", "cancelled", "other settings", "kept by the radio"],
)
def test_who_is_missed_is_not_forgotten_with_the_order(why: Any) -> None:
    play = on_scene() >> fires(TIMER, 310) >> fires(TIMER, 340)

    play >> why

    assert (watch_of(play), due_s(play)) == (None, None)
    warned = play.last("warning.raised")
    assert (warned.kind, warned.subject) == ("officer_unaccounted", "u1")
    assert warned.text.endswith("not asked any more, and not heard for 400 s: call the officer")


def test_an_order_that_is_the_next_makes_nobody_heard() -> None:
    play = Play(checkins=(CheckIn(every_s=300, warn_s=30, escalate_s=90),), stack_max={"patrol": 2})
    play >> roster("u1") >> moved(1, (0, 100, 0)) >> call("a", 2) >> answered("a", 4)
    play >> ack("u1", "o5", 10, "on_scene") >> call("b", 20, spot=(3000, 0))
    play >> command("order.accept", 22, incident_id="i7", unit_id="u1")
    second = play.last("order.issued").order_id
    play >> fires(TIMER, 310) >> fires(TIMER, 340)

    play >> ack("u1", second, 350, "on_scene", tst=int(NOON_S + 30))

    watch = watch_of(play)
    assert watch is not None
    assert (watch.stage, watch.incident_id, watch.order_id) == ("missed", "i7", second)


# Away


def test_while_the_broker_is_away_the_desk_is_told_and_nobody_is_missed() -> None:
    play = on_scene() >> NeighbourGone(at_ns=at(300), name="mqtt")

    _ = play >> fires(TIMER, 310) << Shows("warning.raised", kind="check_in_unheard", subject="u1")
    assert prompts(play.effects) == []
    for second in (340, 370, 1000):
        play >> fires(TIMER, second)
        play.nothing("warning.raised")

    play >> NeighbourBack(at_ns=at(1010), name="mqtt")
    assert due_s(play) == 1040
    play >> fires(TIMER, 1040)
    assert [one.unit_id for one in prompts(play.effects)] == ["u1"]


def test_who_was_asked_before_the_broker_went_is_asked_again_and_has_time() -> None:
    play = on_scene() >> fires(TIMER, 310)
    (asked,) = prompts(play.effects)
    play >> NeighbourGone(at_ns=at(311), name="mqtt") >> fires(TIMER, 340)

    play >> NeighbourBack(at_ns=at(342), name="mqtt")

    (again,) = prompts(play.effects)
    assert (again.prompt, again.deadline) == (asked.prompt, NOON_S + 372)
    _ = play >> fires(TIMER, 372) << Shows("warning.raised", kind="check_in_missed")


@pytest.mark.parametrize("machine", [False, True], ids=["the broker", "the gateway"])
def test_what_comes_and_goes_all_the_time_keeps_nobody_from_being_missed(machine: bool) -> None:
    play = on_scene() >> fires(TIMER, 310)
    told = []

    for second in range(320, 1520, 20):
        due = due_s(play)
        assert due is not None
        if due <= second:
            play >> fires(TIMER, second)
            told += [effect for effect in play.effects if isinstance(effect, WarningRaised)]
        if machine:
            play >> starts(second + 5, checkins=RULES)
        else:
            play >> NeighbourGone(at_ns=at(second + 3), name="mqtt")
            play >> NeighbourBack(at_ns=at(second + 5), name="mqtt")

    assert [one.kind for one in told][:2] == ["check_in_missed", "officer_unaccounted"]
    play >> says("check_in", 1520)
    assert due_s(play) == 1820


def test_a_restart_gives_time_and_forgets_nobody() -> None:
    play = on_scene() >> fires(TIMER, 310)
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored

    play >> starts(2000, checkins=RULES)

    (again,) = prompts(play.effects)
    assert again.deadline == NOON_S + 2030
    assert due_s(play) == 2030
    _ = play >> fires(TIMER, 2030) << Shows("warning.raised", kind="check_in_missed", subject="u1")


def test_other_settings_at_a_restart_count_for_those_on_scene() -> None:
    play = on_scene() >> starts(100)
    assert (watch_of(play), due_s(play)) == (None, None)

    play >> starts(200, checkins=RULES)

    assert due_s(play) == 500


@pytest.mark.parametrize("wrong", [{"every_s": 30}, {"every_s": 300, "warn_s": 90, "escalate_s": 90}])
def test_a_line_that_makes_no_sense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, CheckIn)
