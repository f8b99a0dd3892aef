# SPDX-License-Identifier: Apache-2.0
"""The one door to numba. Importing it does not import numba: a call can ring before a kernel is ready.

A kernel is a plain function of its module. `warm()` compiles (or loads) all of them, lets each do a small
trial beside its plain twin, and then puts the compiled function in the twin's place **in the module**:

    from core.kernels import heap      # the module, never the function: a name imported from it stays slow
    heap.pop(table, now_ms)            # the twin before warm(), machine code after it; the same answer

So a call costs one attribute of a module and nothing else. What is put there is the compiled function's own
entry point, not numba's dispatcher, which asks for the type of each argument again at every call (measured:
120 ns against 255 with one array, 220 against 540 with seven). There is one signature, so there is nothing to
ask; in return an array of another shape is not refused. mypy and the twins watch over that.

The swap is one assignment per kernel, atomic under the GIL, and both sides work on the same arrays in the same
way: a loop may go on calling meanwhile. A twin that is half way when its helper is swapped goes on with the
compiled helper and the same result.

A short kernel keeps the GIL: letting go of it for a microsecond would invite another thread to take it, and
the loop would wait for it to come back. One of more than 200 µs is enrolled with `long=True` and runs in a
thread beside the loop.

A kernel borrows its arrays: whoever calls it holds them meanwhile. So they are not counted in and out, which
numba does with locked instructions at each call, also of one kernel by another (measured: 80 ns against 340 with
ten arrays). A kernel that makes an array of its own cannot do without: `allocates=True`.

No fault of numba or its cache stops a start: what cannot be kept is compiled without keeping, what cannot be
compiled or answers differently stays Python, and `faults()` says why. Tests run in both ways
(`NUMBA_DISABLE_JIT=1`).
"""

import hashlib
import importlib
import os
import pkgutil
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, Literal, ParamSpec, TypeVar, cast

import numpy as np

from core.kernels import _cache

P = ParamSpec("P")
R = TypeVar("R")
How = Literal["cached", "compiled", "python"]
Trial = Callable[[], tuple[Any, ...]]
"Makes the arguments of one small run; called twice, must give equal arguments."

_PACKAGE = "core.kernels"
_NEIGHBOUR = re.compile(r"^from core\.kernels(?:\.(\w+)| import ([\w, ]+))", re.MULTILINE)
_WAY = "arrays borrowed"
"How this file lets numba compile: with another way machine code from before is not taken from the shelf."
_FAULT_CHARS_MAX = 300  # numba's typing errors run to pages


@dataclass(slots=True)
class _Kernel:
    plain: FunctionType
    signature: str
    trial: Trial
    long: bool
    allocates: bool
    how: How = "python"
    dispatcher: Any = None  # keeps the machine code alive while its entry point is in use


_KERNELS: dict[str, _Kernel] = {}
_FAULTS: list[str] = []


