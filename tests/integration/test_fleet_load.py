# SPDX-License-Identifier: Apache-2.0
"""Fleets against a whole gateway: what was sent and what is shown, and what positions cost the calls."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.load import ingest_run
from bench.load.harness import main
from bench.load.ingest_plan import Plan
from bench.load.ingest_run import IngestResult
from gateway.demo.servers import ServerMissingError
from tests.integration.house import house

pytestmark = pytest.mark.real

DAY = Path("../shared/data/fleet/cabspotting_2008-05-30.csv.gz")


def loaded(folder: Path, units: int, *words: str) -> dict[str, Any]:
    """Run the load harness on a gateway of its own; return its JSON."""
    listed, told = folder / "listed.csv", folder / "load.json"
    assert main(["--units", str(units), "--units-csv", str(listed)]) == 0
    with house(folder, "--answer", "immediately", units=listed.read_text("utf-8")) as home:
        neighbours = ["--sip", home.sip, "--mqtt", home.broker.url, "--redis", home.redis_at.url]
        size = ["--units", str(units), "--rate", "2", "--json", str(told)]
        assert main([*neighbours, *size, *words]) == 0
    result: dict[str, Any] = msgspec.json.decode(told.read_bytes())
    return result


@pytest.mark.timeout(240)
def test_of_a_fleet_with_every_fault_the_wall_shows_what_is_true(tmp_path: Path) -> None:
    result = loaded(
        tmp_path,
        110,
        *(
            "--fleet",
            "seeded:all",
            "--fixes-per-s",
            "110",
            "--seconds",
            "12",
            "--connections",
            "110",
            "--mqtt5",
        ),
    )

    radios, shown = result["radios"], result["positions"]
    assert (radios["connections"], radios["connected"], radios["reconnects"]) == (110, 110, 0)
    assert radios["events"] >= 220
    assert shown["wrongly_shown"] == {}
    # A broker that gets no processor for a second makes fixes late, and a newer one replaces them.
    assert sum(shown["never_shown"].values()) < 0.03 * shown["sent"]
    assert shown["strangers"] + shown["repeated"] == 0
    assert shown["shown"] > 700
    assert (result["answered"], result["lost"]) == (result["sent"], 0)


@pytest.mark.timeout(240)
@pytest.mark.skipif(not DAY.exists(), reason="the recorded day is not on this machine")
def test_the_taxi_day_at_a_hundred_times_its_pace_is_shown(tmp_path: Path) -> None:
    result = loaded(tmp_path, 489, "--fleet", f"taxi:{DAY}@100", "--seconds", "6", "--connections", "20")

    shown = result["positions"]
    assert result["asked"]["fleet"] == f"taxi:{DAY.name}@100"
    assert result["radios"]["fixes"] > 2_000
    assert sum(shown["never_shown"].values()) < 0.01 * shown["sent"]
    assert shown["shown"] > 0.6 * shown["sent"]  # of two fixes of one car within a tick, the newer is shown
    assert shown["strangers"] == 0


def measured(folder: Path, plan: Plan) -> IngestResult:
    try:
        return ingest_run.run(plan, folder)
    except ServerMissingError as missing:
        pytest.skip(str(missing))


def sound(result: IngestResult, plan: Plan) -> None:
    """Check what holds on any machine, however busy."""
    assert set(result.parts) == {"before", "with", "after"}
    assert [part.fixes > 0 for part in result.parts.values()] == [False, True, False]
    assert result.parts["with"].fixes > 0.9 * plan.fixes_per_s * plan.part_s
    assert all(part.placed_late.n == part.invite_to_18x.n for part in result.parts.values())
    assert result.answered == result.placed
    assert (result.lost, result.duplicated, result.failed) == (0, 0, {})
    assert result.positions.strangers == 0
    assert sum(result.positions.never_shown.values()) < 0.001 * result.positions.sent
    assert result.radios.reconnects == 0


@pytest.mark.timeout(300)
def test_calls_go_on_beside_a_fleet_and_its_positions_are_shown(tmp_path: Path) -> None:
    plan = Plan(units=1_000, fixes_per_s=1_000.0, rate=10.0, warm_s=4.0, part_s=4.0, connections=50)

    result = measured(tmp_path, plan)

    sound(result, plan)
    rss = result.gateway_rss_mib
    assert rss["after"] - rss["before"] < 40


@pytest.mark.soak
def test_five_thousand_fixes_a_second_are_in_the_matcher_within_a_tick_and_cost_the_calls_little(
    tmp_path: Path,
) -> None:
    plan = Plan(part_s=float(os.environ.get("FLEET_SECONDS", "60")))

    result = measured(tmp_path, plan)

    sound(result, plan)
    rss = result.gateway_rss_mib
    assert rss["after"] - rss["before"] < 16, f"{rss}"
    assert result.positions.missed_tick_share < 0.001
    assert result.positions.in_matcher_ms.p99 is not None
    assert result.positions.in_matcher_ms.p99 < 120
    assert result.p99_change is not None
    assert result.p99_change < 0.2
