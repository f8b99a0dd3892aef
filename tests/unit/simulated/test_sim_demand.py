# SPDX-License-Identifier: Apache-2.0
"""Who calls, when and where."""

import itertools
from collections import Counter

import numpy as np
import pytest

from device_adapters.simulated.city import classification
from device_adapters.simulated.counties import BY_CODE, COUNTIES
from device_adapters.simulated.demand import DAY, Demand, Manner, PlannedCall, even, poisson
from device_adapters.simulated.streets import distance_m


def plan(
    seed: int, seconds: float, rate: float = 5.0, manner: Manner | None = None, day_s: float = 0
) -> list[PlannedCall]:
    calls = Demand(seed, COUNTIES, manner or Manner()).poisson(rate, day_s)
    return list(itertools.takewhile(lambda call: call.at_s < seconds, calls))


def test_the_same_seed_is_the_same_day() -> None:
    assert plan(1, 60) == plan(1, 60)
    assert plan(1, 60) != plan(2, 60)


def test_calls_come_in_order_each_with_a_name_of_its_own() -> None:
    calls = plan(3, 300)

    assert [call.at_s for call in calls] == sorted(call.at_s for call in calls)
    assert len({call.sip_call_id for call in calls}) == len(calls)


@pytest.mark.parametrize("day_s", [0.0, 400.0])
def test_the_rate_is_the_one_asked_for_repeat_calls_counted(day_s: float) -> None:
    n = len(plan(4, 2000, rate=5, day_s=day_s))

    assert abs(n - 10_000) < 4 * 10_000**0.5 * 1.2


def test_gaps_of_a_poisson_process_vary_as_much_as_their_mean() -> None:
    times = list(itertools.islice(poisson(np.random.default_rng(5), 10.0), 20_000))
    gaps = np.diff(times)

    assert gaps.mean() == pytest.approx(0.1, rel=0.03)
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.03)


def test_the_evening_is_busier_than_the_night() -> None:
    times = itertools.takewhile(lambda t: t < 2400, poisson(np.random.default_rng(6), 20.0, day_s=240))
    hours = Counter(int(t % 240 / 10) for t in times)

    assert hours[20] / hours[3] == pytest.approx(DAY[20] / DAY[3], rel=0.2)


def test_a_fifth_of_the_accidents_is_called_in_again_near_and_soon() -> None:
    calls = plan(7, 4000, manner=Manner(compress=1.0))
    by_id = {call.sip_call_id: call for call in calls}
    again = [call for call in calls if call.repeats]
    firsts = [call for call in calls if call.kind == "traffic_accident" and not call.repeats]

    assert len(again) / len(firsts) == pytest.approx(0.20, abs=0.03)
    for call in again:
        first = by_id[call.repeats]
        assert 0 <= call.at_s - first.at_s <= 600
        assert distance_m(first.place, call.place) <= 301
        assert (first.kind, first.county, first.level) == (call.kind, call.county, call.level)
        assert first.caller != call.caller


def test_in_a_compressed_demo_repeat_calls_follow_in_half_a_minute() -> None:
    calls = plan(8, 1000)
    at_s = {call.sip_call_id: call.at_s for call in calls}

    assert max(call.at_s - at_s[call.repeats] for call in calls if call.repeats) <= 30


def test_about_a_fifth_gives_up_and_most_are_located() -> None:
    calls = plan(9, 1000)

    assert 0.15 <= sum(call.abandon_after_s is not None for call in calls) / len(calls) <= 0.23
    assert 0.80 <= sum(call.location is not None for call in calls) / len(calls) <= 0.90
    for call in calls:
        if call.location is not None:
            assert distance_m(call.place, (call.location.lat, call.location.lon)) < 300


def test_when_nobody_answers_at_once_patience_is_seconds() -> None:
    calls = plan(9, 600, manner=Manner(hang_up_at_once=False))
    patience = [call.abandon_after_s for call in calls if call.abandon_after_s is not None]

    assert 6 < float(np.median(patience)) < 12


def test_hot_spots_are_hot() -> None:
    lucheng = [call for call in plan(10, 2000) if call.county == "330302"]
    squares = Counter((round(call.place[0], 2), round(call.place[1], 2)) for call in lucheng)

    assert squares.most_common(1)[0][1] > 3 * len(lucheng) / len(squares)


def test_no_caller_s_number_can_exist() -> None:
    assert all(call.caller.startswith("+865770") for call in plan(11, 60))


def test_places_are_in_the_county_called_from() -> None:
    for call in plan(12, 100):
        towns = BY_CODE[call.county].towns
        assert min(distance_m(town, call.place) for town in towns) < 6_000


def test_the_desk_classifies_a_share_of_the_calls_while_they_talk() -> None:
    calls = plan(13, 400)

    given = [(call, said) for call in calls if (said := classification(call, 0.4)) is not None]

    assert 0.27 <= len(given) / len(calls) <= 0.38
    assert all(0.3 * call.talk_s <= said[0] <= 0.7 * call.talk_s for call, said in given)
    assert all(said[1:] == (call.level, call.kind) for call, said in given)
    assert all(call.abandon_after_s is None for call, _ in given)


def test_even_arrivals_are_even() -> None:
    assert list(itertools.islice(even(4.0), 3)) == [0.0, 0.25, 0.5]
