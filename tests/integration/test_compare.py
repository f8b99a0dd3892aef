# SPDX-License-Identifier: Apache-2.0
"""The comparison with our neighbours runs on this machine: real sipp, real processes, one short round."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from bench.compare.__main__ import main
from bench.compare.child import child
from tests.integration.house import until

pytestmark = pytest.mark.real

WORK = """import os, time
for _ in range(3_000_000): pass
print(os.getpid(), time.process_time(), flush=True)
time.sleep(60)"""


@pytest.mark.skipif(not shutil.which("sipp"), reason="sipp is not installed (apt install sip-tester)")
def test_the_sip_suite_measures_us_beside_a_neighbour(tmp_path: Path) -> None:
    kept = tmp_path / "found.json"

    assert main(["sip", "--quick", "--only", "sipp uas", "--json", str(kept)]) == 0

    found = json.loads(kept.read_text())
    rows = {(one["case"], one["name"]): one for one in found["rows"]}
    assert {name for _, name in rows} == {"ours", "sipp uas"}
    for (case, name), one in rows.items():
        assert one["failed"] == 0, f"{name}: {case}"
        assert one["checked"] is True
        assert name != "ours" or (one["ratio"] == 1 and one["cpu_us"] > 0)
    ours, neighbour = (rows["first response 50/s", name] for name in ("ours", "sipp uas"))
    assert ours["median_us"] <= ours["p99_us"]
    assert neighbour["ratio"] == pytest.approx(neighbour["median_us"] / ours["median_us"], abs=0.001)


def test_a_childs_work_and_that_of_what_it_forked_is_counted_and_all_end_together(tmp_path: Path) -> None:
    fork = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {WORK!r}])"

    with child([sys.executable, "-c", fork], tmp_path) as parent:
        until(lambda: (tmp_path / "log").read_text().endswith("\n"))
        used_s = parent.cpu_s()

    grandchild, its_share_s = (tmp_path / "log").read_text().split()
    assert used_s > float(its_share_s)
    until(lambda: _ended(int(grandchild)))


def _ended(pid: int) -> bool:
    """Tell whether it is gone, or dead and not yet fetched by whoever inherited it."""
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True
