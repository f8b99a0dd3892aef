# SPDX-License-Identifier: Apache-2.0
"""Statuses that come late, doubled, out of turn or by a wrong clock: each is kept and shown, none does harm."""

from typing import Any

import msgspec
import pytest

from core import snapshot
from core.events import OrderAcked, UnitLinked, UnitReported, UnitStatus
from core.ids import OrderId, UnitId
from core.units.unit import Unit
from tests.play import NOON_S, Play, Shows, ack, answered, at, call, command, moved, reports, roster, town


def test_a_status_that_comes_late_takes_its_place_and_leaves_the_present_one() -> None:
    play = town() >> reports("u1", 10, "enroute") >> reports("u1", 40, "on_scene")

    play >> said("u1", "acknowledged", told_s=5, heard_s=41)

    _ = play << Shows(
        "unit.reported",
        status="acknowledged",
        present="on_scene",
        source="unit",
        why="late",
        said_at_us=int(NOON_S + 5) * 1_000_000,
        heard_at_us=at(41) // 1000,
    )
    play.nothing("unit.updated")
    assert history(play) == ["acknowledged", "enroute", "on_scene"]


def test_what_looked_out_of_turn_is_in_turn_once_the_report_before_it_has_come() -> None:
    play = town() >> reports("u1", 10, "enroute") >> reports("u1", 40, "transporting")
    assert play.last("unit.updated").out_of_turn

    play >> said("u1", "on_scene", told_s=30, heard_s=45)

    _ = play << Shows("unit.reported", status="on_scene", out_of_turn=False)
    _ = play << Shows("unit.updated", status="transporting", out_of_turn=False)


def test_a_step_the_table_does_not_foresee_is_taken_and_marked() -> None:
    play = town() >> reports("u1", 10, "off_duty") >> reports("u1", 20, "transporting")

    _ = play << Shows("unit.updated", status="transporting", out_of_turn=True)


def test_a_status_later_than_the_window_is_shown_and_no_more() -> None:
    play = town(status_window_s=60) >> reports("u1", 100, "enroute") >> reports("u1", 200, "on_scene")

    play >> said("u1", "available", told_s=139, heard_s=210)
    _ = play << Shows("unit.reported", status="available", why="beyond")
    play >> said("u1", "available", told_s=140, heard_s=211)
    _ = play << Shows("unit.reported", status="available", why="late")

    assert history(play) == ["enroute", "available", "on_scene"]
    assert play.engine.state.counts["status_beyond"] == 1


def test_the_same_report_delivered_twice_is_one() -> None:
    play = (
        town() >> said("u1", "enroute", told_s=9, heard_s=10) >> said("u1", "on_scene", told_s=19, heard_s=20)
    )

    play >> said("u1", "enroute", told_s=9, heard_s=30)

    assert play.effects == []
    assert history(play) == ["enroute", "on_scene"]


def test_a_clock_that_ran_ahead_does_not_shut_out_what_is_said_once_it_is_right() -> None:
    play = (
        town()
        >> said("u1", "enroute", told_s=130, heard_s=10)
        >> said("u1", "on_scene", told_s=150, heard_s=30)
    )
    assert present(play) == "on_scene"

    play >> said("u1", "enroute", told_s=145, heard_s=32)
    assert present(play) == "on_scene", "the clock is still ahead: that was said before"
    _ = play >> said("u1", "available", told_s=40, heard_s=40) << Shows("unit.updated", status="available")


