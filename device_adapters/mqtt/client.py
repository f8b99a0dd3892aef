# SPDX-License-Identifier: Apache-2.0
"""aiomqtt's client as we want it: made from the settings, woken, closed. What is mended in it is told in session.py."""

import asyncio
import logging
import ssl
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from device_adapters.mqtt.orders import Outgoing
from device_adapters.mqtt.settings import MqttSettings

REACH_S_MAX = 1.5  # TCP, and TLS again: forgives one lost SYN, and lets a stop end within 2 s
ANSWER_S_MAX = 5.0  # CONNACK. With the longest pause before it: back 10 s after the broker answers again
BROKER_PATIENCE = 2  # the broker gives us up later than we it: a pause of ours must not cost the connection
KEEPALIVE_S_MAX = 65_535  # two octets on the wire

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
    beside: tuple[str, ...] = ()
    "Filters at QoS 0 that the broker may refuse: the line does without."
    read_bytes: int = 4_096
    "At once, then others have their turn. An event costs the engine about a millisecond: some 20 of them."
    rest_s: float = 0.0
    """Pause before the socket is looked at again after it was read empty: many small reads become few larger ones.
    Nothing is lost, it waits in the kernel."""


def new_client(spec: LineSpec, settings: MqttSettings) -> aiomqtt.Client:
    """Return a client that is not connected yet. Raises OSError when a file of the settings cannot be read."""
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
        keepalive=min(BROKER_PATIENCE * settings.keepalive_s, KEEPALIVE_S_MAX),
        properties=_session_properties(settings) if spec.mqtt5 and spec.lasting else None,
        tls_context=_tls(settings),
    )
    inner = client._client
    inner.disable_logger()
    inner.connect_timeout = REACH_S_MAX
    inner.manual_ack_set(spec.lasting)

    def disconnected(*told: Any) -> None:  # noqa: ANN401
        client._on_disconnect(*told)
        wake(client, "connection lost before the broker answered")

    inner.on_disconnect = disconnected
    return client


def probe(client: aiomqtt.Client, silence_s: float) -> None:
    """Have the broker probed so that it is given up after a silence of `silence_s` and up to 2 s more.

    paho asks for a sign of life after one keepalive of silence and gives up after a second one, looking each second.
    """
    inner = client._client
    inner._keepalive = min(inner._keepalive, silence_s / 2)  # type: ignore[assignment]


def wake(client: aiomqtt.Client, why: str) -> None:
    """End every wait for an answer of the broker."""
    answers: list[asyncio.Future[Any]] = [client._connected, *client._pending_subscribes.values()]
    for answer in answers:
        if not answer.done():
            answer.set_exception(aiomqtt.MqttError(why))


def give_up(client: aiomqtt.Client, error: Exception) -> None:
    """Let the connection end with this error; the first one stays."""
    if not client._disconnected.done():
        client._disconnected.set_exception(error)


def drop(client: aiomqtt.Client) -> None:
    """Close the socket, whatever state it is in; its reader, writer and timer go with it."""
    client._client._sock_close()
    for answer in (client._connected, client._disconnected):
        if answer.done() and not answer.cancelled():
            answer.exception()  # looked at, or the loop complains that nobody did


def why_lost(client: aiomqtt.Client) -> str:
    """Return why the connection ended; empty when it has not."""
    if not client._disconnected.done():
        return ""
    return f"connection lost: {client._disconnected.exception() or 'closed by the broker'}"


def code_of(answer: Any) -> int:  # noqa: ANN401
    """Return the number of a reason code; paho wraps it."""
    return int(getattr(answer, "value", answer))


def order_properties(message: Outgoing) -> Properties:
    """Return what MQTT 5 says beside an order."""
    extras = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if message.expiry_s is not None:
        extras.MessageExpiryInterval = message.expiry_s
    extras.ResponseTopic = message.reply_to
    extras.CorrelationData = message.correlation
    return extras


async def try_login(settings: MqttSettings) -> None:
    """Connect as the gateway would and leave again. Raises OSError with the broker's or the network's reason."""
    spec = LineSpec(
        client_id=f"{settings.client_id}-check",
        filters=(),
        qos=0,
        mqtt5=settings.protocol == "5",
        lasting=False,
    )
    client = new_client(spec, settings)
    try:
        async with client:
            pass
    except aiomqtt.MqttError as error:
        raise OSError(str(error)) from None
    finally:
        drop(client)


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
