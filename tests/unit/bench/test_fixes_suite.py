# SPDX-License-Identifier: Apache-2.0
"""The suite `fixes`: the fleet is as described, and a wrong position is seen to be wrong."""

import pytest

from bench.compare.fixes import suite, taxis
from bench.compare.fixes.filters import FILTERS, DeviceTime, LastArrival, MaxSpeed
from bench.compare.fixes.fleet import NOON_S, NS, Drive, Moment, drive, fix_at
from bench.compare.fixes.measures import best, watch
from bench.compare.fixes.taxis import Arrival
from bench.compare.suite import Asked, CompareError

DRIVES = [drive(seed, 1_800) for seed in range(4)]


def still(*moments: tuple[float, int, float, bool]) -> Drive:
    """Return a car that stands at the corner of the map for 20 s; moments are (arrival, device time, m north, bad)."""
    told = [
        Moment(round((NOON_S + at) * NS), fix_at(of, north, 0, 0, 0), bad) for at, of, north, bad in moments
    ]
    return Drive([(0.0, 0.0)] * 20, told)


def test_the_same_seed_gives_the_same_drive() -> None:
    assert drive(7, 600) == drive(7, 600)
    assert drive(8, 600) != drive(7, 600)


def test_the_fleet_has_outliers_backlogs_and_duplicates() -> None:
    moments = [moment for way in DRIVES for moment in way.moments]
    times = [[moment.fix.tst for moment in way.moments] for way in DRIVES]

    assert 0.003 < sum(moment.bad for moment in moments) / len(moments) < 0.05
    assert any(sorted(each) != each for each in times)
    assert any(len(set(each)) < len(each) for each in times)
    assert all(moment.at_ns >= moment.fix.tst * NS for moment in moments)


def test_an_outlier_that_is_shown_is_an_error_for_as_long_as_it_is_shown() -> None:
    way = still((0, 0, 0.0, False), (5, 5, 30_000.0, True), (10, 10, 0.0, False))

    last, _ = watch([way], LastArrival)

    assert (last.bad, last.bad_shown, last.far_s) == (1, 1, 5)
    assert sum(error > 1_000 for error in last.errors_m) == 5
    assert max(best([way]).errors_m) < 1


def test_a_good_fix_that_is_newer_and_not_shown_is_counted() -> None:
    way = still((0, 0, 30_000.0, True), (5, 5, 0.0, False), (6, 3, 0.0, False))

    seen, _ = watch([way], MaxSpeed)

    assert (seen.newer_good, seen.newer_good_refused) == (2, 2)
    assert seen.told()["good_refused_percent"] == 100


@pytest.mark.parametrize("name", FILTERS)
def test_everybody_follows_a_fleet_without_outliers(name: str) -> None:
    honest = [Drive(way.truth, [one for one in way.moments if not one.bad]) for way in DRIVES]

    figures = watch(honest, FILTERS[name])[0].told()

    assert figures["error_p50_m"] < 60


def test_of_a_taxi_only_what_contradicts_both_neighbours_is_left_out() -> None:
    day = [Arrival(0, fix, fix) for fix in (fix_at(60 * nth, 100 * nth, 0, 0, 0) for nth in range(200))]
    day[50] = Arrival(0, wrong := fix_at(60 * 50, 40_000, 0, 0, 0), wrong)

    found = taxis.displaced(day, seed=3)

    assert len(found) == 199
    assert wrong not in [one.said for one in found]
    assert any(one.bad for one in found)
    assert taxis.follow(found, DeviceTime(1)).bad_shown == sum(one.bad for one in found)


def test_the_suite_runs_and_names_who_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suite, "DRIVES_QUICK", 2)
    monkeypatch.setattr(suite, "DAY_QUICK", 2_000)

    found = suite.compare(Asked(quick=True, only=frozenset({"traccar-like maxSpeed"})))

    cases = {row.case: {one.name for one in found.rows if one.case == row.case} for row in found.rows}
    assert cases[suite.CASE] == {"ours", "traccar-like maxSpeed", suite.BEST}
    assert next(row for row in found.rows if row.name == "traccar-like maxSpeed").extra["p99_ratio"]
    with pytest.raises(CompareError, match="nobody is called nobody"):
        suite.compare(Asked(only=frozenset({"nobody"})))