def test_a_radio_with_a_slow_clock_is_believed_from_its_third_report_on() -> None:
    play = town() >> reports("u1", 1000, "enroute")

    (
        play
        >> said("u1", "on_scene", told_s=410, heard_s=1010)
        >> said("u1", "clearing", told_s=431, heard_s=1030)
    )
    assert present(play) == "enroute", "so far it may have been late"
    play >> said("u1", "available", told_s=450, heard_s=1050)

    _ = play << Shows("unit.updated", status="available", status_at_us=at(1050) // 1000)
    _ = play >> said("u1", "off_duty", told_s=470, heard_s=1070) << Shows("unit.updated", status="off_duty")
    _ = (
        play
        >> said("u1", "available", told_s=1090, heard_s=1090)
        << Shows("unit.updated", status="available")
    )


def test_a_backlog_that_comes_at_once_moves_no_clock() -> None:
    play = town() >> reports("u1", 1000, "available")

    for second, status in ((400, "enroute"), (401, "on_scene"), (402, "clearing"), (403, "available")):
        play >> said("u1", status, told_s=second, heard_s=1001)

    assert history(play) == ["enroute", "on_scene", "clearing", "available", "available"]
    assert present(play) == "available"


@pytest.mark.parametrize(
    "tst", [7, 86_400, 1_160_000_000], ids=["never set", "a day", "a GPS week roll-over"]
)
def test_a_clock_that_was_never_set_is_no_clock(tst: int) -> None:
    play = town() >> reports("u1", 10, "enroute")

    play >> UnitReported(at_ns=at(20), unit_id=UnitId("u1"), status="on_scene", tst=tst)

    _ = play << Shows("unit.updated", status="on_scene", status_at_us=at(20) // 1000)
    assert play.engine.state.counts["status_clock_unset"] == 1


def test_an_ack_by_a_clock_that_was_never_set_is_of_now() -> None:
    play = ordered()
    order_id = play.last("order.issued").order_id

    play >> ack("u1", order_id, 20, "enroute", tst=7)

    _ = play << Shows("unit.updated", status="enroute", source="order", status_at_us=at(20) // 1000)


def test_what_a_desk_sets_holds_until_the_unit_says_something_newer() -> None:
    play = town() >> reports("u1", 10, "enroute")
    play >> command("unit.set", 30, unit_id=UnitId("u1"), status="available", by="d1")
    _ = play << Shows("unit.updated", status="available", source="desk", status_at_us=at(30) // 1000)

    play >> said("u1", "acknowledged", told_s=8, heard_s=31)
    assert present(play) == "available"
    _ = play >> said("u1", "on_scene", told_s=11, heard_s=32) << Shows("unit.updated", status="on_scene")


def test_a_signature_that_arrives_after_the_car_has_moved_off_takes_it_not_back() -> None:
    play = ordered()
    order_id = play.last("order.issued").order_id

    play >> reports("u1", 10, "enroute") >> ack("u1", order_id, 12, "signed")

    _ = play << Shows("order.updated", state="signed")
    assert present(play) == "enroute"


def test_an_ack_that_was_sent_before_the_status_does_not_undo_it() -> None:
    play = ordered()
    order_id = play.last("order.issued").order_id

    play >> reports("u1", 30, "on_scene") >> acked(order_id, "enroute", told_s=20, heard_s=31)

    _ = play << Shows("order.updated", state="enroute")
    _ = play << Shows("unit.reported", status="enroute", source="order", why="late")
    assert present(play) == "on_scene"


def test_an_ack_and_a_status_of_one_second_stay_as_they_came() -> None:
    play = ordered()
    order_id = play.last("order.issued").order_id

    play >> said("u1", "acknowledged", told_s=20, heard_s=20, seq=900)
    play >> acked(order_id, "enroute", told_s=20, heard_s=20, seq=3)

    assert present(play) == "enroute"


def test_an_age_is_of_the_status_and_of_nothing_that_happened_beside_it() -> None:
    """TicketsCAD #71: ages on the map that were of something else."""
    play = town() >> reports("u1", 10, "on_scene")

    play >> roster("u1", "u2") >> moved(50, (0, 400, 0)) >> said("u1", "on_scene", told_s=60, heard_s=61)
    assert play.effects == [], "the same again"
    play >> UnitLinked(at_ns=at(90), unit_id=UnitId("u1"), link="online")

    _ = play << Shows(
        "unit.updated", status_at_us=at(10) // 1000, heard_at_us=at(61) // 1000, at_us=at(90) // 1000
    )


def test_a_unit_nobody_has_told_a_status_of_has_no_age() -> None:
    play = Play() >> roster("u1") >> moved(1, (0, 0, 0))

    _ = play << Shows(
        "unit.updated", status="available", assumed=True, status_at_us=0, heard_at_us=0, source=""
    )


def test_a_second_way_to_say_on_scene_is_heard_as_well_as_the_first() -> None:
    """TicketsCAD #64: of two statuses that meant the same, one did nothing."""
    play = ordered()
    order_id = play.last("order.issued").order_id

    play >> reports("u1", 20, "on_scene") >> ack("u1", order_id, 21, "on_scene")

    _ = play << Shows("order.updated", order_id=order_id, state="on_scene")
    assert present(play) == "on_scene"


@pytest.mark.parametrize("status", ["enroute", "on_scene"])
def test_a_second_order_leaves_a_busy_unit_where_it_has_got_to(status: UnitStatus) -> None:
    """TicketsCAD #82 and #83: assigning a busy unit silently reset its progress."""
    play = ordered(stack_max={"patrol": 2})
    first = play.last("order.issued").order_id
    play >> ack("u1", first, 5, "signed") >> reports("u1", 6, status)
    play >> call("b", 7, spot=(5000, 0))

    play >> command(
        "order.accept", 8, incident_id=play.last("incident.updated").incident_id, unit_id=UnitId("u1")
    )

    _ = play << Shows("unit.updated", unit_id="u1", status=status)
    second = play.last("order.issued").order_id
    play >> ack("u1", second, 9, "signed")
    assert present(play) == status
    assert unit_of(play).order_ids == [first, second]
    play >> command("order.cancel", 10, order_id=second)
    _ = play << Shows("unit.updated", unit_id="u1", status=status, order_ids=(first,))


def test_a_unit_is_never_twice_on_one_incident() -> None:
    """TicketsCAD: a unit twice in the assign list."""
    play = ordered(stack_max={"patrol": 2})
    incident_id = play.last("order.issued").incident_id

    play >> command("order.accept", 8, incident_id=incident_id, unit_id=UnitId("u1"))

    _ = play << Shows("warning.raised", kind="command_refused")
    play.nothing("order.issued")


def test_sixteen_words_are_kept_and_the_first_of_the_same_said_again_and_again() -> None:
    play = town() >> reports("u1", 10, "available") >> reports("u1", 20, "on_scene")

    for second in range(30, 60):
        play >> reports("u1", second, "on_scene")

    unit = unit_of(play)
    assert len(unit.reports) == 16
    assert unit.began is not None
    assert unit.began.at_s == NOON_S + 20


def test_a_snapshot_keeps_the_history_and_the_clock() -> None:
    play = (
        town()
        >> said("u1", "enroute", told_s=70, heard_s=10)
        >> said("u1", "on_scene", told_s=60, heard_s=12)
    )

    before, after = unit_of(play), unit_of(snapshot_again(play))

    assert msgspec.to_builtins(after) == msgspec.to_builtins(before)
    assert (after.clock_s, len(after.reports)) == (60, 2)


def test_a_snapshot_without_histories_still_knows_what_is_older() -> None:
    play = town() >> reports("u1", 50, "on_scene")
    saved: dict[str, Any] = msgspec.msgpack.decode(snapshot.take(play.engine))
    for one in saved["units"]:
        for name in ("reports", "before", "said", "clock_s", "lag"):
            del one[name]
    restored = snapshot.restore(msgspec.msgpack.encode({**saved, "format": 4}))
    assert restored is not None
    play.engine = restored

    play >> said("u1", "available", told_s=50, heard_s=60)
    assert present(play) == "on_scene", "the broker's copy of what was known, or older"
    _ = play >> reports("u1", 61, "available") << Shows("unit.updated", status="available")


def ordered(**policy: Any) -> Play:
    """u1 has just been given an order."""
    play = (
        town(dispatch="confirm", **policy)
        >> reports("u1", 1, "available")
        >> call("a", 2)
        >> answered("a", 3)
    )
    incident_id = next(iter(play.engine.state.incidents))
    play >> command("order.accept", 4, incident_id=incident_id, unit_id=UnitId("u1"))
    return play << Shows("order.issued", unit_id="u1")


def said(unit: str, status: Any, *, told_s: float, heard_s: float, seq: int = 0) -> UnitReported:
    tst = int(NOON_S + told_s)
    return UnitReported(at_ns=at(heard_s), unit_id=UnitId(unit), status=status, tst=tst, seq=seq)


def acked(order_id: OrderId, what: Any, *, told_s: float, heard_s: float, seq: int = 0) -> OrderAcked:
    return ack("u1", order_id, heard_s, what, tst=int(NOON_S + told_s), seq=seq)


def unit_of(play: Play) -> Unit:
    return play.engine.state.units[UnitId("u1")]


def present(play: Play) -> str:
    return unit_of(play).status


def history(play: Play) -> list[str]:
    return [report.status for report in unit_of(play).reports]


def snapshot_again(play: Play) -> Play:
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    again = Play()
    again.engine = restored
    return again
