# SPDX-License-Identifier: Apache-2.0
"""An order that changes under way, and one that is declined: what unit and desk are told."""

import pytest

from core.events import Fact
from core.ids import IncidentId, OrderId, UnitId
from tests.play import (
    Play,
    Shows,
    ack,
    answered,
    at,
    call,
    command,
    fires,
    found,
    moved,
    place,
    reports,
    starts,
    town,
)

I4, O5, U1 = IncidentId("i4"), OrderId("o5"), UnitId("u1")


def test_an_order_follows_a_place_that_moves() -> None:
    play = ordered()
    lat, lon = place(400, 0)

    _ = (
        play
        >> found("a", 5, spot=(400, 0), uncertainty_m=5.0)
        << Shows(
            "order.updated",
            order_id="o5",
            version=2,
            supersedes=1,
            state="issued",
            lat=lat,
            lon=lon,
            eta_s=None,
            reason="another place: supersedes version 1",
        )
        << Shows("order", order_id="o5", unit_id="u1", version=2, supersedes=1, lat=lat, lon=lon)
    )


def test_a_step_of_the_place_is_not_worth_another_version_and_many_steps_are() -> None:
    play = ordered()

    play >> found("a", 5, spot=(30, 0), uncertainty_m=5.0)
    play.nothing("order").nothing("order.updated")
    play >> found("a", 6, spot=(60, 0), uncertainty_m=4.0)
    _ = play << Shows("order", version=2)


def test_an_address_that_a_desk_gives_goes_to_the_unit_though_the_place_is_the_same() -> None:
    play = ordered() >> ack("u1", "o5", 4, "enroute")
    lat, lon = place(0, 0)

    play >> command("incident.locate", 5, incident_id=I4, lat=lat, lon=lon, address="Renmin Lu 5")

    _ = play << Shows("order", order_id="o5", version=2, lat=lat, lon=lon, address="Renmin Lu 5")
    play >> command("incident.locate", 6, incident_id=I4, lat=lat, lon=lon, address="Renmin Lu 5")
    play.nothing("order")
    play >> located(20, 7)
    play.nothing("order")


@pytest.mark.parametrize("change", [{"level": 1}, {"category": "robbery"}])
def test_an_order_follows_the_level_and_the_category(change: dict[str, object]) -> None:
    play = ordered()

    play >> command("incident.level", 5, incident_id=I4, **change)

    _ = play << Shows("order.updated", version=2, supersedes=1, **change)
    _ = play << Shows("order", version=2, **change)
    play >> command("incident.level", 6, incident_id=I4, **change)
    play.nothing("order")


def test_the_unit_keeps_its_progress_and_signs_the_change() -> None:
    play = ordered() >> ack("u1", "o5", 5, "enroute") >> located(400, 6)

    _ = play << Shows(
        "order.updated", state="enroute", version=2, unconfirmed=True, deadline=at(186) // 10**9
    )
    play.nothing("unit.updated")
    play >> ack("u1", "o5", 7, "delivered", version=2)
    assert "sign:o5" in play.engine.state.timers, "the machine has it, no person has read it"
    _ = (
        play
        >> ack("u1", "o5", 8, "signed", version=2)
        << Shows("order.updated", state="enroute", version=2, unconfirmed=False, reason="version 2 signed")
    )
    assert not [key for key in play.engine.state.timers if key.startswith(("sign:", "rung:"))]


def test_a_change_nobody_signs_is_alerted_again_and_told_and_the_unit_is_not_lost() -> None:
    play = ordered() >> ack("u1", "o5", 5, "enroute") >> located(400, 6)

    _ = play >> fires("rung:o5", 36) << Shows("order", order_id="o5", version=2, alert=1)
    _ = play >> fires("sign:o5", 186) << Shows("warning.raised", kind="change_unsigned", subject="o5")
    play.nothing("order.updated").nothing("order.issued")
    assert play.engine.state.orders[O5].state == "enroute"


def test_an_ack_of_the_older_version_counts_and_is_answered_with_the_newer_one() -> None:
    play = ordered() >> located(400, 5)

    _ = (
        play
        >> ack("u1", "o5", 6, "signed", version=1)
        << Shows("order.updated", state="signed", version=2, unconfirmed=True)
        << Shows("order", order_id="o5", version=2, supersedes=1)
        << Shows("unit.updated", status="acknowledged")
    )
    assert "sign:o5" in play.engine.state.timers
    _ = play >> ack("u1", "o5", 7, "enroute", version=2) << Shows("order.updated", unconfirmed=False)


def test_a_late_ack_of_the_older_version_takes_no_signature_back() -> None:
    play = ordered() >> located(400, 5) >> ack("u1", "o5", 6, "signed", version=2)

    _ = play >> ack("u1", "o5", 7, "signed", version=1) << Shows("order", version=2)

    assert not play.engine.state.orders[O5].unconfirmed
    play.nothing("order.updated")


def test_a_radio_that_names_no_version_is_not_answered_by_its_machines_word() -> None:
    play = ordered() >> located(400, 5)

    play >> ack("u1", "o5", 6, "delivered")

    play.nothing("order")


def test_a_decline_of_the_older_version_counts_and_the_newer_one_is_withdrawn() -> None:
    play = ordered() >> located(400, 5)

    _ = (
        play
        >> ack("u1", "o5", 6, "declined", version=1, reason="puncture")
        << Shows("order.updated", state="declined")
        << Shows("order", order_id="o5", version=3, cancelled=True)
        << Shows("order.issued", unit_id="u2")
    )


