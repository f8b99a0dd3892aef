# SPDX-License-Identifier: Apache-2.0
"""The door: what it records, what it holds back, and what it does when we ourselves are wrong."""

from pathlib import Path
from typing import Any

import apsw
import pytest

from core import engine as engine_module
from core.effects import AnswerCaller, Effect, RingCaller
from core.engine import Engine
from core.events import CallReceived, FactPoisoned, OrderAcked, TimerFired, UnitsMoved
from core.ids import Leg, OrderId, UnitId
from core.settings import Settings
from gateway.clock import SystemClock
from gateway.journal import reader
from gateway.journal.files import files_in
from gateway.journal.record import CHAIN_START, Numbered, key_of
from gateway.journal.writer import Journal
from gateway.pipeline import BACKLOG_MAX, Pipeline
from gateway.recovery import recover, replay
from tests.play import at, call
from tests.waiting import until


class House:
    """A pipeline on a real journal; neighbours that only listen."""

    def __init__(
        self, folder: Path, engine: Engine, seq: int = 0, chain: bytes = CHAIN_START, n: int = 0
    ) -> None:
        self.journal = Journal(folder)
        self.journal.lock()
        self.acts: list[Effect] = []
        self.published: list[Numbered] = []
        self.rescued: list[CallReceived] = []
        self.engine = engine
        engine.state.settings = Settings(call_s_max=10**9)  # the scenes lie in the past, the alarms do not
        self.pipeline = Pipeline(
            engine,
            self.journal,
            SystemClock(),
            routes=dict.fromkeys((RingCaller, AnswerCaller), self._act),
            publish=self.published.append,
            rescue=self.rescued.append,
        )
        self.pipeline.resume(n)
        self.journal.start("j1", seq, chain, self.pipeline)

    def _act(self, _: int, effect: Effect) -> None:
        self.acts.append(effect)

    async def durable(self) -> None:
        await until(lambda: not self.journal.backlog)

    def close(self) -> None:
        self.pipeline.stop()
        assert self.journal.close(5)


async def test_a_call_is_rung_answered_and_told_only_after_it_is_on_the_disk(tmp_path: Path) -> None:
    house = House(tmp_path, Engine())

    house.pipeline.feed(call("a", 1))

    assert not house.acts
    assert not house.published
    await house.durable()
    assert [type(act) for act in house.acts] == [RingCaller, AnswerCaller]
    assert [made.type for made in house.published] == [
        "call.waiting",
        "recommendation.made",
        "incident.updated",
    ]
    assert [made.n for made in house.published] == [1, 2, 3]
    house.close()


async def test_a_fact_we_fail_on_is_recorded_ends_us_and_is_not_taken_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(state: object, fact: CallReceived) -> None:
        raise AssertionError("we are wrong")

    handlers: dict[Any, Any] = engine_module.HANDLERS
    monkeypatch.setitem(handlers, CallReceived, fail)
    house = House(tmp_path, Engine())
    with pytest.raises(AssertionError, match="we are wrong"):
        house.pipeline.feed(call("a", 1))
    house.close()
    poisoned = next(reader.entries(tmp_path)).fact()
    assert isinstance(poisoned, FactPoisoned)
    assert (poisoned.of, poisoned.key) == ("call.received", "call a@trunk")

    recovered = recover(tmp_path)
    again = House(tmp_path, recovered.engine, recovered.seq, recovered.chain, n=1)
    again.pipeline.feed(call("a", 60))  # the trunk sends the INVITE again

    assert [type(act) for act in again.acts] == [RingCaller, AnswerCaller], "answering beats ranking"
    assert again.pipeline.statistics()["facts_poisoned"] == 1
    again.close()
    assert reader.verify(tmp_path) == (1, "")


async def test_a_number_no_record_can_hold_is_refused_at_the_door(tmp_path: Path) -> None:
    house = House(tmp_path, Engine())

    house.pipeline.feed(
        OrderAcked(at_ns=at(1), unit_id=UnitId("u1"), order_id=OrderId("o1"), ack="signed", seq=10**30)
    )
    house.pipeline.feed(call("a", 2))
    await house.durable()

    assert [entry.type for entry in reader.entries(tmp_path)] == ["call.received"]
    assert house.pipeline.statistics()["facts_unrecordable"] == 1
    house.close()


async def test_beyond_the_backlog_positions_are_no_longer_taken_in_and_calls_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path, Engine())
    monkeypatch.setattr(Journal, "backlog", property(lambda self: BACKLOG_MAX + 1))

    house.pipeline.feed(UnitsMoved(at_ns=at(1), n=0, data=b""))
    assert house.engine.seq == 0
    house.pipeline.feed(call("a", 1))

    assert house.engine.seq == 1
    monkeypatch.undo()
    house.close()


async def test_a_timer_the_engine_set_comes_back_as_a_fact_and_the_whole_replays_alike(
    tmp_path: Path,
) -> None:
    engine = Engine()
    house = House(tmp_path, engine)
    now = SystemClock().wall_ns()
    engine.state.set_timer("limit:none", now + 20_000_000)
    engine.state.finish()
    house.pipeline.resume(0)

    await until(lambda: engine.seq == 1)
    await house.durable()
    house.close()

    fact = next(reader.entries(tmp_path)).fact()
    assert isinstance(fact, TimerFired)
    assert fact.key == "limit:none"
    assert replay(tmp_path)[2] is None


async def test_a_start_goes_on_where_the_journal_ends(tmp_path: Path) -> None:
    house = House(tmp_path, Engine())
    for n in range(5):
        house.pipeline.feed(call(f"c{n}", n, spot=(n * 1000, 0)))
    await house.durable()
    house.close()

    recovered = recover(tmp_path)

    assert recovered.seq == 5
    assert len(recovered.engine.state.calls) == 5
    assert max(recovered.newest.values()) == 15
    assert recovered.engine.state.calls.keys() == house.engine.state.calls.keys()
    assert replay(tmp_path)[:2] == (5, 15)


async def test_replay_tells_the_first_place_where_it_decides_otherwise(tmp_path: Path) -> None:
    house = House(tmp_path, Engine())
    house.pipeline.feed(call("a", 1))
    await house.durable()
    house.close()
    with apsw.Connection(str(files_in(tmp_path)[0])) as db:
        db.execute(
            "UPDATE decision SET data = CAST(replace(data, '\"level\":2', '\"level\":1') AS BLOB) WHERE n = 2"
        )

    facts, _, difference = replay(tmp_path)

    assert facts == 0
    assert difference is not None
    assert (difference.seq, difference.type) == (1, "call.received")
    assert '"level":1' in difference.recorded
    assert '"level":2' in difference.replayed


def test_the_leg_of_a_poisoned_call_is_not_what_names_it() -> None:
    first = call("a", 1)
    again = CallReceived(at_ns=at(9), leg=Leg("other"), sip_call_id=first.sip_call_id, county=first.county)

    assert key_of(first) == key_of(again)
    assert key_of(first) != key_of(call("b", 1))
