# SPDX-License-Identifier: Apache-2.0
"""A simulated console: reads the decision streams, stamps when each became readable, and gives a few commands:
it classifies some calls and ends the emergencies of officers it has spoken to.

It knows redis; nothing else in this room does. Reading has a client of its own whose socket waits longer than
the blocking read, and never retries by itself: a retried command could be one read twice.
"""

import asyncio
import heapq
from collections.abc import Callable
from typing import Any, cast

import msgspec
import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from device_adapters.simulated.alarm import Alarm
from device_adapters.simulated.ledger import Ledger, Line

BLOCK_MS, SOCKET_TIMEOUT_S, RETRY_S = 400, 5.0, 0.2
BATCH = 1000
"Entries of each stream taken at once."

Entries = list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk will say."""

    due: float
    county: str
    kind: str
    command_id: str
    body: dict[str, str | int]


class Desk:
    """Everybody who watches the wall."""

    def __init__(
        self,
        redis_url: str,
        counties: tuple[str, ...],
        clock: Callable[[], float],
        *,
        classify: Callable[[str], tuple[float, int, str] | None] | None = None,
        calm_after_s: float | None = None,
    ) -> None:
        """`calm_after_s`: so long after an officer's cry for help it is ended; None: never."""
        self.ledger = Ledger()
        self.reconnects = self.commands = 0
        self.ready = asyncio.Event()
        "Set once the place where reading begins is known."
        self._url = redis_url
        self._clock = clock
        self._calm_after_s = calm_after_s
        self._classify = classify
        "Asked with the SIP Call-ID of an answered call: seconds until classified, level, category; or None."
        self._last: dict[Any, Any] = {f"g110:{{{code}}}:decisions".encode(): b"" for code in counties}
        "Stream -> newest id read, bytes both; redis declares wider types."
        self._pending: list[tuple[float, int, Command]] = []
        self._alarm = Alarm()
        self._stopped = False

    def stop(self) -> None:
        """Ask `run` to return within one blocking read."""
        self._stopped = True
        self._alarm.ring()

    async def run(self) -> None:
        """Read until `stop()`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read(), name="city-desk-reads")
            if self._classify is not None or self._calm_after_s is not None:
                tasks.create_task(self._write(), name="city-desk-writes")

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self._url,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=2.0,
            retry=Retry(NoBackoff(), 0),
        )

    async def _read(self) -> None:
        async with self._client() as client:
            while not self._stopped:
                try:
                    await self._begin(client)
                    self.ready.set()
                    told = await client.xread(self._last, count=BATCH, block=BLOCK_MS)
                    self._take(cast(Entries, told))
                except RedisError:
                    self.reconnects += 1
                    await asyncio.sleep(RETRY_S)

    async def _begin(self, client: redis.Redis) -> None:
        """Begin behind what is there: only what follows is ours to judge."""
        for stream in [stream for stream, last in self._last.items() if not last]:
            newest = await client.xrevrange(stream, count=1)
            self._last[stream] = cast(bytes, newest[0][0]) if newest else b"0-0"

    def _take(self, streams: Entries) -> None:
        now = self._clock()
        for stream, entries in streams:
            for entry_id, fields in entries:
                self._last[stream] = entry_id
                line = self.ledger.read(stream.decode(), entry_id.decode(), fields, now)
                if line is not None and fields[b"type"] == b"call.answered":
                    self._ask(line, now)
                elif line is not None and line.kind == "officer_emergency":
                    self._speak_to(line, now)

    def _ask(self, line: Line, now: float) -> None:
        answer = self._classify(line.sip_call_id) if self._classify is not None else None
        if answer is not None:
            wait_s, level, category = answer
            body: dict[str, str | int] = {"call_id": line.call_id, "level": level, "category": category}
            self._will_say(
                Command(
                    due=now + wait_s,
                    county=line.county,
                    kind="call.classify",
                    command_id=f"classify-{line.call_id}",
                    body=body,
                )
            )

    def _speak_to(self, line: Line, now: float) -> None:
        if self._calm_after_s is not None:
            self._will_say(
                Command(
                    due=now + self._calm_after_s,
                    county=line.county,
                    kind="emergency.end",
                    command_id=f"calm-{line.subject}-{line.at_us}",
                    body={"unit_id": line.subject, "text": "spoken to, all well"},
                )
            )

    def _will_say(self, command: Command) -> None:
        heapq.heappush(self._pending, (command.due, self.ledger.entries, command))
        self._alarm.ring()

    async def _write(self) -> None:
        async with self._client() as client:
            while not self._stopped:
                await self._alarm.sleep(self._wait_s())
                while self._pending and self._wait_s() <= 0 and not self._stopped:
                    await self._give(client, heapq.heappop(self._pending)[2])

    def _wait_s(self) -> float:
        return min(self._pending[0][0] - self._clock(), 60.0) if self._pending else 60.0

    async def _give(self, client: redis.Redis, command: Command) -> None:
        fields: dict[str, str | bytes] = {
            "type": command.kind,
            "data": msgspec.json.encode(command.body),
            "by": "simulated-desk",
            "command_id": command.command_id,
        }
        try:
            await client.xadd(f"g110:{{{command.county}}}:commands", fields)  # type: ignore[arg-type]
            self.commands += 1
        except RedisError:
            self.reconnects += 1
