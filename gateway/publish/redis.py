# SPDX-License-Identifier: Apache-2.0
"""The one file that knows redis-py: a connection, the lease, and the two scripts.

redis-py 8 retries by default and would send an `XADD *` twice, waits seconds for a dead server, and hides
both (measured). So: no retries, short timeouts, ids of our own, and a task that nobody waits for.
"""

from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec
import redis.asyncio
import redis.exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from core.effects import AnyDecision, IndexUnits, ShowPositions
from core.ids import CountyCode
from gateway.errors import NeighbourAwayError, RefusedError
from gateway.journal.record import Numbered
from gateway.publish.keys import is_last, key, queue_change, state_key
from gateway.publish.scripts import COMMIT, LEAD, LEAVE, REFUSED_BY_ID
from gateway.publish.settings import RedisSettings

AWAY = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError)
_DECODER: msgspec.json.Decoder[AnyDecision] = msgspec.json.Decoder(AnyDecision)


class Lead(msgspec.Struct, frozen=True):
    """What a county's stream said when we took the lead."""

    epoch: int
    "The fencing token under which we write."
    sent_n: int
    "The number of our last decision that is in the stream, 0 for none."


class Store:
    """One Redis, spoken to by one task. Every method raises NeighbourAwayError when it does not answer."""

    def __init__(self, settings: RedisSettings, node: str, journal_id: str) -> None:
        self._settings = settings
        self._node = node
        self._journal_id = journal_id
        self._client = client(settings)
        self._lead = self._client.register_script(LEAD)
        self._commit = self._client.register_script(COMMIT)
        self._leave = self._client.register_script(LEAVE)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()

    async def lead(self, county: CountyCode, epoch: int, floor: int) -> Lead:
        """Take or renew the lease of a county: epoch 0 asks for a new one, above `floor`.

        Raises RefusedError when another gateway holds the lease or has written under a newer epoch.
        """
        keys = [key(county, name) for name in ("leader", "decisions", "journal")]
        args = (self._node, self._settings.lease_ms, epoch, floor, self._journal_id)
        found = await self._run(self._lead(keys=keys, args=args))
        if len(found) == 1:
            raise RefusedError(f"{county} is led by {found[0].decode(errors='replace')}")
        return Lead(*found)

    async def give_up_lead(self, county: CountyCode) -> None:
        """Free the lease at a clean stop, so that another need not wait for it to run out."""
        try:
            await self._run(self._leave(keys=[key(county, "leader")], args=[self._node]))
        except NeighbourAwayError:
            return

    async def commit(self, county: CountyCode, epoch: int, decisions: Sequence[Numbered]) -> int:
        """Append decisions with their state and queue changes; ring the bell. Return how many were new.

        Sending the same again changes nothing. Raises RefusedError when a newer leader has written here.
        """
        states: dict[str, int] = {}
        args: list[str | bytes | int | float] = [self._settings.decisions_max, self._settings.state_keep_s]
        for made in decisions:
            decision = _DECODER.decode(made.data)
            name = state_key(decision)
            index = states.setdefault(name, len(states) + 1) if name else 0
            member, score = queue_change(decision)
            args += (f"{epoch}-{made.n}", made.type, made.data, index, int(is_last(decision)), member)
            args.append("" if score is None else score)
        keys = [key(county, name) for name in ("decisions", "queue", "bell", "journal", *states)]
        return int(await self._run(self._commit(keys=keys, args=args)))

    async def show_positions(self, epoch: int, seq: int, shown: ShowPositions) -> None:
        """Put one tick on the positions stream."""
        await self._run(
            self._client.xadd(
                key(shown.county, "positions"),
                {"at": shown.at_ms, "n": shown.n, "data": shown.data},
                id=f"{epoch}-{seq}",
                maxlen=self._settings.positions_max,
                approximate=True,
            )
        )

    async def index_units(self, index: IndexUnits) -> None:
        """Write the whole unit index of a county."""
        await self._run(self._client.hset(key(index.county, "unit_index"), mapping=index.units))

    async def _run(self, call: Awaitable[Any]) -> Any:  # noqa: ANN401  an answer of Redis
        try:
            return await call
        except AWAY as error:
            raise NeighbourAwayError(f"Redis: {error}") from None
        except redis.exceptions.ResponseError as error:
            if REFUSED_BY_ID in str(error):
                raise RefusedError(f"Redis refused an id: {error}") from None
            raise NeighbourAwayError(f"Redis: {error}") from None


def client(settings: RedisSettings, *, block_s: float = 0.0) -> Any:  # noqa: ANN401 redis-py types every answer as both str and bytes
    """Return a client that fails fast and never repeats a command by itself.

    `block_s` is for a reader of its own that waits in XREAD: its socket must be allowed to wait longer.
    """
    return redis.asyncio.Redis.from_url(
        settings.url,
        socket_timeout=settings.timeout_s + block_s,
        socket_connect_timeout=settings.timeout_s,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
        max_connections=2,
    )
