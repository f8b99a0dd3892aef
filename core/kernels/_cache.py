# SPDX-License-Identifier: Apache-2.0
"""Where compiled kernels are kept between two starts, and whether what is kept can be trusted.

numba writes machine code as pickles without a checksum: a file cut short by a full disk can end the process
at the next start, and at every start after it. So a folder is either **sealed** (a digest over all its files
stands beside them, and only then is it read) or **ours to fill** (emptied, locked against a second filler).
Each module of kernels has a folder. Its name holds a hash of the sources, numba, Python and the processor: an
upgrade finds an empty one and fills it, and the oldest beyond a few (about 100 kB each) are removed.
"""

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

_SEAL = "seal"
_LOCK = "lock"
_SIBLINGS_MAX = 4  # guess: the last upgrade, the one before, and two interpreters
_PROBE_BYTES = 4096  # one page: a file system without room for this has no room for a kernel


class Shelf:
    """One private folder of compiled kernels."""

    def __init__(self, folder: Path, lock: int | None) -> None:
        """`lock` is the descriptor that keeps other fillers out; None when the folder is sealed already."""
        self.folder = folder
        self._lock = lock

    def close(self) -> None:
        """Seal what was written (when we were filling) and let others in. Raises OSError when it cannot."""
        if self._lock is None:
            return
        try:
            new = self.folder / f"{_SEAL}.new"
            new.write_text(_digest(self.folder))
            new.replace(self.folder / _SEAL)
        finally:
            self._unlock()

    def discard(self) -> None:
        """Throw everything away: the next start fills it anew."""
        _empty(self.folder)
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def open_shelf(module: str, stamp: str) -> tuple[Shelf | None, list[str]]:
    """Return the module's first folder that can be used, and why those before it cannot.

    In order: `$NUMBA_CACHE_DIR`, systemd's `$CACHE_DIRECTORY`, `$XDG_CACHE_HOME` or `~/.cache`, and a private
    folder in tmp. None means: compile without keeping.
    """
    faults: list[str] = []
    for folder in _candidates(f"{module}-{stamp}"):
        try:
            _make_private(folder)
            return _claim(folder), faults
        except OSError as error:
            faults.append(f"cache {folder}: {type(error).__name__}: {error}")
    return None, faults


def _candidates(what: str) -> Iterator[Path]:
    name = f"numba-{what}"
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(chosen, name)
    if service := os.environ.get("CACHE_DIRECTORY", "").split(":")[0]:
        yield Path(service, "numba", name)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    if cache.is_absolute():
        yield cache / "gateway110" / name
    try:
        yield Path(tempfile.gettempdir(), f"gateway110-{os.geteuid()}-{what}")
    except FileNotFoundError:  # no folder for temporary files at all: nothing left to offer
        return


def _make_private(folder: Path) -> None:
    """Make the folder; refuse it when somebody else could have put code into it. Raises OSError."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode):
        raise NotADirectoryError("not a folder of its own (a link?)")
    if seen.st_uid != os.geteuid():
        raise PermissionError(f"belongs to user {seen.st_uid}")
    if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("others may write to it")
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(bytes(_PROBE_BYTES))


def _claim(folder: Path) -> Shelf:
    """Take the folder as it is when its seal holds, else empty it and lock it. Raises OSError."""
    if _sealed(folder):
        return Shelf(folder, None)
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _sealed(folder):  # by the process that held the lock a moment ago
            os.close(lock)
            return Shelf(folder, None)
        _empty(folder)
        _prune(folder)
    except OSError:
        os.close(lock)
        raise
    return Shelf(folder, lock)


def _sealed(folder: Path) -> bool:
    try:
        return (folder / _SEAL).read_text() == _digest(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _digest(folder: Path) -> str:
    """Return one hash over the names and bytes of all files but the seal and the lock. Raises OSError."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith((_SEAL, _LOCK)):
            content = path.read_bytes()
            whole.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode())
            whole.update(content)
    return whole.hexdigest()


def _empty(folder: Path) -> None:
    """Remove everything but the lock; what cannot be removed is left without a seal, so is never read."""
    (folder / _SEAL).unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != _LOCK:
            path.unlink(missing_ok=True)


def _prune(folder: Path) -> None:
    """Remove the oldest folders of other stamps; a process that has loaded from one needs it no more."""
    family = folder.name.rpartition("-")[0]
    others = [path for path in folder.parent.glob(f"{family}-{'[0-9a-f]' * 16}") if path != folder]
    others.sort(key=lambda path: path.lstat().st_mtime_ns, reverse=True)
    for path in others[_SIBLINGS_MAX:]:
        shutil.rmtree(path, ignore_errors=True)
