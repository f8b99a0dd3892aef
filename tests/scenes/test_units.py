# SPDX-License-Identifier: Apache-2.0
"""What units say of themselves, and how often the broker says it again."""

from core.events import FactPoisoned, RosterLoaded, RosterUnit, UnitReported
from core.ids import CallId, IncidentId, UnitId
from tests.play import (
    LUCHENG,
    OUHAI,
    Play,
    Shows,
    ack,
    answered,
    at,
    call,
    command,
    moved,
    place,
    presses,
    reports,
    roster,
    starts,
    town,
)


def test_a_unit_of_another_county_costs_more_and_says_so() -> None:
    play = Play() >> roster("u1", county=OUHAI) >> moved(1, (0, 100, 0)) >> call("a", 2)

    candidate = play.last("recommendation.made").candidates[0]

    assert [reason.kind for reason in candidate.reasons] == ["travel", "other_county"]
    assert candidate.reasons[1].county == OUHAI


def test_the_emergency_button_opens_an_incident_of_level_1_and_sends_the_nearest_colleague() -> None:
    play = town() >> presses("u1", 5)

    _ = (
        play
        << Shows("warning.raised", kind="officer_emergency", subject="u1")
        << Shows("recommendation.made", level=1)
        << Shows("order.issued", unit_id="u2", level=1)
        << Shows("unit.updated", unit_id="u1", status="emergency")
    )
    play >> presses("u1", 5)
    assert play.effects == [], "the same press, delivered twice"


def test_a_category_that_needs_a_boat_is_not_sent_a_car() -> None:
    boat = RosterUnit(unit_id=UnitId("boat"), county=LUCHENG, capabilities=("boat",))
    car = RosterUnit(unit_id=UnitId("car"), county=LUCHENG)
    play = Play(needs={"drowning": ("boat",)}) >> RosterLoaded(at_ns=at(0), units=(boat, car))
    play >> moved(1, (0, 5000, 0), (1, 100, 0)) >> call("a", 2)

    play >> command("call.classify", 3, call_id=CallId("c4"), level=1, category="drowning")

    made = play.last("recommendation.made")
    assert [candidate.unit_id for candidate in made.candidates] == ["boat"]
    assert made.excluded == {"capability": 1}


def test_a_retained_status_heard_again_after_a_restart_ends_no_emergency() -> None:
    play = town() >> reports("u1", 2, "available") >> presses("u1", 5)

    play >> starts(60) >> retained("u1", 61, "available", told_s=2)

    assert play.effects == []
    assert status_of(play, "u1") == "emergency"


def test_a_retained_status_heard_again_after_a_restart_leaves_what_the_desk_set() -> None:
    play = town() >> reports("u1", 2, "available")
    play >> command("unit.set", 5, unit_id=UnitId("u1"), status="out_of_service")

    play >> starts(60) >> retained("u1", 61, "available", told_s=2)

    assert play.effects == []
    assert status_of(play, "u1") == "out_of_service"


def test_a_retained_status_heard_again_after_a_restart_leaves_what_an_ack_said() -> None:
    play = town() >> reports("u1", 1, "available") >> call("a", 2) >> answered("a", 3)
    _ = play << Shows("order.issued", unit_id="u1")
    play >> ack("u1", play.last("order.issued").order_id, 7, "enroute")

    play >> starts(60) >> retained("u1", 61, "available", told_s=1)

    assert play.effects == []
    assert status_of(play, "u1") == "enroute"


def test_a_status_without_a_device_time_counts_by_its_arrival() -> None:
    play = town() >> reports("u1", 2, "available")

    _ = play >> timeless("u1", 3, "off_duty") << Shows("unit.updated", unit_id="u1", status="off_duty")
    _ = play >> timeless("u1", 4, "available") << Shows("unit.updated", unit_id="u1", status="available")

    play >> timeless("u1", 5, "available")
    assert play.effects == [], "the same again says nothing new"


