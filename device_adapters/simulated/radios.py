# SPDX-License-Identifier: Apache-2.0
"""One county's radios on the air: the MQTT side of its units. The shell of fleet.py.

One connection carries the radios of a county, or several share them, or each has its own: positions QoS 0, status,
link, events and acks QoS 1, orders QoS 1 inwards. Stopping is by flag: on 3.11 a cancel can be swallowed.
"""

import asyncio
from collections.abc import Callable, Iterable
from urllib.parse import unquote, urlsplit

from device_adapters.simulated import packets
from device_adapters.simulated.alarm import Alarm
from device_adapters.simulated.faults import Truth
from device_adapters.simulated.fleet import CountyFleet
from device_adapters.simulated.line import CONNECTING_MAX, Line
from device_adapters.simulated.packets import Will
from device_adapters.simulated.sayings import Report
from device_adapters.simulated.session import Login, Session

ROOT = "g110/v1"
TICK_S = 0.01
"Reports due within one tick go together; an order's receipt waits for no tick."
TEND_S = 1.0
STOP_S = 0.8
"For the last words to be confirmed; with the goodbye it stays under the two seconds to stop."
LOOK_S = 0.02
RETAINED = ("status", "link")
DOWNWARD = ("orders", "alerts", "prompts")
"What a radio listens to; of shared lines the first does."


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
        connections: int = 1,
        on_sent: Callable[[Truth], None] | None = None,
    ) -> None:
        """`connections` share the units evenly; with as many as units each has its own, with a last will.

        `on_sent` hears of each position.
        """
        self.fleet = fleet
        self.fixes = self.orders = self.unsaid = 0
        "`unsaid`: positions due while the broker was away or did not keep up, once all had been there."
        self.muted = False
        "No position leaves, though all are made: what a measurement compares with."
        self.ready = asyncio.Event()
        "Set once every unit has said that it is there and the broker has confirmed it."
        self._clock = clock
        self._url = urlsplit(mqtt_url)
        self._name = name or f"city-radio-{fleet.county.code}"
        self._mqtt5 = mqtt5
        self._on_sent = on_sent
        self._alarm = Alarm()
        self._stopped = False
        self._tend_at = 0.0
        self._lines: list[Line] = []
        self._line_of: dict[str, Line] = {}
        self._topics: dict[tuple[str, str], tuple[bytes, bytes]] = {}
        self._wire(min(connections, len(fleet.unit_ids)) or 1)

    @property
    def connections(self) -> int:
        """Return how many connections carry the units."""
        return len(self._lines)

    @property
    def connected(self) -> int:
        """Return how many of them stand."""
        return sum(line.session.up for line in self._lines)

    @property
    def events(self) -> int:
        """Return how many messages of QoS 1 the broker has confirmed."""
        return sum(line.session.confirmed for line in self._lines)

    @property
    def dropped(self) -> int:
        """Return how many messages of QoS 1 never left."""
        return sum(line.session.dropped for line in self._lines)

    @property
    def refused(self) -> int:
        """Return how many messages of QoS 1 the broker did not want."""
        return sum(line.session.refused for line in self._lines)

    @property
    def reconnects(self) -> int:
        """Return how many connections were lost or not made."""
        return sum(line.losses for line in self._lines)

    @property
    def trouble(self) -> str:
        """Return why some connection ended; empty when none did."""
        return next((line.reason for line in self._lines if line.losses and line.reason), "")

    def stop(self) -> None:
        """Ask `run` to return soon."""
        self._stopped = True
        self._alarm.ring()

    async def run(self) -> None:
        """Serve the units until `stop()`; come back when the broker does."""
        async with asyncio.TaskGroup() as tasks:
            for n, line in enumerate(self._lines):
                tasks.create_task(line.run(), name=f"{self._name}-{n}")
            self._send(self.fleet.start(self._clock()))
            await self._speak()
            await self._say_goodbye()

    def _wire(self, connections: int) -> None:
        """Lay the lines; unit k speaks on line k modulo their number."""
        units, county = self.fleet.unit_ids, self.fleet.county.code
        host, port = self._url.hostname or "127.0.0.1", self._url.port or 1883
        gate = asyncio.Semaphore(CONNECTING_MAX)
        for n in range(connections):
            own = units[n::connections]
            alone = len(own) == 1 and connections > 1
            login = Login(
                f"{self._name}-{n}" if connections > 1 else self._name,
                unquote(self._url.username or ""),
                unquote(self._url.password or ""),
                Will(f"{ROOT}/{county}/units/{own[0]}/link", b"offline") if alone else None,
            )
            whose = own[0] if alone else "+"
            wanted = (
                tuple(f"{ROOT}/{county}/units/{whose}/{leaf}" for leaf in DOWNWARD) if alone or not n else ()
            )
            session = Session(login, wanted, self._heard, mqtt5=self._mqtt5)
            line = Line(session, host, port, gate, self._back_of(own[0]) if alone else lambda: None)
            self._lines.append(line)
            self._line_of.update(dict.fromkeys(own, line))

    def _back_of(self, unit_id: str) -> Callable[[], None]:
        """Return what a radio of its own does when its line stands again: it takes its last will back."""

        def back() -> None:
            if self._line_of[unit_id].losses:
                self._send([Report(unit_id, "link", b"online")])

        return back

    def _heard(self, topic: str, payload: bytes) -> None:
        """Take an order; its receipt leaves with the PUBACK."""
        _, unit_id, leaf = topic.rsplit("/", 2)
        self.orders += leaf == "orders"
        self._send(self.fleet.hear(unit_id, leaf, payload, self._clock()))
        self._alarm.ring()

    async def _speak(self) -> None:
        while not self._stopped:
            now = self._clock()
            self._send(self.fleet.due(now))
            if not self.ready.is_set() and not any(len(line.session) for line in self._lines):
                self.ready.set()
            if now >= self._tend_at:
                self._tend_at = now + TEND_S
                loop_s = asyncio.get_running_loop().time()
                for line in self._lines:
                    line.tend(loop_s)
            wait_s = min(self.fleet.next_due() - self._clock(), TEND_S if self.ready.is_set() else LOOK_S)
            await self._alarm.sleep(max(TICK_S, wait_s))

    def _send(self, reports: Iterable[Report]) -> None:
        """Put them on their lines and write each line once."""
        touched: dict[Line, None] = {}
        for report in reports:
            line = self._line_of[report.unit_id]
            topic = self._topic(report)
            if report.kind != "position":
                line.session.tell(topic, report.payload, retain=report.kind in RETAINED)
            elif self.muted:
                continue
            elif line.say(topic, report.payload):
                self.fixes += 1
                if self._on_sent is not None and report.truth is not None:
                    self._on_sent(report.truth)
            else:
                self.unsaid += self.ready.is_set()
            touched[line] = None
        for line in touched:
            line.flush()

    def _topic(self, report: Report) -> tuple[bytes, bytes]:
        key = (report.unit_id, report.kind)
        topic = self._topics.get(key)
        if topic is None:
            name = f"{ROOT}/{self.fleet.county.code}/units/{report.unit_id}/{report.kind}"
            topic = self._topics[key] = packets.topic_field(name, mqtt5=self._mqtt5)
        return topic

    async def _say_goodbye(self) -> None:
        """Switch the radios off; bounded, for a retained `online` is only a small lie."""
        loop = asyncio.get_running_loop()
        self._send(self.fleet.end())
        until = loop.time() + STOP_S
        while loop.time() < until and any(line.session.up and len(line.session) for line in self._lines):
            await asyncio.sleep(LOOK_S)
        for line in self._lines:
            line.stop()
        await asyncio.sleep(LOOK_S)
        for line in self._lines:
            line.abort()
