# SPDX-License-Identifier: Apache-2.0
"""Who counts as on duty without having said so. A scene begins at 16:53 local time."""

import pytest

from core import snapshot
from core.events import RosterLoaded, RosterUnit
from core.ids import OrderId, UnitId
from tests.play import LUCHENG, Play, Shows, answered, at, call, command, fires, moved, reports

MIN = 60


@pytest.mark.parametrize(
    ("starts", "ends", "status"),
    [
        ("08:00", "17:00", "available"),
        ("17:00", "08:00", "off_duty"),
        ("20:00", "16:53", "off_duty"),
        ("16:53", "16:54", "available"),
        ("22:00", "20:00", "available"),
        ("00:00", "00:00", "available"),
        ("", "08:00", "available"),
    ],
    ids=["on it", "before it", "it has ended", "it begins", "over midnight", "round the clock", "half known"],
)
def test_a_unit_that_never_told_a_status_is_on_duty_within_its_shift(
    starts: str, ends: str, status: str
) -> None:
    play = Play() >> listed(shift_start=starts, shift_end=ends) >> moved(1, (0, 100, 0))

    _ = play << Shows("unit.updated", unit_id="u1", status=status, assumed=status == "available")


def test_it_comes_on_duty_when_its_shift_begins_and_goes_off_when_it_ends() -> None:
    play = Play() >> listed(shift_start="17:00", shift_end="18:00") >> moved(1, (0, 100, 0))
    begins_s = 6 * MIN + 40  # 16:53:20 to 17:00
    _ = play << Shows("set_timer", key="shift:u1", due_ns=at(begins_s))

    _ = play >> fires("shift:u1", begins_s) << Shows("set_timer", due_ns=at(begins_s + 60 * MIN))
    _ = play << Shows("unit.updated", status="available", assumed=True)
    _ = play >> fires("shift:u1", begins_s + 60 * MIN) << Shows("unit.updated", status="off_duty")


def test_who_had_orders_goes_off_duty_when_the_shift_ends_and_not_before() -> None:
    play = Play() >> listed(shift_start="08:00", shift_end="17:00") >> moved(1, (0, 100, 0))
    play >> call("a", 2) >> answered("a", 3) >> command("order.cancel", 10, order_id=OrderId("o5"))
    ends_s = 6 * MIN + 40
    _ = play << Shows("unit.updated", status="available", status_at_us=at(10) // 1000)

    play >> fires("shift:u1", ends_s)

    _ = play << Shows("unit.updated", status="off_duty", status_at_us=at(ends_s) // 1000)


def test_a_unit_that_is_off_duty_by_its_shift_is_not_sent() -> None:
    play = Play() >> listed(shift_start="20:00", shift_end="08:00") >> moved(1, (0, 100, 0)) >> call("a", 2)

    assert play.last("recommendation.made").excluded == {"off_duty": 1}


def test_what_a_unit_says_counts_for_more_than_its_shift() -> None:
    play = Play() >> listed(shift_start="17:00", shift_end="18:00") >> moved(1, (0, 100, 0))
    _ = play >> reports("u1", 2, "available") << Shows("unit.updated", status="available", assumed=False)

    play >> fires("shift:u1", 400)
    play.nothing("unit.updated").nothing("set_timer")
    play >> listed(shift_start="20:00", shift_end="21:00", crew=2)
    _ = play << Shows("unit.updated", status="available")


def test_a_new_shift_from_the_roster_counts_at_once() -> None:
    play = Play() >> listed(shift_start="20:00", shift_end="23:00") >> moved(1, (0, 100, 0))

    _ = play >> listed(shift_start="08:00", shift_end="23:00") << Shows("unit.updated", status="available")
    _ = play >> listed(shift_start="20:00", shift_end="23:00") << Shows("unit.updated", status="off_duty")
    play >> listed()
    _ = play << Shows("drop_timer", key="shift:u1") << Shows("unit.updated", status="available")


def test_nobody_is_called_on_duty_who_has_sent_no_position() -> None:
    play = Play() >> listed(shift_start="08:00", shift_end="23:00")

    _ = play << Shows("unit.updated", status="off_duty")
    play.nothing("set_timer")


def test_a_unit_struck_off_with_orders_is_told_to_the_desk() -> None:
    play = Play() >> listed() >> moved(1, (0, 100, 0)) >> call("a", 2)
    play.engine.state.units[UnitId("u1")].order_ids.append(play.engine.state.new_id("o"))  # type: ignore[arg-type]

    other = RosterUnit(unit_id=UnitId("u2"), county=LUCHENG)
    play >> RosterLoaded(at_ns=at(3), units=(other,))

    _ = play << Shows("warning.raised", kind="unit_struck_off", subject="u1")


def test_badge_numbers_are_kept_and_shown_to_nobody() -> None:
    play = Play() >> listed(crew=2, crew_ids=("P12345", "P67890")) >> moved(1, (0, 100, 0)) >> call("a", 2)

    assert b"P12345" not in b"".join(repr(effect).encode() for effect in play.effects)
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    assert restored.state.units[UnitId("u1")].entry.crew_ids == ("P12345", "P67890")


def listed(**fields: object) -> RosterLoaded:
    unit = RosterUnit(unit_id=UnitId("u1"), county=LUCHENG, **fields)  # type: ignore[arg-type]
    return RosterLoaded(at_ns=at(0), units=(unit,))
