# SPDX-License-Identifier: Apache-2.0
"""The UDP transport: one socket, moved by the loop. Knows asyncio and the Linux kernel; knows no SIP."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

from device_adapters.sip.errors import ListenError, PortTakenError
from device_adapters.sip.events import Address

SO_RCVBUFFORCE = 33
"asm-generic/socket.h; not in Python's socket module. Beyond net.core.rmem_max, for root alone."
DROPS_COLUMN = 12
"/proc/net/udp: datagrams the kernel threw away because we were slow."
INODE_COLUMN = 9
TABLES = ("/proc/net/udp", "/proc/net/udp6")
ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"Documentation addresses (RFC 5737, RFC 3849): asking the route to them sends nothing."

Received = Callable[[bytes, Address], None]


class UdpSocket(asyncio.DatagramProtocol):
    """One bound address."""

    def __init__(self, received: Received) -> None:
        self.errors = 0
        "ICMP errors and refused sends: a peer that is away."
        self.receive_buffer_bytes = 0
        "What the kernel gave."
        self._received = received
        self._transport: asyncio.DatagramTransport | None = None
        self._inode = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to send."""
        self._transport = cast("asyncio.DatagramTransport", transport)

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
        try:
            self._transport.sendto(data, addr)
        except (OSError, ValueError):  # unreachable, or a port 0 somebody wrote into a Via
            self.errors += 1

    async def open(self, host: str, port: int, receive_buffer_bytes: int) -> Address:
        """Bind and listen; return the address bound."""
        bound = _bound(host, port)
        self.receive_buffer_bytes = _widen(bound, receive_buffer_bytes)
        self._inode = str(os.fstat(bound.fileno()).st_ino)
        name = bound.getsockname()
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=bound)
        return name[0], name[1]

    def close(self) -> None:
        """Stop listening; what was handed to the kernel still goes out."""
        if self._transport is not None:
            self._transport.close()

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


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setblocking(False)
        opened.bind((host, port))
    except OSError as wrong:
        opened.close()
        if wrong.errno == errno.EADDRINUSE:
            raise PortTakenError(
                wrong.errno,
                f"SIP cannot listen on udp:{host}:{port}: another program has the port. "
                "End it (ss -ulpn shows it), or choose another with --sip.",
            ) from None
        raise ListenError(wrong.errno, f"SIP cannot listen on udp:{host}:{port}: {wrong.strerror}.") from None
    except (OverflowError, ValueError) as wrong:  # a port above 65535, a name no resolver takes
        opened.close()
        raise ListenError(errno.EINVAL, f"SIP cannot listen on udp:{host!r}:{port}: {wrong}.") from None
    return opened


def _widen(bound: socket.socket, wanted: int) -> int:
    """Ask for a receive buffer, by force if we may; return what the kernel gave (it counts double)."""
    try:
        bound.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, wanted)
    except PermissionError:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    return bound.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
