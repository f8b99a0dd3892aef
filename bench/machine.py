# SPDX-License-Identifier: Apache-2.0
"""What this machine is, and how busy others keep it: a figure without these is hearsay."""

import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage

BUSY_SHARE = 0.5
"Load average for each core above which the machine was not ours."
OTHERS_SHARE = 0.1
"Share of all cores that others may use beside a measurement before its reader is told (guess)."


def machine() -> dict[str, str]:
    """Return what this machine is, and how busy before we began. No name: results are kept."""
    return {
        "cores": str(os.cpu_count()),
        "load_average": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "cpu": platform.machine(),
        "model": _model(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def was_busy(facts: dict[str, str]) -> bool:
    """Tell whether the machine had other work before we began."""
    return float(facts["load_average"].split()[0]) > int(facts["cores"]) * BUSY_SHARE


class Others:
    """What all other programs take while we measure: the kernel's account less ours and our children's."""

    def __init__(self, children: Iterable[int] = ()) -> None:
        """`children`: process ids of those that live until the end; the kernel counts others once they have ended."""
        self._children = tuple(children)
        self._began_s = time.monotonic()
        self._busy_s, self._ours_s = _busy_s(), self._own_s()

    def share(self) -> float:
        """Return their share of all cores since the start."""
        elapsed_s = max(time.monotonic() - self._began_s, 1e-9) * (os.cpu_count() or 1)
        theirs_s = _busy_s() - self._busy_s - (self._own_s() - self._ours_s)
        return min(1.0, max(0.0, theirs_s / elapsed_s))

    def _own_s(self) -> float:
        return _ours_s() + sum(cpu_s(pid) for pid in self._children)


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU a living process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _busy_s() -> float:
    """Return the seconds all cores worked: user, nice, system, irq, softirq and what the host stole (proc(5))."""
    ticks = [int(word) for word in Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks[:8]) - idle) / os.sysconf("SC_CLK_TCK")


def _ours_s() -> float:
    used = [getrusage(who) for who in (RUSAGE_SELF, RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _model() -> str:
    """Return the processor's name as the kernel tells it; some architectures tell none."""
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
