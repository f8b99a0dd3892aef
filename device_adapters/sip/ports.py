# SPDX-License-Identifier: Apache-2.0
"""The listeners of `sip.listen`, each with the endpoint that speaks through it."""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, Protocol

import msgspec

from core.ids import Leg
from device_adapters.sip.admission import Admission
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Abandoned, Address, Ended, Event, Invited
from device_adapters.sip.settings import SipSettings, Transport, listen_address
from device_adapters.sip.sockets import room_for
from device_adapters.sip.tcp import StreamListener
from device_adapters.sip.tls import TlsContexts
from device_adapters.sip.udp import UdpSocket, reachable_host

TAG_BYTES = 8
"RFC 3261 19.3 asks for 32 random bits; a leg is unique for ever, so 64."

SPOKEN: dict[Transport, Literal["UDP", "TCP", "TLS"]] = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}
"As a Via says it."

Received = Callable[[int, bytes, Address], None]
"The listener's number, what came, and from where."
Unreachable = Callable[[int, Address], None]


class Link(Protocol):
    """One bound address, whatever its transport."""

    def send(self, data: bytes, addr: Address) -> None:
        """Send, or count that it could not be sent. Never waits."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        ...


class Legs:
    """Over which connections the legs of a listener came."""

    def __init__(self) -> None:
        self._peers: dict[Leg, Address] = {}
        self._held: Counter[Address] = Counter()

    def note(self, event: Event) -> None:
        """Take in what the endpoint tells."""
        match event:
            case Invited(leg=leg, peer=peer):
                self.add(leg, peer)
            case Abandoned(leg=leg) | Ended(leg=leg):
                peer = self._peers.pop(leg, ("", 0))
                self._held[peer] -= 1
                if self._held[peer] <= 0:
                    del self._held[peer]

    def add(self, leg: Leg, peer: Address) -> None:
        """Hold a leg."""
        if leg not in self._peers:
            self._peers[leg] = peer
            self._held[peer] += 1

    def holds(self, peer: Address) -> bool:
        """Tell whether a leg came from there."""
        return peer in self._held


class Port:
    """One listener: its link, and the endpoint that speaks through it."""

    def __init__(self, transport: Transport, address: Address, link: Link, endpoint: Endpoint) -> None:
        self.transport = transport
        self.address = address
        self.link = link
        self.endpoint = endpoint
        self.legs: Legs | None = None
        "None for UDP: there is nothing to keep open."

    def __str__(self) -> str:
        host, port = self.address
        return f"{self.transport}:[{host}]:{port}" if ":" in host else f"{self.transport}:{host}:{port}"


class Opener:
    """Opens listeners in the order of the configuration."""

    def __init__(
        self,
        settings: SipSettings,
        received: Received,
        unreachable: Unreachable,
        now: Callable[[], float],
        contexts: TlsContexts | None,
        passwords: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._received = received
        self._unreachable = unreachable
        self._admission = Admission(settings)
        self._now = now
        self._contexts = contexts
        self._passwords = passwords
        self._opened = 0
        self._calling: set[Transport] = set()
        streams = sum(not listen.startswith("udp:") for listen in settings.listen)
        self._room = room_for(streams * settings.connections_max) // streams if streams else 0

    async def open(self, listen: str) -> Port:
        """Bind the next listener; raise PortTakenError or ListenError when it cannot be."""
        transport, host, port = listen_address(listen)
        received = partial(self._received, self._opened)
        link: UdpSocket | StreamListener
        legs: Legs | None = None
        if transport == "udp":
            link = UdpSocket(received)
            bound = await link.open(host, port, self._settings.receive_buffer_bytes)
        else:
            legs = Legs()
            contexts = self._contexts if transport == "tls" else None
            link = StreamListener(
                transport, self._settings, received, self._now,
                contexts=contexts, room=self._room, holds=legs.holds,
                unreachable=partial(self._unreachable, self._opened),
            )  # fmt: skip
            bound = link.open(host, port)
        opened = Port(transport, bound, link, self._endpoint(transport, bound))
        opened.legs = legs
        self._opened += 1
        return opened

    def shown(self, bound: str) -> str:
        """Return the address peers reach us at; `sip.host` of the other family would lead nowhere."""
        host = self._settings.host
        return host if host and (":" in host) == (":" in bound) else reachable_host(bound)

    def settings_of(self, transport: Transport) -> SipSettings:
        """Return what the next listener goes by: only the first of its transport calls on trunks."""
        settings = self._settings
        if transport in self._calling:
            quiet = tuple(msgspec.structs.replace(trunk, keep_alive_s=0) for trunk in settings.trunks)
            settings = msgspec.structs.replace(settings, trunks=quiet)
        self._calling.add(transport)
        return settings

    def _endpoint(self, transport: Transport, bound: Address) -> Endpoint:
        return Endpoint(
            self.settings_of(transport),
            (self.shown(bound[0]), bound[1]),
            partial(_new_tag, self._opened),
            SPOKEN[transport],
            self._passwords,
            self._admission,
        )


def _new_tag(number: int) -> str:
    """Return a leg: chance, and the listener's number, so that a restarted process finds the same door."""
    return f"{secrets.token_hex(TAG_BYTES)}.{number}"
