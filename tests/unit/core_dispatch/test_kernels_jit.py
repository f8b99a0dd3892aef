# SPDX-License-Identifier: Apache-2.0
"""No fault of numba or its cache stops a start. Each scene is a process of its own, on two small kernels."""

import ast
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.kernels import faults, kernels, twins, warm

ROOT = Path(__file__).parents[3]

START = """
import json, os, sys, tempfile
from core.kernels import _cache, _jit, heap
_jit._load_all = lambda: None
for name in set(_jit._KERNELS) - {"heap.ahead", "heap._before"}:
    del _jit._KERNELS[name]
table = heap.empty_heap(4)
for slot, key in enumerate((7, 3, 9)):
    heap.push(table, slot, key, 0)
%s
before = heap.ahead(table, 0)
report = _jit.warm()
print(json.dumps([report, _jit.faults(), before, heap.ahead(table, 0), "numba" in sys.modules]))
"""

SWAP = """
import random, threading
from core.dispatch.queue import DispatchQueue
from core.kernels import faults, warm
queue, truth, city = DispatchQueue(500), [], random.Random(110)
warming = threading.Thread(target=warm)
turn = 0
def work():
    global turn
    turn += 1
    key = city.randrange(50)
    queue.push(str(turn), key)
    truth.append((key, turn))
    if len(truth) > 60:
        truth.sort()
        assert queue.pop() == str(truth.pop(0)[1]), "a pop went wrong"
    assert queue.first(3) == [str(turn) for _, turn in sorted(truth)[:3]], "the order went wrong"
work()
warming.start()
while warming.is_alive():
    work()
for _ in range(500):
    work()
assert not faults(), faults()
"""


class Start:
    """One start of a process with its caches under one folder, and what it reported."""

    def __init__(self, home: Path, act: str = "", **environ: str) -> None:
        own = {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "xdg"),
            "TMPDIR": str(home),
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", START % act],
            env={**own, "NUMBA_CACHE_DIR": str(home / "chosen"), **environ},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report, self.faults, before, after, self.numba_loaded = json.loads(done.stdout)
        assert (before, after) == (1, 1), "every start gives the same answers, before and after warm()"
        self.hows = set(report.values())


def the_folder(home: Path) -> Path:
    (folder,) = (home / "chosen").iterdir()
    return folder


def test_the_second_start_loads_what_the_first_compiled(tmp_path: Path) -> None:
    first, second = Start(tmp_path), Start(tmp_path)

    assert (first.hows, first.faults) == ({"compiled"}, [])
    assert (second.hows, second.faults) == ({"cached"}, [])


def test_importing_core_does_not_import_numba(tmp_path: Path) -> None:
    start = Start(
        tmp_path, "import core.dispatch.matcher, core.dispatch.queue; assert 'numba' not in sys.modules"
    )

    assert start.numba_loaded


def test_without_jit_numba_is_never_loaded(tmp_path: Path) -> None:
    start = Start(tmp_path, NUMBA_DISABLE_JIT="1")

    assert (start.hows, start.faults, start.numba_loaded) == ({"python"}, [], False)


def test_without_numba_the_twins_do_the_work_and_it_is_said(tmp_path: Path) -> None:
    start = Start(tmp_path, "sys.modules['numba'] = None")

    assert start.hows == {"python"}
    assert "ModuleNotFoundError" in start.faults[0]


def test_an_unwritable_cache_is_passed_over_for_the_next(tmp_path: Path) -> None:
    first = Start(tmp_path, NUMBA_CACHE_DIR="/proc/nowhere")
    second = Start(tmp_path, NUMBA_CACHE_DIR="/proc/nowhere")

    assert first.hows == {"compiled"}
    assert "/proc/nowhere" in first.faults[0]
    assert second.hows == {"cached"}


def test_the_services_own_cache_directory_comes_before_the_users(tmp_path: Path) -> None:
    Start(tmp_path, NUMBA_CACHE_DIR="", CACHE_DIRECTORY=f"{tmp_path}/service:{tmp_path}/other")

    assert [path.name for path in (tmp_path / "service").iterdir()] == ["numba"]
    assert not (tmp_path / "xdg").exists()


def test_with_no_cache_anywhere_kernels_are_compiled_and_not_kept(tmp_path: Path) -> None:
    act = "tempfile.tempdir = '/proc/nowhere'"

    start = Start(tmp_path, act, NUMBA_CACHE_DIR="/proc/nowhere", XDG_CACHE_HOME="/proc/nowhere")

    assert start.hows == {"compiled"}
    assert len(start.faults) == 3


