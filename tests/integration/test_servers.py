# SPDX-License-Identifier: Apache-2.0
"""Private servers start, freeze, die and restart, and never outlive us."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import redis

from gateway.demo import servers
from gateway.demo.servers import Server, ServerMissingError

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
DOCS_RUN = ROOT / "docs" / "run"
DEBIAN_REDIS = """supervised no
maxmemory-policy allkeys-lru
appendonly no
save 3600 1 300 100 60 10000
"""
"Stands for Debian 12's redis.conf: ours must have the last word."
DEBIAN_MOSQUITTO = """pid_file {folder}/mosquitto.pid
persistence true
persistence_location {folder}/
log_dest file {folder}/mosquitto.log
include_dir {folder}/conf.d
"""
"Debian 12's mosquitto.conf, in another folder. mosquitto refuses some settings that come twice."
Start = Callable[[], AbstractContextManager[Server]]


@pytest.fixture(params=[servers.redis_server, servers.mosquitto_server])
def start(request: pytest.FixtureRequest) -> Start:
    chosen: Start = request.param
    try:
        chosen()
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    return chosen


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def until(condition: Callable[[], object]) -> None:
    end_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.005)


def reachable(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_answers_inside_the_with_and_is_gone_after_it(start: Start) -> None:
    with start() as server:
        pid, port, folder = server.pid, server.port, server.folder
        assert reachable(port)

    assert not alive(pid)
    assert not reachable(port)
    assert not folder.exists()


def test_a_killed_server_comes_back_on_the_same_port(start: Start) -> None:
    with start() as server:
        first, port = server.pid, server.port
        server.kill()
        assert not reachable(port)

        server.restart()

        assert server.pid != first
        assert server.port == port
        assert reachable(port)


def test_a_frozen_server_still_ends_with_the_with(start: Start) -> None:
    with start() as server:
        server.pause()

    assert not alive(server.pid)


def test_two_servers_do_not_meet(start: Start) -> None:
    with start() as one, start() as other:
        assert one.port != other.port
        assert one.folder != other.folder


@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv (util-linux) is missing")
def test_a_server_dies_with_the_process_that_started_it(start: Start) -> None:
    play = (
        f"from gateway.demo import servers\nwith servers.{start.__name__}() as s:\n"
        "    print(s.pid, flush=True)\n    input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", play], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert alive(pid)

        owner.send_signal(signal.SIGKILL)
        owner.wait()

    until(lambda: not alive(pid))


def test_a_missing_server_is_told_with_its_debian_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(servers, "FOLDERS", ())

    with pytest.raises(ServerMissingError, match="apt install mosquitto"):
        servers.mosquitto_server()
    with pytest.raises(ServerMissingError, match="apt install redis-server"):
        servers.redis_server()


def test_the_real_servers_are_chosen_without_a_banner() -> None:
    try:
        servers.redis_server()
        servers.mosquitto_server()
    except ServerMissingError as missing:
        pytest.skip(str(missing))

    assert servers.choose_redis()[1] == ""
    assert servers.choose_mqtt()[1] == ""


def test_a_server_that_cannot_start_says_why() -> None:
    try:
        server = servers.redis_server("no-such-directive yes")
    except ServerMissingError as missing:
        pytest.skip(str(missing))

    with pytest.raises(servers.ServerFailedError, match="no-such-directive"), server:
        pass


def test_the_example_for_redis_is_one_that_debians_configuration_can_include(tmp_path: Path) -> None:
    included = tmp_path / "gateway110.conf"
    included.write_text((DOCS_RUN / "redis.conf").read_text("utf-8").replace("port 6379", ""), "utf-8")
    try:
        server = servers.redis_server(f"{DEBIAN_REDIS}include {included}")
    except ServerMissingError as missing:
        pytest.skip(str(missing))

    with server as running, redis.Redis.from_url(running.url, decode_responses=True) as client:
        in_force: Any = client.config_get("appendonly", "maxmemory-policy")
        assert in_force == {"appendonly": "yes", "maxmemory-policy": "noeviction"}


def test_the_example_for_mosquitto_is_one_that_debians_configuration_can_include() -> None:
    def put(folder: Path) -> None:
        (folder / "gateway110.passwd").touch()
        (folder / "gateway110.acl").write_text((DOCS_RUN / "mosquitto.acl").read_text("utf-8"), "utf-8")
        (folder / "conf.d").mkdir(exist_ok=True)
        text = (DOCS_RUN / "mosquitto.conf").read_text("utf-8").replace("listener 1883 127.0.0.1", "")
        included = text.replace("/etc/mosquitto/", f"{folder}/")
        (folder / "conf.d" / "gateway110.conf").write_text(included, "utf-8")

    try:
        server = servers.mosquitto_server(DEBIAN_MOSQUITTO, keep=False, prepare=put)
    except ServerMissingError as missing:
        pytest.skip(str(missing))

    with server as running:
        assert reachable(running.port)
