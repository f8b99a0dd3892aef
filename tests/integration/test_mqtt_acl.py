# SPDX-License-Identifier: Apache-2.0
"""The shipped broker configuration: a radio speaks for itself only."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from core.events import UnitCalled, UnitReported
from gateway.demo.servers import Server, ServerMissingError, mosquitto_server
from tests.integration.mqtt_house import (
    DOCS_RUN,
    NOW_S,
    U2,
    UNIT,
    WAIT_S_MAX,
    Disk,
    adapter_for,
    example_configuration,
    order,
    radio,
    serving,
    until,
    write_passwords,
)

pytestmark = pytest.mark.real


@pytest.fixture
def guarded() -> Iterator[Server]:
    """Serve a broker with the ACL of docs/run/mosquitto.acl; each user's password is the name."""
    try:
        server = mosquitto_server(
            f"allow_anonymous false\npassword_file {{folder}}/passwd\nacl_file {DOCS_RUN / 'mosquitto.acl'}",
            prepare=write_passwords,
        )
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running


async def forge(server: Server, name: str, leaf: str) -> None:
    """Write where it is not allowed. mosquitto 2.0.11 of Debian drops the message and hangs up."""
    async with radio(server, f"forger-{name}", username=name, password=name) as forger:
        await forger.publish(f"{UNIT}/{leaf}", json.dumps({"event": "emergency", "tst": NOW_S}))
        await asyncio.wait((forger._disconnected,), timeout=WAIT_S_MAX)


async def test_a_radio_speaks_for_itself_only_and_hears_its_own_orders_only(guarded: Server) -> None:
    disk = Disk()
    adapter = adapter_for(guarded.url, username="gateway", password="gateway")
    u1 = radio(guarded, "u1", username="u1", password="u1")
    u2 = radio(guarded, "u2", username="u2", password="u2")
    async with serving(adapter, disk), u1, u2:
        for unit in (u1, u2):
            await unit.subscribe(f"{UNIT}/orders", qos=1)

        await forge(guarded, "u2", "event")
        await forge(guarded, "u2", "orders")
        await forge(guarded, "u1", "orders")
        await u2.publish("g110/v1/330302/units/u2/status", json.dumps({"status": "available"}), qos=1)
        await until(lambda: disk.of(UnitReported))
        adapter.send(order("o1"))
        first = await anext(aiter(u1.messages))

        assert json.loads(bytes(first.payload))["order_id"] == "o1"
        await until(lambda: adapter.statistics()["orders_confirmed"])
        assert len(u2.messages) == 0
    assert [fact.unit_id for fact in disk.of(UnitReported)] == [U2]  # type: ignore[attr-defined]
    assert disk.of(UnitCalled) == []


async def test_the_second_channel_reaches_a_unit_and_no_other_with_all_that_an_order_carries(
    guarded: Server,
) -> None:
    adapter = adapter_for(guarded.url, username="gateway", password="gateway")
    u1 = radio(guarded, "u1-pager", username="u1", password="u1")
    u2 = radio(guarded, "u2", username="u2", password="u2")
    async with serving(adapter, Disk()), u1, u2:
        for unit in (u1, u2):
            await unit.subscribe(f"{UNIT}/alerts", qos=1)

        adapter.send(order("o1", alert=1))
        adapter.send(order("o1", alert=2, second=True))

        said = json.loads(bytes((await anext(aiter(u1.messages))).payload))
        assert (said["order_id"], said["version"], said["alert"]) == ("o1", 1, 2)
        await until(lambda: adapter.statistics()["orders_confirmed"] == 2)
        assert len(u2.messages) == 0


def test_the_example_configuration_is_one_the_broker_takes() -> None:
    try:
        example = mosquitto_server(example_configuration(), prepare=write_passwords, keep=False)
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with example as server:
        assert server.pid
