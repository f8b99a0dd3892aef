# SPDX-License-Identifier: Apache-2.0
"""No fault of numba or its cache stops a start. Each scene is a process of its own, on two small kernels."""

import ast
import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import BuiltinFunctionType

import pytest

from core.kernels import _jit, faults, heap, kernels, twins, warm

ROOT = Path(__file__).parents[3]

START = """
import json, os, sys, tempfile
from core.dispatch.urgency import as_table, plain
from core.kernels import _cache, _jit, heap, waiting
_jit._load_all = lambda: None
table = waiting.empty_table(as_table((plain(900),)), 4, 4)
%s
for name in set(_jit._KERNELS) - {"heap._counts", "heap._heap_of"}:
    if not name.startswith(("__main__", %r)):
        del _jit._KERNELS[name]
before = heap._counts(table, 1, 5)
report = _jit.warm()
print(json.dumps([report, _jit.faults(), before, heap._counts(table, 1, 5), "numba" in sys.modules]))
"""

SWAP = """
import random, threading
from core.dispatch.queue import DispatchQueue
from core.dispatch.urgency import plain
from core.kernels import _jit, faults, warm
_jit._load_all = lambda: None
queue, truth, city = DispatchQueue(500, (plain(0),)), [], random.Random(110)
warming = threading.Thread(target=warm)
turn = 0
def work():
    global turn
    turn += 1
    since_ms = city.randrange(50)
    queue.push(str(turn), 1, since_ms, 60)
    truth.append((since_ms, turn))
    if len(truth) > 60:
        truth.sort()
        assert queue.pop(60) == str(truth.pop(0)[1]), "a pop went wrong"
    assert queue.first(60, 3) == [str(turn) for _, turn in sorted(truth)[:3]], "the order went wrong"
work()
warming.start()
while warming.is_alive():
    work()
    warming.join(0.001)  # else we keep the compiler from the interpreter
for _ in range(500):
    work()
assert not faults(), faults()
"""

GIL = """
import sys, threading
import numpy as np
from core.kernels import _jit
_jit._load_all = lambda: None
def spin(words, at, turns_max):
    turns = 0
    while words[0] == 0 and turns < turns_max:
        turns += 1
        words[at] = turns  # `at` could be 0 for all the compiler knows: it reads words[0] anew each time
    return turns
_jit.kernel("i8(i8[::1], i8, i8)", trial=lambda: (np.ones(2, np.int64), 1, 5), long=%s)(spin)
assert set(_jit.warm().values()) == {"compiled"}, _jit.faults()
words, turns_max, turns = np.zeros(2, np.int64), %s, []
spinning = threading.Thread(target=lambda: turns.append(spin(words, 1, turns_max)))
spinning.start()
while words[1] == 0:
    pass
words[0] = 1  # we can say stop only if the kernel has let go of the GIL
spinning.join()
sys.exit(0 if turns[0] < turns_max else 3)
"""
HELD = 3

BORROWED = """
import sys
import numpy as np
from core.kernels import _jit
_jit._load_all = lambda: None
def widen(words):
    return words.copy().shape[0] + words[1:].shape[0]
_jit.kernel("i8(i8[::1])", trial=lambda: (np.ones(2, np.int64),), allocates=%s)(widen)
how, words = _jit.warm()["__main__.widen"], np.ones(3, np.int64)
held = sys.getrefcount(words)
assert {widen(words) for _ in range(100)} == {5} and sys.getrefcount(words) == held
print(how)
"""


