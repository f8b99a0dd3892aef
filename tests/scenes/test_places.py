# SPDX-License-Identifier: Apache-2.0
"""Where the caller is: every word is kept, the best is believed, and a better one moves the incident."""

from typing import Any

import msgspec
import pytest

from core import snapshot
from core.effects import IncidentUpdated, LocationCandidate, LookUpCaller, RingCaller, WarningRaised
from core.events import Location
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
    moved,
    place,
    presses,
    roster,
    starts,
    town,
)

MOBILE = "13800138000"
FIXED = "057788001122"


def said(play: Play) -> IncidentUpdated:
    """What the last fact told of an incident."""
    told: IncidentUpdated = play.last("incident.updated")
    return told


def words(play: Play) -> list[tuple[str, bool]]:
    """(source, chosen) of every word of the incident last told."""
    return [(one.source, one.chosen) for one in said(play).locations]


def desk(second: float, spot: tuple[float, float], incident: str = "i4", **fields: Any) -> Any:
    lat, lon = place(*spot)
    return command("incident.locate", second, incident_id=IncidentId(incident), lat=lat, lon=lon, **fields)


def test_the_caller_is_looked_up_after_the_ring_when_there_is_something_to_ask_by() -> None:
    play = Play() >> call("a", 2, caller=MOBILE, access="3GPP-UTRAN", locate_at=("https://lis/1",))

    _ = (
        play
        << RingCaller(leg=Leg("leg-a"))
        << LookUpCaller(leg=Leg("leg-a"), caller=MOBILE, access="3GPP-UTRAN", locate_at=("https://lis/1",))
        << Shows("call.waiting")
    )
    play >> call("withheld", 3)
    play.nothing("look_up")


def test_a_word_is_kept_with_source_time_uncertainty_and_datum() -> None:
    lat, lon = place(40, 0)
    told = Location(
        lat=lat, lon=lon, source="pidf-lo", uncertainty_m=12.0, at_ms=at(1) // 1_000_000, datum="gcj02"
    )
    fact = msgspec.structs.replace(call("a", 3, caller=MOBILE), location=told)

    play = Play() >> fact

    assert said(play).locations == (
        LocationCandidate(
            lat=lat,
            lon=lon,
            uncertainty_m=12.0,
            source="pidf-lo",
            datum="gcj02",
            call_id=CallId("c2"),
            at_us=at(1) // 1000,
            heard_at_us=at(3) // 1000,
            standing=1,
            doubt_m=15.0,  # 12 m and two seconds on foot
            chosen=True,
        ),
    )
    assert (said(play).location_source, said(play).uncertainty_m) == ("pidf-lo", 12.0)


def test_a_better_word_moves_the_incident_and_the_units_are_ranked_again() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=None)
    play >> found("a", 3, spot=(1500, 0), source="cell")
    _ = play << Shows("recommendation.made", incident_id="i4", located=True)
    assert words(play) == [("cell", True)]
    lat, lon = place(80, 0)

    play >> found("a", 4, spot=(80, 0), source="held", uncertainty_m=20.0)

    made = play.last("recommendation.made")
    assert [candidate.unit_id for candidate in made.candidates] == ["u1", "u2"]
    _ = play << Shows("incident.updated", state="ranked", lat=lat, lon=lon, location_source="held")
    assert words(play) == [("cell", False), ("held", True)]


def test_a_worse_word_changes_nothing_but_the_list() -> None:
    lat, lon = place(80, 0)
    play = town() >> call("a", 2, caller=MOBILE, spot=(80, 0))

    play >> found("a", 4, spot=(900, 0), source="cell", uncertainty_m=500.0)

    _ = play << Shows("incident.updated", state="ranked", lat=lat, lon=lon)
    assert words(play) == [("pidf-lo", True), ("cell", False)]
    play.nothing("recommendation.made")
    play.nothing("warning.raised")


def test_a_vague_device_stands_behind_a_sharp_cell() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=None)
    play >> found("a", 3, spot=(0, 0), source="held", uncertainty_m=3000.0)

    play >> found("a", 4, spot=(200, 0), source="cell", uncertainty_m=300.0)

    assert words(play) == [("held", False), ("cell", True)]


