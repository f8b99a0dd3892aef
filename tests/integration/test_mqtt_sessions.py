# SPDX-License-Identifier: Apache-2.0
"""The connection itself against a real mosquitto: silence, forgotten sessions, encryption, the broker's own drops."""

import asyncio
import json
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiomqtt
import pytest

from core.events import NeighbourBack, NeighbourGone, UnitCalled, UnitsMoved
from device_adapters.mqtt import drops
from device_adapters.mqtt.client import try_login
from device_adapters.mqtt.settings import MqttSettings
from gateway.demo.servers import Server, ServerMissingError, mosquitto_server
from tests.integration.mqtt_house import (
    NOW_S,
    Clock,
    Disk,
    Protocol,
    adapter_for,
    fix,
    order,
    radio,
    say,
    serving,
    until,
)
from tests.integration.stream_proxy import stream_proxy

pytestmark = pytest.mark.real
GIVEN_UP_S_MAX = MqttSettings().keepalive_s + 2.5
"The promise of the settings, and half a second for a busy machine."


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_half_open_connection_is_noticed_in_time_and_nothing_of_it_is_lost(
    broker: Server, protocol: Protocol
) -> None:
    loop = asyncio.get_running_loop()
    disk = Disk()
    async with stream_proxy(broker.port) as proxy:
        adapter = adapter_for(f"mqtt://127.0.0.1:{proxy.port}", protocol=protocol)
        async with serving(adapter, disk):
            begun_s = loop.time()
            proxy.cut_silently()
            await say(broker, "event", {"event": "emergency", "tst": NOW_S, "seq": 1})

            await until(lambda: disk.of(NeighbourBack))

            assert loop.time() - begun_s < GIVEN_UP_S_MAX
            await until(lambda: disk.of(UnitCalled))
    assert adapter.statistics()["sessions_lost"] == 0


async def test_an_order_into_a_half_open_connection_arrives_by_the_next_one(broker: Server) -> None:
    disk, clock = Disk(), Clock()
    async with stream_proxy(broker.port) as proxy, radio(broker) as unit:
        await unit.subscribe("g110/v1/330302/units/u1/orders", qos=1)
        adapter = adapter_for(f"mqtt://127.0.0.1:{proxy.port}", clock)
        async with serving(adapter, disk):
            proxy.cut_silently()
            adapter.send(order("o1"))
            clock.mono = 5.1

            message = await anext(aiter(unit.messages))

            assert json.loads(bytes(message.payload))["order_id"] == "o1"
            await until(lambda: adapter.statistics()["orders_pending"] == 0)
            assert len(unit.messages) == 0


async def test_a_connection_that_ends_before_the_broker_answered_does_not_cost_the_whole_wait(
    broker: Server,
) -> None:
    loop = asyncio.get_running_loop()
    adapter = adapter_for(broker.url)
    broker.pause()
    try:
        async with serving(adapter, Disk(), connected=False):
            await until(lambda: adapter._events._client and adapter._events._client._client.socket())
            begun_s = loop.time()
            broker.kill()
            await asyncio.to_thread(broker.restart)
            await until(lambda: adapter.statistics()["connected"])
            assert loop.time() - begun_s < 4.0
    finally:
        broker.resume()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_broker_that_has_forgotten_us_is_told_and_counted(protocol: Protocol) -> None:
    with forgetful() as broker:
        disk, adapter = Disk(), adapter_for(broker.url, protocol=protocol)
        async with serving(adapter, disk):
            assert adapter.statistics()["sessions_lost"] == 0, "the first connection of all is no loss"
            adapter._events.cut("drill")
            await until(lambda: adapter.statistics()["reconnects"] == 1 and adapter._events.connected)
            assert adapter.statistics()["sessions_lost"] == 0, "the broker still knew us"

            broker.restart()
            await until(lambda: adapter.statistics()["sessions_lost"] == 1)

            await until(lambda: adapter.statistics()["connected"])
            await say(broker, "event", {"event": "emergency", "tst": NOW_S, "seq": 1})
            await until(lambda: disk.of(UnitCalled))


