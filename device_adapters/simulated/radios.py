# SPDX-License-Identifier: Apache-2.0
"""One county's radio gateway: the MQTT side of its units. The shell of fleet.py.

One connection carries the radios of a county: positions QoS 0, status, link and acks QoS 1, orders QoS 1
inwards. It knows aiomqtt; nothing else in this room does. Stopping is by flag: on 3.11 a cancel can be
swallowed.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

import aiomqtt

from device_adapters.simulated.alarm import Alarm
from device_adapters.simulated.fleet import CountyFleet, Report

ROOT = "g110/v1"
RETRY_S = 0.5
TICK_S = 0.01
"Reports due within one tick go together; an order's receipt waits for no tick."
CONFIRM_S, STOP_S = 1.0, 0.4
"One confirmation outstanding, the last words and the goodbye together stay under the two seconds to stop."
UNSENT_MAX = 10_000
"Reports kept while the broker is away: half a minute of the largest county. Positions are dropped first."


class Radio:
    """The radios of one county."""

    def __init__(
        self,
        fleet: CountyFleet,
        mqtt_url: str,
        clock: Callable[[], float],
        *,
        name: str = "",
        mqtt5: bool = False,
    ) -> None:
        self.fleet = fleet
        self.fixes = self.events = self.orders = self.reconnects = self.dropped = 0
        self.ready = asyncio.Event()
        "Set once every unit has said that it is there."
        self._clock = clock
        self._url = urlsplit(mqtt_url)
        self._name = name or f"city-radio-{fleet.county.code}"
        self._protocol = aiomqtt.ProtocolVersion.V5 if mqtt5 else aiomqtt.ProtocolVersion.V311
        self._unsent: deque[Report] = deque()
        self._alarm = Alarm()
        self._stopped = False
        self._greeted = False

    def stop(self) -> None:
        """Ask `run` to return soon."""
        self._stopped = True
        self._alarm.ring()

    async def run(self) -> None:
        """Serve the units until `stop()`; come back when the broker does."""
        while not self._stopped:
            try:
                async with self._client() as client:
                    await self._serve(client)
            except* aiomqtt.MqttError:
                self.reconnects += 1
            if not self._stopped:
                await self._alarm.sleep(RETRY_S)

    def _client(self) -> aiomqtt.Client:
        return aiomqtt.Client(
            self._url.hostname or "127.0.0.1",
            self._url.port or 1883,
            identifier=self._name,
            protocol=self._protocol,
            username=self._url.username,
            password=self._url.password,
            timeout=CONFIRM_S,
        )

    async def _serve(self, client: aiomqtt.Client) -> None:
        await client.subscribe(f"{ROOT}/{self.fleet.county.code}/units/+/orders", qos=1)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen(client), name=f"{self._name}-orders")
            try:
                await self._speak(client)
            finally:
                client.timeout = STOP_S
                listening.cancel()
        if self._stopped:
            await self._say_goodbye(client)

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Take orders until the connection breaks. A cancel ends it: it awaits only the next message."""
        async for message in client.messages:
            unit_id = message.topic.value.split("/")[-2]
            payload = message.payload
            if isinstance(payload, bytes | bytearray):
                self.orders += 1
                self._keep(self.fleet.order(unit_id, bytes(payload), self._clock()))
                self._alarm.ring()

    async def _speak(self, client: aiomqtt.Client) -> None:
        if not self._greeted:
            self._keep(self.fleet.start(self._clock()))
            self._greeted = True
        while not self._stopped:
            self._keep(self.fleet.due(self._clock()))
            await self._flush(client)
            self.ready.set()
            if not self._unsent:
                await self._alarm.sleep(max(TICK_S, self.fleet.next_due() - self._clock()))

    async def _flush(self, client: aiomqtt.Client) -> None:
        """Send what waits, in order; what was not confirmed is sent again on the next connection."""
        while self._unsent and not self._stopped:
            report = self._unsent.popleft()
            try:
                await self._publish(client, report)
            except aiomqtt.MqttError:
                self._unsent.appendleft(report)
                raise

    async def _publish(self, client: aiomqtt.Client, report: Report) -> None:
        topic = f"{ROOT}/{self.fleet.county.code}/units/{report.unit_id}/{report.kind}"
        if report.kind == "position":
            await client.publish(topic, report.payload)
            self.fixes += 1
        else:
            await client.publish(topic, report.payload, qos=1, retain=report.kind in ("status", "link"))
            self.events += 1

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        """Switch the radios off; bounded, for a retained `online` is only a small lie."""
        loop = asyncio.get_running_loop()
        until = loop.time() + STOP_S
        for report in [*(r for r in self._unsent if r.kind != "position"), *self.fleet.end()]:
            if loop.time() >= until:
                self.dropped += 1
            else:
                await self._publish(client, report)

    def _keep(self, reports: list[Report]) -> None:
        self._unsent += reports
        if len(self._unsent) > UNSENT_MAX:
            kept = [report for report in self._unsent if report.kind != "position"][:UNSENT_MAX]
            self.dropped += len(self._unsent) - len(kept)
            self._unsent = deque(kept)
