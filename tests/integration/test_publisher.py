# SPDX-License-Identifier: Apache-2.0
"""The publisher against a real Redis: one leader, every decision once, whatever Redis has forgotten."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from core.effects import CallWaiting, Decision, IndexUnits, ShowPositions
from core.events import Fact, LeadTaken, NeighbourBack, NeighbourGone
from core.ids import CallId, CountyCode, IncidentId, UnitId
from gateway.clock import SystemClock
from gateway.demo.servers import Server, ServerMissingError, redis_server
from gateway.journal.record import Numbered, number
from gateway.publish.publisher import RedisPublisher
from gateway.publish.settings import RedisSettings
from tests.waiting import until

pytestmark = pytest.mark.real

COUNTY = CountyCode("330302")
DECISIONS = "g110:{330302}:decisions"
POSITIONS = "g110:{330302}:positions"


@pytest.fixture
def server() -> Iterator[Server]:
    try:
        with redis_server() as running:
            yield running
    except ServerMissingError as missing:
        pytest.skip(str(missing))


class Door:
    """Collects what it is fed; everything is durable at once."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        then()

    def heard(self, kind: type[Fact]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


def ringing(n: int) -> Numbered:
    decision: Decision = CallWaiting(
        at_us=n, county=COUNTY, call_id=CallId(f"c{n}"), sip_call_id=f"{n}@x", state="ringing", caller="",
        called="", trunk="", incident_id=IncidentId(f"i{n}"), level=2, received_at_us=n, urgency_ms=1000 - n,
    )  # fmt: skip
    return number([decision], seq=n, first=n)[0]


class Desk:
    """A publisher and what Redis shows."""

    def __init__(self, server: Server, publisher: RedisPublisher, door: Door) -> None:
        self.server, self.publisher, self.door = server, publisher, door

    def publish(self, *numbers: int) -> None:
        for n in numbers:
            self.publisher.publish(ringing(n))

    def redis(self) -> Any:
        return redis.Redis.from_url(self.server.url, decode_responses=True)

    def ids(self) -> list[str]:
        with self.redis() as connection:
            return [entry_id for entry_id, _ in connection.xrange(DECISIONS)]

    async def shows(self, *ids: str) -> None:
        await until(lambda: self.ids() == list(ids))


@asynccontextmanager
async def desk(
    server: Server, folder: Path, *, node: str = "n1", journal: str = "j1", epoch: int = 0, **settings: Any
) -> AsyncIterator[Desk]:
    publisher = RedisPublisher(
        RedisSettings(url=server.url, **settings),
        SystemClock(),
        node=node,
        journal_id=journal,
        folder=folder,
        epochs={COUNTY: epoch} if epoch else {},
        spread=lambda: 0.0,
    )
    door = Door()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(publisher.run(door))
        yield Desk(server, publisher, door)
        publisher.stop()
        await asyncio.wait([running], timeout=5)


async def test_a_decision_is_in_the_stream_with_its_state_its_place_and_the_bell(
    server: Server, tmp_path: Path
) -> None:
    async with desk(server, tmp_path) as one:
        with one.redis() as connection, connection.pubsub() as bell:
            bell.subscribe("g110:{330302}:bell")
            bell.get_message(timeout=5)
            one.publish(1)
            await one.shows("1-1")
            rung = bell.get_message(timeout=5)
            assert rung["data"] == "1-1"
            assert connection.hget("g110:{330302}:call:c1", "id") == "1-1"
            assert connection.zrange("g110:{330302}:queue", 0, -1, withscores=True) == [("c1", 999.0)]
            assert connection.get("g110:{330302}:leader") == "n1"
        assert [fact.epoch for fact in one.door.heard(LeadTaken)] == [1]


async def test_a_new_run_takes_a_higher_epoch_and_goes_on_with_the_numbers(
    server: Server, tmp_path: Path
) -> None:
    async with desk(server, tmp_path) as first:
        first.publish(1, 2)
        await first.shows("1-1", "1-2")

    async with desk(server, tmp_path, epoch=1) as second:
        second.publisher.resume({COUNTY: 2})
        second.publish(3)
        await second.shows("1-1", "1-2", "2-3")


async def test_a_new_journal_is_not_taken_for_the_old_one(server: Server, tmp_path: Path) -> None:
    """The data folder was lost, Redis was not: numbers begin again at 1 and must not look as if sent."""
    async with desk(server, tmp_path) as first:
        first.publish(1, 2, 3)
        await first.shows("1-1", "1-2", "1-3")

    async with desk(server, tmp_path, journal="j2") as second:
        second.publish(1, 2)
        await second.shows("1-1", "1-2", "1-3", "2-1", "2-2")


async def test_what_was_sent_but_not_confirmed_is_not_doubled(server: Server, tmp_path: Path) -> None:
    async with desk(server, tmp_path) as one:
        one.publish(1, 2)
        await one.shows("1-1", "1-2")
        one.publisher._cursor = 0  # the answers were lost: as far as we know nothing was sent
        one.publisher._line.extend([ringing(1), ringing(2)])
        one.publisher._leads[COUNTY] = type(one.publisher._leads[COUNTY])(1, 0)
        one.publish(3)

        await one.shows("1-1", "1-2", "1-3")
        assert one.publisher.statistics()["refused"] == 0


async def test_while_another_leads_nothing_is_written_and_no_order_may_leave(
    server: Server, tmp_path: Path
) -> None:
    with redis.Redis.from_url(server.url) as connection:
        connection.set("g110:{330302}:leader", "other", px=1500)
    async with desk(server, tmp_path, reconnect_s_max=0.1) as one:
        one.publish(1)
        await until(lambda: "other" in one.publisher.refused)
        assert one.ids() == []
        assert "other" in one.door.heard(NeighbourGone)[0].reason

        await one.shows("1-1")  # the other's lease has run out
        assert not one.publisher.refused
        assert one.door.heard(NeighbourBack)


async def test_a_newer_leader_fences_the_old_one_out(server: Server, tmp_path: Path) -> None:
    async with desk(server, tmp_path, reconnect_s_max=0.1) as old:
        old.publish(1)
        await old.shows("1-1")
        with old.redis() as connection:  # it was frozen, and another took over meanwhile
            connection.xadd(DECISIONS, {"type": "x", "data": "{}"}, id="2-0")
        old.publish(2)

        await until(lambda: old.publisher.refused)

        assert old.ids() == ["1-1", "2-0"]


async def test_a_redis_that_lost_its_memory_is_told_everything_again_from_the_journal(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [ringing(n) for n in range(1, 31)]
    monkeypatch.setattr(
        "gateway.publish.publisher._some",
        lambda folder, after: [made for made in written if made.n > after][:7],
    )
    async with desk(server, tmp_path, pending_max=5) as one:
        one.publish(*range(1, 31))
        await one.shows(*(f"1-{n}" for n in range(1, 31)))
        await asyncio.to_thread(server.kill)
        for left in server.folder.glob("appendonlydir/*"):
            left.unlink()
        await asyncio.to_thread(server.restart)

        await one.shows(*(f"1-{n}" for n in range(1, 31)))


async def test_a_frozen_redis_costs_positions_but_no_decision(server: Server, tmp_path: Path) -> None:
    async with desk(server, tmp_path) as one:
        one.publish(1)
        await one.shows("1-1")
        server.pause()
        for seq in range(2, 200):
            one.publisher.show(seq, ShowPositions(county=COUNTY, at_ms=seq, n=1, data=bytes(20)))
        one.publish(2)
        await until(lambda: one.door.heard(NeighbourGone))
        server.resume()

        await one.shows("1-1", "1-2")
        assert one.publisher.statistics()["positions_overwritten"] > 100
        with one.redis() as connection:
            await until(lambda: [i for i, _ in connection.xrevrange(POSITIONS, count=1)] == ["1-199"])


async def test_the_unit_index_is_written_again_to_a_redis_that_forgot_it(
    server: Server, tmp_path: Path
) -> None:
    async with desk(server, tmp_path) as one:
        one.publisher.index(1, IndexUnits(county=COUNTY, units={"0": UnitId("u1")}))
        with one.redis() as connection:
            await until(lambda: connection.hgetall("g110:{330302}:unit_index") == {"0": "u1"})
            connection.delete("g110:{330302}:unit_index")
            await asyncio.to_thread(server.restart)
            one.publish(1)

            await until(lambda: one.redis().hgetall("g110:{330302}:unit_index") == {"0": "u1"})


async def test_a_redis_that_was_flushed_under_a_living_connection_is_told_everything_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [ringing(n) for n in range(1, 9)]
    monkeypatch.setattr(
        "gateway.publish.publisher._some", lambda folder, after: [made for made in written if made.n > after]
    )
    async with desk(server, tmp_path, lease_ms=600) as one:
        one.publish(*range(1, 8))
        await one.shows(*(f"1-{n}" for n in range(1, 8)))
        with one.redis() as connection:
            connection.flushall()
        one.publish(8)

        await one.shows(*(f"1-{n}" for n in range(1, 9)))
