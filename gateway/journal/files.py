# SPDX-License-Identifier: Apache-2.0
"""The journal's files: SQLite through apsw, one file a day, and the only place that knows the tables.

apsw brings its own SQLite; Debian's 3.40 lies in the range with the WAL-reset fault (docs/decisions/0003).
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from core.ids import CountyCode
from gateway.errors import JournalBrokenError
from gateway.journal.record import Numbered, Record, link

SCHEMA_VERSION = 1
BUSY_MS = 5000  # a reader's short lock may make the writer wait this long, no longer
NAME = re.compile(r"journal-(\d{4}-\d\d-\d\d)(?:-(\d\d))?\.db")

SCHEMA = """
CREATE TABLE about(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE fact(
    seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL,
    type TEXT NOT NULL, data BLOB NOT NULL, chain BLOB NOT NULL);
CREATE TABLE decision(
    n INTEGER PRIMARY KEY, seq INTEGER NOT NULL, county TEXT NOT NULL,
    type TEXT NOT NULL, data BLOB NOT NULL);
CREATE TABLE snapshot(seq INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE INDEX decision_of_county ON decision(county, n);
"""


def day_of(at_ns: int) -> str:
    """Return the UTC day a record belongs to."""
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d")


def day_in(path: Path) -> str:
    """Return the day a file is named after."""
    match = NAME.fullmatch(path.name)
    assert match is not None, "only journal files are asked for their day"
    return match[1]


def files_in(folder: Path) -> list[Path]:
    """Return the journal's files, oldest first."""
    found = [
        (match[1], match[2] or "00", path)
        for path in folder.iterdir()
        if (match := NAME.fullmatch(path.name))
    ]
    return [path for _, _, path in sorted(found)]


def is_begun(path: Path) -> bool:
    """Return whether anything can be in it: a crash or a full disk may leave a file that was never begun."""
    try:
        db = apsw.Connection(str(path))
        version = db.pragma("user_version")
        db.close()
    except apsw.Error as error:
        raise JournalBrokenError(f"{path} cannot be read: {error}") from error
    return bool(version != 0)


def name_after(folder: Path, day: str) -> Path:
    """Return the name of a new file for this day: the first is unnumbered."""
    taken = [path for path in files_in(folder) if day_in(path) == day]
    return folder / (f"journal-{day}-{len(taken):02}.db" if taken else f"journal-{day}.db")


class WritableFile:
    """One file, open for the writer thread."""

    def __init__(self, path: Path, *, first_seq: int, chain: bytes, journal_id: str) -> None:
        """Open, and create when it is new: the rest carries on from the file before."""
        self.path = path
        self._db = apsw.Connection(str(path))
        try:
            self._prepare(first_seq, chain, journal_id)
        except apsw.Error:
            self._remove_unbegun()
            raise
        last = self._db.execute("SELECT chain FROM fact ORDER BY seq DESC LIMIT 1").get
        self.chain: bytes = last if last is not None else _about(self._db, "chain")

    def _prepare(self, first_seq: int, chain: bytes, journal_id: str) -> None:
        self._db.set_busy_timeout(BUSY_MS)
        self._db.pragma("journal_mode", "wal")
        self._db.pragma("synchronous", "full")
        if self._db.pragma("user_version") == 0:
            with self._db:
                self._db.execute(SCHEMA)
                self._db.executemany(
                    "INSERT INTO about VALUES (?, ?)",
                    [("first_seq", first_seq), ("chain", chain), ("journal", journal_id)],
                )
                self._db.pragma("user_version", SCHEMA_VERSION)

    def _remove_unbegun(self) -> None:
        """A disk too full to begin a file must not be littered with beginnings."""
        with contextlib.suppress(apsw.Error):
            begun = self._db.pragma("user_version") != 0
            self._db.close()
            if not begun:
                for part in ("", "-wal", "-shm"):
                    self.path.with_name(self.path.name + part).unlink(missing_ok=True)

    def write(self, records: Sequence[Record]) -> None:
        """Write them all, durably, or none. Raises apsw.Error."""
        chain = self.chain
        facts: list[tuple[object, ...]] = []
        decisions: list[tuple[object, ...]] = []
        for record in records:
            chain = link(chain, record.seq, record.at_ns, record.data, [m.data for m in record.decisions])
            facts.append((record.seq, record.at_ns, record.mono_ns, record.type, record.data, chain))
            decisions.extend((m.n, m.seq, m.county, m.type, m.data) for m in record.decisions)
        with self._db:
            self._db.executemany("INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?)", facts)
            self._db.executemany("INSERT INTO decision VALUES (?, ?, ?, ?, ?)", decisions)
        self.chain = chain

    def keep_snapshot(self, seq: int, data: bytes) -> None:
        """Write the engine's memory after fact `seq`; the one before it in this file is not needed any more."""
        with self._db:
            self._db.execute("DELETE FROM snapshot")
            self._db.execute("INSERT INTO snapshot VALUES (?, ?)", (seq, data))

    def close(self) -> None:
        """Close; the last connection folds the write-ahead log into the file."""
        self._db.close()


class ReadableFile:
    """One file, open for reading beside a running writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = apsw.Connection(str(path))
            self._db.set_busy_timeout(BUSY_MS)
            self._db.pragma("query_only", True)
            version = self._db.pragma("user_version")
            if version != SCHEMA_VERSION:
                raise JournalBrokenError(f"{path}: format {version}, this gateway reads {SCHEMA_VERSION}")
            self.first_seq: int = _about(self._db, "first_seq")
            self.journal_id: str = _about(self._db, "journal")
        except apsw.Error as error:
            raise JournalBrokenError(f"{path} cannot be read: {error}") from error

    def facts(self, after_seq: int, before_seq: int | None) -> Iterator[tuple[int, int, str, bytes, bytes]]:
        """Yield (seq, at_ns, type, data, chain) in order, seq in (after, before)."""
        rows = self._db.execute(
            "SELECT seq, at_ns, type, data, chain FROM fact WHERE seq > ? AND seq < ? ORDER BY seq",
            (after_seq, _above_all(before_seq)),
        )
        yield from _guarded(rows, self.path)

    def decisions(self, after_n: int, before_seq: int | None, limit: int = -1) -> Iterator[Numbered]:
        """Yield decisions in order, n above `after_n`."""
        rows = self._db.execute(
            "SELECT n, seq, county, type, data FROM decision WHERE n > ? AND seq < ? ORDER BY n LIMIT ?",
            (after_n, _above_all(before_seq), limit),
        )
        for n, seq, county, kind, data in _guarded(rows, self.path):
            yield Numbered(n, seq, CountyCode(county), kind, data)

    def snapshot(self) -> tuple[int, bytes, bytes] | None:
        """Return (seq, the engine's memory after it, the chain there), or None."""
        rows = self._db.execute("SELECT s.seq, s.data, f.chain FROM snapshot s JOIN fact f USING (seq)")
        return next(_guarded(rows, self.path), None)

    def newest(self) -> dict[CountyCode, int]:
        """Return the highest decision number of each county in this file."""
        rows = self._db.execute("SELECT county, max(n) FROM decision GROUP BY county")
        return {CountyCode(county): n for county, n in _guarded(rows, self.path)}

    def close(self) -> None:
        """Close."""
        self._db.close()


def _about(db: apsw.Connection, key: str) -> Any:  # noqa: ANN401  SQLite values have any type
    return db.execute("SELECT value FROM about WHERE key = ?", (key,)).get


def _above_all(seq: int | None) -> int:
    return seq if seq is not None else 2**63 - 1


def _guarded(rows: Iterator[Any], path: Path) -> Iterator[Any]:
    try:
        yield from rows
    except apsw.Error as error:
        raise JournalBrokenError(f"{path} cannot be read on: {error}") from error