def test_who_is_clear_of_the_older_version_may_have_been_at_the_wrong_place_and_the_desk_hears_it() -> None:
    play = ordered() >> ack("u1", "o5", 5, "on_scene") >> located(400, 6)

    _ = (
        play
        >> ack("u1", "o5", 60, "clear", version=1)
        << Shows(
            "warning.raised", kind="change_unsigned", subject="o5", text="u1 is clear of version 1, not 2"
        )
        << Shows("incident.updated", state="closed", outcome="handled")
    )
    knowing = ordered() >> ack("u1", "o5", 5, "on_scene") >> located(400, 6)
    knowing >> ack("u1", "o5", 60, "clear", version=2)
    knowing.nothing("warning.raised")


def test_a_version_nobody_has_answered_is_sent_again_after_a_restart() -> None:
    play = ordered() >> ack("u1", "o5", 4, "delivered") >> located(400, 5)

    _ = play >> starts(20) << Shows("order", order_id="o5", version=2, supersedes=1)
    play >> ack("u1", "o5", 21, "delivered", version=2) >> starts(30)
    play.nothing("order")


def test_a_desk_is_told_of_a_decline_and_its_reason() -> None:
    play = ordered() >> ack("u1", "o5", 5, "declined", reason="puncture")

    _ = play << Shows("warning.raised", kind="order_declined", subject="o5", text="u1 declined: puncture")
    _ = play << Shows("order.issued", unit_id="u2")


def test_a_decline_that_a_desk_accepts_stays_one() -> None:
    play = ordered() >> ack("u1", "o5", 5, "declined", reason="puncture")

    _ = (
        play
        >> review("accepted", 6)
        << Shows("order.updated", order_id="o5", state="declined", reason="decline accepted by chief")
    )
    play.nothing("order").nothing("order.issued")
    _ = play >> review("rejected", 7) << Shows("warning.raised", kind="command_refused")


def test_a_decline_that_a_desk_rejects_is_told_again_under_a_new_version() -> None:
    play = ordered() >> ack("u1", "o5", 5, "declined", reason="tired")

    _ = (
        play
        >> review("rejected", 6)
        << Shows(
            "order.updated",
            order_id="o5",
            state="issued",
            version=2,
            supersedes=1,
            signed_at_us=0,
            reason="decline rejected by chief",
        )
        << Shows("order", order_id="o5", unit_id="u1", version=2, cancelled=False)
        << Shows("set_timer", key="sign:o5", due_ns=at(186))
        << Shows("unit.updated", unit_id="u1", status="dispatched", order_ids=("o5",))
    )
    assert play.engine.state.incidents[I4].active_orders == 2
    play >> ack("u1", "o5", 7, "declined", version=1, reason="tired")
    assert play.engine.state.orders[O5].state == "issued", "said before it was told again"
    _ = play >> ack("u1", "o5", 8, "signed", version=2) << Shows("order.updated", state="signed")


@pytest.mark.parametrize(
    ("before", "verdict"),
    [
        (reports("u1", 6, "out_of_service"), "rejected"),
        (command("incident.close", 6, incident_id=I4), "rejected"),
        (reports("u1", 6, "available"), "perhaps"),
    ],
)
def test_a_review_that_makes_no_sense_is_refused_by_name(before: Fact, verdict: str) -> None:
    play = ordered() >> ack("u1", "o5", 5, "declined") >> before

    _ = play >> review(verdict, 7) << Shows("warning.raised", kind="command_refused")

    play.nothing("order").nothing("order.updated")


def test_who_acts_on_what_it_declined_is_told_that_it_is_over() -> None:
    play = ordered() >> ack("u1", "o5", 5, "declined")

    _ = play >> ack("u1", "o5", 6, "enroute") << Shows("order", order_id="o5", version=2, cancelled=True)
    play.nothing("order.updated")
    _ = play >> ack("u1", "o5", 7, "enroute") << Shows("order", order_id="o5", version=2, cancelled=True)
    play >> ack("u1", "o5", 8, "delivered", version=2)
    play.nothing("order")


def test_an_accepted_decline_is_still_known_when_the_unit_drives_all_the_same() -> None:
    play = ordered() >> ack("u1", "o5", 5, "declined") >> review("accepted", 6)

    _ = play >> ack("u1", "o5", 7, "enroute") << Shows("order", order_id="o5", version=2, cancelled=True)


def test_both_sides_of_a_diversion_are_told_and_the_one_left_waits_at_its_own_age() -> None:
    play = town(policy="divert", level_default=3) >> moved(1, (0, 100, 0)) >> reports("u2", 1, "off_duty")
    play >> call("a", 2) >> answered("a", 3) >> call("b", 60, spot=(3000, 0)) >> answered("b", 61)
    lesser, graver = play.engine.state.incidents
    play >> command("incident.level", 62, incident_id=graver, level=1)

    play >> command("order.accept", 63, incident_id=graver, unit_id=U1)

    _ = play << Shows("order.updated", state="cancelled", reason=f"diverted to {graver}")
    _ = play << Shows("warning.raised", kind="unit_diverted", subject=lesser)
    _ = play << Shows("order.issued", incident_id=graver, unit_id="u1", reason=f"diverted from {lesser}")
    _ = play << Shows("incident.updated", incident_id=lesser, state="located", opened_at_us=at(2) // 1000)
    assert lesser in play.engine.state.incidents_waiting


def ordered() -> Play:
    """Order o5 to u1 at 3 s; u2 is free."""
    return town() >> call("a", 2, caller="13800138000") >> answered("a", 3)


def located(east_m: float, second: float) -> Fact:
    lat, lon = place(east_m, 0)
    return command("incident.locate", second, incident_id=I4, lat=lat, lon=lon)


def review(verdict: str, second: float) -> Fact:
    return command("order.review", second, order_id=O5, status=verdict, by="chief")