async def test_what_the_broker_drops_is_counted_shown_and_taken_back_when_it_is_over() -> None:
    clock, disk = Clock(), Disk()
    with forgetful("max_queued_messages 1\nsys_interval 1") as broker:
        async with radio(broker, "away", clean_session=False) as away:
            await away.subscribe("g110/v1/330302/units/u1/orders", qos=1)
        adapter = adapter_for(broker.url, clock)
        async with serving(adapter, disk), radio(broker, "desk") as desk:
            await until(lambda: adapter._drops._said is not None)  # the broker's first word

            for _ in range(10):
                await desk.publish("g110/v1/330302/units/u1/orders", b"{}", qos=1)
            await until(lambda: adapter.statistics()["broker_dropped"] >= 9)
            clock.mono = drops.QUIET_S_MIN + 1.0
            await until(lambda: disk.of(NeighbourBack))

            assert adapter.statistics()["connected"] == 1
    shown = [(type(f), f.name) for f in disk.facts if isinstance(f, NeighbourGone | NeighbourBack)]
    assert shown == [(NeighbourGone, "mqtt:dropped"), (NeighbourBack, "mqtt:dropped")]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_positions_and_events_come_over_tls_with_a_certificate_of_ours(
    tmp_path: Path, protocol: Protocol
) -> None:
    with guarded(tmp_path) as url:
        adapter = adapter_for(url, None, protocol, **with_certificate(tmp_path))
        disk = Disk()
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        context.load_cert_chain(tmp_path / "gateway.pem", tmp_path / "gateway.key")
        port = MqttSettings(url=url).port
        async with serving(adapter, disk), aiomqtt.Client("127.0.0.1", port, tls_context=context) as unit:
            for tst in range(
                2_000
            ):  # more than one look at the socket holds, and no record left behind in it
                await unit.publish(
                    "g110/v1/330302/units/u1/position", json.dumps(fix(NOW_S - 2_000 + tst)), qos=0
                )
            large = json.dumps({"event": "emergency", "tst": NOW_S, "text": "x" * 7_000})
            await unit.publish("g110/v1/330302/units/u1/event", large, qos=1)

            await until(lambda: adapter.statistics().get("received_position") == 2_000)
            await until(lambda: disk.of(UnitCalled) and disk.of(UnitsMoved))


@pytest.mark.filterwarnings(
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning"
)  # paho leaves it to the collector
async def test_who_has_no_certificate_or_a_strange_authority_is_not_connected(tmp_path: Path) -> None:
    with guarded(tmp_path) as url:
        make(tmp_path, "stranger", "-addext", "basicConstraints=critical,CA:TRUE")
        for given in (
            {"cafile": str(tmp_path / "ca.pem")},
            {**with_certificate(tmp_path), "cafile": str(tmp_path / "stranger.pem")},
            {**with_certificate(tmp_path), "cafile": ""},
            {**with_certificate(tmp_path), "url": url.replace("127.0.0.1", "localhost")},
        ):
            settings = MqttSettings(**{"url": url, **given})  # type: ignore[arg-type]
            with pytest.raises(OSError, match=r"(?i)certificate|connection|broker|reset|eof|timed out"):
                await try_login(settings)
        await try_login(MqttSettings(url=url, **with_certificate(tmp_path)))  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_wrong_password_is_a_reason_and_the_right_one_comes_by_file(
    tmp_path: Path, protocol: Protocol
) -> None:
    def write(folder: Path) -> None:
        (folder / "passwd").touch()
        subprocess.run(["mosquitto_passwd", "-b", str(folder / "passwd"), "gateway", "right"], check=True)

    word = tmp_path / "word"
    word.write_text("wrong\n")
    with forgetful("allow_anonymous false\npassword_file {folder}/passwd", write) as broker:
        settings = MqttSettings(
            url=broker.url, username="gateway", password_file=str(word), protocol=protocol
        )
        with pytest.raises(OSError, match=r"(?i)not authori[sz]ed|bad user name or password"):
            await try_login(settings)

        disk, adapter = (
            Disk(),
            adapter_for(broker.url, protocol=protocol, username="gateway", password_file=str(word)),
        )
        async with serving(adapter, disk, connected=False):
            await until(lambda: disk.of(NeighbourGone))
            word.write_text("right\n")
            await until(lambda: disk.of(NeighbourBack))


@contextmanager
def forgetful(settings: str = "", prepare: Callable[[Path], None] = lambda _: None) -> Iterator[Server]:
    """Serve a broker that keeps nothing over a restart."""
    lines = settings if "allow_anonymous" in settings else f"allow_anonymous true\n{settings}"
    try:
        server = mosquitto_server(lines, keep=False, prepare=prepare)
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running


@contextmanager
def guarded(folder: Path) -> Iterator[str]:
    """Serve a broker for whoever has a certificate of our authority; its plain port is for the house's probe."""
    make(folder, "ca", "-addext", "basicConstraints=critical,CA:TRUE")
    signed = ("-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key"))
    make(folder, "server", *signed, "-addext", "subjectAltName=IP:127.0.0.1")
    make(folder, "gateway", *signed)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tls = (
        f"allow_anonymous true\nlistener {port} 127.0.0.1\ncafile {folder}/ca.pem\n"
        f"certfile {folder}/server.pem\nkeyfile {folder}/server.key\nrequire_certificate true"
    )
    with forgetful(tls):
        yield f"mqtts://127.0.0.1:{port}"


def make(folder: Path, name: str, *more: str) -> None:
    """Write a key and a certificate that is good for a day."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 1".split()
    files = ("-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem"))
    done = subprocess.run([*command, "-subj", f"/CN={name}", *files, *more], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def with_certificate(folder: Path) -> dict[str, str]:
    """Return the settings of whoever belongs to the house."""
    return {
        "cafile": str(folder / "ca.pem"),
        "certfile": str(folder / "gateway.pem"),
        "keyfile": str(folder / "gateway.key"),
    }
