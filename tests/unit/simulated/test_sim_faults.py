# SPDX-License-Identifier: Apache-2.0
"""Fleets with faults, and what the gateway's own intake shows of them: the truth each message carries is the judge."""

import itertools

import msgspec
import pytest

from core.events import UnitsMoved
from core.ids import CountyCode, UnitId
from device_adapters.mqtt.intake import Intake
from device_adapters.mqtt.settings import MqttSettings
from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.crew import Habits
from device_adapters.simulated.faults import BEHIND_S, HABITS, ROLLOVER_S, Kind, kinds
from device_adapters.simulated.fleet import CountyFleet
from device_adapters.simulated.fleets import FleetError, read_plan
from device_adapters.simulated.roster import roster
from device_adapters.simulated.sayings import Report
from device_adapters.simulated.shown import Entry, Shown, ShownReport
from device_adapters.simulated.streets import distance_m

LUCHENG = BY_CODE["330302"]
EPOCH_S = 1_700_000_000
UNITS, SECONDS, TICK_S = 11, 400, 0.1


def fleet(*some: Kind, seed: int = 5) -> CountyFleet:
    return CountyFleet(
        LUCHENG,
        roster((LUCHENG,), UNITS, 5),
        seed=seed,
        compress=20.0,
        epoch_s=EPOCH_S,
        fix_every_s=(1.0, 1.2),
        habits=Habits(kinds=some or ("clean",), noise_m=2.0),
    )


def said(*some: Kind, seed: int = 5, seconds: float = SECONDS) -> list[tuple[float, Report]]:
    county, heard, now = fleet(*some, seed=seed), [], 0.0
    while now < seconds:
        now = county.next_due()
        heard += [(now, report) for report in county.due(now)]
    return heard


def shown(heard: list[tuple[float, Report]]) -> tuple[ShownReport, dict[str, int]]:
    """Send it all to the gateway's intake, tick by tick; return the books and the intake's own counters."""
    units = {UnitId(unit): (row, CountyCode("330302")) for row, unit in enumerate(fleet().unit_ids)}
    intake, books = Intake(MqttSettings(), lambda: units), Shown()
    books.name({row: unit for unit, (row, _) in units.items()})
    ticks = 0
    for now, report in heard:
        while (ticks + 1) * TICK_S <= now:
            ticks += 1
            _tick(intake, books, ticks * TICK_S)
        assert report.truth is not None
        books.sent(report.truth, 1000 * (EPOCH_S + now))
        topic = f"g110/v1/330302/units/{report.unit_id}/position"
        intake.read(topic, report.payload, int(1e9 * (EPOCH_S + now)))
    for more in range(5):
        _tick(intake, books, (ticks + 1 + more) * TICK_S)
    return books.report(), intake.statistics()


