# SPDX-License-Identifier: Apache-2.0
"""A river, a bridge, an island: who is sent when ways are along roads."""

from typing import Any

import msgspec

from core import snapshot
from core.effects import Decision
from core.engine import Engine
from core.events import JunctionReported, RoadsRebuilt
from core.kernels import warm
from tests.play import Shows, answered, at, call, command, fires, moved, place, roster, starts
from tests.river import LIBRARY, TIMER, Riverside, closes, loads, opens

warm()


def over_the_bridge(**policy: Any) -> Riverside:
    """u1 stands across the river at the bridge, u2 on this bank but farther."""
    play = Riverside(dispatch="confirm", **policy)
    _ = play >> roster("u1", "u2") >> moved(1, (0, 1500, 500), (1, -2000, -1000))
    return play


def test_who_is_across_the_river_comes_after_who_is_on_this_bank() -> None:
    play = Riverside(dispatch="confirm")
    _ = play >> roster("across", "here") >> moved(1, (0, 0, 500), (1, 1500, -500))

    _ = play >> call("a", 2)

    assert play.ranked == ["here", "across"]
    assert play.reason().kind == "road"
    assert play.last("recommendation.made").candidates[1].eta_s > 349


def test_without_a_road_graph_the_straight_line_counts_and_says_so() -> None:
    play = Riverside(roads=False, dispatch="confirm")
    _ = play >> roster("across", "here") >> moved(1, (0, 0, 500), (1, 1500, -500))

    _ = play >> call("a", 2)

    assert play.ranked == ["across", "here"]
    assert (play.reason().kind, play.reason().detour) == ("travel", 1.4)


def test_a_call_that_came_before_the_roads_is_ranked_again_when_they_are_there() -> None:
    play = Riverside(roads=False, dispatch="confirm")
    _ = play >> roster("across", "here") >> moved(1, (0, 0, 500), (1, 1500, -500))
    _ = play >> call("a", 2) >> answered("a", 3)

    _ = play >> loads(4)

    assert play.ranked == ["here", "across"]


def test_a_closed_bridge_changes_the_order_at_once() -> None:
    play = over_the_bridge()
    _ = play >> call("a", 2)
    assert play.ranked == ["u1", "u2"]

    _ = play >> closes(3, text="flood", by="desk-1") << Shows("road.updated", state="closed", text="flood")
    _ = play >> call("b", 4, (400, 0))

    assert play.ranked == ["u2", "u1"]
    assert play.reason().live is True
    assert play.last("recommendation.made").candidates[1].reachable is False


def test_when_the_labels_know_of_the_closure_the_order_stays() -> None:
    play = over_the_bridge()
    _ = play >> closes(3)

    _ = play.serves_rebuild(4) >> call("b", 5, (400, 0))

    assert play.ranked == ["u2", "u1"]
    assert play.reason().live is not True


def test_a_bridge_that_opens_again_is_driven_at_once() -> None:
    play = over_the_bridge()
    _ = play >> closes(3)
    _ = play.serves_rebuild(4)

    _ = play >> opens(5) << Shows("road.updated", state="open")
    _ = play >> call("b", 6)

    assert play.ranked == ["u1", "u2"]
    assert play.roads.closures == {}


def test_a_road_is_opened_by_the_name_of_its_closure_too() -> None:
    play = over_the_bridge()
    _ = play >> closes(3)
    road_id = play.last("road.updated").road_id

    _ = (
        play
        >> command("road.open", 4, road_id=road_id)
        << Shows("road.updated", road_id=road_id, state="open")
    )


def test_what_cannot_be_closed_is_refused_by_name() -> None:
    play = over_the_bridge()
    refused = Shows("warning.raised", kind="command_refused")

    _ = play >> closes(3, (-2300, 0)) << refused  # a field
    _ = play >> command("road.close", 3) << refused  # nowhere
    _ = play >> closes(4) >> closes(5) << refused  # closed already
    _ = play >> opens(6, (0, 0)) << refused  # not closed
    _ = play >> command("road.open", 7, road_id="r1") << refused
    _ = Riverside(roads=False) >> closes(1) << refused


def test_the_island_is_no_road_away_and_comes_last() -> None:
    play = Riverside(dispatch="confirm")
    _ = play >> roster("island", "far") >> moved(1, (0, 6000, 0), (1, -2000, 1500))

    _ = play >> call("a", 2, (2000, 0))

    made = play.last("recommendation.made")
    assert play.ranked == ["far", "island"]
    assert [candidate.reachable for candidate in made.candidates] == [True, False]
    assert "no_road" in [reason.kind for reason in made.candidates[1].reasons]


def test_a_unit_in_a_field_is_reckoned_in_a_straight_line() -> None:
    play = Riverside(dispatch="confirm")
    _ = play >> roster("field") >> moved(1, (0, -3000, 0))

    _ = play >> call("a", 2)

    assert play.reason().kind != "road"


def test_a_rebuild_is_asked_for_only_when_something_is_new() -> None:
    play = over_the_bridge(roads_rebuild_s=60)

    play = play >> fires(TIMER, 60)
    play.nothing("rebuild_roads")
    play = play >> closes(61) >> fires(TIMER, 120)
    again = play.last("rebuild_roads")
    _ = play.serves_rebuild(121) >> fires(TIMER, 180)

    play.nothing("rebuild_roads")
    assert play.engine.state.counts["timer_stale"] == 0
    assert again.of_seq == play.roads.in_force.of_seq


