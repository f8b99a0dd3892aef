# SPDX-License-Identifier: Apache-2.0
"""What is believed about the roads just now, and the weights that follow."""

from typing import Any

import numpy as np
import pytest

from core.kernels import warm
from core.roads.atlas import Atlas, Closure
from core.roads.graph import INFINITE
from core.roads.network import Network, leading, prepare
from core.roads.traffic import DELAYS_MAX, Delays, Frozen, Paces, part_of, weigh
from core.settings import Settings
from core.units.columns import FIX_DTYPE
from tests.play import NOON_S, ack, answered, at, call, fires, moved, place, reports, roster
from tests.river import BRIDGE, DIGEST, LIBRARY, TIMER, Riverside, graph, river_town, streets

warm()
HOUR_S, WEEK_S = 3600, 7 * 86_400
TOWN = river_town(siren=True)


def lane(network: Network, a: tuple[int, int], b: tuple[int, int]) -> int:
    ends = [round(degrees * 1e7) for spot in (a, b) for degrees in place(*spot)]
    (found,) = network.lanes_between((ends[0], ends[1], ends[2], ends[3]))
    return found


def test_a_pace_is_believed_by_a_quarter_at_each_sample() -> None:
    paces = Paces(3)

    paces.learn([1, 1], [2000, 2000], NOON_S, 0)

    lanes, believed = paces.believed(NOON_S, 0)
    assert (lanes.tolist(), believed.tolist()) == ([1], [round(0.75 * 1250 + 0.25 * 2000)])


def test_a_pace_is_of_its_time_of_day() -> None:
    paces = Paces(3)
    paces.learn([1], [3000], NOON_S, 0)

    later = paces.believed(NOON_S + 6 * HOUR_S, 0)
    tomorrow = paces.believed(NOON_S + 24 * HOUR_S, 0)

    assert later[0].tolist() == []
    assert tomorrow[1].tolist() == [1500]


def test_what_nobody_drove_for_weeks_is_believed_less() -> None:
    paces = Paces(1)
    paces.learn([0], [3000], NOON_S, 0)
    paces.learn([0], [3000], NOON_S, 0)  # 1875

    assert [paces.believed(NOON_S + weeks * WEEK_S, 0)[1].tolist() for weeks in (0, 1, 2, 20)] == [
        [1875],
        [1437],
        [1218],
        [],
    ]


@pytest.mark.parametrize(("sample", "believed"), [(1, 825), (300, 825), (3000, 1500), (99_999, 1500)])
def test_a_pace_beyond_reason_counts_as_the_bound(sample: int, believed: int) -> None:
    paces = Paces(1)

    paces.learn([0], [sample], NOON_S, 0)

    assert paces.believed(NOON_S, 0)[1].tolist() == [believed]


