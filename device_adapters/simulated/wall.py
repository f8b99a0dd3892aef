# SPDX-License-Identifier: Apache-2.0
"""A simulated map on the wall: follows the positions streams and tells the books what it sees, and when.

Like desk.py it knows redis, has a client of its own and never retries by itself.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from device_adapters.simulated.shown import Entry, Shown

BLOCK_MS, SOCKET_TIMEOUT_S, RETRY_S = 400, 5.0, 0.2
BATCH = 100
"Ticks of each county taken at once: ten seconds."


class Wall:
    """Reads where everybody is."""

    def __init__(
        self, redis_url: str, counties: tuple[str, ...], shown: Shown, wall_ms: Callable[[], float]
    ) -> None:
        self.reconnects = 0
        self.ready = asyncio.Event()
        "Set once the place where reading begins is known."
        self._url = redis_url
        self._counties = {f"g110:{{{code}}}:positions".encode(): code for code in counties}
        self._last: dict[Any, Any] = {}
        "Stream -> newest id read, bytes both; redis declares wider types."
        self._shown = shown
        self._wall_ms = wall_ms
        self._stopped = False

    def stop(self) -> None:
        """Ask `run` to return within one blocking read."""
        self._stopped = True

    async def run(self) -> None:
        """Read until `stop()`."""
        async with self._client() as client:
            while not self._stopped:
                try:
                    await self._begin(client)
                    self.ready.set()
                    told = await client.xread(self._last, count=BATCH, block=BLOCK_MS)
                    await self._take(client, cast(Any, told))
                except RedisError:
                    self.reconnects += 1
                    await asyncio.sleep(RETRY_S)

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self._url,
            protocol=2,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=2.0,
            retry=Retry(NoBackoff(), 0),
        )

    async def _begin(self, client: redis.Redis) -> None:
        """Begin behind what is there, knowing the units."""
        for stream, county in self._counties.items():
            if stream not in self._last:
                newest = await client.xrevrange(stream, count=1)
                await self._learn(client, county)
                self._last[stream] = cast(bytes, newest[0][0]) if newest else b"0-0"

    async def _take(
        self, client: redis.Redis, streams: list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]
    ) -> None:
        now_ms = self._wall_ms()
        for stream, entries in streams:
            county, whole = self._counties[stream], True
            for entry_id, fields in entries:
                self._last[stream] = entry_id
                entry = Entry(county, int(fields[b"at"]), fields[b"data"])
                whole = self._shown.take(entry, now_ms) and whole
            if not whole:
                await self._learn(client, county)

    async def _learn(self, client: redis.Redis, county: str) -> None:
        index = cast(dict[bytes, bytes], await client.hgetall(f"g110:{{{county}}}:unit_index"))
        self._shown.name({int(number): unit.decode() for number, unit in index.items()})
