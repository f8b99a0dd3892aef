# SPDX-License-Identifier: Apache-2.0
"""Radios and vehicles over MQTT, as the gateway sees them.

Two connections, so that a flood of positions never delays a panic button. A message becomes a fact inside the
socket's own callback: no queue and no task lies between the broker and the door.
"""

import asyncio
import random
from collections.abc import Callable, Mapping

import msgspec
import structlog

from core.effects import Effect, OrderUnit, PromptUnit
from core.events import NeighbourBack, NeighbourGone
from core.ids import CountyCode
from device_adapters.adapter import Clock, Door
from device_adapters.fixes.track import TrackRows
from device_adapters.mqtt import drops, prompts, sources, topics
from device_adapters.mqtt.backoff import Backoff
from device_adapters.mqtt.client import LineSpec
from device_adapters.mqtt.intake import Intake, Roster
from device_adapters.mqtt.orders import Orders, Outgoing, as_message
from device_adapters.mqtt.receipts import Receipt
from device_adapters.mqtt.session import Ears, Line
from device_adapters.mqtt.settings import MqttSettings

REASON_CHARS_MAX = 200  # of an error's text in a fact; a guess
DROPPED = "mqtt:dropped"
"Name under which desks see that the broker drops messages."
READ_BYTES = 65_536  # of positions: 300 of them, 2 ms of work
READ_REST_S = (
    0.02  # of positions: they wait for the tick, and few large reads cost a third of many small ones
)


log = structlog.get_logger(__name__)


def next_tick_s(due_s: float, now_s: float, tick_ms: int) -> float:
    """Return when the next tick is due, s: a whole tick after the last was, or now when that is past already.

    Counted from when the last one ended, ticks would be longer than told by their own work and the loop's lag.
    """
    return max(due_s + tick_ms / 1000.0, now_s)


