# SPDX-License-Identifier: Apache-2.0
"""Rows off the loop and onto the disk: one thread, a bounded backlog, and a whole file every `flush_s`.

The loop only puts bytes into a line. A disk that is slow or refuses costs rows, counted, and nothing else: the history
is no part of any decision, and the accepted fixes of each tick are in the journal too.
"""

import contextlib
import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import structlog

from device_adapters.adapter import Clock
from device_adapters.fixes.track import ROW, ROW_DTYPE, TrackRows
from gateway.tracks import parquet
from gateway.tracks.settings import TracksSettings
from gateway.tracks.shelf import NS_A_DAY, Shelf, day_of

BACKLOG_BYTES_MAX = 64 << 20  # 1.6 million rows: five minutes of 5,000 fixes a second
PART_BYTES_MAX = (
    20 << 20
)  # half a million rows are a file even before `flush_s`: what the thread holds is bounded
CLOSE_S = 5.0
NICE = 10
"The thread steps back behind everything that serves calls; on Linux a thread has its own niceness."

log = structlog.get_logger(__name__)


class Tracks:
    """The writer of the history."""

    name = "tracks"

    def __init__(
        self, settings: TracksSettings, clock: Clock, node: str, unit_ids: Callable[[], Sequence[str]]
    ) -> None:
        """`unit_ids` are the names by index; asked on the thread, so it must only ever grow."""
        self._flush_s = settings.flush_s
        self._clock = clock
        self._unit_ids = unit_ids
        self._shelf = Shelf(Path(settings.folder), node, settings.days_kept)
        self._line: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._sources: Sequence[str] = ()
        self._put_bytes = 0
        self._done_bytes = 0
        "Each of the two is written by one thread only."
        self._thread: threading.Thread | None = None
        self._today = ""
        self._refused = False
        self.rows_written = self.rows_dropped = self.rows_lost = self.parts = self.faults = 0

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="tracks", daemon=True)
        self._thread.start()

    def take(self, track: TrackRows) -> None:
        """Take a tick's rows; never waits. Called on the loop."""
        data = track.take()
        if not data:
            return
        self._sources = track.sources
        full = self._put_bytes - self._done_bytes + len(data) > BACKLOG_BYTES_MAX
        if full or self._thread is None or not self._thread.is_alive():
            self.rows_dropped += len(data) // ROW.size
            return
        self._put_bytes += len(data)
        self._line.put(data)

    def close(self, wait_s: float = CLOSE_S) -> bool:
        """Finish the file and stop; False when the disk did not take it in time."""
        if self._thread is None:
            return True
        self._line.put(None)
        self._thread.join(wait_s)
        return not self._thread.is_alive()

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        return {
            "rows_written": self.rows_written,
            "rows_dropped": self.rows_dropped,
            "rows_lost": self.rows_lost,
            "parts": self.parts,
            "faults": self.faults,
            "backlog_rows": (self._put_bytes - self._done_bytes) // ROW.size,
        }

    # On the thread

    def _run(self) -> None:
        with contextlib.suppress(OSError):  # forbidden where docs/run/gateway.service holds
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        self._tidy(day_of(self._clock.wall_ns()))
        held = bytearray()
        due_s = 0.0
        while True:
            try:
                wait_s = max(0.0, due_s - self._clock.mono_s()) if held else None
                data = self._line.get(timeout=wait_s)
            except queue.Empty:
                data = b""
            if data and not held:
                due_s = self._clock.mono_s() + self._flush_s
            held += data or b""
            if held and (data is None or self._clock.mono_s() >= due_s or len(held) >= PART_BYTES_MAX):
                self._write(bytes(held))
                held.clear()
            if data is None:
                return

    def _write(self, data: bytes) -> None:
        rows = np.frombuffer(data, ROW_DTYPE)
        days = rows["at_ns"] // NS_A_DAY
        for day in np.unique(days):
            self._write_part(rows[days == day].tobytes())
        self._done_bytes += len(data)

    def _write_part(self, data: bytes) -> None:
        first_at_ns = int(np.frombuffer(data, ROW_DTYPE, count=1)["at_ns"][0])
        self._tidy(day_of(first_at_ns))
        try:
            path = self._shelf.part(first_at_ns)
            self.rows_written += parquet.write(path, data, self._unit_ids(), self._sources)
            self.parts += 1
            if self._refused:
                self._refused = False
                log.info("tracks_written_again")
        except OSError as error:  # a full disk, a folder taken away: the next part may fare better
            self.rows_lost += len(data) // ROW.size
            self._fault(error)

    def _tidy(self, today: str) -> None:
        if today == self._today:
            return
        self._today = today
        try:
            gone = self._shelf.tidy(today)
        except OSError as error:
            self._fault(error)
            return
        if gone:
            log.info("tracks_deleted", days=gone)

    def _fault(self, error: OSError) -> None:
        self.faults += 1
        if not self._refused:
            self._refused = True
            log.error("tracks_not_written", reason=error.strerror or type(error).__name__)
