# SPDX-License-Identifier: Apache-2.0
"""Where a message goes whose connection is gone (RFC 3261 18.2.2, 12.2.1.1 without RFC 3263)."""

from collections.abc import Container

from device_adapters.sip.errors import RemoteProtocolError
from device_adapters.sip.events import Address
from device_adapters.sip.grammar import host_port, name_addr
from device_adapters.sip.message import Response, read_message
from device_adapters.sip.settings import plain_host


def next_hop(data: bytes, source: Address, listed: Container[str], default_port: int) -> Address | None:
    """Return where to open a connection for `data`, whose peer was at `source`; None when nothing tells.

    A response goes to the sent-by port of its top Via, a request to the port its first Route or its target names.
    The host is the one the peer came from: no stranger makes us call on a third. Only a listed trunk's address
    is taken from a Route or target.
    """
    try:
        message = read_message(data)
    except RemoteProtocolError:
        return None
    if isinstance(message, Response):
        return None if message.via is None else (source[0], message.via.port or default_port)
    routes = message.listed("route")
    host, port = host_port(name_addr(routes[0]).uri if routes else message.uri)
    host = plain_host(host)
    return (host if host in listed else source[0], port or default_port)