@pytest.mark.parametrize("mobile", [MOBILE, "+86" + MOBILE, "86" + MOBILE, "0" + MOBILE])
def test_the_registered_address_of_a_mobile_number_is_believed_last(mobile: str) -> None:
    play = town() >> call("a", 2, caller=mobile, spot=None)

    play >> found("a", 3, spot=(700, 0), source="lookup", uncertainty_m=10.0)
    assert said(play).locations[0].standing == 2
    assert words(play) == [("lookup", True)], "better than nothing"

    play >> found("a", 4, spot=(0, 0), source="cell", uncertainty_m=5000.0)
    assert words(play) == [("lookup", False), ("cell", True)]


def test_no_unit_goes_by_itself_to_where_a_mobile_number_is_registered() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=None) >> found("a", 3, source="lookup")

    play >> answered("a", 4)
    play.nothing("order.issued")

    play >> found("a", 5, spot=(20, 0), source="cell")
    _ = play << Shows("order.issued", incident_id="i4", unit_id="u1")


def test_the_registered_address_of_a_fixed_line_is_where_the_caller_is() -> None:
    play = town() >> call("a", 2, caller=FIXED, spot=None) >> answered("a", 3)

    play >> found("a", 4, source="lookup", address="5 Renmin Road")

    _ = play << Shows("order.issued", unit_id="u1", address="5 Renmin Road")
    play >> found("a", 5, spot=(900, 0), source="cell")
    assert words(play) == [("lookup", True), ("cell", False)]


def test_a_desk_stands_above_all_until_it_says_otherwise_or_takes_it_back() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=(0, 0)) >> desk(3, (500, 0), address="the bridge")
    assert words(play) == [("pidf-lo", False), ("desk", True)]

    play >> found("a", 4, spot=(10, 0), uncertainty_m=1.0)
    assert words(play) == [("pidf-lo", False), ("desk", True), ("held", False)]
    play.nothing("recommendation.made")

    play >> desk(5, (700, 0))
    assert [one.outdated for one in said(play).locations] == [True, True, False, False]
    assert (said(play).lat, said(play).lon) == place(700, 0)

    play >> command("incident.unlocate", 6, incident_id=IncidentId("i4"))
    assert (said(play).lat, said(play).lon) == place(10, 0)
    _ = play << Shows("recommendation.made", located=True)
    _ = play << Shows("incident.updated", location_source="held")


@pytest.mark.parametrize("spot", [None, (0, 0)])
def test_a_desk_cannot_take_back_what_it_has_not_said_or_the_only_place(spot: Any) -> None:
    play = town() >> call("a", 2, spot=spot)
    if spot is None:
        play >> desk(3, (500, 0))

    play >> command("incident.unlocate", 6, command_id="x", incident_id=IncidentId("i4"))

    _ = play << Shows("warning.raised", kind="command_refused", subject="x")
    play.nothing("incident.updated")


def test_a_word_taken_back_that_leaves_only_a_guess_stops_the_wait_for_a_unit() -> None:
    play = Play() >> roster("u1") >> call("a", 2, caller=MOBILE, spot=None) >> found("a", 3, source="lookup")
    play >> answered("a", 4) >> desk(5, (500, 0), incident="i3") >> ended("a", 6)
    assert "i3" in play.engine.state.incidents_waiting

    play >> command("incident.unlocate", 7, incident_id=IncidentId("i3"))

    assert "i3" not in play.engine.state.incidents_waiting
    _ = play << Shows("set_timer", key="unattended:i3")


def test_a_newer_word_of_the_same_caller_is_believed_when_they_may_have_walked() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=(0, 0)) >> found("a", 3, uncertainty_m=10.0)

    play >> found("a", 4, spot=(60, 0), uncertainty_m=25.0)
    assert [one.chosen for one in said(play).locations] == [False, True, False], "a second later: vaguer"

    play >> found("a", 63, spot=(120, 0), uncertainty_m=25.0)
    assert [one.chosen for one in said(play).locations] == [False, False, False, True]
    assert [one.outdated for one in said(play).locations] == [True, True, True, False]


