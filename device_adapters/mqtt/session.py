# SPDX-License-Identifier: Apache-2.0
"""The one file that knows aiomqtt and the paho client inside it.

A `Line` is one connection that comes back by itself. What aiomqtt leaves to be wished is mended here:

- its queue acknowledges before the program has seen a message (558 of 2,000 lost on kill -9) and costs a task
  for each: so paho's `on_message` calls us directly, and `manual_ack` leaves the PUBACK to `Receipts`;
- its `publish` sleeps on after the connection is lost and hides the PUBACK's reason code: so the line
  publishes through paho and hears `on_publish`;
- it waits by `asyncio.wait_for`, which on Python 3.11 can swallow a cancellation: so nothing here is
  cancelled; every wait has a bound and is ended by waking what it waits on;
- it arms the writer of a socket that may be closed by then, its number another socket's: so we arm it;
- a connection whose CONNACK never came keeps its socket and its timer: so `_drop` closes it by force.
"""

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device_adapters.mqtt.backoff import Backoff
from device_adapters.mqtt.orders import Outgoing
from device_adapters.mqtt.receipts import Receipt, Receipts, no_receipt
from device_adapters.mqtt.settings import MqttSettings

REACH_S_MAX = 1.5  # TCP, and TLS again: forgives one lost SYN, and lets a stop end within 2 s
ANSWER_S_MAX = 10.0  # CONNACK, SUBACK: a broker that all radios come back to at once is slow; a stop wakes us
DRAIN_S_MAX = 1.0  # at a stop: for orders and receipts still under way
DRAIN_LOOK_S = 0.02
LEAVE_S_MAX = 0.4  # for the DISCONNECT to leave the socket
FAILURE_CODE_MIN = 128

_SILENT = logging.getLogger(f"{__name__}.aiomqtt")
_SILENT.disabled = True  # its warnings are told by `down` and by the counters


class LineSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What makes one connection differ from the other."""

    client_id: str
    filters: tuple[str, ...]
    qos: int
    mqtt5: bool
    lasting: bool
    "Whether the broker keeps the session, and PUBACK waits for the receipt."
    presence: str = ""
    "Topic of the retained `online` and of the will; empty: none."


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
        self._receipts = Receipts(self._puback)
        self._stopped: asyncio.Future[None] | None = None
        self._stopping = False
        self._fault: BaseException | None = None
        self._cut_reason = ""
        self._thread = 0
        self._up_at_s: float | None = None
        self.connected = False
        self.connections = 0

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
            _wake(self._client)

    def cut(self, reason: str) -> None:
        """Give the connection up and make another."""
        if self._client is not None and self.connected and not self._client._disconnected.done():
            self._cut_reason = reason
            self._client._disconnected.set_exception(aiomqtt.MqttError(reason))

    def publish(self, message: Outgoing) -> int | None:
        """Publish at QoS 1; return the id that `answered` will name, or None when the line is down."""
        if self._client is None or not self.connected:
            return None
        extras = _properties(message) if self._spec.mqtt5 else None
        sent = self._client._client.publish(message.topic, message.payload, qos=1, properties=extras)
        return sent.mid if sent.rc == paho.MQTT_ERR_SUCCESS else None

    async def _serve(self) -> str:
        """Serve one connection; return why it ended."""
        self._up_at_s = None
        try:
            self._client = client = self._new_client()
        except OSError as error:  # a certificate or password file that cannot be read
            return str(error)
        try:
            await self._come_up(client)
            assert self._stopped is not None, "serving before run"
            if self._fault is None:
                await asyncio.wait((client._disconnected, self._stopped), return_when=asyncio.FIRST_COMPLETED)
            if self._stopping:
                await self._say_goodbye(client)
            return self._cut_reason or _why(client)
        except aiomqtt.MqttError as error:
            return str(error)
        finally:
            self.connected = False
            self._cut_reason = ""
            self._receipts.close()
            self._client = None
            _drop(client)

    async def _come_up(self, client: aiomqtt.Client) -> None:
        self._receipts = Receipts(self._puback)
        await client.__aenter__()
        granted = await client.subscribe([(each, self._spec.qos) for each in self._spec.filters])
        if any(_code(each) >= FAILURE_CODE_MIN for each in granted):
            raise aiomqtt.MqttError("subscription refused")
        self.connected = True
        self.connections += 1
        self._up_at_s = asyncio.get_running_loop().time()
        if self._spec.presence:
            client._client.publish(self._spec.presence, b"online", qos=1, retain=True)
        self._ears.up()

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

    def _new_client(self) -> aiomqtt.Client:
        spec, settings = self._spec, self._settings
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.username or None,
            password=_password(settings),
            logger=_SILENT,
            identifier=spec.client_id,
            protocol=aiomqtt.ProtocolVersion.V5 if spec.mqtt5 else aiomqtt.ProtocolVersion.V311,
            will=aiomqtt.Will(spec.presence, b"offline", qos=1, retain=True) if spec.presence else None,
            clean_session=None if spec.mqtt5 else not spec.lasting,
            clean_start=not spec.lasting if spec.mqtt5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
            timeout=ANSWER_S_MAX,
            # paho probes after one keepalive of silence and gives up after a second: half each makes ours.
            keepalive=max(1, settings.keepalive_s // 2),
            properties=_session_properties(settings) if spec.mqtt5 else None,
            tls_context=_tls(settings),
        )
        inner = client._client
        inner.disable_logger()
        inner.connect_timeout = REACH_S_MAX
        inner.manual_ack_set(spec.lasting)
        inner.on_message = self._on_message
        inner.on_publish = self._on_publish
        inner.on_socket_register_write = self._on_writable_wanted
        return client

    def _on_message(self, inner: paho.Client, _: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        wants_receipt = self._spec.lasting and message.qos > 0
        receipt = self._receipts.expect(message.mid) if wants_receipt else no_receipt
        self._guarded(self._ears.heard, topic, message.payload, receipt)

    def _on_publish(self, inner: paho.Client, _: object, mid: int, code: Any, *__: object) -> None:  # noqa: ANN401
        self._guarded(self._ears.answered, mid, _code(code) >= FAILURE_CODE_MIN)

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


def _wake(client: aiomqtt.Client) -> None:
    """End every wait for an answer of the broker."""
    answers: list[asyncio.Future[Any]] = [client._connected, *client._pending_subscribes.values()]
    for answer in answers:
        if not answer.done():
            answer.set_exception(aiomqtt.MqttError("stopping"))


def _drop(client: aiomqtt.Client) -> None:
    """Close the socket, whatever state it is in; its reader, writer and timer go with it."""
    client._client._sock_close()
    for answer in (client._connected, client._disconnected):
        if answer.done() and not answer.cancelled():
            answer.exception()  # looked at, or the loop complains that nobody did


def _why(client: aiomqtt.Client) -> str:
    if not client._disconnected.done():
        return ""
    return f"connection lost: {client._disconnected.exception() or 'closed by the broker'}"


def _code(answer: Any) -> int:  # noqa: ANN401
    """Return the number of a reason code; paho wraps it."""
    return int(getattr(answer, "value", answer))


def _password(settings: MqttSettings) -> str | None:
    if settings.password_file:
        return Path(settings.password_file).read_text("utf-8").strip()
    return settings.password or None


def _tls(settings: MqttSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    context = ssl.create_default_context(cafile=settings.cafile or None)
    if settings.certfile:
        context.load_cert_chain(settings.certfile, settings.keyfile or None)
    return context


def _session_properties(settings: MqttSettings) -> Properties:
    wanted = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    wanted.SessionExpiryInterval = settings.session_expiry_s
    wanted.ReceiveMaximum = settings.receive_max
    return wanted


def _properties(message: Outgoing) -> Properties:
    extras = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if message.expiry_s is not None:
        extras.MessageExpiryInterval = message.expiry_s
    extras.ResponseTopic = message.reply_to
    extras.CorrelationData = message.correlation
    return extras


async def try_login(settings: MqttSettings) -> None:
    """Connect as the gateway would and leave again. Raises OSError with the broker's or the network's reason."""
    client = aiomqtt.Client(
        settings.host,
        settings.port,
        username=settings.username or None,
        password=_password(settings),
        logger=_SILENT,
        identifier=f"{settings.client_id}-check",
        protocol=aiomqtt.ProtocolVersion.V5 if settings.protocol == "5" else aiomqtt.ProtocolVersion.V311,
        timeout=ANSWER_S_MAX,
        tls_context=_tls(settings),
    )
    client._client.connect_timeout = REACH_S_MAX
    try:
        async with client:
            pass
    except aiomqtt.MqttError as error:
        raise OSError(str(error)) from None
