# SPDX-License-Identifier: Apache-2.0
"""A recorded day as a fleet: where its cars are, when, and how fast they seem to drive."""

import gzip
from pathlib import Path

import msgspec
import numpy as np
import pytest

from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.fleets import read_plan
from device_adapters.simulated.roster import roster
from device_adapters.simulated.sayings import Report
from device_adapters.simulated.streets import distance_m
from device_adapters.simulated.taxi import Clock, Tape, TapeError, TaxiFleet, read_tape

LUCHENG = BY_CODE["330302"]
EPOCH_S = 1_700_000_000
DAY = Path("../shared/data/fleet/cabspotting_2008-05-30.csv.gz")
HEAD = "unix_ts,cab,lat,lon,occupied\n"
ROWS = """1212130800,a,37.75,-122.40,0
1212130830,b,37.76,-122.40,1
1212130860,a,37.75,-122.39,0
1212130920,b,37.76,-122.41,0
1212130920,c,37.70,-122.50,0
"""


@pytest.fixture
def tape(tmp_path: Path) -> Tape:
    return read_tape(written(tmp_path, HEAD + ROWS))


def written(folder: Path, text: str) -> Path:
    path = folder / "day.csv"
    path.write_text(text)
    return path


def fleet(tape: Tape, speed: float = 1.0, clock: Clock = "now", units: int = 3) -> TaxiFleet:
    listed = roster((LUCHENG,), units, 5)
    return TaxiFleet(tape, speed, LUCHENG, listed, seed=5, compress=20.0, epoch_s=EPOCH_S, clock=clock)


def played(county: TaxiFleet, until: float) -> list[tuple[float, Report]]:
    heard, now = [], county.next_due()
    while now <= until:
        heard += [(now, report) for report in county.due(now)]
        now = county.next_due()
    return heard


def place(report: Report) -> tuple[float, float]:
    body = msgspec.json.decode(report.payload)
    return body["lat"], body["lon"]


def test_a_recording_is_read_in_order_of_time_packed_or_plain(tmp_path: Path) -> None:
    lines = ROWS.splitlines(keepends=True)
    packed = tmp_path / "day.csv.gz"
    packed.write_bytes(gzip.compress((HEAD + "".join(reversed(lines))).encode()))

    day, same = read_tape(packed), read_tape(written(tmp_path, HEAD + ROWS))

    assert day.t_s.tolist() == same.t_s.tolist() == [0, 30, 60, 120, 120]
    assert (day.cabs, day.seconds, same.middle) == (3, 120, (37.75, -122.40))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not begin with"),
        ("ts,cab\n", "does not begin with"),
        (HEAD, "holds no fix"),
        (HEAD + "1212130800,a,37.75,-122.40,0\n1,b,2\n", "line 3"),
        (HEAD + "noon,a,37.75,-122.40,0\n", "line 2"),
        (HEAD + "1212130800,a,nan,-122.40,0\n", "line 2"),
        (HEAD + "1212130800,a,97.75,-122.40,0\n", "line 2"),
    ],
)
def test_what_is_no_recorded_day_is_refused_with_its_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(TapeError, match=why):
        read_tape(written(tmp_path, text))


def test_a_file_that_is_not_packed_or_not_there_is_told(tmp_path: Path) -> None:
    fake = tmp_path / "day.csv.gz"
    fake.write_text(HEAD + ROWS)

    for path in (fake, tmp_path / "none.csv"):
        with pytest.raises(TapeError, match="cannot be read"):
            read_tape(path)


def test_at_the_days_own_pace_everybody_is_where_the_cab_was_metre_for_metre(tape: Tape) -> None:
    county = fleet(tape)
    first, second, *_ = county.unit_ids

    heard = played(county, 200)

    assert [(at, report.unit_id) for at, report in heard][:3] == [(0, first), (30, second), (60, first)]
    step = distance_m(place(heard[0][1]), place(heard[2][1]))
    assert step == pytest.approx(distance_m((37.75, -122.40), (37.75, -122.39)), abs=2)
    assert distance_m(place(heard[0][1]), LUCHENG.centre) < 2
    assert [report.truth.tst - EPOCH_S for _, report in heard if report.truth] == [0, 30, 60, 120, 120]
    assert county.next_due() == float("inf")


def test_faster_than_life_cars_keep_their_speed_in_a_smaller_city(tape: Tape) -> None:
    heard = played(fleet(tape, speed=30), 10)

    assert [at for at, _ in heard] == [0, 1, 2, 4, 4]
    assert [report.truth.tst - EPOCH_S for _, report in heard if report.truth] == [0, 1, 2, 4, 4]
    step = distance_m(place(heard[0][1]), place(heard[2][1]))
    assert step == pytest.approx(distance_m((37.75, -122.40), (37.75, -122.39)) / 30, abs=2)


def test_by_the_clock_of_the_tape_places_are_true_and_the_day_ends_now(tape: Tape) -> None:
    heard = played(fleet(tape, speed=30, clock="tape"), 10)

    assert [at for at, _ in heard] == [0, 1, 2, 4, 4]
    assert [report.truth.tst - EPOCH_S for _, report in heard if report.truth] == [-116, -86, -56, 4, 4]
    step = distance_m(place(heard[0][1]), place(heard[2][1]))
    assert step == pytest.approx(distance_m((37.75, -122.40), (37.75, -122.39)), abs=2)


def test_a_recording_tells_neither_speed_nor_course_and_none_is_invented(tape: Tape) -> None:
    body = msgspec.json.decode(played(fleet(tape), 0)[0][1].payload)

    assert set(body) == {"lat", "lon", "acc", "tst", "seq"}


def test_more_cabs_than_units_stay_at_home_and_more_units_than_cabs_are_silent(tape: Tape) -> None:
    few, many = fleet(tape, units=1), fleet(tape, units=9)

    assert len(played(few, 200)) == 2
    assert len({report.unit_id for _, report in played(many, 200)}) == 3
    assert few.fixes_per_s == pytest.approx(2 / 120)


def test_who_drives_a_recorded_way_still_signs_and_serves_orders(tape: Tape) -> None:
    county = fleet(tape)
    county.order(county.unit_ids[0], b'{"order_id":"o1","lat":28.012,"lon":120.664}', 1.0)

    heard = played(county, 400)

    acks = [msgspec.json.decode(report.payload)["ack"] for _, report in heard if report.kind == "acks"]
    assert acks == ["signed", "enroute", "on_scene", "clear"]


@pytest.mark.skipif(not DAY.exists(), reason="the recorded day is not on this machine")
def test_of_the_real_day_every_fix_is_sent_once_at_a_thousand_times_its_pace() -> None:
    plan = read_plan(f"taxi:{DAY}@1000")
    assert plan.tape is not None
    county = plan.fleet(
        LUCHENG, roster((LUCHENG,), 489, 5), seed=5, compress=1.0, epoch_s=EPOCH_S, fix_every_s=(1.0, 1.0)
    )

    heard = [report for tick in range(1, 801) for report in county.due(tick / 100)]

    assert len(heard) == np.count_nonzero(plan.tape.t_s <= 8_000) > 40_000
    assert county.fixes_per_s == pytest.approx(506_190 / 86.399, rel=1e-6)
    assert len({(report.unit_id, report.payload) for report in heard}) == len(heard)
    tst = np.array([report.truth.tst for report in heard if report.truth])
    assert (np.diff(tst) >= 0).all()
    assert (tst[0], tst[-1]) == (EPOCH_S, EPOCH_S + 8)
