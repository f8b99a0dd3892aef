# SPDX-License-Identifier: Apache-2.0
"""From the consoles' commands streams to facts. Read in order, each once, also across a restart."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import msgspec
import redis.exceptions

from core.events import CommandGiven
from core.ids import CountyCode
from device_adapters.adapter import Clock, Door
from gateway.publish.keys import key
from gateway.publish.redis import AWAY, client
from gateway.publish.settings import RedisSettings

BLOCK_MS = 1000  # a stop waits no longer than this for the reader
READ_MAX = 100  # commands taken at a time: a desk types a few a minute
WORD_MAX = 200  # of what an unreadable command says of itself
PAUSE_S = 0.5  # between attempts while Redis is away; the publisher is the one who tells of it


class Commands:
    """Read the commands of some counties and feed them."""

    name = "commands"

    def __init__(
        self,
        settings: RedisSettings,
        clock: Clock,
        counties: Callable[[], Iterable[CountyCode]],
        read: Mapping[CountyCode, str],
    ) -> None:
        """`read` is the id of the last command taken from each county's stream (from the journal)."""
        self._clock = clock
        self._counties = counties
        self._client = client(settings, block_s=BLOCK_MS / 1000)
        self._last = dict(read)
        self._stopping = False
        self._counts = {"given": 0, "unreadable": 0}

    async def run(self, door: Door) -> None:
        """Serve until stopped."""
        while not self._stopping:
            try:
                await self._read(door)
            except (*AWAY, redis.exceptions.ResponseError):
                await asyncio.sleep(PAUSE_S)
        await self._client.aclose()

    def stop(self) -> None:
        """Return within BLOCK_MS."""
        self._stopping = True

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        return dict(self._counts)

    async def _read(self, door: Door) -> None:
        streams: dict[str, CountyCode] = {key(county, "commands"): county for county in self._counties()}
        for name, county in streams.items():
            if county not in self._last:
                self._last[county] = await self._top(name)
        if not streams:
            await asyncio.sleep(PAUSE_S)
            return
        since = {name: self._last[county] for name, county in streams.items()}
        found = await self._client.xread(since, count=READ_MAX, block=BLOCK_MS)
        for stream, entries in _pairs(found):
            county = streams[stream.decode()]
            for entry_id, fields in entries:
                self._last[county] = entry_id.decode()
                self._give(door, county, entry_id.decode(), fields)

    async def _top(self, name: str) -> str:
        """Where a stream never read before is read from: commands older than this gateway are not for it."""
        newest = await self._client.xrevrange(name, count=1)
        return newest[0][0].decode() if newest else "0-0"

    def _give(self, door: Door, county: CountyCode, entry_id: str, fields: Mapping[bytes, bytes]) -> None:
        try:
            wanted = msgspec.json.decode(fields.get(b"data", b"{}"), type=dict[str, object])
            fact = msgspec.convert(
                {
                    **wanted,
                    "type": "command.given",
                    "at_ns": self._clock.wall_ns(),
                    "command": fields[b"type"].decode(),
                    "command_id": fields.get(b"command_id", b"").decode(),
                    "by": fields.get(b"by", b"").decode(),
                    "county": county,
                    "stream_id": entry_id,
                },
                CommandGiven,
            )
        except (KeyError, UnicodeDecodeError, msgspec.MsgspecError) as error:
            self._counts["unreadable"] += 1
            door.feed(self._unreadable(county, entry_id, fields, error))
            return
        self._counts["given"] += 1
        door.feed(fact)

    def _unreadable(
        self, county: CountyCode, entry_id: str, fields: Mapping[bytes, bytes], error: Exception
    ) -> CommandGiven:
        """Let the engine refuse it by name: whoever gave it must not think that it was done."""
        return CommandGiven(
            at_ns=self._clock.wall_ns(),
            command=f"{_word(fields, b'type')}, unreadable: {error}"[:WORD_MAX],
            command_id=_word(fields, b"command_id"),
            by=_word(fields, b"by"),
            county=county,
            stream_id=entry_id,
        )


def _word(fields: Mapping[bytes, bytes], name: bytes) -> str:
    return fields.get(name, b"").decode(errors="replace")[:WORD_MAX]


def _pairs(found: object) -> Iterable[tuple[bytes, list[tuple[bytes, Mapping[bytes, bytes]]]]]:
    """Return (stream, entries): RESP3 answers with a mapping, stream to lists of entries, RESP2 with pairs."""
    if isinstance(found, dict):
        return [(name, [entry for part in parts for entry in part]) for name, parts in found.items()]
    return found or []  # type: ignore[return-value]
