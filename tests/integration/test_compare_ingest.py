# SPDX-License-Identifier: Apache-2.0
"""The suite `ingest` runs on this machine: a real broker, every client in a process of its own, one short round."""

import json
import shutil
from pathlib import Path

import pytest

from bench.compare.__main__ import main

pytestmark = pytest.mark.real


@pytest.mark.skipif(
    not shutil.which("mosquitto", path="/usr/sbin:/usr/bin"), reason="mosquitto is not installed"
)
def test_the_whole_adapter_and_a_bare_splitter_end_with_the_same_places(tmp_path: Path) -> None:
    kept = tmp_path / "found.json"
    only = ["--only", "splitter alone", "--only", "ours, every check"]

    assert main(["ingest", "--quick", *only, "--json", str(kept)]) == 0

    rows = json.loads(kept.read_text())["rows"]
    assert {row["name"] for row in rows} == {"ours", "ours, every check", "splitter alone"}
    assert {row["note"] for row in rows} == {""}
    assert all(row["checked"] and row["cpu_us"] > 0 for row in rows)
