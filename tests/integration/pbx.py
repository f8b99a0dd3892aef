# SPDX-License-Identifier: Apache-2.0
"""A small PBX for the tests: real kamailio with registrar and digest, and a door that takes its calls."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import msgspec
import pytest

from core.effects import AnswerCaller, RingCaller
from core.events import CallReceived, Fact
from core.ids import CountyCode
from device_adapters.pyvoip.adapter import PyvoipAdapter, is_installed
from device_adapters.pyvoip.settings import PyvoipSettings
from tests.waiting import until

KAMAILIO = shutil.which("kamailio") or ("/usr/sbin/kamailio" if Path("/usr/sbin/kamailio").exists() else "")
EXTENSION, PASSWORD = "110", "a secret of the test"

CONFIG = """\
debug=-1
log_stderror=yes
fork=no
children=1
tcp_children=1
disable_tcp=yes
listen=udp:127.0.0.1:{port}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("registrar", "max_expires", 600)
modparam("usrloc", "db_mode", 0)
modparam("tm", "fr_timer", 10000)
modparam("tm", "fr_inv_timer", 60000)

request_route {{
    if (!mf_process_maxfwd_header("10")) exit;
    if (is_method("CANCEL")) {{
        if (t_check_trans()) t_relay();
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK") && t_check_trans()) t_relay();
        exit;
    }}
    t_check_trans();
    if (is_method("REGISTER")) {{
        if (!pv_www_authenticate("$td", "{password}", "0")) {{ www_challenge("$td", "1"); exit; }}
        save("location");
        exit;
    }}
    if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
    record_route();
    if (!lookup("location")) {{ sl_send_reply("404", "Not Registered"); exit; }}
    t_relay();
}}
"""


class HasPort(Protocol):
    @property
    def port(self) -> int: ...


class Pbx:
    """A running kamailio."""

    def __init__(self, port: int) -> None:
        self.port = port

    def options(self, to_port: int, seconds: float = 2.0) -> str:
        """Ask whoever listens on that port from a PBX's place; return the first line of the answer."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.bind(("127.0.0.1", 0))
            asking.settimeout(seconds)
            port = asking.getsockname()[1]
            text = (
                f"OPTIONS sip:{EXTENSION}@127.0.0.1:{to_port} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKoptions{port};rport\r\n"
                f"From: <sip:pbx@127.0.0.1>;tag=o\r\nTo: <sip:{EXTENSION}@127.0.0.1>\r\n"
                f"Call-ID: options-{port}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            )
            asking.sendto(text.encode(), ("127.0.0.1", to_port))
            return asking.recv(65_535).decode().split("\r\n")[0]


@contextmanager
def kamailio(folder: Path, password: str = PASSWORD) -> Iterator[Pbx]:
    """Run a PBX that knows one extension; skip without kamailio."""
    if not KAMAILIO:
        pytest.skip("kamailio is not installed (apt install kamailio)")
    port = free_port()
    config = folder / "kamailio.cfg"
    config.write_text(CONFIG.format(port=port, password=password))
    log = (folder / "kamailio.log").open("wb")
    run = [KAMAILIO, "-f", str(config), "-DD", "-E", "-P", str(folder / "kamailio.pid"), "-Y", str(folder)]
    process = subprocess.Popen([*run, "-m", "32", "-M", "4"], stdout=log, stderr=log, cwd=folder)
    try:
        pbx = Pbx(port)
        end = time.monotonic() + 20
        while True:
            assert process.poll() is None, (folder / "kamailio.log").read_text()[-3000:]
            assert time.monotonic() < end, "kamailio does not answer"
            try:
                if pbx.options(port, 0.2).endswith("200 OK"):
                    break
            except OSError:
                continue
        yield pbx
    finally:
        process.terminate()
        process.wait(20)
        log.close()


class WallClock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def mono_s(self) -> float:
        return time.monotonic()


class Desk:
    """A door that rings, and answers if it may, as soon as a call is told of."""

    def __init__(self, *, answers: bool) -> None:
        self.facts: list[Fact] = []
        self.adapter: PyvoipAdapter | None = None
        self.answers = answers
        self.when_fed: Callable[[Fact], None] = lambda fact: None

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        if isinstance(fact, CallReceived) and self.adapter is not None:
            self.adapter.send(RingCaller(leg=fact.leg))
            if self.answers:
                self.adapter.send(AnswerCaller(leg=fact.leg))
        self.when_fed(fact)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        then()

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def told(self) -> Counter[str]:
        return Counter(type(fact).__name__ for fact in self.facts)


@asynccontextmanager
async def extension(
    folder: Path,
    pbx: HasPort,
    given: Mapping[str, float] = MappingProxyType({}),
    *,
    answers: bool = True,
    registered: bool = True,
) -> AsyncIterator[tuple[PyvoipAdapter, Desk]]:
    """Be the PBX's extension, registered; skip without pyVoIP."""
    if not is_installed():
        pytest.skip("pyVoIP is not installed (pip install 'gateway110[pyvoip]')")
    secret = folder / "secret"
    secret.write_text(PASSWORD + "\n")
    first = free_ports(150)
    settings = msgspec.convert(
        {
            "server": f"127.0.0.1:{pbx.port}",
            "password_file": str(secret),
            "port": free_port(),
            "rtp_port_min": first,
            "rtp_port_max": first + 149,
            "heartbeat_s": 0.1,
            "restart_s_min": 0.05,
            "restart_s_max": 0.5,
            **given,
        },
        PyvoipSettings,
    )
    desk = Desk(answers=answers)
    adapter = desk.adapter = PyvoipAdapter(settings, WallClock(), CountyCode("330302"))
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(adapter.run(desk), name="pyvoip")
        try:
            await until(lambda: adapter.is_registered or not registered, 20)
            yield adapter, desk
        finally:
            adapter.stop()
            await asyncio.wait((task,), timeout=10)


def free_port() -> int:
    """Return a UDP port nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(number: int) -> int:
    """Return the first of so many ports below those the kernel hands out."""
    for first in range(20_000, 32_000 - number, number):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", first))
            except OSError:
                continue
            return first
    raise AssertionError("no ports are free")