def test_a_file_cut_short_is_noticed_before_it_is_read(tmp_path: Path) -> None:
    Start(tmp_path)
    for kept in the_folder(tmp_path).rglob("*.nbc"):
        kept.write_bytes(kept.read_bytes()[:-100])

    damaged, after = Start(tmp_path), Start(tmp_path)

    assert (damaged.hows, damaged.faults) == ({"compiled"}, [])
    assert after.hows == {"cached"}


@pytest.mark.parametrize("suffix", [".nbc", ".nbi"])
def test_a_corrupt_file_under_a_true_seal_costs_the_cache_not_the_start(tmp_path: Path, suffix: str) -> None:
    Start(tmp_path)
    folder = the_folder(tmp_path)
    for kept in folder.rglob(f"*{suffix}"):
        kept.write_bytes(b"garbage")
    reseal = (
        f"from pathlib import Path; f = Path({str(folder)!r}); (f / 'seal').write_text(_cache._digest(f))"
    )

    damaged, after, healed = Start(tmp_path, reseal), Start(tmp_path), Start(tmp_path)

    assert damaged.hows == {"compiled"}
    assert "UnpicklingError" in damaged.faults[0]
    assert (after.hows, healed.hows) == ({"compiled"}, {"cached"})


def test_a_full_disk_costs_the_cache_not_the_start(tmp_path: Path) -> None:
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"

    start, after = Start(tmp_path, full), Start(tmp_path)

    assert start.hows == {"compiled"}
    assert "OSError" in start.faults[0]
    assert (after.hows, after.faults) == ({"compiled"}, [])


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    Start(tmp_path)

    stranger = Start(tmp_path, "os.geteuid = lambda: 4242")

    assert stranger.hows == {"compiled"}
    assert all("belongs to user" in fault for fault in stranger.faults)
    assert len(stranger.faults) == 3


def test_a_folder_others_may_write_to_is_refused(tmp_path: Path) -> None:
    Start(tmp_path)
    the_folder(tmp_path).chmod(0o777)

    start = Start(tmp_path)

    assert "others may write" in start.faults[0]


def test_a_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    Start(tmp_path)
    folder = the_folder(tmp_path)
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")

    start = Start(tmp_path)

    assert "NotADirectoryError" in start.faults[0]


def test_a_second_filler_leaves_the_folder_to_the_first(tmp_path: Path) -> None:
    Start(tmp_path)
    folder = the_folder(tmp_path)
    (folder / "seal").unlink()

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = Start(tmp_path)

    assert "BlockingIOError" in second.faults[0]
    assert not (folder / "seal").exists()


def test_only_the_last_few_upgrades_keep_their_folder(tmp_path: Path) -> None:
    for age in range(9):
        old = tmp_path / "chosen" / f"numba-{age:016x}"
        old.mkdir(parents=True)
        os.utime(old, (age, age))
    (tmp_path / "chosen" / "not-ours").mkdir()

    Start(tmp_path)

    kept = {path.name for path in (tmp_path / "chosen").iterdir()}
    assert len(kept) == 1 + 4 + 1
    assert {"not-ours", f"numba-{8:016x}"} <= kept


def test_a_kernel_that_differs_from_its_twin_stays_python(tmp_path: Path) -> None:
    wrong = "_jit.kernel('i8(i8)', trial=lambda: (10**12,))(eval('lambda n: n * n'))"  # wraps at 64 bits

    start = Start(tmp_path, wrong)

    assert start.hows == {"compiled", "python"}
    assert any("disagree" in fault for fault in start.faults)


def test_every_kernel_of_the_house_warms_without_a_fault() -> None:
    report = warm()

    assert faults() == ()
    assert report == kernels()
    assert set(report) == set(twins())
    jit = os.environ.get("NUMBA_DISABLE_JIT", "0") == "0"
    assert set(report.values()) <= ({"cached", "compiled"} if jit else {"python"})


def test_the_swap_while_the_queue_is_at_work_changes_no_answer() -> None:
    done = subprocess.run([sys.executable, "-c", SWAP], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_nobody_takes_a_kernel_by_name_out_of_its_module() -> None:
    """It would stay the slow twin for ever."""
    names = {tuple(name.split(".")) for name in twins()}

    for folder in ("core", "device_adapters", "gateway", "bench"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("core.kernels."):
                    module = (node.module or "").rpartition(".")[2]
                    taken = {alias.name for alias in node.names if (module, alias.name) in names}
                    assert not taken, f"{path}: import the module core.kernels.{module}, not {taken}"