def _tick(intake: Intake, books: Shown, now: float) -> None:
    at_ns = int(1e9 * (EPOCH_S + now))
    moved = intake.tick(at_ns)
    assert moved is None or isinstance(moved, UnitsMoved)
    if moved is not None:
        books.take(Entry("330302", at_ns // 1_000_000, bytes(moved.data)), at_ns / 1e6)


def faults(heard: list[tuple[float, Report]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for _, report in heard:
        assert report.truth is not None
        counts[report.truth.fault] = counts.get(report.truth.fault, 0) + 1
    return counts


@pytest.mark.parametrize("kind", HABITS)
def test_of_each_kind_of_device_what_must_be_shown_is_and_nothing_else(kind: Kind) -> None:
    books, _ = shown(said(kind))

    assert books.sent > (100 if kind == "gaps" else 1_000)
    assert (books.never_shown, books.wrongly_shown, books.strangers, books.repeated) == ({}, {}, 0, 0)
    assert books.shown > 0 or kind == "future"
    assert books.in_matcher_ms.max is None or books.in_matcher_ms.max <= 101
    assert books.missed_tick_share == 0


def test_a_mixed_fleet_is_told_apart_device_by_device() -> None:
    books, counters = shown(said(*kinds(["all"]), seed=7))

    assert (books.never_shown, books.wrongly_shown, books.strangers) == ({}, {}, 0)
    assert counters["rejected_future"] > 100


def test_every_fault_comes_often_enough_to_be_met_in_a_minute_of_a_hundred_units() -> None:
    found = faults(said(*kinds(["all"]), seconds=600))

    wanted = {"outlier", "stored", "duplicate", "clock ahead", "clock an hour ahead", "clock behind"}
    assert wanted | {"week rollover", "undeclared datum", ""} == set(found)
    assert all(n >= 5 for n in found.values())


def test_the_truth_says_how_far_a_wrong_position_is_from_the_right_one() -> None:
    def off_m(kind: Kind) -> list[float]:
        return [
            distance_m((t.lat_e7 / 1e7, t.lon_e7 / 1e7), (t.true_lat_e7 / 1e7, t.true_lon_e7 / 1e7))
            for _, report in said(kind)
            if (t := report.truth) is not None
        ]

    assert all(400 < off < 700 for off in off_m("undeclared"))
    assert max(off_m("gcj02")) < 0.1
    assert sum(off > 4_900 for off in off_m("outliers")) > 10


def test_wrong_clocks_are_wrong_by_what_they_say() -> None:
    for kind, off_s in (("behind", -BEHIND_S), ("rollover", -ROLLOVER_S)):
        for now, report in said(kind, seconds=20):  # type: ignore[arg-type]
            assert report.truth is not None
            assert report.truth.tst == EPOCH_S + int(now)
            assert msgspec.json.decode(report.payload)["tst"] == report.truth.tst + off_s


def test_after_a_gap_the_newest_comes_first_and_the_stored_ones_follow_in_order() -> None:
    by_unit: dict[str, list[Report]] = {}
    for _, report in said("backlogs"):
        by_unit.setdefault(report.unit_id, []).append(report)

    bursts = 0
    for mine in by_unit.values():
        truths = [report.truth for report in mine if report.truth is not None]
        for before, after in itertools.pairwise(truths):
            if not before.fault and after.fault == "stored":
                assert before.tst > after.tst
                bursts += 1
            elif before.fault == after.fault == "stored":
                assert before.tst <= after.tst
    assert bursts > 5


def test_a_bad_fleet_drives_where_the_good_one_does() -> None:
    good = [(at, r.truth and (r.truth.true_lat_e7, r.truth.tst)) for at, r in said()]
    bad = [(at, r.truth and (r.truth.true_lat_e7, r.truth.tst)) for at, r in said("gcj02")]

    assert good == bad


@pytest.mark.parametrize("seed", [5, 6])
def test_the_same_seed_makes_the_same_faults(seed: int) -> None:
    assert said(*kinds(["all"]), seed=seed) == said(*kinds(["all"]), seed=seed)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("seeded:", "no kind"),
        ("seeded:gaps,holes", "holes is no kind; there are all, clean"),
        ("cars", "write --fleet"),
        ("taxi:", "write --fleet"),
        ("taxi:nowhere.csv@10", "cannot be read"),
        ("taxi:nowhere.csv@0.5", "from 1 to 1000"),
        ("taxi:nowhere.csv@1001", "from 1 to 1000"),
        ("taxi:nowhere.csv@nan", "from 1 to 1000"),
        ("taxi:nowhere.csv@fast", "no speed"),
    ],
)
def test_a_fleet_that_is_not_written_like_one_is_refused_with_the_way_to_write_it(
    text: str, why: str
) -> None:
    with pytest.raises(FleetError, match=why):
        read_plan(text)


def test_kinds_are_taken_in_a_fixed_order_however_they_are_written() -> None:
    assert read_plan("seeded:gaps,clean").habits.kinds == ("clean", "gaps")
    assert read_plan("seeded:all").habits.kinds == tuple(HABITS)
    assert read_plan("").habits.kinds == ("clean",)
