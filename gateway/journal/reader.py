# SPDX-License-Identifier: Apache-2.0
"""Reading a journal, whole or from a point on, beside a running gateway or after it."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import msgspec

from core.events import AnyFact
from core.ids import CountyCode
from gateway.errors import JournalBrokenError, JournalFolderError
from gateway.journal.files import ReadableFile, files_in, is_begun
from gateway.journal.record import CHAIN_START, FACT_DECODER, Numbered, link


class Entry(msgspec.Struct, frozen=True):
    """One fact as it was recorded."""

    seq: int
    at_ns: int
    type: str
    data: bytes
    chain: bytes

    def fact(self) -> AnyFact:
        """Return the fact; raise JournalBrokenError when it cannot be understood."""
        try:
            return FACT_DECODER.decode(self.data)
        except msgspec.MsgspecError as error:
            raise JournalBrokenError(f"record {self.seq} ({self.type}) cannot be read: {error}") from error


def entries(folder: Path, after_seq: int = 0) -> Iterator[Entry]:
    """Yield every fact above `after_seq`, in order, over all files."""
    for file, before_seq in _open(folder):
        try:
            for row in file.facts(after_seq, before_seq):
                yield Entry(*row)
        finally:
            file.close()


def decisions(folder: Path, after_n: int = 0, limit: int = -1) -> Iterator[Numbered]:
    """Yield decisions numbered above `after_n`, in order, over all files; `limit` counts per file."""
    for file, before_seq in _open(folder):
        try:
            yield from file.decisions(after_n, before_seq, limit)
        finally:
            file.close()


def last_snapshot(folder: Path) -> tuple[int, bytes, bytes] | None:
    """Return the newest (seq, engine's memory after it, chain there), or None when there is none."""
    found = None
    for file, before_seq in _open(folder):
        snapshot = file.snapshot()
        if snapshot is not None and (before_seq is None or snapshot[0] < before_seq):
            found = snapshot
        file.close()
    return found


def newest(folder: Path) -> tuple[str, dict[CountyCode, int]]:
    """Return the journal's id ("" for an empty one) and the highest decision number of each county."""
    journal_id, numbers = "", dict[CountyCode, int]()
    for file, _ in _open(folder):
        journal_id = file.journal_id
        numbers.update(file.newest())
        file.close()
    return journal_id, numbers


def verify(folder: Path) -> tuple[int, str]:
    """Walk the hash chain. Return how many records are sound, and "" or what is wrong with the next."""
    chain, seq, made = CHAIN_START, 0, decisions(folder)
    waiting = next(made, None)
    for entry in entries(folder):
        mine = []
        while waiting is not None and waiting.seq == entry.seq:
            mine.append(waiting.data)
            waiting = next(made, None)
        if entry.seq != seq + 1:
            return seq, f"record {seq + 1} is missing"
        chain = link(chain, entry.seq, entry.at_ns, entry.data, mine)
        if chain != entry.chain:
            return seq, f"record {entry.seq} ({entry.type}) or a decision of it was changed"
        seq = entry.seq
    if waiting is not None:
        return seq, f"decision {waiting.n} belongs to no record"
    return seq, ""


def _open(folder: Path) -> Iterator[tuple[ReadableFile, int | None]]:
    """Yield each file with the first sequence number of the next.

    A file given up after a disk error may hold records its successor holds again: the successor counts.
    """
    if not folder.is_dir():
        raise JournalFolderError(f"there is no journal folder {folder}")
    paths = [path for path in files_in(folder) if is_begun(path)]
    for path, after in zip_longest(paths, paths[1:]):
        before_seq = None
        if after is not None:
            successor = ReadableFile(after)
            before_seq = successor.first_seq
            successor.close()
        yield ReadableFile(path), before_seq
