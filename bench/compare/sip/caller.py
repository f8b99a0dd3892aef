# SPDX-License-Identifier: Apache-2.0
"""sipp as the caller: INVITE, 100/180/200, ACK, BYE, 200, at a set rate, and its own account of it."""

import csv
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.compare.suite import CompareError

SIMULTANEOUS_MAX = 100_000
"sipp holds back calls beyond its own guess; we want the rate we asked for."
OVER_S_MAX = 15.0
"Left after the last call for retransmissions: T1 doubled four times is 15.5 s of silence (RFC 3261 17.1.1.2)."


@dataclass(frozen=True, slots=True)
class Called:
    """What sipp says of a run."""

    calls: int
    answered: int
    retransmissions: int
    "Messages sipp sent again."

    @property
    def failed(self) -> int:
        """Return the calls that did not come to their end."""
        return self.calls - self.answered


def binary() -> str:
    """Return where sipp is; raise CompareError when it is nowhere."""
    found = shutil.which("sipp")
    if found is None:
        raise CompareError("sipp is not on this machine: apt-get install sip-tester")
    return found


class Caller:
    """A running sipp."""

    def __init__(
        self,
        port: int,
        caller_port: int,
        folder: Path,
        *,
        calls: int,
        calls_per_s: float,
        lost_percent: int = 0,
        over_s_max: float = OVER_S_MAX,
    ) -> None:
        self._calls = calls
        self._statistics = folder / f"sipp-{calls}-{calls_per_s:g}-{lost_percent}.csv"
        lasts_s = calls / calls_per_s + over_s_max
        lost = ["-lost", str(lost_percent)] if lost_percent else []
        command = [
            *(binary(), f"127.0.0.1:{port}", "-sn", "uac", "-i", "127.0.0.1", "-p", str(caller_port)),
            *("-r", f"{calls_per_s:g}", "-m", str(calls), "-l", str(SIMULTANEOUS_MAX), *lost),
            *("-timeout", f"{lasts_s:.0f}s", "-nostdin", "-trace_stat", "-fd", "1"),
            *("-stf", str(self._statistics)),
        ]
        self._lasts_s = lasts_s
        self._child = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TERM": "dumb"},
        )

    def over(self) -> bool:
        """Tell whether it has made its calls."""
        return self._child.poll() is not None

    def result(self) -> Called:
        """Wait for its end, by force if need be, and read its account."""
        try:
            self._child.wait(self._lasts_s + 5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if not self._statistics.exists():
            raise CompareError(f"sipp said nothing and ended with {self._child.returncode}")
        with self._statistics.open(newline="") as lines:
            *_, last = csv.DictReader(lines, delimiter=";")
        return Called(self._calls, int(last["SuccessfulCall(C)"]), int(last["Retransmissions(C)"]))