def test_paces_survive_a_snapshot() -> None:
    paces, again = Paces(5), Paces(5)
    paces.learn([1, 4], [2000, 500], NOON_S, 28_800)

    again.fill(paces.saved())

    assert again.saved() == paces.saved()
    for ours, theirs in zip(again.believed(NOON_S, 28_800), paces.believed(NOON_S, 28_800), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_parts_of_the_day_are_local() -> None:
    midnight = 1_760_025_600 - 86_400 * 10  # 16:00 UTC is midnight in Wenzhou

    assert [part_of(midnight + hour * HOUR_S, 28_800) for hour in (0, 2, 3, 8, 12, 23)] == [0, 0, 1, 2, 4, 7]


def test_a_delay_counts_half_after_ten_minutes_and_nothing_after_an_hour() -> None:
    delays = Delays()
    delays.hear(10, 20, 80, NOON_S)

    assert [delays.believed(NOON_S + s) for s in (0, 599, 600, 3600)] == [
        ((10, 20, 80_000),),
        ((10, 20, 80_000),),
        ((10, 20, 40_000),),
        ((10, 20, 1_250),),
    ]
    assert delays.believed(NOON_S + 3601) == ()
    assert delays.items() == []


def test_a_newer_report_replaces_the_older_and_zero_ends_it() -> None:
    delays = Delays()

    delays.hear(10, 20, 80, NOON_S)
    delays.hear(10, 20, 30, NOON_S + 5)
    assert delays.believed(NOON_S + 6) == ((10, 20, 30_000),)
    delays.hear(10, 20, 0, NOON_S + 7)

    assert delays.believed(NOON_S + 8) == ()


def test_the_oldest_report_makes_room() -> None:
    delays = Delays((place, 0, 1, NOON_S) for place in range(DELAYS_MAX))

    delays.hear(-1, 0, 1, NOON_S)

    assert len(delays.items()) == DELAYS_MAX
    assert delays.items()[0] == (1, 0, 1, NOON_S)


def test_weights_of_nothing_believed_are_those_of_the_file() -> None:
    network = TOWN["car"]

    weights = weigh(network, Frozen(), on_wheels=True)

    np.testing.assert_array_equal(weights.open_ms, network.graph.base_ms)
    assert len(weights.closed) == 0


def test_a_pace_counts_for_the_same_road_of_every_kind_on_wheels() -> None:
    car, siren = TOWN["car"], TOWN["car_siren"]
    jammed = lane(car, (0, 0), (500, 0))
    frozen = Frozen(
        of_seq=1, lanes=np.array([jammed], np.int32).tobytes(), paces=np.array([2000], np.int16).tobytes()
    )

    ours = weigh(car, frozen, on_wheels=True)
    theirs = weigh(siren, frozen, on_wheels=True)
    afoot = weigh(car, frozen, on_wheels=False)

    assert ours.open_ms[jammed] == 100_000
    assert theirs.open_ms[lane(siren, (0, 0), (500, 0))] == 80_000
    assert (ours.open_ms != car.graph.base_ms).sum() == 1
    assert (afoot.open_ms == car.graph.base_ms).all()


def test_a_delay_is_waited_by_all_who_come_to_the_junction() -> None:
    car = TOWN["car"]
    lat, lon = (round(degrees * 1e7) for degrees in place(510, 5))

    weights = weigh(car, Frozen(of_seq=1, delays=((lat, lon, 9_000),)), on_wheels=True)

    slower = np.flatnonzero(weights.open_ms != car.graph.base_ms).tolist()
    into = {lane(car, spot, (500, 0)) for spot in ((0, 0), (1000, 0), (500, -500))}
    assert set(slower) == into
    assert set((weights.open_ms - car.graph.base_ms)[slower].tolist()) == {9_000}


def test_a_junction_of_four_nodes_is_waited_at_once_only() -> None:
    crossing = graph([((-300, 0), (-10, 0)), ((-10, 0), (10, 0)), ((10, 0), (300, 0))])
    network = Network.of(crossing, None)
    lat, lon = (round(degrees * 1e7) for degrees in place(0, 0))

    weights = weigh(network, Frozen(delays=((lat, lon, 500),)), on_wheels=True)

    more = (weights.open_ms - crossing.base_ms).tolist()
    assert sorted(more) == [0, 0, 0, 0, 500, 500]


def test_a_closed_road_is_closed_both_ways_and_no_road_costs_infinity_by_itself() -> None:
    car = TOWN["car"]
    there, back = (lane(car, *BRIDGE), lane(car, *BRIDGE[::-1]))
    frozen = Frozen(
        of_seq=1,
        delays=((*car.ends_of(there)[2:], 2**30),),
        closed=tuple(sorted({car.ends_of(there), car.ends_of(back)})),
    )

    weights = weigh(car, frozen, on_wheels=True)

    assert weights.closed.tolist() == sorted([there, back])
    assert weights.open_ms.max() == INFINITE - 1


def test_roads_are_led_by_the_car_and_else_by_what_has_wheels() -> None:
    one = TOWN["car"]

    assert leading({"boat": one, "car": one, "car_siren": one}) == "car"
    assert leading({"boat": one, "motorcycle": one}) == "motorcycle"
    assert leading({"boat": one}) == "boat"


def test_a_boat_passes_under_a_closed_bridge() -> None:
    car = graph(streets())
    atlas = Atlas("x", prepare({"boat": (car, None), "car": (car, None)}), Settings())
    ends = atlas.piece_at(*place(*BRIDGE[0]))

    atlas.close(Closure(road_id="r1", lat=0, lon=0, ends=ends))

    assert atlas.times["car"].live
    assert not atlas.times["boat"].live


def test_a_closed_one_way_street_is_closed_to_a_siren_that_comes_against_it() -> None:
    one_way = [((0, 0), (500, 0))]
    round_about = [((500, 0), (500, 500)), ((500, 500), (0, 500)), ((0, 500), (0, 0))]
    networks = prepare(
        {"car": (graph(round_about, one_way), None), "car_siren": (graph([*round_about, *one_way]), None)}
    )
    atlas = Atlas("x", networks, Settings())

    atlas.close(Closure(road_id="r1", lat=0, lon=0, ends=atlas.piece_at(*place(250, 0))))

    siren = networks["car_siren"]
    against = lane(siren, (500, 0), (0, 0))
    closed = weigh(siren, Frozen(closed=tuple(sorted(atlas.closures["r1"].ends))), on_wheels=True).closed
    assert closed.tolist() == sorted([lane(siren, (0, 0), (500, 0)), against])
    assert atlas.times["car_siren"]._lane_ms[against] == INFINITE


def test_two_closures_of_one_road_are_opened_one_by_one() -> None:
    atlas = Atlas(DIGEST, LIBRARY[DIGEST], Settings())
    ends = atlas.piece_at(*place(1500, 250))
    for name in ("r1", "r2"):
        atlas.close(Closure(road_id=name, lat=0, lon=0, ends=ends))

    atlas.open("r1")
    assert atlas.live
    atlas.open("r2")

    assert not atlas.live


def on_the_way(level: int = 3, **policy: Any) -> Riverside:
    """One unit ordered to the square, under way from the west on the road along the river."""
    play = Riverside(dispatch="automatic", roads_live=True, level_default=level, **policy)
    _ = play >> roster("u1") >> moved(1, (0, -2000, 0)) >> call("a", 2) >> answered("a", 3)
    order_id = play.last("order").order_id
    _ = play >> ack("u1", order_id, 4, "signed") >> ack("u1", order_id, 5, "enroute")
    return play


def drives(play: Riverside, second: float, east_m: float, speed_kmh: float, course: float = 90) -> None:
    fact = moved(second, (0, east_m, 3))
    records = np.frombuffer(fact.data, FIX_DTYPE).copy()
    records["speed_cms"], records["course_cdeg"] = round(speed_kmh / 0.036), round(course * 100)
    _ = play >> type(fact)(at_ns=fact.at_ns, n=1, data=records.tobytes())


def believed(play: Riverside, second: float) -> dict[int, int]:
    lanes, paces = play.roads.paces.believed(at(second) // 10**9, play.engine.state.settings.utc_offset_s)
    return dict(zip(lanes.tolist(), paces.tolist(), strict=True))


def test_a_unit_on_its_way_tells_how_fast_the_road_is() -> None:
    play = on_the_way()

    drives(play, 10, -1750, speed_kmh=18)

    driven = lane(play.roads.networks["car"], (-2000, 0), (-1500, 0))
    assert believed(play, 10) == {driven: 1250}  # 5 m/s where the file says 10: 2000, by a quarter


@pytest.mark.parametrize(
    ("east_m", "speed_kmh", "course"),
    [(-1750, 9, 90), (-1750, 40, 0), (-1750, 40, 45), (-9000, 40, 90), (-1750, 40, 360)],
    ids=["too slow to have a course", "across", "turning", "off road", "no course given"],
)
def test_what_says_nothing_of_a_road_is_not_learnt(east_m: float, speed_kmh: float, course: float) -> None:
    play = on_the_way()

    drives(play, 10, east_m, speed_kmh, course)

    assert believed(play, 10) == {}


def test_a_patrol_looks_about_and_is_not_asked_how_fast_the_road_is() -> None:
    play = Riverside(roads_live=True)
    _ = play >> roster("u1") >> reports("u1", 1, "available")

    drives(play, 10, -1750, speed_kmh=18)

    assert believed(play, 10) == {}


def test_who_does_not_learn_has_the_weights_of_the_file() -> None:
    play = on_the_way(roads_rebuild_s=60)
    play.engine.state.settings = Settings(roads_live=False)

    drives(play, 10, -1750, speed_kmh=18)

    assert believed(play, 10) == {}


def test_what_was_learnt_comes_into_force_with_the_next_labels() -> None:
    play = on_the_way(roads_rebuild_s=60)
    for second in range(10, 30):
        drives(play, second, -1750, speed_kmh=18)

    _ = play >> fires(TIMER, 60)
    _ = play.serves_rebuild(61)

    network = play.roads.networks["car"]
    driven = lane(network, (-2000, 0), (-1500, 0))
    assert play.roads.times["car"].weights.open_ms[driven] > 1.9 * network.graph.base_ms[driven]


def test_what_was_learnt_survives_a_snapshot_and_comes_into_force_after_it() -> None:
    before, after = (Atlas(DIGEST, LIBRARY[DIGEST], Settings()) for _ in range(2))
    before.paces.learn([3], [2000], NOON_S, 28_800)
    before.delays.hear(10, 20, 30, NOON_S)

    after.fill(before.saved())

    live, now_ns = Settings(roads_live=True), NOON_S * 10**9
    assert after.freeze(7, now_ns, live) == before.freeze(7, now_ns, live)
    assert after.pending is not None
    assert len(after.pending.lanes) == 4
