# SPDX-License-Identifier: Apache-2.0
"""The sums of a simulation are right, and its page hides nothing."""

import math
import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="comes with `make setup BENCH=1`")

from bench.simulation import __main__ as command
from bench.simulation.city import City, the_city
from bench.simulation.demand import LOADS, NS_PER_S, Case
from bench.simulation.measures import LATE_S, estimated, figures, less_percent, responses_s
from bench.simulation.outcome import NEVER, Outcome
from bench.simulation.policies import POLICIES
from bench.simulation.report import page
from bench.simulation.runs import Plan, run_all

HOUR_NS = 3600 * NS_PER_S
UNITS = 6


@pytest.fixture(scope="module")
def city() -> City:
    return the_city(side=20)


def an_outcome(*responses_s: float) -> tuple[list[Case], Outcome]:
    """Level 3 and level 1 in turn, an hour apart; the first fifth is not measured."""
    cases = [
        Case(
            ring_ns=n * HOUR_NS,
            node=0,
            level=1 if n % 2 else 3,
            answer_ns=0,
            sign_off_ns=60 * NS_PER_S,
            hang_up_ns=61 * NS_PER_S,
            turn_out_ns=(0,),
            scene_ns=0,
        )
        for n in range(len(responses_s))
    ]
    ready_ns = np.array([case.ring_ns + case.sign_off_ns for case in cases])
    took_ns = np.array([round(response * NS_PER_S) if response >= 0 else NEVER for response in responses_s])
    return cases, Outcome(
        ready_ns=ready_ns,
        ordered_ns=ready_ns,
        reached_ns=np.where(took_ns == NEVER, NEVER, ready_ns + took_ns),
        worked_ns=[(HOUR_NS, 2 * HOUR_NS)],
        decided_us=[1.0],
    )


def test_a_response_counts_from_the_sign_off_with_the_weight_of_its_level() -> None:
    cases, outcome = an_outcome(9_999, 100, 400, LATE_S + 20, 400)

    told = figures(cases, outcome, units=2)

    assert told.level_1 == 300
    assert told.weighted == (10 * 100 + 400 + 10 * 500 + 400) / 22
    assert told.late == 50
    assert told.from_ring == 360
    assert told.busy == pytest.approx(100 / 6)  # one of two units, one of three hours


def test_who_is_never_reached_is_not_forgotten_in_the_mean() -> None:
    cases, outcome = an_outcome(1, 100, 100, 100, NEVER, 50)

    told = figures(cases, outcome, units=1)

    assert told.unreached == 1
    assert told.level_3 == (100 + 3600 + 50) / 2


def test_every_response_of_the_gravest_calls_is_kept() -> None:
    cases, outcome = an_outcome(1, 100, 400, 500, 400)

    assert responses_s(cases, outcome, 1).tolist() == [100, 500]


def test_an_interval_is_students() -> None:
    told = estimated([1.0, 2.0, 3.0])

    assert told.mean == 2
    assert told.off == pytest.approx(2.484, abs=0.001)
    assert math.isnan(estimated([5.0]).off)


def test_a_difference_is_taken_seed_by_seed() -> None:
    told = less_percent([80.0, 160.0], [100.0, 200.0])

    assert told.mean == pytest.approx(20)
    assert told.off == pytest.approx(0)


def test_the_page_has_every_load_and_policy_and_does_not_hide_who_was_left_waiting(city: City) -> None:
    plan = Plan(loads=LOADS[:1], policies=POLICIES[:2], seeds=(1, 2), calls=10, units=UNITS)

    told = page(run_all(city, plan), "a command", {"x.png": "a picture"})

    assert f"## {LOADS[0].name}" in told
    assert all(told.count(f"| {policy.name} |") == 1 for policy in POLICIES[:2])
    assert "Nobody came to 0 calls" in told
    assert "The engine refused in all runs: nothing." in told
    assert "![a picture](x.png)" in told


def test_a_child_that_is_sent_the_city_finds_the_same(city: City) -> None:
    plan = Plan(loads=LOADS[:1], policies=POLICIES[:2], seeds=(2,), calls=10, units=UNITS)

    there = pickle.loads(pickle.dumps((city, plan)))

    here, elsewhere = run_all(city, plan), run_all(*there)
    for key, runs in here.figures.items():
        assert [run.weighted for run in runs] == [run.weighted for run in elsewhere.figures[key]]


def test_the_command_writes_its_page_and_the_pictures_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib", reason="comes with `make setup BENCH=1`")
    words = ["--side", "20", "--seeds", "2", "--calls", "10", "--units", "6", "--load", LOADS[0].name]

    assert command.main([*words, "--policy", "road eta", "--out", str(tmp_path)]) == 0

    told = (tmp_path / command.PAGE).read_text(encoding="utf-8")
    assert "| road eta |" in capsys.readouterr().out
    assert "--side 20" in told
    shown = [line.partition("(")[2].rstrip(")") for line in told.splitlines() if line.startswith("![")]
    assert sorted(shown) == sorted(path.name for path in tmp_path.glob("*.png"))
    assert len(shown) == 4


def test_a_number_below_one_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--seeds", "0"])

    assert "at least 1" in capsys.readouterr().err
