# SPDX-License-Identifier: Apache-2.0
"""One connection to the broker that comes back by itself: aiomqtt's session, and what it leaves to be wished, mended.

aiomqtt and the paho client inside it are known here, in client.py and in reading.py, and nowhere else.

- aiomqtt's queue acknowledges before the program has seen a message (558 of 2,000 lost on kill -9) and costs a task
  for each: so messages come to us directly, and `manual_ack` leaves the PUBACK to `Receipts`;
- paho reads a message in three system calls: so `BulkReader` reads, and paho gets what is no message;
- its `publish` sleeps on after the connection is lost and hides the PUBACK's reason code: so the line
  publishes through paho and hears `on_publish`;
- it waits by `asyncio.wait_for`, which on Python 3.11 can swallow a cancellation: so nothing here is
  cancelled; every wait has a bound and is ended by waking what it waits on;
- it goes on waiting for a CONNACK or SUBACK on a connection that is gone: so `client.py` wakes it;
- it arms the writer of a socket that may be closed by then, its number another socket's: so we arm it;
- a connection whose CONNACK never came keeps its socket and its timer: so `drop` closes it by force.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import aiomqtt
import msgspec
import structlog
from paho.mqtt import client as paho

from device_adapters.mqtt.backoff import Backoff
from device_adapters.mqtt.bulk import Message, Splitter
from device_adapters.mqtt.client import (
    LineSpec,
    code_of,
    drop,
    give_up,
    new_client,
    order_properties,
    probe,
    wake,
    why_lost,
)
from device_adapters.mqtt.orders import Outgoing
from device_adapters.mqtt.reading import BulkReader
from device_adapters.mqtt.receipts import Receipt, Receipts, no_receipt
from device_adapters.mqtt.settings import MqttSettings

DRAIN_S_MAX = 1.0  # at a stop: for orders and receipts still under way
DRAIN_LOOK_S = 0.02
LEAVE_S_MAX = 0.4  # for the DISCONNECT to leave the socket
GRANT_S_MAX = (
    60.0  # SUBACK, behind all that was queued for us; a broker that is silent meanwhile is given up before
)
FAILURE_CODE_MIN = 128

log = structlog.get_logger(__name__)


class Ears(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a line tells. Each is called on the loop and must not wait."""

    heard: Callable[[str, bytes, Receipt], None]
    up: Callable[[], None]
    down: Callable[[str], None]
    answered: Callable[[int, bool], None]
    "(message id, refused): the broker's PUBACK."
    busy: Callable[[], bool]
    "Whether a stop should wait a moment for what is under way."