def test_an_old_word_is_doubted_by_its_age() -> None:
    play = town() >> call("a", 700, caller=MOBILE, spot=None)

    play >> found("a", 701, source="cell", uncertainty_m=500.0, at_ms=at(101) // 1_000_000)
    assert said(play).locations[0].doubt_m == 1400.0
    play >> found("a", 702, spot=(300, 0), source="held", uncertainty_m=1000.0)

    assert words(play) == [("cell", False), ("held", True)]


def test_a_witness_does_not_move_the_incident() -> None:
    play = town() >> call("a", 2, caller=MOBILE) >> call("b", 3, caller="13911111111", spot=(100, 0))
    assert words(play) == [("pidf-lo", True), ("pidf-lo", False)]
    assert [one.doubt_m for one in said(play).locations] == [50.0, 350.0]


@pytest.mark.parametrize("source", ["cell", "lookup"])
def test_a_caller_near_a_mast_or_a_registered_address_is_not_linked_to_it_and_a_desk_is_asked(
    source: str,
) -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=None) >> found("a", 2, source=source)

    play >> call("b", 3, caller="13911111111", spot=(100, 0))

    _ = play << Shows("warning.raised", kind="may_be_same", subject="i6", text="i4")
    _ = play << Shows("call.waiting", incident_id="i6")
    assert words(play) == [("pidf-lo", True)]


@pytest.mark.parametrize(("source", "uncertainty_m"), [("cell", 0.0), ("held", 301.0)])
def test_a_caller_whose_own_place_is_vague_is_not_linked_to_an_incident_beside_it(
    source: str, uncertainty_m: float
) -> None:
    play = town() >> call("a", 2, caller=MOBILE)
    fact = call("b", 3, caller="13911111111")
    assert fact.location is not None
    vague = msgspec.structs.replace(fact.location, source=source, uncertainty_m=uncertainty_m)

    play >> msgspec.structs.replace(fact, location=vague)

    _ = play << Shows("warning.raised", kind="may_be_same", subject="i5", text="i4")
    _ = play << Shows("call.waiting", incident_id="i5")


def test_an_incident_whose_place_has_become_sure_is_linked_again() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=None) >> found("a", 2, source="cell")
    play >> found("a", 3, spot=(50, 0), uncertainty_m=20.0)

    _ = play >> call("b", 4, spot=(100, 0)) << Shows("call.waiting", incident_id="i4")
    play.nothing("warning.raised")


def test_an_order_carries_the_address_of_the_place_it_names() -> None:
    play = (
        town()
        >> call("a", 2, caller=MOBILE)
        >> found("a", 2.1, None, source="lookup", address="Home, far away")
    )

    _ = play >> answered("a", 3) << Shows("order.issued", lat=place(0, 0)[0], address="")


def test_an_address_does_not_stay_when_the_place_moves_away_from_it() -> None:
    play = town() >> call("a", 2, None, caller=MOBILE)
    play >> found("a", 2.1, (20_000, 0), source="lookup", address="Home")
    assert said(play).address == "Home"

    play >> found("a", 2.5, (0, 0), uncertainty_m=10.0)

    assert said(play).address == ""
    assert [one.address for one in said(play).locations] == ["Home", ""], "it stays with its own place"
    _ = play >> answered("a", 3) << Shows("order.issued", address="")


def test_the_registered_address_of_a_witness_is_not_the_address_of_the_incident() -> None:
    play = town() >> call("a", 2) >> call("w", 3, (250, 0), caller=MOBILE)

    play >> found("w", 3.1, None, source="lookup", address="the witness' home")

    play.nothing("incident.updated")
    _ = play >> answered("a", 4) << Shows("order.issued", address="")


def test_a_desk_that_names_a_place_without_an_address_takes_the_old_address_away() -> None:
    play = (
        town() >> call("a", 2, None, caller=FIXED) >> found("a", 3, source="lookup", address="5 Renmin Road")
    )

    _ = play >> desk(4, (500, 0)) << Shows("incident.updated", address="")
    play >> command("incident.unlocate", 5, incident_id=IncidentId("i4"))

    _ = play << Shows("incident.updated", address="5 Renmin Road")


