# SPDX-License-Identifier: Apache-2.0
"""Keeps the roads of a running gateway: reads them at the start, builds labels whenever the engine wants new ones.

All heavy work is done in a thread of its own, one piece at a time, and does not hold up the loop; it is not waited
for at a stop. Calls ring and are ranked meanwhile: along straight lines while there are no roads, along searches
while there are no labels.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from core.effects import Effect, RebuildRoads
from core.events import NeighbourBack, NeighbourGone, RoadsLoaded, RoadsRebuilt
from core.roads.atlas import Atlas
from core.roads.traffic import Frozen
from device_adapters.adapter import Clock, Door
from gateway.errors import GatewayError
from gateway.roads.shelf import Shelf

REASON_CHARS_MAX: Final = 200

log = structlog.get_logger()
T = TypeVar("T")


class RoadKeeper:
    """The gateway's side of the roads (an adapter whose neighbour is a file)."""

    name = "roads"

    def __init__(self, file: str, shelf: Shelf, clock: Clock, atlas: Callable[[], Atlas | None]) -> None:
        """`file` is the road file to serve, "" for straight lines; `atlas` asks for the roads in force."""
        self._file = file
        self._shelf = shelf
        self._clock = clock
        self._atlas = atlas
        self._wake = asyncio.Event()
        self._working: asyncio.Future[Any] | None = None
        self._failed: Frozen | None = None
        "What no labels could be built for: not tried again until it is asked for again; ways are searched."
        self._stopping = False
        self._read_due = True
        self._gone = False
        self._counts: Counter[str] = Counter()

    async def run(self, door: Door) -> None:
        """Serve until stopped. Kernels should be warm by now: without machine code labels take minutes."""
        while not self._stopping:
            self._wake.clear()
            if self._read_due:
                self._read_due = False
                await self._load(door)
            elif (wanted := self._wanted()) is not None:
                await self._build(door, *wanted)
            else:
                await self._wake.wait()

    def send(self, effect: Effect) -> None:
        """Look at what is wanted now; what failed is tried again when the engine asks again."""
        if isinstance(effect, RebuildRoads):
            self._failed = None
            self._wake.set()

    def reload(self, file: str) -> None:
        """Read the file, which may have another name by now, or other roads in it."""
        self._file = file
        self._read_due = True
        self._wake.set()

    def stop(self) -> None:
        """Let `run` return now; what a thread still does is lost, and asked for again by the next start."""
        self._stopping = True
        self._wake.set()
        if self._working is not None and not self._working.done():
            self._working.set_result(None)

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        atlas = self._atlas()
        if atlas is None:
            return {"loaded": 0, **self._counts}
        return {
            "loaded": 1,
            "lanes": atlas.networks[atlas.lead].graph.lanes,
            "closures": len(atlas.closures),
            "live": int(atlas.live),
            "labelled": int(atlas.unlabelled() is None),
            "rebuild_pending": int(atlas.pending is not None),
            **self._counts,
        }

    def _wanted(self) -> tuple[Atlas, Frozen] | None:
        """Return what labels are to be built for: what is to come into force, else what is and has none."""
        atlas = self._atlas()
        frozen = None if atlas is None else atlas.pending or atlas.unlabelled()
        return None if atlas is None or frozen is None or frozen is self._failed else (atlas, frozen)

    async def _load(self, door: Door) -> None:
        """Bring the file's roads into force, if they are not."""
        before = self._atlas()
        if not self._file:
            self._tell_back(door)
            if before is not None:
                door.feed(RoadsLoaded(at_ns=self._clock.wall_ns(), digest=""))
            return
        path = Path(self._file)
        try:
            found = await self._beside(lambda: self._shelf.take_in(path))
        except GatewayError as error:  # those in force stay; a map stops no telephone
            self._tell_gone(door, str(error))
            return
        except Exception as error:  # no room, or a fault of ours: the next start would meet it again
            log.exception("roads_not_read", file=self._file, error=repr(error))
            self._tell_gone(door, f"{self._file} cannot be read: {error!r}")
            return
        if found is None:
            return
        digest, networks = found
        self._tell_back(door)
        self._shelf.open(digest, networks)
        if before is None or before.digest != digest:
            door.feed(RoadsLoaded(at_ns=self._clock.wall_ns(), digest=digest))
            log.info("roads_loaded", digest=digest, profiles=sorted(networks))
        self._shelf.close_others(digest)

    def _tell_gone(self, door: Door, reason: str) -> None:
        log.error("roads_refused", reason=reason)
        self._counts["refused"] += 1
        if not self._gone:
            self._gone = True
            why = reason[:REASON_CHARS_MAX]
            door.feed(NeighbourGone(at_ns=self._clock.wall_ns(), name=self.name, reason=why))

    def _tell_back(self, door: Door) -> None:
        if self._gone:
            self._gone = False
            door.feed(NeighbourBack(at_ns=self._clock.wall_ns(), name=self.name))

    async def _build(self, door: Door, atlas: Atlas, frozen: Frozen) -> None:
        begun_s = self._clock.mono_s()
        try:
            rebuilt = await self._beside(lambda: atlas.rebuild(frozen))
        except Exception as error:  # no room, or a fault of ours: ways are searched, and telephones ring
            self._failed = frozen
            self._counts["rebuilds_failed"] += 1
            log.exception("roads_not_rebuilt", of_seq=frozen.of_seq, error=repr(error))
            return
        if rebuilt is None:
            return
        self._counts["rebuilds"] += 1
        self._counts["rebuild_ms"] = int((self._clock.mono_s() - begun_s) * 1000)
        if self._atlas() is not atlas:  # other roads have come meanwhile
            return
        atlas.offer(rebuilt)
        if atlas.pending is frozen:
            door.feed(RoadsRebuilt(at_ns=self._clock.wall_ns(), of_seq=frozen.of_seq))

    async def _beside(self, work: Callable[[], T]) -> T | None:
        """Do the work in a thread; None when we are stopped meanwhile. What it raises is raised here."""
        loop = asyncio.get_running_loop()
        working: asyncio.Future[T | None] = loop.create_future()
        self._working = working

        def settle(result: T | None, error: Exception | None) -> None:
            if working.done():
                return
            if error is not None:
                working.set_exception(error)
            else:
                working.set_result(result)

        def run() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as raised:  # it is raised again where it is waited for
                error = raised
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=run, name="roads", daemon=True).start()
        return await working
