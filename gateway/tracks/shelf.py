# SPDX-License-Identifier: Apache-2.0
"""Where the files of the track history lie: a folder for each UTC day, in it parts that are whole.

A part's name begins with the writer's node, so that two gateways may share a folder on the network.
"""

import contextlib
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

DAY = re.compile(r"\d{4}-\d\d-\d\d")
NS_A_DAY = 86_400_000_000_000


def day_of(at_ns: int) -> str:
    """Return the UTC day of a moment, as the journal's files have it."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d")


class Shelf:
    """The folder of the history."""

    def __init__(self, folder: Path, node: str, days_kept: int) -> None:
        self._folder = folder
        self._node = re.sub(r"[^A-Za-z0-9._-]", "_", node)
        self._unfinished = re.compile(rf"{re.escape(self._node)}-\d+\.parquet\.tmp")
        self._days_kept = days_kept

    def part(self, first_at_ns: int) -> Path:
        """Return the name of a new part whose first row came at that moment; its folder is there. Raises OSError."""
        folder = self._folder / day_of(first_at_ns)
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        return folder / f"{self._node}-{first_at_ns}.parquet"

    def tidy(self, today: str) -> int:
        """Delete days that are past keeping and what this node did not finish; return how many days went.

        Only what this program names so is touched. Raises OSError.
        """
        oldest = (date.fromisoformat(today) - timedelta(days=self._days_kept)).isoformat()
        gone = 0
        for folder in sorted(self._days()):
            for part in folder.glob("*.parquet.tmp"):
                if self._unfinished.fullmatch(part.name):
                    part.unlink(missing_ok=True)
            if folder.name < oldest:
                for part in folder.glob("*.parquet*"):
                    part.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # somebody else's file is in it: it stays
                    folder.rmdir()
                    gone += 1
        return gone

    def _days(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return [path for path in self._folder.iterdir() if DAY.fullmatch(path.name) and path.is_dir()]
