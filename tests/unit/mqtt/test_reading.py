# SPDX-License-Identifier: Apache-2.0
"""When a line looks at its socket, and when it rests."""

import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from device_adapters.mqtt.bulk import Message, Splitter
from device_adapters.mqtt.client import LineSpec
from device_adapters.mqtt.reading import BulkReader

REPORT = b"\x30\x06\x00\x01tabc"
SPEC = LineSpec(client_id="c", filters=("t",), qos=0, mqtt5=False, lasting=False, rest_s=0.02)


class Rest:
    """A pause that was begun, and perhaps given up."""

    def __init__(self, end: Callable[[], None]) -> None:
        self.end = end
        self.over = False

    def cancel(self) -> None:
        self.over = True


class Loop:
    """Keeps the pauses, and whether the socket is watched."""

    def __init__(self) -> None:
        self.rests: list[Rest] = []
        self.watched = False

    def add_reader(self, *_: object) -> None:
        self.watched = True

    def remove_reader(self, *_: object) -> None:
        self.watched = False

    def call_later(self, _: float, arm: Callable[[Any], None], sock: Any) -> Rest:
        self.rests.append(Rest(lambda: arm(sock)))
        return self.rests[-1]

    @property
    def open(self) -> list[Rest]:
        return [rest for rest in self.rests if not rest.over]


async def test_a_look_during_a_rest_begins_no_second_one() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    heard: list[Message] = []
    inner: Any = SimpleNamespace(
        socket=lambda: ours, _sock_recv=ours.recv, _last_bytes_received=0.0, _ping_t=0.0
    )
    splitter = Splitter(mqtt5=False, qos_max=0, payload_bytes_max=100)
    reader, loop = BulkReader(inner, splitter, heard.extend, lambda _: None, SPEC), Loop()
    reader._loop = loop  # type: ignore[assignment]
    reader._arm(ours)
    with ours, theirs:
        for _ in range(5):
            theirs.send(REPORT)
            reader.look()

        assert heard == [(b"t", b"abc", 0)] * 5
        assert len(loop.open) == 1
        assert not loop.watched, "it rests"

        loop.open[0].end()

        assert loop.watched, "and looks again when the rest is over"
