# SPDX-License-Identifier: Apache-2.0
"""What the operator may say about the broker."""

from typing import Literal
from urllib.parse import urlsplit

import msgspec

from device_adapters.fixes.settings import FixSettings
from device_adapters.mqtt.sources import Source, check_together


class MqttSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[mqtt]` table of the configuration."""

    url: str = "mqtt://127.0.0.1:1883"
    "`mqtt://host:port` or `mqtts://host:port` (TLS); the port may be left out: 1883 or 8883."
    username: str = ""
    "Empty: no user name is given."
    password: str = ""
    "Better in a file: a configuration is copied about."
    password_file: str = ""
    "Read at every connection, so a changed password needs no restart; goes before `password`."
    cafile: str = ""
    "Certificate authority of the broker (PEM); empty: those the system trusts. Only with mqtts."
    certfile: str = ""
    "Our own certificate (PEM), when the broker wants one."
    keyfile: str = ""
    "... and its key."
    protocol: Literal["5", "3.1.1"] = "5"
    "3.1.1 where the broker knows nothing newer: orders then go without expiry, answer topic and correlation."
    client_id: str = "g110"
    "Prefix of our client ids, `{prefix}-{node}-positions` and `…-events`; the broker keeps events under it."
    counties: tuple[str, ...] = ()
    "County codes to listen to; empty: all. The roster decides what is accepted; this, what is sent to us."
    junctions: bool = False
    "Listen to junctions' reports of delays too; the broker must let us (docs/run/mosquitto.acl)."
    sources: tuple[Source, ...] = ()
    "Fleets that speak in their own way (docs/decisions/0044). Ids, datum and codes are read again on SIGHUP."
    keepalive_s: int = 6
    "A connection that carries nothing, not even our probes, is given up after this and up to 2 s more."
    session_expiry_s: int = 86_400
    "How long the broker keeps events for us while we are away (MQTT 5; 3.1.1 leaves it to the broker)."
    receive_max: int = 1_000
    "Events the broker may have with us unacknowledged (MQTT 5): 20 ms of disk at 50,000 a second, a guess."
    tick_ms: int = 100
    "Positions of one tick become one fact."
    future_s_max: int = 120
    "A device clock further ahead of ours than this is wrong."
    payload_bytes_max: int = 8_192
    "Forty times a rich report."
    orders_pending_max: int = 10_000
    "Orders that wait for the broker; one more is refused aloud. A bureau's day of orders, a guess."
    puback_s_max: float = 5.0
    "An order not confirmed by the broker after this: the connection is given up and the order goes again."
    reconnect_s_min: float = 0.25
    "Longest first pause before the next attempt; doubled each time, the true pause is half to all of it."
    reconnect_s_max: float = 4.0
    "Longest pause: with it we are back at most 10 s after the broker is, even one that swallowed our last attempt."
    fixes: FixSettings = FixSettings()
    "What cannot be true of a position."

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        if "@" in self.url:  # first, so that no sentence below shows a password
            raise ValueError("mqtt.url carries no password: use mqtt.username and mqtt.password_file")
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:  # a bracket left open, or a port that is no number up to 65535
            raise ValueError(f"mqtt.url must have a host and a port up to 65535, not {self.url!r}") from None
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or port == 0:
            raise ValueError(f"mqtt.url must be mqtt://host:port or mqtts://host:port, not {self.url!r}")
        if not 0 < self.reconnect_s_min <= self.reconnect_s_max:
            raise ValueError("mqtt.reconnect_s_min must be above 0 and not above mqtt.reconnect_s_max")
        for name in _ABOVE_NOTHING:
            if getattr(self, name) <= 0:
                raise ValueError(f"mqtt.{name} must be above 0")
        check_together(self.sources)
        if not 1 <= self.receive_max <= 65_535:
            raise ValueError("mqtt.receive_max must be from 1 to 65535")
        if self.keepalive_s > 65_535:
            raise ValueError("mqtt.keepalive_s must be at most 65535: its field on the wire has two octets")
        if self.session_expiry_s >= 2**32:
            raise ValueError(
                "mqtt.session_expiry_s must be below 2**32: its field on the wire has four octets"
            )

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def host(self) -> str:
        """The broker's name or address."""
        host = urlsplit(self.url).hostname
        assert host is not None, "__post_init__ let a URL without a host through"
        return host

    @property
    def port(self) -> int:
        """The broker's port."""
        return urlsplit(self.url).port or (8883 if self.tls else 1883)


_ABOVE_NOTHING = (
    "keepalive_s",
    "session_expiry_s",
    "tick_ms",
    "future_s_max",
    "payload_bytes_max",
    "orders_pending_max",
    "puback_s_max",
)
