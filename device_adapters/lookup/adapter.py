# SPDX-License-Identifier: Apache-2.0
"""Asking beside the call: a LookUpCaller goes in, none or several CallerFound come out. No caller waits for it.

Tables answer at once. Services are asked in tasks of their own, each with an end. Numbers and places are in no log.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

from core.effects import Effect, LookUpCaller
from core.events import CallerFound, Fact, Location
from core.ids import Leg
from device_adapters.adapter import Clock, Door
from device_adapters.lookup import cells, held, numbers
from device_adapters.lookup.http import Question
from device_adapters.lookup.neighbours import Neighbours
from device_adapters.lookup.services import Service, Services
from device_adapters.lookup.settings import LookupSettings, Origin, origin_of
from device_adapters.lookup.shelf import Shelf
from device_adapters.pidf import UnreadableLocationError

EARLY_MAX = 10_000
"Callers who rang before the tables were read: as many as may wait in a house."
AT_ONCE = 16
"Of them asked for in one turn of the loop."
TABLES = "lookup:tables"
UNKNOWN = (204, 404)
"What a service answers that does not know a number."


class LookupAdapter:
    """Those who may know who calls and from where (device_adapters.adapter.Adapter)."""

    name = "lookup"

    def __init__(self, settings: LookupSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._door: Door | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()
        self._shelf = Shelf(settings)
        self._neighbours = Neighbours(clock, self._feed)
        self._services = Services(settings, clock, self._neighbours)
        self._opened = False
        self._early: deque[tuple[float, LookUpCaller]] = deque()
        self._counters: Counter[str] = Counter()
        self._phone = _phone(settings)
        self._held = _servers(settings)

    async def run(self, door: Door) -> None:
        """Serve until `stop()`; a service that is away, or a table that cannot be read, costs only its answers."""
        self._door = door
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._begin("lookup-open", self._open())
            await self._stopped.wait()
            self._tasks = None
            for task in self._running:
                task.cancel()

    def send(self, effect: Effect) -> None:
        """Ask, in the loop's next turn: whoever sends this has a caller to ring."""
        if isinstance(effect, LookUpCaller) and not self._stopped.is_set():
            self._counters["asked"] += 1
            asyncio.get_running_loop().call_soon(self._take, effect)

    def reload(self) -> None:
        """Read tables and certificates anew, beside the work; what cannot be read stays as it was."""
        if self._opened and self._shelf.renew():
            self._begin("lookup-reload", self._renew())

    def stop(self) -> None:
        """Let `run` return at once; answers that are on their way are not waited for."""
        self._stopped.set()
        self._shelf.stop()

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        parts = (self._counters, self._shelf.statistics(), self._services.statistics())
        return {name: value for part in parts for name, value in part.items()} | {"early": len(self._early)}

    async def _open(self) -> None:
        """Get ready to ask services, then read the tables; ask for those who rang meanwhile."""
        await self._trust()
        self._opened = True
        for _, effect in self._early:
            self._ask_held(effect.leg, effect.locate_at)
        await self._fill()
        oldest = self._clock.mono_s() - self._settings.late_s
        while self._early:
            at, effect = self._early.popleft()
            if at < oldest:
                self._counters["early_dropped"] += 1
                continue
            self._ask_tables(effect)
            if len(self._early) % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _renew(self) -> None:
        await self._fill()
        await self._trust()

    async def _trust(self) -> None:
        origins = [*self._held, *([self._phone.origin] if self._phone else [])]
        if any(origin.scheme == "https" for origin in origins):
            await self._services.open()

    async def _fill(self) -> None:
        """Read the tables; tell the desks when one is not there at all, and when all are."""
        await self._shelf.fill()
        if self._shelf.lacking:
            self._neighbours.gone(
                TABLES, "; ".join(f"{name}: {why}" for name, why in self._shelf.lacking.items())
            )
        else:
            self._neighbours.back(TABLES)

    def _take(self, effect: LookUpCaller) -> None:
        if self._opened:
            self._ask_held(effect.leg, effect.locate_at)
        if self._opened and self._shelf.filled:
            self._ask_tables(effect)
        elif len(self._early) < EARLY_MAX:
            self._early.append((self._clock.mono_s(), effect))
        else:
            self._counters["early_dropped"] += 1

    def _ask_tables(self, effect: LookUpCaller) -> None:
        self._ask_cells(effect.leg, effect.access)
        self._ask_numbers(effect.leg, effect.caller)

    def _ask_cells(self, leg: Leg, access: str) -> None:
        table = self._shelf.cells
        key = cells.key_of_access(access) if table is not None else 0
        if table is None or not key:
            return
        row = table.find(key)
        self._counters["cells_unknown" if row is None else "cells_found"] += 1
        if row is not None:
            self._found(leg, "cell", location=numbers.place(row, self._settings.cells_datum, "cell"))

    def _ask_numbers(self, leg: Leg, caller: str) -> None:
        """Ask the table; the service only for what the table does not know."""
        number = numbers.spelt(caller, self._settings.area_code)
        if not number:
            return
        table = self._shelf.numbers
        if table is not None:
            row = table.find(numbers.number_key(number))
            self._counters["numbers_unknown" if row is None else "numbers_found"] += 1
            if row is not None:
                self._tell(leg, numbers.subscriber_of(row, self._settings.numbers_datum))
                return
        if self._phone is not None and self._services.may_ask(self._phone):
            self._begin("lookup-phone", self._ask_phone(self._phone, leg, number))

    def _ask_held(self, leg: Leg, references: tuple[str, ...]) -> None:
        for reference in references[: held.REFERENCES_MAX]:
            asked = held.asked_at(reference, self._held.keys())
            if asked is None:
                self._counters["held_not_listed"] += 1
                continue
            server = self._held[asked[0]]
            if self._services.may_ask(server):
                self._begin("lookup-held", self._ask_server(server, leg, asked[1]))

    async def _ask_phone(self, service: Service, leg: Leg, number: str) -> None:
        target = numbers.target(_path_of(self._settings.phone_url), number)
        question = Question(service.origin, "GET", target, "application/json", token=self._shelf.token)
        reply = await self._services.ask(service, question)
        if reply is None:
            return
        if reply.status != 200 and reply.status not in UNKNOWN:
            self._services.failed(service, f"status_{reply.status}")
            return
        subscriber = None
        if reply.status == 200:
            try:
                subscriber = numbers.read_answer(reply.body, self._settings.phone_datum)
            except numbers.UnreadableAnswerError:
                self._services.failed(service, "unreadable")
                return
        self._services.well(service)
        self._counters["phone_unknown" if subscriber is None else "phone_found"] += 1
        if subscriber is not None:
            self._tell(leg, subscriber)

    async def _ask_server(self, service: Service, leg: Leg, target: str) -> None:
        """Fetch one place. Only silence and 5xx count against a server: what it is asked, a caller has chosen."""
        method = self._settings.held_method
        body = held.REQUEST if method == "POST" else b""
        question = Question(service.origin, method, target, f"{held.PIDF}, {held.HELD}", body, held.HELD)
        reply = await self._services.ask(service, question)
        if reply is None:
            return
        if reply.status >= 500:
            self._services.failed(service, f"status_{reply.status}")
            return
        self._services.well(service)
        if reply.status != 200:
            self._counters[f"held_status_{reply.status // 100}xx"] += 1
            return
        try:
            place = held.read_answer(reply.body)
        except held.NoPlaceError as wrong:
            self._counters[f"held_{wrong}"] += 1
        except UnreadableLocationError:
            self._counters["held_unreadable"] += 1
        else:
            self._counters["held_found"] += 1
            self._found(leg, "held", address=place.address, location=place.location)

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        if self._tasks is None:
            work.close()
            return
        task = self._tasks.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _tell(self, leg: Leg, subscriber: numbers.Subscriber) -> None:
        self._found(leg, "lookup", subscriber.name, subscriber.address, subscriber.location)

    def _found(
        self, leg: Leg, source: str, name: str = "", address: str = "", location: Location | None = None
    ) -> None:
        at_ns = self._clock.wall_ns()
        self._feed(
            CallerFound(at_ns=at_ns, leg=leg, source=source, name=name, address=address, location=location)
        )

    def _feed(self, fact: Fact) -> None:
        assert self._door is not None, "an answer before run"
        self._door.feed(fact)


def _phone(settings: LookupSettings) -> Service | None:
    return Service("phone", origin_of(settings.phone_url), settings) if settings.phone_url else None


def _servers(settings: LookupSettings) -> dict[Origin, Service]:
    return {origin: Service("held", origin, settings) for origin in map(origin_of, settings.held_origins)}


def _path_of(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
