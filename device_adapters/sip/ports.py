# SPDX-License-Identifier: Apache-2.0
"""The listeners of `sip.listen`, each with the endpoint that speaks through it."""

import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal, Protocol

from device_adapters.sip.dialler import Lost
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Address
from device_adapters.sip.house import House
from device_adapters.sip.settings import SipSettings, Transport, listen_address
from device_adapters.sip.sockets import room_for
from device_adapters.sip.tcp import StreamListener
from device_adapters.sip.tls import TlsContexts
from device_adapters.sip.udp import UdpSocket, reachable_host
from device_adapters.voices import Voices

TAG_BYTES = 8
"RFC 3261 19.3 asks for 32 random bits; a leg is unique for ever, so 64."

SPOKEN: dict[Transport, Literal["UDP", "TCP", "TLS"]] = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}
"As a Via says it."

Received = Callable[[int, bytes, Address], None]
"The listener's number, what came, and from where."
Unreachable = Callable[[int, Lost], None]


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


class Port:
    """One listener: its link, and the endpoint that speaks through it."""

    def __init__(self, transport: Transport, address: Address, link: Link, endpoint: Endpoint) -> None:
        self.transport = transport
        self.address = address
        self.link = link
        self.endpoint = endpoint

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
        voices: Voices | None = None,
    ) -> None:
        self._settings = settings
        self._received = received
        self._unreachable = unreachable
        self._house = House(settings)
        self._now = now
        self._contexts = contexts
        self._passwords = passwords
        self._voices = voices
        self._opened = 0
        streams = sum(not listen.startswith("udp:") for listen in settings.listen)
        self._room = room_for(streams * settings.connections_max) // streams if streams else 0

    async def open(self, listen: str) -> Port:
        """Bind the next listener; raise PortTakenError or ListenError when it cannot be."""
        transport, host, port = listen_address(listen)
        received = partial(self._received, self._opened)
        link: UdpSocket | StreamListener
        if transport == "udp":
            link = UdpSocket(received)
            bound = await link.open(host, port, self._settings.receive_buffer_bytes)
        else:
            contexts = self._contexts if transport == "tls" else None
            link = StreamListener(
                transport, self._settings, received, self._now,
                contexts=contexts, room=self._room, holding=lambda: opened.endpoint.sources(),
                unreachable=partial(self._unreachable, self._opened), owed_s=self._house.admission.owed_s,
            )  # fmt: skip
            bound = link.open(host, port)
        opened = Port(transport, bound, link, self._endpoint(transport, bound))
        self._opened += 1
        return opened

    def shown(self, bound: str) -> str:
        """Return the address peers reach us at; `sip.host` of the other family would lead nowhere."""
        host = self._settings.host
        return host if host and (":" in host) == (":" in bound) else reachable_host(bound)

    def _endpoint(self, transport: Transport, bound: Address) -> Endpoint:
        return Endpoint(
            self._settings,
            (self.shown(bound[0]), bound[1]),
            partial(_new_tag, self._opened),
            SPOKEN[transport],
            self._passwords,
            self._house,
            self._voices,
        )


def _new_tag(number: int) -> str:
    """Return a leg: chance, and the listener's number, so that a restarted process finds the same door."""
    return f"{secrets.token_hex(TAG_BYTES)}.{number}"
