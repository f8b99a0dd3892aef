# SPDX-License-Identifier: Apache-2.0
"""Sockets bound where the configuration says, or a sentence that says why not. Knows the kernel; knows no loop."""

import errno
import resource
import socket
from ipaddress import ip_address

from device_adapters.sip.errors import ListenError, PortTakenError
from device_adapters.sip.events import Address

KINDS = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM, "tls": socket.SOCK_STREAM}
FILES_KEPT = 512
"Files that are not the connections' to use up: the journal, Redis, the broker, and what we call on."
KEEP_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 32_000),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
"A peer that vanished is noticed within a minute of silence, or 32 s (64 T1) after what it does not confirm."
SHOWN_BY = {"udp": "ss -ulpn", "tcp": "ss -tlpn", "tls": "ss -tlpn"}


def bound(transport: str, host: str, port: int) -> socket.socket:
    """Return a socket bound there that does not block; raise PortTakenError or ListenError with a sentence."""
    shown = f"{transport}:[{host}]:{port}" if ":" in host else f"{transport}:{host}:{port}"
    opened = None
    try:
        opened = socket.socket(family(host), KINDS[transport])
        opened.setblocking(False)
        if opened.family == socket.AF_INET6:
            # IPv4 has listeners of its own: no Contact or SDP of ours may show one family's peer the other's address
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if transport != "udp":  # connections of the process before us do not keep the port
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
    except OSError as wrong:
        _close(opened)
        if wrong.errno == errno.EADDRINUSE:
            raise PortTakenError(
                wrong.errno,
                f"SIP cannot listen on {shown}: another program has the port. "
                f"End it ({SHOWN_BY[transport]} shows it), or choose another with --sip.",
            ) from None
        raise ListenError(wrong.errno, f"SIP cannot listen on {shown}: {wrong.strerror}.") from None
    except (OverflowError, ValueError) as wrong:  # a port above 65535, a name no resolver takes
        _close(opened)
        raise ListenError(errno.EINVAL, f"SIP cannot listen on {shown!r}: {wrong}.") from None
    return opened


def listening(transport: str, host: str, port: int, backlog: int) -> socket.socket:
    """Return a stream socket that listens there; those it accepts inherit the keep-alive."""
    opened = bound(transport, host, port)
    try:
        _keep_alive(opened)
        opened.listen(backlog)
    except OSError as wrong:
        opened.close()
        raise ListenError(wrong.errno, f"SIP cannot listen on {transport}:{host}:{port}: {wrong}.") from None
    return opened


def calling(host: str, to: Address) -> socket.socket:
    """Return a stream socket to call on `to` with, from the address we listen on: carriers know us by it."""
    opened = socket.socket(family(to[0]), socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        _keep_alive(opened)
        if not ip_address(host).is_unspecified:
            opened.bind((host, 0))
    except BaseException:
        opened.close()
        raise
    return opened


def room_for(wanted: int) -> int:
    """Ask for the files so many connections need; return for how many there are files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY in (soft, hard):
        return wanted
    if soft < wanted + FILES_KEPT:
        soft = min(hard, wanted + FILES_KEPT)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(wanted, max(1, soft - FILES_KEPT))


def family(host: str) -> socket.AddressFamily:
    """Return the family of an address; a name is looked up as IPv4."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _keep_alive(opened: socket.socket) -> None:
    for option in KEEP_ALIVE:
        opened.setsockopt(*option)


def _close(opened: socket.socket | None) -> None:
    if opened is not None:
        opened.close()