class MqttAdapter:
    """The broker's side of the house (device_adapters.adapter.Adapter)."""

    name = "mqtt"

    def __init__(
        self,
        settings: MqttSettings,
        clock: Clock,
        county: CountyCode,
        node: str,
        roster: Roster,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._intake = Intake(settings, roster)
        self._orders = Orders(settings.orders_pending_max)
        self._prompts = prompts.Prompts()
        self._drops = drops.DropWatch()
        self._track: TrackRows | None = None
        self._take_track: Callable[[TrackRows], None] = lambda _: None
        self._door: Door | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._stopping = False
        self._gone = False
        self._losses = 0
        self._positions = self._line(
            LineSpec(
                client_id=f"{settings.client_id}-{node}-positions",
                filters=(
                    *topics.position_filters(settings.counties),
                    *(topics.junction_filters(settings.counties) if settings.junctions else ()),
                    *sources.filters(settings.sources, "positions"),
                ),
                qos=0,
                mqtt5=settings.protocol == "5",
                lasting=False,
                read_bytes=READ_BYTES,
                rest_s=READ_REST_S,
            ),
            self._position_heard,
            lambda: False,
            chance,
        )
        self._events = self._line(
            LineSpec(
                client_id=f"{settings.client_id}-{node}-events",
                filters=(
                    *topics.event_filters(settings.counties),
                    *sources.filters(settings.sources, "events"),
                ),
                qos=1,
                mqtt5=settings.protocol == "5",
                lasting=True,
                presence=topics.presence(county, node),
                beside=(drops.TOPIC,),
            ),
            self._event_heard,
            lambda: len(self._orders) > 0,
            chance,
        )

    async def run(self, door: Door) -> None:
        """Serve until `stop()`; a broker that is away is waited for, never an exception."""
        self._door = door
        self._stopped = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._positions.run(), name="mqtt-positions")
            tasks.create_task(self._events.run(), name="mqtt-events")
            tasks.create_task(self._tick(), name="mqtt-tick")
            if self._stopping:
                self.stop()
        self.flush()

    def send(self, effect: Effect) -> None:
        """Put an order or a safety check on its way, now or when the broker is back; other effects are not ours."""
        if isinstance(effect, PromptUnit):
            self._prompts.put(effect)
            self._ask()
        if not isinstance(effect, OrderUnit):
            return
        if self._orders.put(effect, self._now_s()) == "full":
            log.error("mqtt_order_refused", order_id=effect.order_id, unit_id=effect.unit_id, reason="full")
        self._pump()

    def stop(self) -> None:
        """Let `run` return within 2 s."""
        self._stopping = True
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        self._positions.stop()
        self._events.stop()

    def reload(self, settings: MqttSettings) -> bool:
        """Take over what foreign sources say of ids, datum and codes; return whether anything needs a restart."""
        mine = self._settings
        lines: tuple[sources.LineName, ...] = ("positions", "events")
        if all(
            sorted(sources.filters(settings.sources, line)) == sorted(sources.filters(mine.sources, line))
            for line in lines
        ):
            self._intake.take_sources(settings.sources)
            self._settings = mine = msgspec.structs.replace(mine, sources=settings.sources)
        return settings != mine

    def keep_track(self, take: Callable[[TrackRows], None]) -> None:
        """Keep a row for every fix from now on; `take` is called with them at each tick."""
        self._track, self._take_track = self._intake.fixes.keep_track(), take

    def limit_speeds(self, police_types: Mapping[int, str]) -> None:
        """Tell which unit is of which kind of police, by index: some are faster."""
        self._intake.fixes.limit_speeds(police_types)

    def flush(self) -> None:
        """Feed what moved since the last tick as one fact; nothing that has come waits for a second tick."""
        self._positions.look()
        if self._track is not None:
            self._take_track(self._track)
        moved = self._intake.tick(self._clock.wall_ns())
        if moved is not None:
            assert self._door is not None, "positions before run"
            self._door.feed(moved)

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        return {
            **self._intake.statistics(),
            "orders_sent": self._orders.sent,
            "orders_confirmed": self._orders.confirmed,
            "orders_pending": len(self._orders),
            "orders_expired": self._orders.expired,
            "orders_refused": self._orders.refused,
            "prompts_sent": self._prompts.sent,
            "prompts_pending": len(self._prompts),
            "prompts_expired": self._prompts.expired,
            "reconnects": max(0, self._positions.connections - 1) + max(0, self._events.connections - 1),
            "losses": self._losses,
            "sessions_lost": self._events.sessions_lost,
            "broker_dropped": self._drops.dropped,
            "connected": int(self._both_up()),
        }

    def _line(
        self,
        spec: LineSpec,
        heard: Callable[[str, bytes, Receipt], None],
        busy: Callable[[], bool],
        chance: Callable[[], float],
    ) -> Line:
        settings = self._settings
        ears = Ears(heard=heard, up=self._up, down=self._down, answered=self._answered, busy=busy)
        backoff = Backoff(settings.reconnect_s_min, settings.reconnect_s_max, chance)
        return Line(spec, settings, ears, backoff)

    def _position_heard(self, topic: str, payload: bytes, _: Receipt) -> None:
        for fact in self._intake.read(topic, payload, self._clock.wall_ns()):
            assert self._door is not None, "a message before run"
            self._door.feed(fact)  # a junction's, a foreign source's: what a lost one said, the next one says

    def _event_heard(self, topic: str, payload: bytes, receipt: Receipt) -> None:
        if topic == drops.TOPIC:
            self._broker_dropped(payload)
            receipt()
            return
        facts = self._intake.read(topic, payload, self._clock.wall_ns())
        if not facts:
            receipt()
            return
        assert self._door is not None, "a message before run"
        for fact in facts:
            seq = self._door.feed(fact)
        self._door.when_durable(seq, receipt)

    def _broker_dropped(self, payload: bytes) -> None:
        """Warn at each rise; show the desks that it began, and later that it is over."""
        known = self._drops.dropping
        risen = self._drops.hear(payload, self._clock.mono_s())
        if not risen:
            return
        log.warning("mqtt_broker_dropped", messages=risen)
        if not known:
            assert self._door is not None, "a message before run"
            reason = f"the broker dropped {risen} messages"
            self._door.feed(NeighbourGone(at_ns=self._clock.wall_ns(), name=DROPPED, reason=reason))

    def _up(self) -> None:
        self._pump()
        self._ask()
        if not (self._gone and self._both_up()):
            return
        self._gone = False
        log.info("neighbour_back", name=self.name)
        assert self._door is not None, "connected before run"
        self._door.feed(NeighbourBack(at_ns=self._clock.wall_ns(), name=self.name))

    def _down(self, reason: str) -> None:
        if not self._events.connected:
            self._orders.lost()
        if self._gone:
            return
        self._gone = True
        self._losses += 1
        reason = reason[:REASON_CHARS_MAX]
        log.warning("neighbour_gone", name=self.name, reason=reason)
        assert self._door is not None, "disconnected before run"
        self._door.feed(NeighbourGone(at_ns=self._clock.wall_ns(), name=self.name, reason=reason))

    def _answered(self, mid: int, refused: bool) -> None:
        order = self._orders.settle(mid, refused=refused)
        if order is None:
            return
        if refused:
            log.error("mqtt_order_refused", order_id=order.order_id, unit_id=order.unit_id, reason="broker")
        self._pump()

    def _pump(self) -> None:
        """Publish what is due, while the line is up."""
        while self._events.connected and (order := self._orders.due(self._now_s())) is not None:
            mid = self._events.publish(self._as_message(order))
            if mid is None:
                return
            self._orders.on_its_way(mid, self._clock.mono_s())

    def _ask(self) -> None:
        """Publish the safety checks that wait, while the line is up."""
        while self._events.connected and (prompt := self._prompts.due(self._now_s())) is not None:
            if self._events.publish(prompts.as_message(prompt, self._now_s())) is None:
                return
            self._prompts.left(prompt)

    def _as_message(self, order: OrderUnit) -> Outgoing:
        """Return the order for the topic its unit listens on, as it reads it."""
        message = as_message(order, self._now_s())
        redirected = self._intake.redirected(order)
        if redirected is None:
            return message
        topic, payload = redirected
        return msgspec.structs.replace(message, topic=topic, payload=payload)

    async def _tick(self) -> None:
        assert self._stopped is not None, "ticking before run"
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while not self._stopping:
            due_s = next_tick_s(due_s, loop.time(), self._settings.tick_ms)
            await asyncio.wait((self._stopped,), timeout=due_s - loop.time())
            self.flush()
            if self._drops.over(self._clock.mono_s()):
                assert self._door is not None, "ticking before run"
                self._door.feed(NeighbourBack(at_ns=self._clock.wall_ns(), name=DROPPED))
            if self._orders.overdue(self._clock.mono_s(), self._settings.puback_s_max):
                self._events.cut("the broker does not confirm an order")

    def _both_up(self) -> bool:
        return self._positions.connected and self._events.connected

    def _now_s(self) -> int:
        return self._clock.wall_ns() // 1_000_000_000