@pytest.mark.parametrize("first", ["lookup", "pidf-lo"])
def test_where_a_line_is_registered_never_displaces_where_its_telephone_is(first: str) -> None:
    registered = found("a", 3, (20_000, 0), source="lookup", address="Head office")
    device = found("a", 3, (0, 0), source="pidf-lo", uncertainty_m=65.0)
    play = town() >> call("a", 2, None, caller=FIXED)

    for fact in (registered, device) if first == "lookup" else (device, registered):
        play >> fact

    assert (said(play).location_source, said(play).address) == ("pidf-lo", "")
    assert sorted(one.standing for one in said(play).locations) == [1, 2]
    _ = play >> answered("a", 4) << Shows("order.issued", lat=place(0, 0)[0], lon=place(0, 0)[1])


def test_a_fixed_line_that_rings_all_day_crowds_no_witness_out() -> None:
    play = town(dispatch="confirm") >> call("f", 2, None, caller=FIXED) >> found("f", 3, source="lookup")
    for n in range(4):
        play >> call(f"w{n}", 4 + n, (100 + n, 0))

    for n in range(30):
        play >> call(f"f{n}", 20 + n, None, caller=FIXED, calls_in_hour=30 + n)
        play >> found(f"f{n}", 20.5 + n, source="lookup", address="5 Renmin Road")

    assert words(play) == [("lookup", True), *[("pidf-lo", False)] * 4]
    assert said(play).address == "5 Renmin Road"


def test_a_caller_who_comes_back_to_where_they_were_is_there_again() -> None:
    play = (
        town(dispatch="confirm") >> call("a", 2, caller=MOBILE) >> found("a", 100, (120, 0), source="pidf-lo")
    )
    assert (said(play).lat, said(play).lon) == place(120, 0)

    play >> found("a", 200, (0, 0), source="pidf-lo")

    assert (said(play).lat, said(play).lon) == place(0, 0)
    assert len(said(play).locations) == 2


def asked_held(name: str, second: float, **fields: Any) -> Any:
    """A call that names a location server."""
    return call(name, second, None, caller=MOBILE, access="x", locate_at=("https://lis/1",), **fields)


def test_no_unit_goes_to_a_mast_while_a_better_word_is_awaited() -> None:
    play = town() >> asked_held("a", 2) >> answered("a", 2.1)
    play >> found("a", 2.2, (0, 0), source="cell")
    play.nothing("order.issued")

    play >> found("a", 2.6, (1500, 0), uncertainty_m=10.0)

    lat, lon = place(1500, 0)
    _ = play << Shows("drop_timer", key="held:i4") << Shows("order.issued", unit_id="u2", lat=lat, lon=lon)


def test_when_no_better_word_comes_in_time_a_unit_goes_to_the_mast() -> None:
    play = town() >> asked_held("a", 2)
    _ = play << Shows("set_timer", key="held:i4", due_ns=at(5))
    play >> answered("a", 2.1) >> found("a", 2.2, (0, 0), source="cell")

    _ = play >> fires("held:i4", 5) << Shows("order.issued", unit_id="u1")


@pytest.mark.parametrize("uncertainty_m", [501.0, 3000.0])
def test_an_answer_that_is_no_better_ends_the_wait(uncertainty_m: float) -> None:
    play = town() >> asked_held("a", 2) >> answered("a", 2.1) >> found("a", 2.2, (0, 0), source="cell")

    _ = play >> found("a", 2.4, (50, 0), uncertainty_m=uncertainty_m) << Shows("order.issued", unit_id="u1")


def test_of_two_servers_asked_both_are_awaited() -> None:
    fact = msgspec.structs.replace(
        asked_held("a", 2), locate_at=("https://lis/1", "https://lis/2", "https://lis/3")
    )
    play = town() >> fact >> answered("a", 2.1) >> found("a", 2.2, (0, 0), uncertainty_m=3000.0)
    play.nothing("order.issued")

    _ = play >> found("a", 2.3, (50, 0), uncertainty_m=2000.0) << Shows("order.issued", unit_id="u1")


