# SPDX-License-Identifier: Apache-2.0
"""Reads a paho client's socket in large pieces, in the place of paho's own reading (docs/decisions/0043).

paho asks the socket for one octet, then for the length octet by octet, then for the rest: three and more system
calls for each message, and one message for each turn of the loop. Here one call brings as much as the line allows;
the splitter tells the messages, and paho's own handler gets every other packet.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket

from device_adapters.mqtt.bulk import Message, Packet, Splitter
from device_adapters.mqtt.client import LineSpec

TLS_RECORD_BYTES_MAX = 16_384
"RFC 8446, 5.1. Read whole, it leaves nothing decrypted behind in the socket, where the loop would not see it."


class BulkReader:
    """What reads one connection. It begins with the socket and ends with it."""

    def __init__(
        self,
        inner: paho.Client,
        splitter: Splitter,
        heard: Callable[[list[Message]], None],
        lost: Callable[[Exception], None],
        spec: LineSpec,
    ) -> None:
        self._inner = inner
        self._splitter = splitter
        self._heard = heard
        self._lost = lost
        self._bytes = spec.read_bytes
        self._rest_s = spec.rest_s
        self._loop = asyncio.get_running_loop()
        self._sock: Any = None
        self._rest: asyncio.TimerHandle | None = None

    def begin(self, sock: Any) -> None:  # noqa: ANN401
        """Read this socket from now on, instead of whoever reads it; from any thread."""
        self._loop.call_soon_threadsafe(self._arm, sock)

    def look(self) -> None:
        """Read what is there, rest or no rest."""
        if self._sock is not None and self._inner.socket() is self._sock:
            self._look(self._sock)

    def _arm(self, sock: Any) -> None:  # noqa: ANN401
        self._sock, self._rest = sock, None
        number = sock.fileno()
        if self._inner.socket() is sock:  # else it is closed, and its number may be another's
            self._loop.add_reader(number, self._look, sock)

    def _look(self, sock: Any) -> None:  # noqa: ANN401
        rested = self._rest
        if rested is not None:  # a look during a rest ends it, or each would begin one more
            rested.cancel()
            self._rest = None
        try:
            empty = self._read(sock)
        except Exception as error:  # paho's decoders raise what they like: whatever it is ends the connection
            self._lost(error)
            return
        number = sock.fileno()
        if self._inner.socket() is not sock:
            return
        if empty and self._rest_s:
            self._loop.remove_reader(number)
            self._rest = self._loop.call_later(self._rest_s, self._arm, sock)
        elif rested is not None:
            self._arm(sock)

    def _read(self, sock: Any) -> bool:  # noqa: ANN401
        """Read a good piece; return whether there is no more for now."""
        inner, taken = self._inner, 0
        tls = isinstance(sock, ssl.SSLSocket)
        while taken < self._bytes and inner.socket() is sock:
            try:
                data = inner._sock_recv(TLS_RECORD_BYTES_MAX if tls else self._bytes)
            except BlockingIOError:
                return True
            except OSError:
                data = b""
            if not data:
                inner._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
                return False
            inner._last_bytes_received = now = paho.time_func()
            if (
                inner._ping_t
            ):  # the answer to a probe may be behind a thousand messages: they are a sign of life, too
                inner._ping_t = now
            self._split(data)
            taken += len(data)
            if len(data) < self._bytes and not tls:
                return True  # with TLS a read ends with its record, and more may be there
        return False

    def _split(self, data: bytes) -> None:
        self._splitter.feed(data)
        while True:
            messages, other = self._splitter.take()
            if messages:
                self._heard(messages)
            if other is None:
                return
            self._hand_on(other)
            if self._inner.socket() is None:  # it ended the connection
                return

    def _hand_on(self, packet: Packet) -> None:
        """Let paho understand what is no message, as if it had read it."""
        inner = self._inner
        inner._in_packet = {
            "command": packet.head,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(packet.body),
            "packet": bytearray(packet.body),
            "to_process": 0,
            "pos": 0,
        }
        try:
            wrong = inner._packet_handle()
        except MalformedPacket:
            wrong = MQTTErrorCode.MQTT_ERR_PROTOCOL
        if wrong:
            inner._loop_rc_handle(wrong)