class Line:
    """One connection to the broker, made again whenever it is lost."""

    def __init__(self, spec: LineSpec, settings: MqttSettings, ears: Ears, backoff: Backoff) -> None:
        self._spec = spec
        self._settings = settings
        self._ears = ears
        self._backoff = backoff
        self._client: aiomqtt.Client | None = None
        self._reader: BulkReader | None = None
        self._receipts = Receipts(self._puback)
        self._stopped: asyncio.Future[None] | None = None
        self._stopping = False
        self._fault: BaseException | None = None
        self._cut_reason = ""
        self._thread = 0
        self._up_at_s: float | None = None
        self._session_kept = False
        self.connected = False
        self.connections = 0
        self.sessions_lost = 0
        "Times the broker had forgotten us: what it had queued for us meanwhile is gone."

    async def run(self) -> None:
        """Connect, serve, and begin again, until `stop()`."""
        loop = asyncio.get_running_loop()
        self._stopped = loop.create_future()
        self._thread = threading.get_ident()
        while not self._stopping:
            reason = await self._serve()
            if self._fault is not None:
                raise self._fault
            if self._stopping:
                return
            if self._up_at_s is not None and loop.time() - self._up_at_s > self._settings.reconnect_s_max:
                self._backoff.reset()
            self._ears.down(reason)
            await asyncio.wait((self._stopped,), timeout=self._backoff.next_s())

    def stop(self) -> None:
        """Let `run` return within 2 s, whatever the broker does."""
        self._stopping = True
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        if self._client is not None and not self.connected:
            wake(self._client, "stopping")

    def cut(self, reason: str) -> None:
        """Give the connection up and make another."""
        if self._client is not None and self.connected and not self._client._disconnected.done():
            self._cut_reason = reason
            give_up(self._client, aiomqtt.MqttError(reason))

    def look(self) -> None:
        """Read what has come by now, if the socket rests."""
        if self._reader is not None and self.connected:
            self._reader.look()

    def publish(self, message: Outgoing) -> int | None:
        """Publish at QoS 1; return the id that `answered` will name, or None when the line is down."""
        if self._client is None or not self.connected:
            return None
        extras = order_properties(message) if self._spec.mqtt5 else None
        sent = self._client._client.publish(message.topic, message.payload, qos=1, properties=extras)
        return sent.mid if sent.rc == paho.MQTT_ERR_SUCCESS else None

    async def _serve(self) -> str:
        """Serve one connection; return why it ended."""
        self._up_at_s = None
        try:
            self._client = client = self._prepared()
        except OSError as error:  # a certificate or password file that cannot be read
            return str(error)
        try:
            await self._come_up(client)
            assert self._stopped is not None, "serving before run"
            if self._fault is None:
                await asyncio.wait((client._disconnected, self._stopped), return_when=asyncio.FIRST_COMPLETED)
            if self._stopping:
                await self._say_goodbye(client)
            return self._cut_reason or why_lost(client)
        except aiomqtt.MqttError as error:
            return str(error)
        finally:
            self.connected = False
            self._cut_reason = ""
            self._receipts.close()
            self._client = self._reader = None
            drop(client)

    async def _come_up(self, client: aiomqtt.Client) -> None:
        self._receipts = Receipts(self._puback)
        self._session_kept = False
        await client.__aenter__()
        await self._subscribe(client)
        if self._spec.lasting and self.connections and not self._session_kept:
            self.sessions_lost += 1
            log.warning("mqtt_session_lost", client_id=self._spec.client_id)
        self.connected = True
        self.connections += 1
        self._up_at_s = asyncio.get_running_loop().time()
        if self._spec.presence:
            client._client.publish(self._spec.presence, b"online", qos=1, retain=True)
        self._ears.up()

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Ask for everything, unless the broker still knows what this very process asked for.

        What it queued for us comes before its answer: orders would have to wait for all of it.
        """
        spec = self._spec
        if self._session_kept and self.connections:
            return
        granted = await client.subscribe([(each, spec.qos) for each in spec.filters], timeout=GRANT_S_MAX)
        if any(code_of(each) >= FAILURE_CODE_MIN for each in granted):
            raise aiomqtt.MqttError("subscription refused")
        if spec.beside:
            await client.subscribe([(each, 0) for each in spec.beside], timeout=GRANT_S_MAX)

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + DRAIN_S_MAX
        while (self._ears.busy() or self._receipts) and loop.time() < until_s:
            if client._disconnected.done():
                return
            await asyncio.wait((client._disconnected,), timeout=DRAIN_LOOK_S)
        if self._spec.presence:
            client._client.publish(self._spec.presence, b"offline", qos=0, retain=True)
        client.timeout = LEAVE_S_MAX
        await client.__aexit__(None, None, None)

    def _prepared(self) -> aiomqtt.Client:
        """Return a client whose socket, messages and answers come to us."""
        spec, settings = self._spec, self._settings
        client = new_client(spec, settings)
        inner = client._client
        splitter = Splitter(
            mqtt5=spec.mqtt5, qos_max=1 if spec.lasting else 0, payload_bytes_max=settings.payload_bytes_max
        )
        self._reader = reader = BulkReader(
            inner, splitter, self._messages_came, lambda error: give_up(client, error), spec
        )

        def connected(paho_: paho.Client, data: object, flags: paho.ConnectFlags, *rest: Any) -> None:  # noqa: ANN401
            self._session_kept = flags.session_present
            probe(client, settings.keepalive_s)
            client._on_connect(paho_, data, flags, *rest)

        def opened(paho_: paho.Client, data: object, sock: Any) -> None:  # noqa: ANN401
            client._on_socket_open(paho_, data, sock)
            reader.begin(sock)

        inner.on_connect = connected
        inner.on_socket_open = opened
        inner.on_message = self._on_message
        inner.on_publish = self._on_publish
        inner.on_socket_register_write = self._on_writable_wanted
        return client

    def _messages_came(self, messages: list[Message]) -> None:
        self._guarded(self._tell, messages)

    def _tell(self, messages: list[Message]) -> None:
        heard, expect = self._ears.heard, self._receipts.expect
        for octets, payload, mid in messages:
            try:
                topic = str(octets, "utf-8")
            except UnicodeDecodeError:
                topic = ""
            heard(topic, payload, expect(mid) if mid else no_receipt)

    def _on_message(self, inner: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        """Hear what the splitter left to paho: a broker's message above the QoS we asked for."""
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        wants_receipt = self._spec.lasting and message.qos > 0
        receipt = self._receipts.expect(message.mid) if wants_receipt else no_receipt
        self._guarded(self._ears.heard, topic, message.payload, receipt)

    def _on_publish(self, inner: paho.Client, _: object, mid: int, code: Any, *__: object) -> None:  # noqa: ANN401
        self._guarded(self._ears.answered, mid, code_of(code) >= FAILURE_CODE_MIN)

    def _guarded(self, tell: Callable[..., None], *args: object) -> None:
        """Tell; what goes wrong inside is ours, and ends `run` instead of dying in paho's log."""
        try:
            tell(*args)
        except BaseException as fault:
            self._fault = fault
            self.cut("a fault of our own")
            raise

    def _puback(self, mid: int) -> None:
        assert self._client is not None, "receipts outlived their connection"
        self._client._client.ack(mid, 1)

    def _on_writable_wanted(self, inner: paho.Client, _: object, sock: Any) -> None:  # noqa: ANN401
        """Arm the writer on the loop; paho asks from the thread that connects, too."""
        assert self._stopped is not None, "connecting before run"
        loop = self._stopped.get_loop()

        def arm() -> None:
            live = inner.socket()
            if live is not None and live is sock:
                loop.add_writer(live.fileno(), inner.loop_write)

        if threading.get_ident() == self._thread:
            arm()
        else:
            loop.call_soon_threadsafe(arm)
