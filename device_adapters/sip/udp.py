# SPDX-License-Identifier: Apache-2.0
"""The UDP transport: one socket, moved by the loop. Knows asyncio and the Linux kernel; knows no SIP."""

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from device_adapters.sip.events import Address
from device_adapters.sip.sockets import bound

SO_RCVBUFFORCE = 33
"asm-generic/socket.h; not in Python's socket module. Beyond net.core.rmem_max, for root alone."
DROPS_COLUMN = 12
"/proc/net/udp: datagrams the kernel threw away because we were slow."
INODE_COLUMN = 9
TABLES = ("/proc/net/udp", "/proc/net/udp6")
UNSENT_OCTETS_MAX = 4_194_304
"""Beyond what the kernel holds: 3,000 INVITEs' answers. It fills only while the network card takes nothing, and what
waits longer is said again anyway (guess)."""
ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"Documentation addresses (RFC 5737, RFC 3849): asking the route to them sends nothing."

Received = Callable[[bytes, Address], None]


class Sender(Protocol):
    """What asyncio's and uvloop's transports both have."""

    def sendto(self, data: bytes, addr: Address) -> None:
        """Send, or keep it until the kernel takes it."""
        ...

    def get_write_buffer_size(self) -> int:
        """Return how many octets the kernel has not taken yet."""
        ...

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        ...

    def close(self) -> None:
        """Close it when all is sent."""
        ...


class UdpSocket(asyncio.DatagramProtocol):
    """One bound address."""

    def __init__(self, received: Received) -> None:
        self.errors = 0
        "ICMP errors and refused sends: a peer that is away."
        self.dropped = 0
        "Datagrams that found no room: the network takes nothing."
        self.receive_buffer_bytes = 0
        "What the kernel gave."
        self._wanted_bytes = 0
        self._received = received
        self._transport: Sender | None = None
        self._inode = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to send."""
        self._transport = cast("Sender", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int] | tuple[str, int, int, int]) -> None:
        """Hand the datagram on."""
        self._received(data, (addr[0], addr[1]))

    def error_received(self, exc: Exception) -> None:
        """Count it: SIP has its own retransmissions."""
        self.errors += 1

    def send(self, data: bytes, addr: Address) -> None:
        """Send, or count that it could not be sent. Never waits."""
        assert self._transport is not None, "sent before it was opened"
        if self._transport.is_closing():
            self.errors += 1
            return
        if self._transport.get_write_buffer_size() > UNSENT_OCTETS_MAX:
            self.dropped += 1
            return
        try:
            self._transport.sendto(data, addr)
        except (OSError, ValueError):  # unreachable, or a port 0 somebody wrote into a Via
            self.errors += 1

    async def open(self, host: str, port: int, receive_buffer_bytes: int) -> Address:
        """Bind and listen; return the address bound."""
        opened = bound("udp", host, port)
        self._wanted_bytes = receive_buffer_bytes
        self.receive_buffer_bytes = _widen(opened, receive_buffer_bytes)
        self._inode = str(os.fstat(opened.fileno()).st_ino)
        name = opened.getsockname()
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=opened)
        return name[0], name[1]

    def close(self) -> None:
        """Stop listening; what was handed to the kernel still goes out."""
        if self._transport is not None:
            self._transport.close()

    def statistics(self) -> dict[str, int]:
        """Return what went wrong here, by name."""
        missing = max(0, self._wanted_bytes - self.receive_buffer_bytes)
        drops = self.drops()
        return {
            "socket_errors": self.errors,
            "undelivered": self.dropped,
            "kernel_drops": drops,
            "receive_buffer_missing_bytes": missing,
        }

    def drops(self) -> int:
        """Return how many datagrams the kernel threw away before we could read them."""
        for table in TABLES:
            path = Path(table)
            for line in path.read_text("ascii").splitlines()[1:] if path.exists() else ():
                columns = line.split()
                if columns[INODE_COLUMN] == self._inode:
                    return int(columns[DROPS_COLUMN])
        return 0


def reachable_host(host: str) -> str:
    """Return the address to give to peers: the one listened on, or for a wildcard the one of the way out."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ELSEWHERE[family], 9))
        except OSError:
            return "::1" if family == socket.AF_INET6 else "127.0.0.1"
        return str(probe.getsockname()[0])


def _widen(opened: socket.socket, wanted: int) -> int:
    """Ask for a receive buffer, by force if we may; return what the kernel gave (it counts double)."""
    try:
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, wanted)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    return opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
