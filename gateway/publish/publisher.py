# SPDX-License-Identifier: Apache-2.0
"""The outbox whose neighbour is Redis: every decision, once, in order, however often Redis goes away.

Redis itself says how far it has come: the last id of a county's stream carries the number of our last decision
there. So after any outage, restart or loss of its memory the publisher asks, and goes on from the answer, out
of its own memory or, when that is too short, out of the journal.
"""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

import structlog

from core.effects import IndexUnits, ShowPositions
from core.events import LeadTaken, NeighbourBack, NeighbourGone
from core.ids import CountyCode
from device_adapters.adapter import Clock, Door
from gateway.errors import JournalError, NeighbourAwayError, RefusedError
from gateway.journal import reader
from gateway.journal.record import Numbered
from gateway.publish.redis import Lead, Store
from gateway.publish.settings import RedisSettings

BATCH_MAX = 64  # decisions in one script: Redis is busy for about half a millisecond
CATCH_UP = 2048  # decisions read from the journal at a time: about 2 MB
TICKS_MAX = 50  # ticks of positions kept per county for a slow Redis: 5 s; older ones are overwritten

log = structlog.get_logger()


class RedisPublisher:
    """Take decisions without waiting; see that each gets into its county's stream."""

    name = "redis"

    def __init__(
        self,
        settings: RedisSettings,
        clock: Clock,
        *,
        node: str,
        journal_id: str,
        folder: Path,
        epochs: dict[CountyCode, int],
        on_verdict: Callable[[], None] = lambda: None,
        spread: Callable[[], float] = random.random,
    ) -> None:
        """`epochs` are the highest used so far; `on_verdict` is called when orders may leave; `spread` is jitter."""
        self._settings = settings
        self._clock = clock
        self._store = Store(settings, node, journal_id)
        self._folder = folder
        self._floors = dict(epochs)
        self._epochs: dict[CountyCode, int] = {}
        "Those of this run: taken once, kept through every outage."
        self._spread = spread
        self._line: deque[Numbered] = deque(maxlen=settings.pending_max)
        self._newest: dict[CountyCode, int] = {}
        self._newest_n = 0
        self._cursor = 0
        "Everything numbered up to this is in its stream."
        self._leads: dict[CountyCode, Lead] = {}
        self._ticks: dict[CountyCode, deque[tuple[int, ShowPositions]]] = {}
        self._index: dict[CountyCode, IndexUnits] = {}
        self._index_due: set[CountyCode] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self._told_gone = False
        self.connected = False
        self.refused = "Redis has not been asked yet"
        "Why no order may leave this gateway (another leads); empty when we lead or Redis is away."
        self._on_verdict = on_verdict
        self._sent: dict[CountyCode, int] = {}
        "The number of our last decision in each county's stream, as far as we know."
        self._counts: Counter[str] = Counter()

    def resume(self, newest: dict[CountyCode, int]) -> None:
        """Hear of the newest decision of each county that replay found."""
        self._newest.update(newest)
        self._newest_n = max(newest.values(), default=0)

    def publish(self, made: Numbered) -> None:
        """Take a durable decision. When memory is full the oldest is dropped here and read from the journal."""
        self._line.append(made)
        self._newest[made.county] = self._newest_n = made.n
        self._wake.set()

    def show(self, seq: int, shown: ShowPositions) -> None:
        """Take a tick of positions; while Redis is away the oldest are overwritten."""
        ticks = self._ticks.setdefault(shown.county, deque(maxlen=TICKS_MAX))
        if len(ticks) == TICKS_MAX:
            self._counts["positions_overwritten"] += 1
        ticks.append((seq, shown))
        self._wake.set()

    def index(self, _seq: int, index: IndexUnits) -> None:
        """Take a county's unit index; written now and again to every Redis that may have forgotten it."""
        self._index[index.county] = index
        self._index_due.add(index.county)
        self._wake.set()

    async def run(self, door: Door) -> None:
        """Serve until stopped and, if Redis is there, until everything is sent."""
        pause_s = self._settings.reconnect_s_min
        while not self._stopping:
            try:
                await self._take_leads(door)
                self._came_back(door)
                pause_s = self._settings.reconnect_s_min
                await self._serve(door)
            except (NeighbourAwayError, RefusedError) as error:
                self._went_away(door, error)
                await self._pause(pause_s * (0.5 + self._spread()))
                pause_s = min(pause_s * 2, self._settings.reconnect_s_max)
        await self._leave()

    def stop(self) -> None:
        """Ask `run` to send what is left and return."""
        self._stopping = True
        self._wake.set()

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        return {
            "connected": int(self.connected),
            "refused": int(bool(self.refused)),
            "behind": max(0, self._newest_n - self._cursor),
            **self._counts,
        }

    # The way there and back

    async def _take_leads(self, door: Door) -> None:
        """Lead every county we have anything for, and find out how far each stream has come."""
        self._leads.clear()
        self._sent.clear()
        for county in sorted({*self._newest, *self._index, *self._ticks}):
            await self._lead(county, door)
        behind = [
            lead.sent_n for county, lead in self._leads.items() if lead.sent_n < self._newest.get(county, 0)
        ]
        self._cursor = max(min(behind, default=self._newest_n), self._newest_n - self._settings.decisions_max)
        self._index_due |= set(self._index)

    async def _lead(self, county: CountyCode, door: Door) -> Lead:
        epoch = self._epochs.get(county, 0)
        lead = await self._store.lead(county, epoch, self._floors.get(county, 0))
        self._leads[county] = lead
        if not epoch:
            self._epochs[county] = lead.epoch
            door.feed(LeadTaken(at_ns=self._clock.wall_ns(), county=county, epoch=lead.epoch))
        return lead

    def _came_back(self, door: Door) -> None:
        if not self.connected:
            self.connected = True
            self._judge("")
            if self._told_gone:
                self._told_gone = False
                log.info("neighbour_back", name=self.name)
                door.feed(NeighbourBack(at_ns=self._clock.wall_ns(), name=self.name))

    def _went_away(self, door: Door, error: Exception) -> None:
        self.connected = False
        self._judge(str(error) if isinstance(error, RefusedError) else "")
        self._counts["attempts_failed"] += 1
        if not self._told_gone:
            self._told_gone = True
            log.warning("neighbour_gone", name=self.name, reason=str(error))
            door.feed(NeighbourGone(at_ns=self._clock.wall_ns(), name=self.name, reason=str(error)))

    def _judge(self, refused: str) -> None:
        self.refused = refused
        if not refused:
            self._on_verdict()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until `stop`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._stopping and loop.time() < until:
            await asyncio.sleep(min(0.1, max(0.0, until - loop.time())))

    async def _leave(self) -> None:
        if self.connected:
            for county in self._leads:
                await self._store.give_up_lead(county)
        await self._store.close()

    # At work

    async def _serve(self, door: Door) -> None:
        loop = asyncio.get_running_loop()
        renew_s = self._settings.lease_ms / 3000
        renew_at = loop.time() + renew_s
        while True:
            self._wake.clear()
            await self._send_decisions(door)
            await self._send_index()
            await self._send_positions(door)
            if self._stopping and self._cursor >= self._newest_n:
                return
            if loop.time() >= renew_at:
                for county, lead in list(self._leads.items()):
                    renewed = await self._store.lead(county, lead.epoch, 0)
                    if renewed.sent_n < self._sent.get(county, 0):
                        raise NeighbourAwayError("Redis has lost its memory")
                renew_at = loop.time() + renew_s
            alarm = loop.call_at(renew_at, self._wake.set)
            await self._wake.wait()
            alarm.cancel()

    async def _send_decisions(self, door: Door) -> None:
        while self._cursor < self._newest_n:
            while self._line and self._line[0].n <= self._cursor:
                self._line.popleft()
            if self._line and self._line[0].n == self._cursor + 1:
                await self._send(list(islice(self._line, BATCH_MAX)), door)
            else:
                await self._send_from_journal(door)

    async def _send_from_journal(self, door: Door) -> None:
        """Memory does not reach back far enough: read on from the disk, off the loop."""
        try:
            found = await asyncio.to_thread(_some, self._folder, self._cursor)
        except JournalError as error:  # a reader's trouble is not the callers'
            raise NeighbourAwayError(f"the journal cannot be read back: {error}") from None
        assert found, "what was published is in the journal"
        for start in range(0, len(found), BATCH_MAX):
            await self._send(found[start : start + BATCH_MAX], door)

    async def _send(self, batch: list[Numbered], door: Door) -> None:
        by_county: dict[CountyCode, list[Numbered]] = {}
        for made in batch:
            by_county.setdefault(made.county, []).append(made)
        for county, mine in by_county.items():
            lead = self._leads.get(county) or await self._lead(county, door)
            missing = [made for made in mine if made.n > lead.sent_n]
            if missing:
                self._counts["published"] += await self._store.commit(county, lead.epoch, missing)
                self._sent[county] = missing[-1].n
        self._cursor = batch[-1].n

    async def _send_index(self) -> None:
        while self._index_due:
            county = min(self._index_due)
            await self._store.index_units(self._index[county])
            self._index_due.discard(county)

    async def _send_positions(self, door: Door) -> None:
        for county, ticks in list(self._ticks.items()):
            lead = self._leads.get(county) or await self._lead(county, door)
            while ticks:
                seq, shown = ticks[0]
                try:
                    await self._store.show_positions(lead.epoch, seq, shown)
                except RefusedError:
                    self._counts["positions_doubled"] += 1  # sent before, the answer was lost
                ticks.popleft()


def _some(folder: Path, after_n: int) -> list[Numbered]:
    found: Iterable[Numbered] = reader.decisions(folder, after_n, CATCH_UP)
    return list(islice(found, CATCH_UP))
