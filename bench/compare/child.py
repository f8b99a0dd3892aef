# SPDX-License-Identifier: Apache-2.0
"""A contender in a process of its own, and the kernel's account of it and of what it forked."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway.demo.servers import leash

END_S_MAX = 5.0
"A contender that needs longer after SIGTERM is ended by force (guess)."
CPUCLOCK_SCHED = 2
"posix-timers.h: the process's clock that counts what the scheduler gave it, in ns. /proc/PID/stat counts 10 ms."


class Child:
    """One running contender."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu_s(self) -> float:
        """Return the seconds of CPU it and its living descendants have used."""
        return sum(_used_s(pid) for pid in self._family())

    def rss_mib(self) -> float:
        """Return the memory it keeps resident; what its processes share counts once for each."""
        pages = sum(_resident_pages(pid) for pid in self._family())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def _family(self) -> list[int]:
        found, unseen = [], [self.pid]
        while unseen:
            pid = unseen.pop()
            found.append(pid)
            unseen += _children(pid)
        return found


@contextmanager
def child(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Run a command in `folder`, its words into `folder/log`, until the block ends."""
    with (folder / "log").open("ab") as log:
        started = subprocess.Popen(
            (*leash("TERM"), *command),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # its own group, so that what it forks can be ended with it
        )
    try:
        yield Child(started.pid)
    finally:
        started.terminate()
        try:
            started.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait(END_S_MAX)
        with suppress(ProcessLookupError):  # it took its own along
            os.killpg(started.pid, signal.SIGKILL)


def _used_s(pid: int) -> float:
    # clock_getcpuclockid(3) for another process, which Python does not have.
    try:
        return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
    except OSError:  # ended between our two looks
        return 0.0


def _resident_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            found += [int(word) for word in (thread / "children").read_text("ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found
