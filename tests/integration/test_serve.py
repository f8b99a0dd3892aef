# SPDX-License-Identifier: Apache-2.0
"""`gateway serve` between a real Redis, a real broker and real SIP callers."""

import json
import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.house import (
    GATEWAY,
    SCENARIOS,
    House,
    each_decision_once,
    house,
    run_gateway,
    serve,
    until,
)

pytestmark = pytest.mark.real


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as running:
        yield running


def test_a_thousand_stock_sipp_calls_are_each_recorded_once_and_decided(home: House) -> None:
    home.sipp("-sn", "uac", rate=100, calls=1000)

    until(lambda: len(home.of("call.ended")) == 1000)
    recorded = home.call_ids()
    assert len(recorded) == 1000
    assert set(recorded.values()) == {1}
    recommended = {made["sip_call_id"] for made in home.of("recommendation.made")}
    assert recommended == set(recorded)
    assert home.gateway.stop() == 0
    each_decision_once(home)
    replayed = run_gateway("replay", "--data", str(home.gateway.data))
    assert replayed.returncode == 0
    assert "byte-identical" in replayed.stdout


def test_the_nearest_unit_is_ranked_first_ordered_and_signs(home: House) -> None:
    home.put("far", 28.0500, 120.6600)
    home.put("near", 28.0010, 120.6600)
    topic = "g110/v1/330302/units/near/orders"
    listener = subprocess.Popen(
        ["mosquitto_sub", "-p", str(home.broker.port), "-q", "1", "-t", topic, "-C", "1", "-W", "20"],
        stdout=subprocess.PIPE,
        text=True,
    )

    with listener:
        home.sipp("-sf", str(SCENARIOS / "located_call.xml"))
        heard = json.loads(listener.communicate(timeout=20)[0])
    home.publish(
        "near", "acks", {"order_id": heard["order_id"], "version": heard["version"], "ack": "signed"}
    )
    until(lambda: [o for o in home.of("order.updated") if o["state"] == "signed"])

    made = home.of("recommendation.made")[0]
    assert [candidate["unit_id"] for candidate in made["candidates"]] == ["near", "far"]
    assert set(heard) == {
        "order_id", "incident_id", "version", "level", "category", "lat", "lon", "address", "text", "deadline",
    }  # fmt: skip
    assert (heard["lat"], heard["lon"]) == (28.0, 120.66)
    signed = home.of("order.updated")[0]
    assert (signed["order_id"], signed["unit_id"]) == (heard["order_id"], "near")
    with home.redis() as connection:
        unit = json.loads(connection.hget("g110:{330302}:unit:near", "data") or "")
        order = json.loads(connection.hget(f"g110:{{330302}}:order:{heard['order_id']}", "data") or "")
    assert (unit["status"], unit["order_ids"]) == ("acknowledged", [heard["order_id"]])
    assert order["state"] == "signed"


