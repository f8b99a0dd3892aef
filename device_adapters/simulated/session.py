# SPDX-License-Identifier: Apache-2.0
"""One MQTT connection of one or many radios, without a socket. Pure: bytes and times in, bytes and events out.

Give it what came with `receive`, write what `outgoing` returns, wake it with `tend`. What was told surely (QoS 1)
and not confirmed when a connection ended goes again on the next one; a position does not.
"""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from device_adapters.simulated import packets
from device_adapters.simulated.packets import PacketError, Splitter, Will

WINDOW = 20
"Messages of QoS 1 on their way at once; a broker of MQTT 5 may allow fewer."
WAITING_MAX = 65_536
"Messages of QoS 1 kept while the broker is away: `online` and `available` of 30,000 units on one line, a guess."
KEEPALIVE_S = 30
MIDS = 65_535
Topic = tuple[bytes, bytes]


class Login(NamedTuple):
    """Who connects."""

    client_id: str
    username: str = ""
    password: str = ""
    will: Will | None = None


class Told(NamedTuple):
    """A message of QoS 1 until it is confirmed."""

    topic: Topic
    payload: bytes
    retain: bool


class Session:
    """The client's side of one connection after another."""

    def __init__(
        self,
        login: Login,
        filters: tuple[str, ...],
        heard: Callable[[str, bytes], None],
        *,
        mqtt5: bool = False,
        keepalive_s: int = KEEPALIVE_S,
    ) -> None:
        """`heard` gets each message of the filters; it is acknowledged when it returns."""
        self.mqtt5 = mqtt5
        self.up = False
        "The broker has granted the subscription: what is said now arrives."
        self.said = self.confirmed = self.refused = self.dropped = 0
        self._login = login
        self._filters = filters
        self._heard = heard
        self._keepalive_s = keepalive_s
        self._out: list[bytes] = []
        self._splitter = Splitter()
        self._waiting: deque[Told] = deque()
        self._flying: dict[int, Told] = {}
        "{packet id: message}, in the order of sending."
        self._mid = 0
        self._window = WINDOW
        self._keepalive_now_s = keepalive_s
        self._heard_at_s = 0.0
        self._pinged = False

    def __len__(self) -> int:
        """Return how many messages of QoS 1 are not confirmed."""
        return len(self._waiting) + len(self._flying)

    def begin(self, now: float) -> None:
        """A connection stands: greet the broker."""
        assert not self.up, "one connection at a time"
        self._splitter = Splitter()
        self._pinged = False
        self._window = WINDOW
        self._keepalive_now_s = self._keepalive_s
        self._heard_at_s = now
        self._out = [
            packets.connect(
                self._login.client_id,
                mqtt5=self.mqtt5,
                keepalive_s=self._keepalive_s,
                username=self._login.username,
                password=self._login.password,
                will=self._login.will,
            )
        ]

    def lost(self) -> None:
        """The connection is gone; what was not confirmed goes again, first and in order.

        Not as a DUP: the next session is a new one (4.4).
        """
        self.up = False
        self._out = []
        self._waiting.extendleft(reversed(self._flying.values()))
        self._flying.clear()

    def say(self, topic: Topic, payload: bytes) -> bool:
        """Publish at QoS 0; return False when nobody would hear it."""
        if not self.up:
            return False
        self._out.append(packets.publish(topic, payload))
        self.said += 1
        return True

    def tell(self, topic: Topic, payload: bytes, *, retain: bool) -> None:
        """Publish at QoS 1, now or when there is room; beyond the limit the oldest that waits is dropped."""
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(Told(topic, payload, retain))
        if self.up:
            self._fill()

    def leave(self) -> None:
        """Say the normal goodbye."""
        self._out.append(packets.disconnect())
        self.up = False

    def receive(self, data: bytes, now: float) -> None:
        """Take what came. Raises PacketError when the connection cannot go on; its text says why."""
        self._heard_at_s = now
        self._pinged = False
        for kind, flags, body in self._splitter.feed(data):
            if kind == packets.PUBACK:
                self._settle(body)
            elif kind == packets.PUBLISH:
                self._take(flags, body)
            elif kind == packets.CONNACK:
                self._greeted(body)
            elif kind == packets.SUBACK:
                self._granted(body)
            elif kind == packets.DISCONNECT:
                raise PacketError(f"the broker ended it: reason {body[0] if body else 0:#x}")
            elif kind != packets.PINGRESP:
                raise PacketError(f"a packet of type {kind} from a broker")

    def tend(self, now: float) -> None:
        """Ping a broker that has been silent. Raises PacketError when it stays so."""
        silent_s = now - self._heard_at_s
        if silent_s >= self._keepalive_now_s:
            raise PacketError(f"nothing heard for {silent_s:.0f} s")
        if self.up and not self._pinged and silent_s >= self._keepalive_now_s / 2:
            self._pinged = True
            self._out.append(packets.PING)

    def outgoing(self) -> bytes:
        """Return what is to be written, once."""
        if not self._out:
            return b""
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)

    def _greeted(self, body: bytes) -> None:
        code, numbers = packets.read_connack(body, mqtt5=self.mqtt5)
        if code:
            raise PacketError(f"the broker refuses us: reason {code:#x}")
        self._window = min(WINDOW, numbers.get(packets.RECEIVE_MAXIMUM, WINDOW))
        self._keepalive_now_s = numbers.get(packets.SERVER_KEEP_ALIVE) or self._keepalive_s
        if self._filters:
            self._out.append(packets.subscribe(self._next_mid(), self._filters, mqtt5=self.mqtt5))
        else:
            self._come_up()

    def _granted(self, body: bytes) -> None:
        if any(code >= packets.REFUSED_MIN for code in packets.read_suback(body, mqtt5=self.mqtt5)):
            raise PacketError("the broker refuses the subscription")
        self._come_up()

    def _come_up(self) -> None:
        self.up = True
        self._fill()

    def _take(self, flags: int, body: bytes) -> None:
        message = packets.read_publish(flags, body, mqtt5=self.mqtt5)
        self._heard(message.topic, message.payload)
        if message.mid:
            self._out.append(packets.puback(message.mid))

    def _settle(self, body: bytes) -> None:
        mid, code = packets.read_receipt(body)
        if self._flying.pop(mid, None) is None:
            return
        if code >= packets.REFUSED_MIN:
            self.refused += 1
        else:
            self.confirmed += 1
        self._fill()

    def _fill(self) -> None:
        while len(self._flying) < self._window and self._waiting:
            told, mid = self._waiting.popleft(), self._next_mid()
            self._flying[mid] = told
            self._out.append(packets.publish_surely(told.topic, told.payload, mid, retain=told.retain))

    def _next_mid(self) -> int:
        """Return a packet id that is not on its way; there are 65,535 and at most twenty are."""
        while True:
            self._mid = self._mid % MIDS + 1
            if self._mid not in self._flying:
                return self._mid
