# SPDX-License-Identifier: Apache-2.0
"""Safety checks over a real broker: asked now or when the line is up, and heard."""

import json

import pytest

from core.events import NeighbourBack, UnitCalled
from gateway.demo.servers import Server
from tests.integration.mqtt_house import NOW_S, UNIT, Disk, adapter_for, radio, say, serving, until
from tests.unit.mqtt.test_prompts import prompt

pytestmark = pytest.mark.real


async def test_an_officer_is_asked_and_the_answer_comes_in(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url)
    async with radio(broker, "ears") as ears:
        await ears.subscribe(f"{UNIT}/prompts", qos=1)
        messages = aiter(ears.messages)
        async with serving(adapter, disk):
            adapter.send(prompt(17))
            asked = json.loads(bytes((await anext(messages)).payload))
            await say(broker, "event", {"event": "check_in", "tst": NOW_S, "prompt": asked["prompt"]})
            await until(lambda: disk.of(UnitCalled))
    (heard,) = disk.of(UnitCalled)
    assert (heard.event, heard.prompt) == ("check_in", 17)  # type: ignore[attr-defined]


async def test_a_question_put_while_the_broker_is_away_leaves_when_it_is_back(broker: Server) -> None:
    disk, adapter = Disk(), adapter_for(broker.url)
    async with serving(adapter, disk):
        broker.kill()
        await until(lambda: not adapter.statistics()["connected"])
        adapter.send(prompt(18))
        assert adapter.statistics()["prompts_pending"] == 1
        broker.restart()
        await until(lambda: disk.of(NeighbourBack))
        assert adapter.statistics()["prompts_sent"] == 1
