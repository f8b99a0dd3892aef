# SPDX-License-Identifier: Apache-2.0
"""Every policy meets the same day in the simulated city, and the engine and the world understand each other."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="comes with `make setup BENCH=1`")

from bench.simulation import stages
from bench.simulation.city import City, Town, settled, the_city
from bench.simulation.demand import NS_PER_S, Case, Load, draw
from bench.simulation.outcome import NEVER, Outcome
from bench.simulation.policies import BY_DISTANCE, POLICIES, Policy, named
from bench.simulation.world import World

RECORDS = Path("../shared/data/calls")
HOUR_NS = 3600 * NS_PER_S
UNITS, CALLS = 6, 25
EVEN = Load(name="even", busy=0.5)


@pytest.fixture(scope="module")
def city() -> City:
    return the_city(side=20)


@pytest.fixture(scope="module")
def town(city: City) -> Town:
    return settled(city, UNITS, np.random.default_rng(1))


@pytest.fixture(scope="module")
def day(town: Town) -> list[Case]:
    return draw(EVEN, town, stages.read(), units=UNITS, calls=CALLS, seed=1)


def test_the_same_seed_is_the_same_day_and_another_is_another(town: Town, day: list[Case]) -> None:
    known = stages.read()

    assert draw(EVEN, town, known, units=UNITS, calls=CALLS, seed=1) == day
    assert draw(EVEN, town, known, units=UNITS, calls=CALLS, seed=2) != day


def test_in_a_surge_four_times_the_calls_come_for_an_hour(town: Town) -> None:
    known, surge = stages.read(), Load(name="surge", busy=0.4, shape="surge")
    even = Load(name="even", busy=0.4)

    calls = 6_000
    usual = [case.ring_ns for case in draw(even, town, known, units=60, calls=calls, seed=1)]
    busy = [case.ring_ns for case in draw(surge, town, known, units=60, calls=calls, seed=1)]
    begins_ns = usual[calls // 3]

    within = sum(begins_ns <= ring_ns < begins_ns + HOUR_NS for ring_ns in busy)
    assert within == sum(begins_ns <= ring_ns < begins_ns + 4 * HOUR_NS for ring_ns in usual)
    assert busy[-1] == pytest.approx(usual[-1] - 3 * HOUR_NS, abs=NS_PER_S)


def test_a_day_has_the_hours_of_the_records(town: Town) -> None:
    known = stages.read()
    cases = draw(Load(name="day", busy=0.5, shape="day"), town, known, units=60, calls=20_000, seed=1)

    hours = np.array([case.ring_ns // HOUR_NS % 24 for case in cases])
    whole_days = hours[: np.flatnonzero(np.diff(hours) < 0)[-1] + 1]

    assert np.bincount(whole_days) / len(whole_days) == pytest.approx(known.hour_shares, abs=0.01)


def test_a_stage_takes_what_the_table_says() -> None:
    known = stages.read()

    assert known.draw_s("scene", 1, np.array([0.0, 50 / 99, 1.0])).tolist() == [1, 968, 10198]
    assert known.level_shares.sum() == pytest.approx(1)


@pytest.mark.skipif(not RECORDS.exists(), reason="the records are not on this machine")
def test_the_table_is_what_the_records_give(capsys: pytest.CaptureFixture[str]) -> None:
    from bench.simulation import fit

    fit.main(RECORDS)

    assert capsys.readouterr().out == stages.TABLE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def by_distance(city: City, town: Town, day: list[Case]) -> Outcome:
    return World(city, town, day, named(BY_DISTANCE)).run()


def test_everybody_is_reached_after_they_were_understood(by_distance: Outcome, day: list[Case]) -> None:
    rung_ns = np.array([case.ring_ns for case in day])

    assert (by_distance.ready_ns == rung_ns + [case.sign_off_ns for case in day]).all()
    assert (by_distance.ordered_ns >= by_distance.ready_ns).all()
    assert (by_distance.reached_ns >= by_distance.ordered_ns).all()


def test_the_engine_refuses_nothing_the_world_tells_it(by_distance: Outcome) -> None:
    assert by_distance.refused == {}


def test_a_car_works_from_its_order_until_the_scene_is_clear(by_distance: Outcome, day: list[Case]) -> None:
    begun = sorted(begin for begin, _ in by_distance.worked_ns)

    assert begun == sorted(by_distance.ordered_ns.tolist())
    assert len(begun) == len(day)


def test_the_same_world_comes_out_the_same(
    city: City, town: Town, day: list[Case], by_distance: Outcome
) -> None:
    again = World(city, town, day, named(BY_DISTANCE)).run()

    assert again.reached_ns.tolist() == by_distance.reached_ns.tolist()
    assert again.worked_ns == by_distance.worked_ns


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_every_policy_reaches_everybody_and_is_refused_nothing(
    city: City, town: Town, day: list[Case], policy: Policy
) -> None:
    outcome = World(city, town, day, policy).run()

    assert (outcome.reached_ns != NEVER).all()
    assert outcome.refused == {}


def test_an_engine_that_knows_the_roads_tells_how_long_the_drive_will_take(
    city: City, town: Town, day: list[Case], by_distance: Outcome
) -> None:
    by_road = World(city, town, day, named("road eta")).run()

    off_s = np.abs(by_road.eta_off_s)
    assert np.median(off_s) < 5  # the turn-out of a car that rolls home, and a place ten seconds old
    assert off_s.mean() < np.abs(by_distance.eta_off_s).mean() / 2


def test_policies_differ_in_settings_and_roads_alone() -> None:
    assert [policy.name for policy in POLICIES if not policy.roads] == [BY_DISTANCE]
    assert len({(policy.roads, str(policy.of_engine())) for policy in POLICIES}) == len(POLICIES)
    assert not any(policy.of_engine().divert_confirm for policy in POLICIES if "divert" in policy.settings)
