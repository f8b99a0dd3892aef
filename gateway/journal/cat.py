# SPDX-License-Identifier: Apache-2.0
"""The journal as lines of JSON: seq, at, type, data."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import msgspec

from core.events import AnyFact
from gateway.errors import JournalFolderError
from gateway.journal.reader import Entry, entries

FOLLOW_S = 0.2  # how often a follower looks again


def cat(folder: Path, *, only: str | None, follow: bool) -> int:
    """Print every fact (of one type, if given) in order; with `follow`, until interrupted. Return 0."""
    seq = 0
    while True:
        try:
            for entry in entries(folder, seq):
                seq = entry.seq
                if only is None or entry.type == only:
                    sys.stdout.buffer.write(line(entry))
        except JournalFolderError:
            if not follow:
                raise
        sys.stdout.buffer.flush()
        if not follow:
            return 0
        time.sleep(FOLLOW_S)


def fact_types() -> list[str]:
    """Return the types a journal may hold."""
    return sorted(str(kind.__struct_config__.tag) for kind in get_args(AnyFact))


def line(entry: Entry) -> bytes:
    """Return one fact as a line of JSON."""
    moment = datetime.fromtimestamp(entry.at_ns // 1_000_000_000, UTC)
    return (
        msgspec.json.encode(
            {
                "seq": entry.seq,
                "at": f"{moment:%Y-%m-%dT%H:%M:%S}.{entry.at_ns % 1_000_000_000:09}Z",
                "type": entry.type,
                "data": entry.fact(),
            }
        )
        + b"\n"
    )