def test_no_word_of_the_unit_alone_ends_its_emergency_and_each_is_shown() -> None:
    play = town() >> presses("u1", 5)

    for word in (timeless("u1", 6, "available"), reports("u1", 900, "off_duty")):
        _ = (
            play
            >> word
            << Shows("unit.reported", status=word.status, present="emergency", why="emergency")
            << Shows("unit.updated", unit_id="u1", status="emergency", claims=word.status)
        )
    assert play.engine.state.counts["status_in_emergency"] == 2
    play >> command("unit.set", 950, unit_id=UnitId("u1"), status="available", by="d1")
    _ = play << Shows("unit.updated", unit_id="u1", status="available", source="desk")


def test_a_cry_that_comes_late_is_heard_all_the_same() -> None:
    play = town() >> reports("u1", 50, "available")

    _ = (
        play
        >> retained("u1", 60, "emergency", told_s=20)
        << Shows("warning.raised", kind="officer_emergency")
    )

    assert status_of(play, "u1") == "emergency"


def test_a_late_signature_does_not_end_an_emergency() -> None:
    play = town() >> call("a", 2) >> answered("a", 3)
    _ = play << Shows("order.issued", order_id="o5", unit_id="u1")
    play >> presses("u1", 5)

    play >> ack("u1", "o5", 6, "signed")

    _ = play << Shows("order.updated", order_id="o5", state="signed")
    play.nothing("unit.updated")
    assert status_of(play, "u1") == "emergency"


def test_four_presses_of_the_panic_button_open_one_incident_and_send_one_colleague() -> None:
    play = Play() >> roster("u1", "u2", "u3") >> moved(1, (0, 0, 0), (1, 500, 0), (2, 900, 0))
    _ = play >> presses("u1", 5) << Shows("order.issued", unit_id="u2", level=1)

    for second in (6, 7, 8):
        _ = play >> presses("u1", second) << Shows("warning.raised", kind="officer_emergency", subject="u1")
        play.nothing("order.issued").nothing("incident.updated")

    assert len(play.engine.state.incidents) == 1
    assert len(play.engine.state.orders) == 1


def test_a_cry_for_help_after_a_desk_has_ended_the_last_one_is_a_new_one() -> None:
    play = town() >> presses("u1", 5) >> ack("u2", "o4", 60, "clear")
    play >> command("emergency.end", 65, unit_id=UnitId("u1"), text="spoken to", by="d1")
    _ = play << Shows("incident.updated", incident_id="i4", state="closed", outcome="emergency_over")

    _ = play >> presses("u1", 70) << Shows("order.issued", incident_id="i7", unit_id="u2")


def test_more_capabilities_than_there_are_bits_stop_nothing() -> None:
    many = tuple(f"skill{n}" for n in range(100))
    able = RosterUnit(unit_id=UnitId("able"), county=LUCHENG, capabilities=many)
    plain = RosterUnit(unit_id=UnitId("plain"), county=LUCHENG)
    play = Play(needs={"rare": ("skill99",), "known": ("skill60",)})
    play >> RosterLoaded(at_ns=at(0), units=(able, plain)) >> moved(1, (0, 500, 0), (1, 100, 0))

    _ = play >> call("a", 2) >> answered("a", 3) << Shows("order.issued", unit_id="plain")
    play >> command("incident.level", 4, incident_id=IncidentId("i4"), category="known")

    assert play.engine.state.counts["capability_ignored"] == 39
    play >> call("b", 5, spot=(5000, 0)) >> answered("b", 6)
    _ = play << Shows("order.issued", unit_id="able", incident_id="i7")


def test_capabilities_that_no_roster_names_any_more_leave_room_for_new_ones() -> None:
    def listed(*capabilities: str) -> RosterLoaded:
        units = enumerate((name,) for name in capabilities)
        return RosterLoaded(
            at_ns=at(0),
            units=tuple(
                RosterUnit(unit_id=UnitId(f"u{n}"), county=LUCHENG, capabilities=able) for n, able in units
            ),
        )

    play = Play(needs={"drowning": ("boat",)}) >> listed("dog", *(f"old{n}" for n in range(60)))

    play >> listed("dog", *(f"new{n}" for n in range(59)), "boat")

    play >> moved(1, (0, 100, 0), (60, 900, 0)) >> call("a", 2)
    play >> command("call.classify", 3, call_id=CallId("c5"), category="drowning")
    _ = play >> answered("a", 4) << Shows("order.issued", unit_id="u60")
    assert play.engine.state.counts["capability_ignored"] == 0


