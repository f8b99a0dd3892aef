# SPDX-License-Identifier: Apache-2.0
"""A real gateway by a river: ways along roads, a bridge closed by a desk, a restart, a replay."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.house import SCENARIOS, House, each_decision_once, house, run_gateway, serve, until
from tests.play import place
from tests.river import MID_BRIDGE, river_town, road_file

pytestmark = pytest.mark.real


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """The roads, two cars across each other's river, no orders."""
    path = tmp_path / "town.roads"
    road_file(path, river_town())
    config = tmp_path / "gateway.toml"
    config.write_text('[dispatch]\ndispatch = "confirm"\nlost_s = 3600\nstale_s = 3600\n')
    with house(tmp_path, "--config", str(config), "--roads", str(path)) as running:
        running.gateway.wait_log("roads_loaded")
        yield running


def ranked(home: House) -> list[str]:
    """Ring once more; who is recommended, best first."""
    before = len(home.of("recommendation.made"))
    home.sipp("-sf", str(SCENARIOS / "located_call.xml"))
    until(lambda: len(home.of("recommendation.made")) > before)
    return [candidate["unit_id"] for candidate in home.of("recommendation.made")[-1]["candidates"]]


def desk(home: House, command: str, **fields: object) -> None:
    with home.redis() as connection:
        connection.xadd(
            "g110:{330302}:commands", {"type": command, "by": "desk-1", "data": json.dumps(fields)}
        )


def test_a_closed_bridge_changes_the_order_and_stays_closed_through_a_kill(
    home: House, tmp_path: Path
) -> None:
    for unit, spot in (("near", (1500, 500)), ("far", (-2000, -1000))):
        home.put(unit, *place(*spot))
    assert ranked(home) == ["near", "far"]
    assert home.of("recommendation.made")[-1]["candidates"][0]["reasons"][0]["kind"] == "road"

    lat, lon = place(*MID_BRIDGE)
    desk(home, "road.close", lat=lat, lon=lon, text="flood")
    until(lambda: [made for made in home.of("road.updated") if made["state"] == "closed"])
    assert ranked(home) == ["far", "near"]
    until(lambda: home.facts("roads.rebuilt"))
    home.gateway.kill()

    arguments = "--config", str(tmp_path / "gateway.toml"), "--roads", str(tmp_path / "town.roads")
    with serve(tmp_path, home.redis_at, home.broker, *arguments) as again:
        home.gateway = again
        assert ranked(home) == ["far", "near"]
        assert again.stop() == 0
    assert len(home.facts("roads.loaded")) == 1
    each_decision_once(home)
    replayed = run_gateway("replay", "--data", str(again.data))
    assert "byte-identical" in replayed.stdout, replayed.stderr
