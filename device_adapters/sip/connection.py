# SPDX-License-Identifier: Apache-2.0
"""One TCP or TLS connection, from its first octet to its last. Knows asyncio's transports; opens nothing itself."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import cast

from device_adapters.sip.events import Address
from device_adapters.sip.framing import PONG, Framer, refusal
from device_adapters.sip.tls import TlsStream

LATE_S = 32.0
"""A handshake, a stranger's first message, and a message that has begun are whole by then: 64 T1 are all a
transaction may take (RFC 3261 17.1.1.2), and a message takes milliseconds."""
LINGER_S = 2.0
"A refused stream is read on for so long, unheard: closed at once, the kernel's reset would overtake the refusal."
UNSENT_OCTETS_MAX = 262_144
"""Beyond what the kernel holds (megabytes): 400 responses nobody reads. Such a peer is gone, or wants our memory:
2,000 of them have 512 MB (guess)."""
TURN_OCTETS_MAX = 16_384
"Heard in one turn of the loop: some 30 INVITEs, 5 ms. uvloop hands over 256 KiB at once, and others wait meanwhile."

Received = Callable[[bytes, Address], None]
Changed = Callable[["Connection"], None]
OwedS = Callable[[Address, int, int, float], float]


class Connection(asyncio.Protocol):
    """What is said and heard between us and one peer."""

    def __init__(
        self,
        peer: Address,
        way: Address,
        received: Received,
        lost: Changed,
        now: Callable[[], float],
        counters: Counter[str],
        *,
        listed: bool,
        dialled: bool = False,
        secure: TlsStream | None = None,
        owed_s: OwedS = lambda peer, messages, octets, now: 0.0,
    ) -> None:
        """`owed_s` tells how long not to read on after so many messages and octets."""
        self.peer = peer
        self.way = way
        "Where we called on it; the peer's address when it came to us."
        self.listed = listed
        "A trunk's: it may stay silent."
        self.heard_at = now()
        "When the last whole message or keep-alive came."
        self.settled = asyncio.Event()
        "It can be spoken through, or never will be."
        self.leaving = False
        self._received = received
        self._lost = lost
        self._now = now
        self._counters = counters
        self._greeted = dialled or listed
        self._secure = secure
        self._framer = Framer()
        self._unmeasured = 0
        self._since = now()
        "When what we wait for began: the handshake, the first message, or the one not yet whole; or the leaving."
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._owed_s = owed_s

    @property
    def ready(self) -> bool:
        """Tell whether it can be spoken through."""
        return (
            not self.leaving and self._transport is not None and (self._secure is None or self._secure.ready)
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak."""
        self._transport = cast("asyncio.Transport", transport)
        if self.leaving:  # it had to make room before it was there
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=UNSENT_OCTETS_MAX)
        if self._secure is not None:
            self._flush(self._secure)
        else:
            self.settled.set()

    def data_received(self, data: bytes) -> None:
        """Hand on every message that is whole now; of very many octets, some now and the rest in turn with others."""
        if self.leaving:
            return
        transport = self._transport
        turns = transport is not None and len(data) > TURN_OCTETS_MAX
        if turns and transport is not None:
            transport.pause_reading()
            self._rest = data[TURN_OCTETS_MAX:]
            data = data[:TURN_OCTETS_MAX]
        messages = self._taken(data)
        owed_s = 0.0 if self.listed else self._owed_s(self.peer, messages, len(data), self._now())
        if owed_s and transport is not None and not turns and not transport.is_closing():
            transport.pause_reading()
        if owed_s:
            asyncio.get_running_loop().call_later(owed_s, self._take_turn)
        elif turns:
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _taken(self, data: bytes) -> int:
        """Hear octets as they came; return how many messages became whole."""
        if self._secure is None:
            return self._heard(data)
        plain = self._secure.receive(data)
        self._flush(self._secure)
        if self._secure.ready and not self.settled.is_set():
            self._since = self._now()
            self.settled.set()
        messages = self._heard(plain) if plain else 0
        if self._secure.fault:
            self._counters["tls_faults"] += 1
            self.close()
        elif self._secure.over:
            self.close()
        return messages

    def eof_received(self) -> None:
        """Take it as the end: what we have to say later goes over a new connection (RFC 3261 18.2.2)."""
        self._leave()

    def pause_writing(self) -> None:
        """Drop a peer that does not read."""
        self._counters["slow_readers"] += 1
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the house."""
        self.leaving = True
        self.settled.set()
        self._lost(self)

    def say(self, data: bytes) -> None:
        """Send. Never waits."""
        if self._secure is not None:
            self._secure.send(data)
            self._flush(self._secure)
        else:
            self._write(data)

    def overdue(self, now: float, idle_s: float) -> str:
        """Return the name of what is overdue; empty when all is well."""
        if self.leaving:
            return "connections_lingering" if now - self._since >= LINGER_S else ""
        waits = not self.settled.is_set() or self._framer.begun or not self._greeted
        if waits and now - self._since >= LATE_S:
            return "connections_late"
        return "connections_idle" if now - self.heard_at >= idle_s else ""

    def close(self) -> None:
        """Send what is on its way, then close."""
        self._leave()
        if self._secure is not None:
            self._secure.close()
            self._flush(self._secure)
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._leave()
        if self._transport is not None:
            self._transport.abort()

    def _take_turn(self) -> None:
        rest, self._rest = self._rest, b""
        if self._transport is None or self._transport.is_closing():
            return
        if len(rest) <= TURN_OCTETS_MAX or self.leaving:
            self._transport.resume_reading()
        if rest:
            self.data_received(rest)

    def _heard(self, data: bytes) -> int:
        framer = self._framer
        pings, begun = framer.keep_alives, framer.begun
        messages = framer.feed(data)
        pinged = framer.keep_alives > pings
        self._greeted = self._greeted or bool(messages)
        if self._greeted and (messages or not begun):  # a stranger's line ends are no first message
            self._since = self._now()
        if messages or pinged:
            self.heard_at = self._now()
        for message in messages:
            self._received(message, self.peer)
        if framer.unmeasured > self._unmeasured:
            self._counters["anomaly_no_content_length"] += framer.unmeasured - self._unmeasured
            self._unmeasured = framer.unmeasured
        if pinged:
            self._counters["keep_alives"] += framer.keep_alives - pings
            if not self.leaving:
                self.say(PONG)  # one for all that came together: it asks whether we live
        if framer.error is not None and not self.leaving:
            self._refuse(framer.error.reason, framer.error.status_hint)
        return len(messages)

    def _refuse(self, reason: str, status: int | None) -> None:
        """Say why, when it can be said, and listen no more: the frame is lost (RFC 3261 18.3)."""
        self._counters[f"anomaly_{reason}"] += 1
        answer = refusal(self._framer.refused, self.peer, status) if status else None
        if answer is None:
            self.close()
            return
        self._counters["sent_4xx"] += 1
        self.say(answer)
        if self._secure is not None:
            self._secure.close()
            self._flush(self._secure)
        if not self.leaving and self._transport is not None:
            self._leave()
            self._transport.write_eof()

    def _leave(self) -> None:
        if not self.leaving:
            self.leaving = True
            self._since = self._now()

    def _flush(self, secure: TlsStream) -> None:
        sealed = secure.take()
        if sealed:
            self._write(sealed)

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