def test_a_sharp_place_waits_for_nobody() -> None:
    play = town() >> call("a", 2, caller=MOBILE, locate_at=("https://lis/1",))

    _ = play >> answered("a", 2.1) << Shows("order.issued", unit_id="u1")


@pytest.mark.parametrize("policy", [{}, {"held_s": 0}, {"coarse_m": 2000}])
def test_a_call_that_names_no_server_or_needs_none_is_not_delayed(policy: dict[str, int]) -> None:
    locate_at = ("https://lis/1",) if policy else ()
    play = (
        town(**policy)
        >> call("a", 2, None, caller=MOBILE, access="x", locate_at=locate_at)
        >> answered("a", 2.1)
    )

    _ = play >> found("a", 2.2, (0, 0), source="cell") << Shows("order.issued", unit_id="u1")


def test_an_incident_waits_once_however_often_its_caller_rings() -> None:
    play = town() >> asked_held("a", 2) >> abandoned("a", 3) >> fires("held:i4", 5)

    play >> asked_held("again", 9)
    assert "held:i4" not in play.engine.state.timers
    play >> found("again", 9.1, (0, 0), source="cell")

    _ = play >> answered("again", 9.2) << Shows("order.issued", unit_id="u1")


def test_a_caller_who_hangs_up_during_the_wait_is_still_sent_a_unit_after_it() -> None:
    play = town() >> asked_held("a", 2) >> answered("a", 2.1) >> found("a", 2.2, (0, 0), source="cell")
    _ = play >> ended("a", 3) << Shows("set_timer", key="unattended:i4")

    _ = play >> fires("held:i4", 5) << Shows("drop_timer", key="unattended:i4") << Shows("order.issued")


def test_a_restart_goes_on_waiting_and_no_longer() -> None:
    play = town() >> asked_held("a", 2) >> answered("a", 2.1) >> found("a", 2.2, (0, 0), source="cell")
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored

    play >> starts(4)
    play.nothing("order.issued")

    _ = play >> fires("held:i4", 5) << Shows("order.issued", unit_id="u1")


def test_under_confirm_nothing_is_awaited() -> None:
    play = town(dispatch="confirm") >> asked_held("a", 2)

    play >> answered("a", 2.1) >> found("a", 2.2, (0, 0), source="cell")

    assert "i4" in play.engine.state.incidents_waiting


def test_a_switchboard_that_rings_from_elsewhere_reports_something_else_and_a_desk_is_asked() -> None:
    play = town(answer="seats") >> call("a", 2, (0, 0), caller=FIXED) >> abandoned("a", 10)

    play >> call("b", 100, (5000, 0), caller=FIXED)

    _ = play << Shows("warning.raised", kind="may_be_same", subject="i6", text="i4")
    _ = play << Shows("call.waiting", incident_id="i6", restored_from="c4")
    _ = play >> answered("b", 101) << Shows("order.issued", incident_id="i6", lon=place(5000, 0)[1])


@pytest.mark.parametrize(
    ("heard_first", "spot"),
    [
        (found("a", 2.1, (0, 0)), (299, 0)),
        (found("a", 2.1, (0, 0), source="cell"), (2040, 0)),  # 2,000 m and 50 m: they may touch
        (found("a", 2.1, (30_000, 0), source="lookup"), (0, 0)),  # where the bill goes
        (desk(2.1, (9000, 0)), (0, 100)),  # where they were the first time, too
    ],
)
def test_a_caller_who_rings_again_from_what_may_be_the_same_place_means_the_same(
    heard_first: Any, spot: Any
) -> None:
    first = (0, 0) if heard_first.__struct_config__.tag == "command.given" else None
    play = town(answer="seats") >> call("a", 2, first, caller=MOBILE) >> heard_first >> abandoned("a", 3)

    play >> call("again", 9, spot, caller=MOBILE)

    _ = play << Shows("call.waiting", incident_id="i4", restored_from="c4")


