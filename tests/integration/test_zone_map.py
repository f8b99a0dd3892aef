# SPDX-License-Identifier: Apache-2.0
"""The map of zones as an operator changes it: at the start, on SIGHUP, when it is broken, and over a restart."""

import json
import os
import signal
from pathlib import Path

from gateway.demo.child import gateway
from tests.integration.house import run_gateway


def write(path: Path, *counties: str) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"kind": "county", "county": code},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[120 + at, 28], [121 + at, 28], [121 + at, 29], [120 + at, 28]]],
            },
        }
        for at, code in enumerate(counties)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def test_a_map_is_taken_over_when_it_changes_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    zones, config = tmp_path / "zones.geojson", tmp_path / "g.toml"
    write(zones, "330302")
    config.write_text(f'[zones]\nfile = "{zones}"\n')
    with gateway(tmp_path, "--config", str(config), "--http", "") as running:
        running.wait_ready()
        zones.write_text("{")
        os.kill(running.pid, signal.SIGHUP)
        running.wait_log("reload_refused")
        assert running.stop() == 0
        assert "is not JSON: line 1" in running.log.read_text()

    write(zones, "330302")
    with gateway(tmp_path, "--config", str(config), "--http", "") as running:
        running.wait_ready()
        write(zones, "330302", "330303")
        os.kill(running.pid, signal.SIGHUP)
        running.wait_log("zones_loaded")
        assert running.stop() == 0

    told = run_gateway("journal", "cat", "--type", "zones.loaded", "--data", str(running.data)).stdout
    maps = [json.loads(line)["data"]["zones"] for line in told.splitlines()]
    assert [[zone["county"] for zone in zones] for zones in maps] == [["330302"], ["330302", "330303"]]
    assert "byte-identical" in run_gateway("replay", "--data", str(running.data)).stdout


def test_a_start_with_a_map_that_cannot_be_read_says_so_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "g.toml"
    config.write_text(f'[zones]\nfile = "{tmp_path}/none.geojson"\n')

    done = run_gateway("serve", "--config", str(config), "--data", str(tmp_path / "d"), "--http", "")

    assert done.returncode == 1
    assert "none.geojson cannot be read: No such file" in done.stderr
    assert len(done.stderr.splitlines()) == 1
