# SPDX-License-Identifier: Apache-2.0
"""A gateway that keeps the track history, from the broker to the file, and killed without warning."""

import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.house import house, run_gateway, until

pq = pytest.importorskip("pyarrow.parquet")
pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def test_every_fix_is_in_the_history_with_what_became_of_it_and_survives_kill_9(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(f'[tracks]\nfolder = "{tmp_path / "tracks"}"\nflush_s = 0.2\n')
    now = int(time.time())  # noqa: TID251  a device has its own clock
    drive = [(now - 40 + 5 * nth, 28.0 + nth * 0.0005) for nth in range(5)]

    with house(tmp_path, "--config", str(tmp_path / "gateway.toml")) as home:
        for tst, lat in drive:
            home.publish("near", "position", {"lat": lat, "lon": 120.7, "tst": tst}, qos=0)
        home.publish("near", "position", {"lat": 29.0, "lon": 120.7, "tst": now - 15}, qos=0)
        home.publish("near", "position", {"lat": 28.0, "lon": 120.7, "tst": now - 60}, qos=0)
        until(lambda: len(rows(tmp_path / "tracks")) == 7)
        home.gateway.kill()

    found = rows(tmp_path / "tracks")
    assert {one["unit_id"] for one in found} == {"near"}
    assert [one["verdict"] for one in found] == ["accepted"] * 5 + ["gated", "late"]
    assert [round(one["lat"], 4) for one in found[:5]] == [round(lat, 4) for _, lat in drive]


def test_a_folder_that_cannot_be_used_is_told_by_the_check(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "gateway.toml").write_text(f'[tracks]\nfolder = "{tmp_path / "file" / "tracks"}"\n')

    said = run_gateway("check", "--config", str(tmp_path / "gateway.toml"), "--data", str(tmp_path / "data"))

    assert "tracks   FAULT the tracks folder" in said.stdout


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return what whole files hold, in the order it arrived; a reader while the gateway writes, too."""
    found = [row for part in folder.glob("*/*.parquet") for row in pq.read_table(part).to_pylist()]
    return sorted(found, key=lambda row: row["arrived_at"])
