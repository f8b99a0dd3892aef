# SPDX-License-Identifier: Apache-2.0
"""The load harness: figures, expectations, command line."""

from pathlib import Path

import pytest

from bench.load.expect import Expectation, MisspeltError, judge
from bench.load.harness import arguments, city_of, main
from bench.load.result import Rates, Result, spread

RESULT = Result(
    machine={"cores": "2", "load_average": "0.00 0.00 0.00"},
    offered=Rates(calls_per_s=50, fixes_per_s=200),
    achieved=Rates(calls_per_s=49.5, fixes_per_s=199),
    sent=500,
    answered=500,
    abandoned=0,
    decided=500,
    lost=0,
    duplicated=0,
    failed=0,
    failed_by_reason={},
    retransmissions=3,
    orders=10,
    signed=9,
    cpu_us_per_call=90,
    latency_ms={"invite_to_18x": spread(n / 1000 for n in range(1, 501))},
)


def test_a_percentile_is_told_only_when_enough_calls_stand_behind_it() -> None:
    few, many = spread([0.001] * 99), spread([0.001] * 10_000)

    assert (few.p90, few.p99, few.p999, few.p9999) == (1.0, None, None, None)
    assert many.p9999 == 1.0
    assert spread([]).max is None


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("invite_to_18x.p99<500ms", True),
        ("invite_to_18x.p99 < 0.4 s", False),
        ("invite_to_18x.max<=500", True),
        ("invite_to_18x.p99.9<1s", False),
        ("lost=0", True),
        ("retransmissions<3", False),
        ("achieved.calls_per_s>=49", True),
        ("no_such_figure<1", False),
    ],
)
def test_an_expectation_is_met_or_missed_and_what_was_not_measured_is_missed(text: str, met: bool) -> None:
    (verdict,) = judge(RESULT, [Expectation.read(text)]).expectations

    assert verdict.met is met


@pytest.mark.parametrize("text", ["", "fast", "p99<", "invite_to_18x.p99<50 km"])
def test_a_misspelt_expectation_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(MisspeltError, match="invite_to_18x"):
        Expectation.read(text)


def test_without_a_gateway_it_says_what_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "gateway serve" in capsys.readouterr().err


def test_the_roster_for_the_gateway_is_the_one_that_will_drive(tmp_path: Path) -> None:
    file = tmp_path / "units.csv"
    asked = ["--county", "330381", "--units", "20", "--seed", "4"]

    assert main([*asked, "--units-csv", str(file)]) == 0

    city = city_of(arguments().parse_args([*asked, "--sip", "127.0.0.1:5060"]))
    assert file.read_text("utf-8") == city.units_csv
    assert len(city.roster) == 20


def test_the_fixes_asked_for_are_spread_over_the_units() -> None:
    given = arguments().parse_args(["--sip", "localhost:5060", "--units", "40", "--fixes-per-s", "100"])

    city = city_of(given)

    assert given.sip == [("127.0.0.1", 5060)]
    assert city.scenario.fix_every_s == (0.4, 0.4)
    assert city.sources == {}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--connections", "5"], "--connections: there are no radios without --mqtt"),
        (["--fleet", "seeded:all"], "--fleet: there are no radios without --mqtt"),
        (["--mqtt", "mqtt://h", "--connections", "99"], "50 units need at most one each"),
        (["--mqtt", "mqtt://h", "--fleet", "buses"], "write --fleet taxi:FILE@SPEED"),
        (["--mqtt", "mqtt://h", "--fleet", "taxi:none.csv@10"], "none.csv cannot be read"),
        (["--mqtt", "mqtt://h", "--fleet", "taxi:x@1", "--fixes-per-s", "9"], "has its own"),
        (["--mqtt", "mqtt://h", "--units", "20000", "--connections", "20000"], "at most 10000"),
        (["--expect", "fast"], "write it like"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_before_anything_is_dialled(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--sip", "127.0.0.1:1", *words]) == 2

    said = capsys.readouterr().err
    assert why in said
    assert said.count("\n") == 1


def test_a_fleet_is_driven_as_asked_and_its_receivers_err_only_where_that_is_watched() -> None:
    words = ["--sip", "127.0.0.1:1", "--fleet", "seeded:gaps", "--mqtt", "mqtt://h", "--mqtt5"]

    unwatched = city_of(arguments().parse_args(words)).scenario
    watched = city_of(arguments().parse_args([*words, "--redis", "redis://h", "--connections", "7"])).scenario

    assert (unwatched.fleet.habits.kinds, unwatched.fleet.habits.noise_m) == (("gaps",), 0.0)
    assert (watched.fleet.habits.noise_m, watched.connections, watched.mqtt5) == (2.0, 7, True)