def kernel(
    signature: str, trial: Trial, *, long: bool = False, allocates: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Enrol a function for `warm()` under one numba signature, and leave it as it is.

    A kernel calls only kernels of its own file, and those stand below it: warm() compiles from the bottom up.
    A `long` one lets go of the GIL while it runs. Only one that `allocates` may make an array.
    """

    def enrol(function: Callable[P, R]) -> Callable[P, R]:
        plain = cast(FunctionType, function)
        _KERNELS[f"{plain.__module__.rpartition('.')[2]}.{plain.__name__}"] = _Kernel(
            plain, signature, trial, long, allocates
        )
        return function

    return enrol


def kernels() -> dict[str, str]:
    """Return how each kernel runs now: `cached` (loaded), `compiled` (this time) or `python`."""
    return {name: kernel.how for name, kernel in sorted(_KERNELS.items())}


def faults() -> tuple[str, ...]:
    """Return what went wrong in the last `warm()`, in order; empty when all is well."""
    return tuple(_FAULTS)


def twins() -> dict[str, Callable[..., Any]]:
    """Return fresh plain copies of all kernels that call only each other: the slow truth for tests."""
    _load_all()
    twins: dict[str, Callable[..., Any]] = dict(_copies())
    return twins


def warm() -> dict[str, str]:
    """Compile or load every kernel that is still Python, try it, swap it in; return `kernels()`.

    Takes 0.5–1 s from a full cache and some seconds from an empty one: call it in a thread, one at a time,
    while the loop serves. Never raises for what numba, the cache or the disk do.
    """
    _load_all()
    _FAULTS.clear()
    if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0") and "python" in kernels().values():
        try:
            numba = importlib.import_module("numba")
            _stamp(numba, "layout")  # asks for all it needs
        except Exception as error:  # missing, or broken in whatever way: the twins do the work
            _FAULTS.append(_tell("numba", error))
        else:
            _bring_all(numba)
    return kernels()


def _load_all() -> None:
    for module in pkgutil.iter_modules(importlib.import_module(_PACKAGE).__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{_PACKAGE}.{module.name}")


def _stamp(numba: Any, module: str) -> str:  # noqa: ANN401  numba is untyped; this file is its only guest-keeper
    """Return what the compiled kernels of a module depend on, as 16 hexadecimal digits."""
    host = importlib.import_module("llvmlite.binding")
    whole = hashlib.sha256(
        repr((_WAY, numba.__version__, sys.version, host.get_host_cpu_name())).encode()
        + host.get_host_cpu_features().flatten().encode()
    )
    for source in _sources(module):
        whole.update(source)
    return whole.hexdigest()[:16]


def _sources(module: str) -> list[bytes]:
    """Return the module's text and that of every neighbour it names: their constants are compiled in."""
    texts: dict[str, bytes] = {}
    unread = [module]
    while unread:
        name = unread.pop()
        path = Path(__file__).parent / f"{name}.py"
        if name in texts or not path.is_file():
            continue
        texts[name] = path.read_bytes()
        for one, several in _NEIGHBOUR.findall(texts[name].decode()):
            unread += [one] if one else [word.strip() for word in several.split(",")]
    return [texts[name] for name in sorted(texts)]


def _bring_all(numba: Any) -> None:  # noqa: ANN401
    """Bring the modules one by one: each has a shelf of its own, so a change of one leaves the others compiled."""
    twins, copies = _copies(), _copies()
    for module in dict.fromkeys(name.partition(".")[0] for name in _KERNELS):
        names = [name for name in _KERNELS if name.partition(".")[0] == module]
        names = [name for name in reversed(names) if _KERNELS[name].how == "python"]
        if names:
            _bring_module(numba, module, names, twins, copies)


def _bring_module(
    numba: Any,  # noqa: ANN401
    module: str,
    names: list[str],
    twins: dict[str, FunctionType],
    copies: dict[str, FunctionType],
) -> None:
    shelf, troubles = _cache.open_shelf(module, _stamp(numba, module))
    _FAULTS.extend(trouble for trouble in troubles if trouble not in _FAULTS)
    ready: dict[str, Any] = {}
    folder_before = numba.config.CACHE_DIR
    try:
        if shelf is not None:
            numba.config.CACHE_DIR = str(shelf.folder)
        for name in names:
            compiled = None
            if shelf is not None:
                compiled = _bring(numba, name, twins[name], copies[name], keep=True)
                if compiled is None:
                    _discard(shelf)
                    shelf = None
            if compiled is None:
                compiled = _bring(numba, name, twins[name], copies[name], keep=False)
            if compiled is not None:
                ready[name] = compiled
                copies[name].__globals__[copies[name].__name__] = compiled  # for the kernels that call it
    finally:
        numba.config.CACHE_DIR = folder_before
    if shelf is not None:
        _close(shelf)
    for name, compiled in ready.items():
        plain = _KERNELS[name].plain
        _KERNELS[name].how = "cached" if compiled.stats.cache_hits else "compiled"
        _KERNELS[name].dispatcher = compiled
        setattr(sys.modules[plain.__module__], plain.__name__, _entry_point(compiled))


def _bring(numba: Any, name: str, twin: FunctionType, copy: FunctionType, *, keep: bool) -> Any:  # noqa: ANN401
    """Return the compiled kernel after its trial, or None with a fault noted."""
    known = _KERNELS[name]
    try:
        options = {"cache": keep, "nogil": known.long, "_nrt": known.allocates}
        compiled = numba.njit(known.signature, **options)(copy)
        ours, theirs = known.trial(), known.trial()
        if not (compiled(*ours) == twin(*theirs) and _alike(ours, theirs)):
            raise ArithmeticError("the compiled kernel and its twin disagree")
    except Exception as error:  # unwritable, corrupt, full, miscompiled: none may stop the start
        _FAULTS.append(_tell(name, error))
        return None
    return compiled


def _alike(ours: Any, theirs: Any) -> bool:  # noqa: ANN401  arrays, numbers and tuples of them
    if isinstance(ours, tuple):
        return all(map(_alike, ours, theirs))
    return np.array_equal(ours, theirs)


def _entry_point(compiled: Any) -> Any:  # noqa: ANN401
    """Return the machine code behind the dispatcher's only signature."""
    (result,) = compiled.overloads.values()
    return getattr(result, "entry_point", compiled)


def _copies() -> dict[str, FunctionType]:
    """Return a copy of every plain kernel; the copies of one module share globals of their own."""
    spaces: dict[str, dict[str, Any]] = {}
    copies: dict[str, FunctionType] = {}
    for name, known in _KERNELS.items():
        module, short = known.plain.__module__, known.plain.__name__
        space = spaces.setdefault(module, dict(vars(sys.modules[module])))
        copies[name] = space[short] = FunctionType(known.plain.__code__, space, short)
    return copies


def _close(shelf: _cache.Shelf) -> None:
    try:
        shelf.close()
    except OSError as error:
        _FAULTS.append(_tell("cache", error))
        _discard(shelf)


def _discard(shelf: _cache.Shelf) -> None:
    try:
        shelf.discard()
    except OSError as error:
        _FAULTS.append(_tell("cache", error))


def _tell(who: str, error: Exception) -> str:
    return f"{who}: {type(error).__name__}: {error}"[:_FAULT_CHARS_MAX]
