# SPDX-License-Identifier: Apache-2.0
"""Radios of a whole fleet behind one connection: they keep what the broker has not acknowledged, and say it again."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.integration.house import COUNTY, until

INFLIGHT = 100
ROSTER_HEAD = "unit_id,call_sign,police_type,capabilities,county,organ"


def roster(units: list[str]) -> str:
    """Return the roster of so many patrol cars."""
    return "\n".join([ROSTER_HEAD, *(f"{unit},Car {unit},patrol,,{COUNTY},Lucheng" for unit in units), ""])


class Radios:
    """What they said, and what of it the broker has."""

    def __init__(self, port: int) -> None:
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="radios", clean_session=False, protocol=paho.MQTTv311
        )
        self.client.max_inflight_messages_set(INFLIGHT)
        self.client.max_queued_messages_set(0)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_publish = lambda _client, _data, mid, _code, _more: self._acknowledged(mid)
        self.client.on_message = self._ordered
        self.said = 0
        self.acknowledged = 0
        self.orders: list[dict[str, object]] = []
        "Orders, in the order they came."
        self.client.connect("127.0.0.1", port, keepalive=4)
        self.client.loop_start()

    def say(self, unit: str, leaf: str, payload: dict[str, object] | bytes) -> None:
        """Publish, now or when the broker is back: positions at QoS 0, everything else at QoS 1."""
        octets = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.say_at(f"g110/v1/{COUNTY}/units/{unit}/{leaf}", octets, qos=0 if leaf == "position" else 1)

    def say_at(self, topic: str, payload: bytes, qos: int) -> None:
        """Publish anything anywhere."""
        self.said += 1
        self.client.publish(topic, payload, qos=qos)

    def listen(self) -> None:
        """Subscribe to every unit's orders."""
        heard = threading.Event()
        self.client.on_subscribe = lambda *_: heard.set()
        self.client.subscribe(f"g110/v1/{COUNTY}/units/+/orders", qos=1)
        assert heard.wait(10), "the broker did not answer"

    def all_acknowledged(self, seconds: float = 30.0) -> None:
        """Wait until the broker has everything."""
        until(lambda: self.acknowledged == self.said, seconds)

    def _acknowledged(self, _mid: int) -> None:
        self.acknowledged += 1

    def _ordered(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.orders.append(json.loads(message.payload))


@contextmanager
def radios(port: int) -> Iterator[Radios]:
    """Switch the radios on for one scene."""
    fleet = Radios(port)
    try:
        yield fleet
    finally:
        fleet.client.disconnect()
        fleet.client.loop_stop()


def now_s() -> int:
    """Return what a device's clock says."""
    return int(time.time())  # noqa: TID251  a device has its own clock
