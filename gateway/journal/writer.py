# SPDX-License-Identifier: Apache-2.0
"""The writer: one thread, group commit, and a watermark that tells how far the disk has come.

The loop never waits for a disk. `append` puts a record into a line; the thread writes what is waiting in one
transaction and reports the last sequence number back to the loop. When the disk refuses, the records stay and
are tried again until it takes them: in the same file when the disk was full, in a new one after anything else
(after a failed fsync nobody knows what a file holds). Nothing is skipped.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import apsw

from gateway.errors import JournalBusyError, JournalFolderError
from gateway.journal.files import WritableFile, day_in, day_of, files_in, name_after
from gateway.journal.record import CHAIN_START, Record

BATCH_MAX = 512  # records in one transaction: a commit stays well under the 50 ms a caller may wait
RETRY_S = 0.25  # between attempts on a disk that refuses: often enough to come back within a ring
LOCK_NAME = "journal.lock"


class Watch(Protocol):
    """Who hears of the disk. Called on the loop's thread."""

    def durable(self, seq: int) -> None:
        """Everything up to this sequence number is on the disk."""
        ...

    def disk_refuses(self, why: str) -> None:
        """A commit failed; it is being tried again."""
        ...

    def writer_broke(self, error: BaseException) -> None:
        """The writer itself is wrong: nothing will be written any more."""
        ...


class Journal:
    """Append records; hear when they are durable."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.durable_seq = 0
        self.appended_seq = 0
        self._line: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._snapshot: tuple[int, bytes] | None = None
        self._file: WritableFile | None = None
        self._day = ""
        self._chain = CHAIN_START
        self._id = ""
        self._given_up = False
        self._written_seq = 0
        self._thread: threading.Thread | None = None
        self._lock_fd = -1

    @property
    def backlog(self) -> int:
        """Records not yet durable."""
        return self.appended_seq - self.durable_seq

    def lock(self) -> None:
        """Take the folder for this process. Raises JournalFolderError or JournalBusyError."""
        try:
            os.umask(os.umask(0o077) | 0o027)  # the journal is as confidential as the calls
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock_fd = os.open(self.folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JournalBusyError(
                f"another gateway is using {self.folder}; stop it or use another --data"
            ) from None
        except OSError as error:
            raise JournalFolderError(
                f"the data folder {self.folder} cannot be written ({error.strerror}); "
                "give the service's user write access or use another --data"
            ) from None

    def start(self, journal_id: str, after_seq: int, chain: bytes, watch: Watch) -> None:
        """Start writing after this sequence number, whose chain value is this (what replay has read)."""
        self.durable_seq = self.appended_seq = after_seq
        self._written_seq = after_seq
        self._chain = chain
        self._id = journal_id
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._write, args=(loop, watch), name="journal", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> None:
        """Put a record into the line. Sequence numbers follow each other without a gap."""
        assert record.seq == self.appended_seq + 1, "the journal has no gaps"
        self.appended_seq = record.seq
        self._line.put(record)

    def keep_snapshot(self, seq: int, data: bytes) -> None:
        """Have the engine's memory after fact `seq` written, once that fact is; only the newest counts."""
        self._snapshot = (seq, data)

    def close(self, wait_s: float) -> bool:
        """Write out the line and stop; return False when the disk did not take it within `wait_s`."""
        if self._thread is not None:
            self._line.put(None)
            self._thread.join(wait_s)
            if self._thread.is_alive() or self._written_seq < self.appended_seq:
                return False
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1
        return True

    # On the thread

    def _write(self, loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
        try:
            stopping = False
            while not stopping:
                batch, stopping = self._take()
                if batch:
                    self._commit(batch, loop, watch)
            self._write_snapshot()
            self._close_file()
        except BaseException as error:
            _tell(loop, watch.writer_broke, error)
            raise

    def _take(self) -> tuple[list[Record], bool]:
        """Wait for a record, then take everything that waits behind it."""
        record = self._line.get()
        batch: list[Record] = []
        while record is not None:
            batch.append(record)
            if len(batch) == BATCH_MAX:
                return batch, False
            try:
                record = self._line.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[Record], loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
        pause = threading.Event()
        while True:
            try:
                file = self._file_for(batch[0])
                file.write(batch)
                self._chain = file.chain
                break
            except apsw.FullError as error:  # rolled back cleanly: the same file goes on when there is room
                _tell(loop, watch.disk_refuses, str(error))
                pause.wait(RETRY_S)
            except (apsw.Error, OSError) as error:
                _tell(loop, watch.disk_refuses, f"{type(error).__name__}: {error}")
                self._give_up_file()
                pause.wait(RETRY_S)
        self._written_seq = batch[-1].seq
        _tell(loop, watch.durable, self._written_seq)
        self._write_snapshot()

    def _write_snapshot(self) -> None:
        """A snapshot only shortens the next start: what goes wrong with it may wait."""
        snapshot = self._snapshot
        if self._file is not None and snapshot is not None and snapshot[0] <= self._written_seq:
            self._snapshot = None
            with contextlib.suppress(apsw.Error):
                self._file.keep_snapshot(*snapshot)

    def _file_for(self, record: Record) -> WritableFile:
        day = max(day_of(record.at_ns), self._newest_day())  # a clock set back does not turn the page back
        if self._file is None or day != self._day:
            self._close_file()
            path = self._path_for(day)
            self._file = WritableFile(path, first_seq=record.seq, chain=self._chain, journal_id=self._id)
            self._day = day
            assert self._file.chain == self._chain, "a file goes on exactly where the journal ended"
        return self._file

    def _newest_day(self) -> str:
        if self._day:
            return self._day
        paths = files_in(self.folder)
        return day_in(paths[-1]) if paths else ""

    def _path_for(self, day: str) -> Path:
        """Return the file to go on with: the newest, when it is of this day and was not given up."""
        if not self._given_up:
            of_day = [path for path in files_in(self.folder) if day_in(path) == day]
            if of_day:
                return of_day[-1]
        self._given_up = False
        return name_after(self.folder, day)

    def _close_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _give_up_file(self) -> None:
        """Never write to it again: after a failed fsync nobody knows what it holds."""
        self._given_up = True
        with contextlib.suppress(apsw.Error):
            self._close_file()


def _tell(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: object) -> None:
    loop.call_soon_threadsafe(call, *args)
