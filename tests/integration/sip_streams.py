# SPDX-License-Identifier: Apache-2.0
"""A caller's side over TCP and TLS on loopback, and certificates made with openssl."""

import asyncio
import functools
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from core.events import CallReceived, Fact
from core.ids import CountyCode, Leg
from device_adapters.sip.adapter import SipAdapter
from device_adapters.sip.framing import Framer
from device_adapters.sip.message import Request, Response, read_message
from device_adapters.sip.settings import SipSettings
from tests.unit.sip.peer import Peer, endpoint

HEAR_S = 10.0
OPENSSL = shutil.which("openssl") or ""


def on_uvloop(scene: Callable[[Path], Coroutine[None, None, None]]) -> Callable[[Path], None]:
    """Play the scene on the loop the gateway serves on."""

    @functools.wraps(scene)
    def play(tmp_path: Path) -> None:
        uvloop.run(scene(tmp_path))

    return play


def has_ipv6() -> bool:
    """Tell whether this machine speaks IPv6 to itself."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


class ShiftedClock:
    """Real time, and what the test adds to it."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def wall_ns(self) -> int:
        return time.time_ns()

    def mono_s(self) -> float:
        return time.monotonic() + self.ahead_s


class NotingDoor:
    """Notes facts down; `when_fed` may act on them."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.when_fed: Callable[[Fact], None] = lambda fact: None

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        self.when_fed(fact)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        then()

    def leg(self) -> Leg:
        """Return the leg of the last call."""
        received = [fact for fact in self.facts if isinstance(fact, CallReceived)]
        return received[-1].leg


class Gateway:
    """An adapter in this process."""

    def __init__(self, settings: SipSettings) -> None:
        self.clock = ShiftedClock()
        self.door = NotingDoor()
        self.adapter = SipAdapter(settings, self.clock, CountyCode("330302"))

    def counted(self, name: str) -> int:
        return self.adapter.statistics().get(name, 0)


@asynccontextmanager
async def gateway(settings: SipSettings) -> AsyncIterator[Gateway]:
    """Serve until the scene is over; every connection is gone then."""
    house = Gateway(settings)
    await house.adapter.open()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(house.adapter.run(house.door), name="sip")
        try:
            yield house
        finally:
            house.adapter.stop()
    assert house.counted("connections") == 0


class Line:
    """One connection, and one caller on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, name: str = "a") -> None:
        self.reader = reader
        self.writer = writer
        self.here: tuple[str, int] = writer.get_extra_info("sockname")[:2]
        self.peer = Peer(endpoint(), name, addr=self.here)
        self._framer = Framer()
        self._whole: list[bytes] = []

    def text(self, method: str, cseq: int = 1, branch: str = "", *, via_port: int = 0) -> bytes:
        """Write a request of this caller; `via_port` is where it takes calls itself."""
        host = f"[{self.here[0]}]" if ":" in self.here[0] else self.here[0]
        told = f"SIP/2.0/TCP {host}:{via_port or self.here[1]};"
        bare = f"SIP/2.0/UDP {self.here[0]}:{self.here[1]};"
        return self.peer.text(method, cseq, branch).replace(bare, told).encode()

    def say(self, data: bytes) -> None:
        """Send."""
        self.writer.write(data)

    async def hear(self) -> Request | Response:
        """Return the next message."""
        async with asyncio.timeout(HEAR_S):
            while not self._whole:
                data = await self.reader.read(65_536)
                assert data, "hung up on"
                self._whole += self._framer.feed(data)
        return read_message(self._whole.pop(0))

    async def status(self) -> int:
        """Return the status of the next message, 0 for a request."""
        message = await self.hear()
        return message.status if isinstance(message, Response) else 0

    async def hung_up_on(self) -> bool:
        """Wait until the other side closes; what it said before is passed over."""
        try:
            async with asyncio.timeout(HEAR_S):
                while await self.reader.read(65_536):
                    pass
        except ConnectionError:
            pass
        return True

    async def close(self) -> None:
        """Hang up the connection."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            pass


@asynccontextmanager
async def line(
    house: Gateway, name: str = "a", context: ssl.SSLContext | None = None, *, at: int = 0
) -> AsyncIterator[Line]:
    """Connect to a listener, the first or another."""
    host, port = house.adapter.addresses()[at]
    async with asyncio.timeout(HEAR_S):
        opened = Line(*await asyncio.open_connection(host, port, ssl=context), name)
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def called(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, "asyncio.Queue[Line]"]]:
    """Listen, as a caller's own proxy does; hand out the port, and who connects."""
    came: asyncio.Queue[Line] = asyncio.Queue()
    server = await asyncio.start_server(
        lambda reader, writer: came.put_nowait(Line(reader, writer)), "127.0.0.1", 0, ssl=context
    )
    try:
        yield server.sockets[0].getsockname()[1], came
    finally:
        server.close()
        while not came.empty():
            await came.get_nowait().close()


class Authority:
    """Signs certificates, in a folder of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self.certificate = folder / f"{name}.pem"
        self._openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem",
        )  # fmt: skip

    def sign(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key for someone at 127.0.0.1."""
        self._openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr",
        )  # fmt: skip
        (self.folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
        self._openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key",
            "-set_serial", str(time.time_ns()), "-days", "2", "-extfile", "san", "-out", f"{name}.pem",
        )  # fmt: skip
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def trusting(self, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """Return what a caller who trusts this authority connects with."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if own is not None:
            context.load_cert_chain(*own)
        return context

    def _openssl(self, *arguments: str) -> None:
        subprocess.run([OPENSSL, *arguments], cwd=self.folder, check=True, capture_output=True)