def test_broken_sip_is_counted_by_name_and_the_next_caller_is_answered(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        page = f"127.0.0.1:{probe.getsockname()[1]}"
    noise = (b"", b"\x00\xff" * 700, b"INVITE\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b" " * 60_000)
    with (
        house(tmp_path, "--http", page) as home,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
    ):
        for datagram in noise * 20:
            stranger.sendto(datagram, home.gateway.sip_address)

        home.sipp("-sn", "uac", calls=5)

        until(lambda: len(home.of("call.ended")) == 5)
        with urllib.request.urlopen(f"http://{page}/metrics", timeout=5) as answer:
            assert 'g110_sip{name="anomaly_' in answer.read().decode()
        assert len(home.call_ids()) == 5


def test_broken_reports_are_refused_by_name_and_good_ones_go_on(home: House) -> None:
    for payload in (
        "{broken",
        '{"lat":1e999,"lon":1,"tst":1}',
        '{"lat":0,"lon":0,"tst":1}',
        '{"lat":95,"lon":1,"tst":1}',
    ):
        home.publish("near", "position", payload)
    home.publish("nobody", "status", {"status": "available"})

    home.put("near", 28.0, 120.66)

    log = home.gateway.log.read_text()
    assert '"reason": "unreadable"' in log
    assert [data["unit_id"] for data in home.of("unit.updated") if data["position"]] == ["near"]


def test_sigterm_drains_and_exits_0_and_a_new_start_knows_everything(home: House, tmp_path: Path) -> None:
    home.sipp("-sn", "uac", calls=20)
    assert home.gateway.stop() == 0
    before = home.call_ids()

    with serve(tmp_path, home.redis_at, home.broker) as again:
        home.gateway = again
        home.sipp("-sn", "uac", calls=20)
        until(lambda: len(home.of("call.ended")) == 40)

    assert len(home.call_ids()) == 40
    assert before.keys() < home.call_ids().keys()
    each_decision_once(home)


def test_a_caller_who_cancels_is_abandoned_exactly_once(tmp_path: Path) -> None:
    cancel = Path(__file__).parents[1] / "unit" / "sip" / "scenarios" / "cancel.xml"
    with house(tmp_path, "--answer", "never") as home:
        home.sipp("-sf", str(cancel), calls=30)

        until(lambda: len(home.of("call.abandoned")) == 30)
        assert set(home.call_ids("call.abandoned").values()) == {1}
        assert len(home.call_ids("call.abandoned")) == 30


def test_the_http_pages_tell_how_it_is(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with house(tmp_path, "--http", f"127.0.0.1:{port}") as home:
        home.sipp("-sn", "uac", calls=3)

        def page(path: str) -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                text: str = answer.read().decode()
                return text

        until(
            lambda: 'g110_sip{name="requests_INVITE"}' in page("/metrics") or "g110_sip" in page("/metrics")
        )
        assert page("/healthz") == "ok\n"
        assert json.loads(page("/readyz")) == {"ready": True, "reasons": {}, "degraded": {}}
        assert 'g110_engine{name="units"} 2.0' in page("/metrics")


def test_the_journal_can_be_followed_while_it_grows(home: House) -> None:
    follower = subprocess.Popen(
        [
            str(GATEWAY),
            "journal",
            "cat",
            "--follow",
            "--type",
            "call.received",
            "--data",
            str(home.gateway.data),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        home.sipp("-sn", "uac", calls=5)
        assert follower.stdout is not None
        lines = [json.loads(follower.stdout.readline()) for _ in range(5)]
    finally:
        follower.kill()
        follower.communicate(timeout=10)

    assert {line["data"]["sip_call_id"] for line in lines} == set(home.call_ids())
    assert set(lines[0]) == {"seq", "at", "type", "data"}


def test_the_desk_classifies_locates_and_cancels_through_redis(home: House) -> None:
    home.put("near", 28.0010, 120.6600)
    home.sipp("-sn", "uac")
    incident = home.of("recommendation.made")[0]["incident_id"]

    with home.redis() as desk:
        commands = "g110:{330302}:commands"
        place = {"incident_id": incident, "lat": 28.0, "lon": 120.66, "address": "人民路1号"}
        desk.xadd(
            commands, {"type": "incident.locate", "data": json.dumps(place), "by": "d1", "command_id": "1"}
        )
        until(lambda: home.of("order.issued"))
        order = home.of("order.issued")[0]
        desk.xadd(
            commands,
            {"type": "order.cancel", "data": json.dumps({"order_id": order["order_id"]}), "by": "d1"},
        )
        desk.xadd(commands, {"type": "no.such", "data": "{}", "by": "d1", "command_id": "3"})
        until(lambda: home.of("warning.raised"))

    assert order["address"] == "人民路1号"
    assert home.of("order.updated")[0]["state"] == "cancelled"
    assert home.of("warning.raised")[0]["kind"] == "command_refused"


def test_a_second_gateway_on_the_same_data_is_refused(home: House, tmp_path: Path) -> None:
    refused = run_gateway("serve", "--data", str(home.gateway.data), "--sip", "127.0.0.1:0", "--http", "")

    assert refused.returncode == 1
    assert "another gateway is using" in refused.stderr
    assert os.path.exists(tmp_path)
