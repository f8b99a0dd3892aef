# SPDX-License-Identifier: Apache-2.0
"""The gate: nothing is promised before it is durable; a caller waits 50 ms for a disk and no longer."""

import asyncio

from core.effects import AnswerCaller, DropTimer, Effect, HangUpCaller, RingCaller
from core.ids import Leg
from gateway.journal.record import Numbered
from gateway.outbox import RING_WAIT_S, Gate

RING, ANSWER, HANG_UP = (kind(leg=Leg("a")) for kind in (RingCaller, AnswerCaller, HangUpCaller))


class Scene:
    def __init__(self) -> None:
        self.said: list[tuple[int, Effect | Numbered]] = []
        self.risked: list[int] = []
        self.gate = Gate(lambda seq, held: self.said.append((seq, held)), self.risked.append)


async def test_nothing_leaves_before_its_fact_is_durable() -> None:
    scene = Scene()
    scene.gate.hold(1, HANG_UP)
    scene.gate.hold(2, DropTimer(key="x"))

    scene.gate.durable(1)

    assert scene.said == [(1, HANG_UP)]
    assert len(scene.gate) == 1


async def test_a_caller_is_rung_before_anything_else_of_the_same_commit() -> None:
    scene = Scene()
    scene.gate.hold(1, HANG_UP)
    scene.gate.hold(2, RING)

    scene.gate.durable(2)

    assert scene.said == [(2, RING), (1, HANG_UP)]


async def test_a_disk_that_does_not_answer_is_not_heard_by_the_caller() -> None:
    scene = Scene()
    scene.gate.hold(7, RING)
    scene.gate.hold(7, ANSWER)
    scene.gate.hold(7, HANG_UP)

    await asyncio.sleep(RING_WAIT_S * 2)

    assert scene.said == [(7, RING), (7, ANSWER)], "acts for others still wait for the disk"
    assert scene.risked == [7], "told once a call"
    scene.gate.durable(7)
    assert scene.said == [(7, RING), (7, ANSWER), (7, HANG_UP)], "and nobody is rung twice"


async def test_what_waits_for_durability_is_called_once_and_at_once_when_it_is() -> None:
    scene, called = Scene(), list[str]()
    scene.gate.when_durable(3, lambda: called.append("later"))
    scene.gate.durable(2)
    assert not called

    scene.gate.durable(3)
    scene.gate.when_durable(3, lambda: called.append("at once"))

    assert called == ["later", "at once"]