class Start:
    """One start of a process with its caches under one folder, and what it reported."""

    def __init__(self, home: Path, act: str = "", beside: str = "__main__", **environ: str) -> None:
        """`act` is done before the kernels are warmed: two of the queue and those of the module `beside`."""
        own = {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / "xdg"),
            "TMPDIR": str(home),
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", START % (act, beside)],
            env={**own, "NUMBA_CACHE_DIR": str(home / "chosen"), **environ},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        report, self.faults, before, after, self.numba_loaded = json.loads(done.stdout)
        assert (before, after) == (900_005, 900_005), (
            "every start gives the same answers, before and after warm()"
        )
        self.report = report
        self.hows = set(report.values())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which one start has compiled and sealed."""
    home = tmp_path_factory.mktemp("filled")
    first = Start(home)
    assert (first.hows, first.faults) == ({"compiled"}, [])
    return home


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Path:
    """A copy of it for one scene."""
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    return tmp_path


def the_folder(home: Path) -> Path:
    (folder,) = (home / "chosen").iterdir()
    return folder


def test_the_second_start_loads_what_the_first_compiled(home: Path) -> None:
    second = Start(home)

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


def test_a_file_cut_short_is_noticed_before_it_is_read(home: Path) -> None:
    for kept in the_folder(home).rglob("*.nbc"):
        kept.write_bytes(kept.read_bytes()[:-100])

    damaged, after = Start(home), Start(home)

    assert (damaged.hows, damaged.faults) == ({"compiled"}, [])
    assert after.hows == {"cached"}


@pytest.mark.parametrize("suffix", [".nbc", ".nbi"])
def test_a_corrupt_file_under_a_true_seal_costs_the_cache_not_the_start(home: Path, suffix: str) -> None:
    folder = the_folder(home)
    for kept in folder.rglob(f"*{suffix}"):
        kept.write_bytes(b"garbage")
    reseal = (
        f"from pathlib import Path; f = Path({str(folder)!r}); (f / 'seal').write_text(_cache._digest(f))"
    )

    damaged, after, healed = Start(home, reseal), Start(home), Start(home)

    assert damaged.hows == {"compiled"}
    assert "UnpicklingError" in damaged.faults[0]
    assert (after.hows, healed.hows) == ({"compiled"}, {"cached"})


def test_a_full_disk_costs_the_cache_not_the_start(tmp_path: Path) -> None:
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"

    start, after = Start(tmp_path, full), Start(tmp_path)

    assert start.hows == {"compiled"}
    assert "OSError" in start.faults[0]
    assert (after.hows, after.faults) == ({"compiled"}, [])


def test_a_folder_of_somebody_else_is_refused(home: Path) -> None:

    stranger = Start(home, "os.geteuid = lambda: 4242")

    assert stranger.hows == {"compiled"}
    assert all("belongs to user" in fault for fault in stranger.faults)
    assert len(stranger.faults) == 3


def test_a_folder_others_may_write_to_is_refused(home: Path) -> None:
    the_folder(home).chmod(0o777)

    start = Start(home)

    assert "others may write" in start.faults[0]


def test_a_link_in_place_of_the_folder_is_refused(home: Path) -> None:
    folder = the_folder(home)
    folder.rename(home / "moved")
    folder.symlink_to(home / "moved")

    start = Start(home)

    assert "NotADirectoryError" in start.faults[0]


def test_a_second_filler_leaves_the_folder_to_the_first(home: Path) -> None:
    folder = the_folder(home)
    (folder / "seal").unlink()

    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = Start(home)

    assert "BlockingIOError" in second.faults[0]
    assert not (folder / "seal").exists()


def test_only_the_last_few_upgrades_of_a_module_keep_their_folder(tmp_path: Path) -> None:
    for age in range(9):
        old = tmp_path / "chosen" / f"numba-heap-{age:016x}"
        old.mkdir(parents=True)
        os.utime(old, (age, age))
    others = {"not-ours", f"numba-other-{0:016x}", f"numba-heap-other-{0:016x}"}
    for name in others:
        (tmp_path / "chosen" / name).mkdir()

    Start(tmp_path)

    kept = {path.name for path in (tmp_path / "chosen").iterdir()} - others
    assert len(kept) == 1 + 4
    assert f"numba-heap-{8:016x}" in kept
    assert all((tmp_path / "chosen" / name).is_dir() for name in others)


CHANGED = """
import core.kernels.fixes
sources = _jit._sources
_jit._sources = lambda module: [*sources(module), *([b"another line"] if module == "heap" else [])]
"""


def test_a_change_of_one_module_leaves_the_others_compiled(tmp_path: Path) -> None:
    before = Start(tmp_path, "import core.kernels.fixes", beside="fixes.")

    after = Start(tmp_path, CHANGED, beside="fixes.")

    assert before.hows == {"compiled"}
    assert after.report == {"fixes.apply": "cached", "heap._counts": "compiled", "heap._heap_of": "compiled"}


def test_a_module_depends_on_the_text_of_those_whose_constants_it_takes() -> None:
    folder = ROOT / "core/kernels"

    for module, names in (("heap", ["waiting.py"]), ("fixes", ["layout.py"])):
        texts = [folder / name for name in ("_cache.py", "_jit.py", f"{module}.py", *names)]
        assert _jit._sources(module) == [path.read_bytes() for path in texts]


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


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="there is no machine code")
def test_a_warm_kernel_is_called_at_its_own_entry_point() -> None:
    """numba's dispatcher would ask for the types of the arguments at every call (docs/decisions/0035)."""
    warm()

    assert isinstance(heap.peek, BuiltinFunctionType)


@pytest.mark.parametrize(("long", "turns_max", "code"), [(True, 10**10, 0), (False, 10**8, HELD)])
def test_only_a_long_kernel_lets_go_of_the_gil(tmp_path: Path, long: bool, turns_max: int, code: int) -> None:
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0"}

    done = subprocess.run(
        [sys.executable, "-c", GIL % (long, turns_max)],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == code, done.stderr


@pytest.mark.parametrize(("allocates", "told"), [(True, "compiled"), (False, "python")])
def test_a_kernel_that_makes_an_array_says_so_or_stays_python(
    tmp_path: Path, allocates: bool, told: str
) -> None:
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0"}

    done = subprocess.run(
        [sys.executable, "-c", BORROWED % allocates],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip() == told, done.stderr


def test_the_swap_while_the_queue_is_at_work_changes_no_answer(tmp_path: Path) -> None:
    environ = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-c", SWAP], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )

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