def test_a_call_that_joins_an_incident_with_a_unit_on_its_way_does_not_try_the_whole_queue() -> None:
    play = Play(needs={"flying": ("wings",)}) >> roster("u1", "u2") >> moved(1, (0, 100, 0), (1, 900, 0))
    (
        play
        >> call("stuck", 2, (9000, 0))
        >> command("call.classify", 2, call_id=CallId("c4"), category="flying")
    )
    play >> answered("stuck", 3) >> call("a", 4) >> answered("a", 5)
    turn = play.engine.state.turn

    play >> call("b", 6, (10, 0)) >> answered("b", 7) >> found("b", 8, (10, 0), uncertainty_m=5.0)

    assert play.engine.state.turn == turn, "nobody waits anew, so nobody is tried anew"


def test_a_place_that_moves_while_a_unit_drives_there_is_told_and_a_step_is_not() -> None:
    play = town() >> call("a", 2, caller=MOBILE) >> answered("a", 3)
    lat, lon = place(400, 0)

    play >> found("a", 4, spot=(30, 0), uncertainty_m=10.0)
    play.nothing("warning.raised")
    play >> found("a", 5, spot=(400, 0), uncertainty_m=5.0)

    _ = play << Shows(
        "warning.raised",
        kind="place_moved",
        subject="i4",
        text="370 m from where units were ordered to",
        lat=lat,
        lon=lon,
    )
    _ = play << Shows("incident.updated", state="ordered", lat=lat, lon=lon)


def test_a_place_found_after_a_unit_was_ordered_without_one_is_told() -> None:
    play = town() >> call("a", 2, spot=None, caller=MOBILE)
    play >> command("order.accept", 3, incident_id=IncidentId("i4"), unit_id=UnitId("u2"))

    _ = play >> found("a", 4) << Shows("warning.raised", kind="place_moved", subject="i4")


def test_an_incident_located_later_beside_another_is_told_once_and_not_merged() -> None:
    play = town(dispatch="confirm") >> call("a", 2) >> call("b", 3, caller=MOBILE, spot=None)

    _ = (
        play
        >> found("b", 4, spot=(100, 0))
        << Shows("warning.raised", kind="may_be_same", subject="i5", text="i4")
    )
    assert len(play.engine.state.incidents) == 2
    play >> desk(5, (50, 0), incident="i5")
    play.nothing("warning.raised")


def test_an_incident_located_beside_an_old_one_is_not_told() -> None:
    play = town(dispatch="confirm") >> call("a", 2) >> call("b", 603, caller=MOBILE, spot=None)

    play >> found("b", 604, spot=(100, 0))

    play.nothing("warning.raised")


def test_a_look_up_gives_the_name_to_the_call_and_the_address_to_an_incident_that_has_none() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=FIXED, spot=None)

    play >> found("a", 3, spot=None, source="lookup", name="Li Hua", address="5 Renmin Road")
    _ = play << Shows("call.waiting", caller_name="Li Hua", state="ringing")
    _ = play << Shows("incident.updated", address="5 Renmin Road", lat=None, locations=())

    play >> answered("a", 4) >> found("a", 5, spot=None, name="Li Hua", address="7 Jiefang Road")
    assert play.effects == [], "nothing new"
    _ = play >> found("a", 6, spot=None, name="Li Jun") << Shows("call.answered", caller_name="Li Jun")


def test_a_caller_who_has_hung_up_is_still_found_while_their_incident_is_open() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=None) >> answered("a", 3) >> ended("a", 4)
    _ = play << Shows("set_timer", key="unattended:i4")

    play >> found("a", 6, name="Li Hua")

    _ = play << Shows("drop_timer", key="unattended:i4") << Shows("order.issued", incident_id="i4")
    play.nothing("call.ended")
    assert play.engine.state.counts["caller_found_late"] == 1


def test_an_answer_about_a_caller_nobody_knows_or_whose_incident_is_closed_is_counted() -> None:
    play = town() >> call("a", 2, spot=None) >> abandoned("a", 3)
    play >> command("incident.close", 4, incident_id=IncidentId("i4"))

    play >> found("a", 5)
    assert play.effects == []
    play >> found("stranger", 5)
    assert play.effects == []

    assert play.engine.state.counts["OutOfTurnError: caller.found"] == 1
    assert play.engine.state.counts["UnknownError: caller.found"] == 1