def test_a_closure_while_labels_are_built_asks_for_others_after_them() -> None:
    play = over_the_bridge()
    _ = play >> closes(3)
    first = play.last("rebuild_roads").of_seq
    built = play.built()

    _ = play >> closes(4, (0, 250 - 500))
    play.nothing("rebuild_roads")
    play.roads.offer(built)
    _ = play >> RoadsRebuilt(at_ns=at(5), of_seq=first)

    assert play.last("rebuild_roads").of_seq > first
    _ = play.serves_rebuild(6)
    assert not play.roads.live


def test_labels_for_a_fact_nobody_waits_for_change_nothing() -> None:
    play = over_the_bridge()

    _ = play >> RoadsRebuilt(at_ns=at(5), of_seq=1)

    assert play.effects == []
    assert play.engine.state.counts["roads_rebuilt_for_nobody"] == 1


def test_a_delay_reported_at_a_junction_counts_from_the_next_rebuild() -> None:
    play = Riverside(dispatch="confirm")
    _ = play >> roster("east", "west") >> moved(1, (0, 1000, 0), (1, -1500, 0))
    lat, lon = place(500, 0)

    _ = play >> JunctionReported(at_ns=at(2), lat=lat, lon=lon, delay_s=240) >> call("a", 3)
    assert play.ranked == ["east", "west"]
    _ = play >> fires(TIMER, 300)
    _ = play.serves_rebuild(301) >> moved(302, (0, 1000, 0), (1, -1500, 0)) >> call("b", 303)

    assert play.ranked == ["west", "east"]
    assert round(play.last("recommendation.made").candidates[1].eta_s) == 200  # round by the next street


def test_closures_survive_other_roads_and_those_without_a_place_are_told() -> None:
    play = over_the_bridge()
    _ = play >> closes(3) >> closes(4, (6250, 0))

    _ = play >> loads(5, "") << Shows("warning.raised", kind="closure_lost")

    assert play.engine.state.roads is None


def test_a_replay_decides_alike_with_and_without_labels() -> None:
    play = a_day()

    again, told = Engine(LIBRARY), []
    for fact in play.facts:
        told += [effect for effect in again.handle(fact) if isinstance(effect, Decision)]

    assert as_bytes(told) == as_bytes(play.told)
    assert snapshot.take(again) == snapshot.take(play.engine)
    assert again.state.roads is not None
    assert again.state.roads.unlabelled() is not None


def test_a_restart_anywhere_decides_alike_ever_after() -> None:
    play = a_day()
    for stop in range(1, len(play.facts), 3):
        first = Engine(LIBRARY)
        told = [effect for fact in play.facts[:stop] for effect in first.handle(fact)]
        second = snapshot.restore(snapshot.take(first), LIBRARY)
        assert second is not None
        told += [effect for fact in play.facts[stop:] for effect in second.handle(fact)]
        assert as_bytes([effect for effect in told if isinstance(effect, Decision)]) == as_bytes(play.told), (
            stop
        )


def test_labels_made_after_a_restart_change_no_answer() -> None:
    play = a_day()
    again = snapshot.restore(snapshot.take(play.engine), LIBRARY)
    assert again is not None
    assert again.state.roads is not None
    wanted = again.state.roads.unlabelled()
    assert wanted is not None

    again.state.roads.offer(again.state.roads.rebuild(wanted))

    assert again.state.roads.unlabelled() is None
    last = call("z", 900, (-700, 900))
    assert again.handle(last) == play.engine.handle(last)


def test_a_start_asks_again_for_what_the_last_run_was_building() -> None:
    play = over_the_bridge()
    _ = play >> closes(3)
    wanted = play.last("rebuild_roads")

    _ = play >> starts(4)

    assert play.last("rebuild_roads") == wanted


def a_day() -> Riverside:
    """Calls, a closed bridge, a jam, labels that come in between, and units that drive."""
    play = Riverside(dispatch="automatic", roads_live=True, roads_rebuild_s=60)
    _ = play >> roster("u1", "u2", "u3") >> moved(1, (0, 1500, 500), (1, -2000, -1000), (2, 6000, 0))
    _ = play >> call("a", 2) >> answered("a", 3) >> closes(4) >> call("b", 5, (300, -900)) >> answered("b", 6)
    lat, lon = place(0, 0)
    _ = play >> JunctionReported(at_ns=at(7), lat=lat, lon=lon, delay_s=90)
    assert play.roads.pending is not None
    play.roads.offer(play.built())
    _ = play >> RoadsRebuilt(at_ns=at(8), of_seq=play.roads.pending.of_seq)
    _ = play >> moved(10, (0, 1400, 500), (1, -1800, -1000)) >> fires(TIMER, 70)
    _ = play.serves_rebuild(72) >> call("c", 73, (-900, 0)) >> answered("c", 74) >> opens(80)
    return play


def as_bytes(told: list[Any]) -> list[bytes]:
    return [msgspec.json.encode(decision) for decision in told]