def test_nobody_is_taken_to_have_a_capability_beyond_the_last_bit() -> None:
    many = tuple(f"skill{n}" for n in range(100))
    able = RosterUnit(unit_id=UnitId("able"), county=LUCHENG, capabilities=many)
    play = Play(needs={"rare": ("skill99",), "known": ("skill60",)})
    play >> RosterLoaded(at_ns=at(0), units=(able,)) >> moved(1, (0, 500, 0)) >> call("a", 2)

    play >> command("call.classify", 3, call_id=CallId("c4"), category="rare")
    assert play.last("recommendation.made").excluded == {"capability": 1}
    play >> command("call.classify", 4, call_id=CallId("c4"), category="known")
    assert play.last("recommendation.made").considered == 1


def test_a_unit_the_roster_leaves_out_is_not_sent_until_it_is_listed_again() -> None:
    play = town() >> roster("u2") >> call("a", 2)
    assert play.last("recommendation.made").excluded == {"not_on_roster": 1}
    _ = play >> answered("a", 3) << Shows("order.issued", unit_id="u2")

    play >> roster("u2", "u1") >> call("b", 5, spot=(5000, 0)) >> answered("b", 6)

    _ = play << Shows("order.issued", unit_id="u1")
    assert play.engine.state.unit_ids == ["u1", "u2"], "none changes its row"


def test_a_fact_we_failed_on_is_remembered_and_told_to_the_desk_by_the_next_start() -> None:
    play = Play() >> FactPoisoned(at_ns=at(1), key="k1", of="unit.status", error="AssertionError", data=b"x")
    assert play.effects == [], "the process that wrote it could say no more"

    play >> starts(2)

    _ = play << Shows("warning.raised", kind="fact_poisoned", subject="unit.status", text="AssertionError")
    assert play.engine.state.poisoned == {"k1": "unit.status"}
    play >> starts(3)
    play.nothing("warning.raised")


def test_a_status_older_than_the_cry_for_help_does_not_end_it() -> None:
    play = town() >> reports("u1", 2, "available") >> presses("u1", 50)

    play >> retained("u1", 51, "off_duty", told_s=20)

    assert status_of(play, "u1") == "emergency"


def test_a_second_press_that_knows_the_place_gives_it_to_the_incident() -> None:
    play = Play() >> roster("u1", "u2") >> moved(1, (1, 900, 0)) >> presses("u1", 5)
    play.nothing("order.issued")
    lat, lon = place(0, 0)

    _ = play >> presses("u1", 6, lat=lat, lon=lon) << Shows("order.issued", incident_id="i4", unit_id="u2")


def test_a_cry_for_help_without_a_place_is_not_open_for_ever() -> None:
    _ = Play() >> roster("u1") >> presses("u1", 5) << Shows("set_timer", key="unattended:i3")


def retained(unit: str, second: float, status: str, *, told_s: float) -> UnitReported:
    """What the broker kept of a status, delivered again."""
    first = reports(unit, told_s, status)
    return UnitReported(at_ns=at(second), unit_id=first.unit_id, status=first.status, tst=first.tst)


def timeless(unit: str, second: float, status: str) -> UnitReported:
    """A status from a device without a clock."""
    first = reports(unit, second, status)
    return UnitReported(at_ns=at(second), unit_id=first.unit_id, status=first.status)


def status_of(play: Play, unit: str) -> str:
    return play.engine.state.units[UnitId(unit)].status


def test_a_unit_that_reports_the_status_emergency_is_heard_like_its_button() -> None:
    _ = (
        town()
        >> reports("u1", 5, "emergency")
        << Shows("warning.raised", kind="officer_emergency", subject="u1")
        << Shows("order.issued", unit_id="u2", level=1)
    )