def test_a_closed_incident_leaves_the_name_to_the_live_call() -> None:
    play = town() >> call("a", 2, spot=None) >> command("incident.close", 4, incident_id=IncidentId("i4"))

    _ = play >> found("a", 5, name="Li Hua") << Shows("call.waiting", caller_name="Li Hua")
    play.nothing("incident.updated")


@pytest.mark.parametrize("lat", [91.0, float("nan"), float("inf")])
def test_a_place_that_is_not_on_earth_is_counted_and_the_call_rings(lat: float) -> None:
    nowhere = Location(lat=lat, lon=120.0, source="pidf-lo")

    play = Play() >> msgspec.structs.replace(call("a", 2), location=nowhere)

    _ = play << Shows("ring") << Shows("incident.updated", lat=None, locations=())
    assert play.engine.state.counts["location_refused"] == 1


def test_an_uncertainty_that_is_no_number_says_nothing() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=None) >> found("a", 3, uncertainty_m=float("nan"))

    play >> found("a", 4, spot=(300, 0), source="cell")

    assert words(play) == [("held", False), ("cell", True)]


def test_sixteen_words_are_kept_and_the_best_of_them_all() -> None:
    play = town(dispatch="confirm") >> call("a", 2, caller=MOBILE, spot=(0, 0))
    for n in range(40):
        play >> found("a", 3, spot=(n, 0), source="cell", uncertainty_m=100.0 + n)

    assert len(said(play).locations) == 16
    assert words(play)[0] == ("pidf-lo", True)
    assert max(one.uncertainty_m for one in said(play).locations) == 114.0


def test_an_officer_in_need_is_where_the_radio_says() -> None:
    play = Play() >> roster("u1", "u2") >> moved(1, (0, 100, 0), (1, 900, 0)) >> presses("u1", 2)

    assert words(play) == [("unit", True)]
    assert said(play).locations[0].standing == 0


def test_a_callers_place_comes_again_when_they_ring_again() -> None:
    play = Play(answer="seats") >> call("a", 2, caller=MOBILE, spot=None) >> abandoned("a", 3)

    play >> call("again", 9, caller=MOBILE, spot=(0, 0))

    _ = play << Shows("incident.updated", incident_id="i2", call_ids=("c2", "c4"), location_source="pidf-lo")
    assert said(play).locations[0].doubt_m == 50.0, "the first caller's own word, not a witness's"


def test_a_released_incident_that_gets_its_place_from_a_second_ring_is_sent_a_unit() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=None) >> abandoned("a", 3)
    play >> command("order.accept", 4, incident_id=IncidentId("i4"), unit_id=UnitId("u2"))
    play >> ack("u2", "o6", 5, "declined")
    play.nothing("order.issued")

    play >> call("again", 9, caller=MOBILE, spot=(0, 0))

    _ = play << Shows("order.issued", incident_id="i4", unit_id="u1")


def test_an_unattended_incident_located_later_without_a_voice_is_still_closed_aloud() -> None:
    play = town() >> call("a", 2, caller=MOBILE, spot=None) >> abandoned("a", 3) >> found("a", 5)
    play.nothing("order.issued")

    _ = play >> fires("unattended:i4", 1803) << Shows("incident.updated", outcome="unattended")


def test_an_officers_cry_beside_an_incident_is_an_incident_of_its_own_without_a_question() -> None:
    play = town(dispatch="confirm") >> call("a", 2, spot=(100, 0)) >> presses("u1", 3)

    assert [warning.kind for warning in play.decisions if isinstance(warning, WarningRaised)] == [
        "officer_emergency"
    ]
    assert len(play.engine.state.incidents) == 2


def test_a_restart_still_knows_whose_caller_was_asked_for_and_what_a_number_rang_about() -> None:
    play = Play() >> call("a", 2, caller=MOBILE, spot=None) >> abandoned("a", 3)
    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    play.engine = restored

    _ = play >> found("a", 5) << Shows("incident.updated", incident_id="i2", location_source="held")
    play >> call("b", 6, caller=MOBILE, spot=None, calls_in_hour=99)
    _ = play << Shows("call.waiting", incident_id="i2")
