# SPDX-License-Identifier: Apache-2.0
"""From one message to a fact, a fix in the tick's batch, or a counted refusal; never an exception.

Pure but for the log.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import structlog

from core.effects import OrderUnit
from core.events import Fact, UnitsMoved
from core.ids import CountyCode, UnitId
from device_adapters.fixes import Fix
from device_adapters.fixes.desk import FixDesk
from device_adapters.mqtt import codec, topics
from device_adapters.mqtt.foreign import Foreign, Route, shown
from device_adapters.mqtt.payload import Reason, WireError
from device_adapters.mqtt.settings import MqttSettings
from device_adapters.mqtt.sources import Source

Roster = Callable[[], Mapping[UnitId, tuple[int, CountyCode]]]
"The units that exist: index and county of each. Asked at every message, so that it can be reloaded."
JUNCTIONS_MAX = (
    20_000  # whose last report is remembered; ten times a provincial capital's with lights, a guess
)
JUNCTION_EVERY_S = 30  # a junction that reports more often is not heard: each report is a line of the journal
NOTES_MAX = 10_000  # units whose last refusal is remembered for the log; a guess: as many as a fleet

log = structlog.get_logger(__name__)


class Intake:
    """What arrives, sorted."""

    def __init__(self, settings: MqttSettings, roster: Roster) -> None:
        self._future_s_max = settings.future_s_max
        self._fix_future_s_max = codec.TST_MAX if settings.fixes.correct_clocks else settings.future_s_max
        "The desk refuses what is ahead, too, once it has seen whether the clock is steadily so."
        self._payload_bytes_max = settings.payload_bytes_max
        self._roster = roster
        self._batch = FixDesk(len(roster()), settings.fixes, ahead_s_max=settings.future_s_max)
        self._last_refusal: dict[str, Reason] = {}
        self._foreign = Foreign(settings.sources, settings.future_s_max, roster)
        self._junction_at_ns: dict[topics.Junction, int] = {}
        "{junction: when it was heard last}, the newest last."
        self.received: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.mended = 0

    def read(self, topic: str, payload: bytes, at_ns: int) -> tuple[Fact, ...]:
        """Return the facts for the door; none when it waits for the tick or was refused."""
        said = topics.parse(topic)
        try:
            if said is None and (route := self._foreign.route(topic)) is not None:
                return self._from_afar(*route, payload, at_ns)
            if said is None and (junction := topics.parse_junction(topic)) is not None:
                return (self._junction(junction, payload, at_ns),)
            fact = self._understand(said, payload, at_ns)
        except WireError as wrong:
            self._refuse(said.unit_id if said else "", wrong.reason)
            return ()
        return () if fact is None else (fact,)

    @property
    def fixes(self) -> FixDesk:
        """Where every position goes."""
        return self._batch

    def tick(self, at_ns: int) -> UnitsMoved | None:
        """Return what moved since the last tick, if anything did."""
        if not self._batch:
            return None
        n, data = self._batch.take()
        return UnitsMoved(at_ns=at_ns, n=n, data=data)

    def statistics(self) -> dict[str, int]:
        """Return what came, by leaf, and what was refused, by reason."""
        return {
            **{f"received_{leaf}": n for leaf, n in self.received.items()},
            **{f"rejected_{reason}": n for reason, n in self.rejected.items()},
            **self._batch.statistics(),
            "mended": self.mended,
            **self._foreign.statistics(),
        }

    def take_sources(self, sources: Iterable[Source]) -> None:
        """Read foreign sources anew, as after SIGHUP."""
        self._foreign.take(sources)

    def redirected(self, order: OrderUnit) -> tuple[str, bytes] | None:
        """Return topic and payload of an order whose unit is reached by a foreign source; None: by the contract."""
        return self._foreign.redirected(order)

    def _understand(self, said: topics.Topic | None, payload: bytes, at_ns: int) -> Fact | None:
        if said is None:
            raise WireError("bad_topic")
        self.received[said.leaf] += 1
        if len(payload) > self._payload_bytes_max:
            raise WireError("too_large")
        enrolled = self._roster().get(said.unit_id)
        if enrolled is None:
            raise WireError("unknown_unit")
        index, county = enrolled
        if county != said.county:
            raise WireError("wrong_county")
        if said.leaf == topics.POSITION:
            fix = codec.decode_position(payload, said.unit_id, at_ns, self._fix_future_s_max)
            self._put(index, fix, at_ns)
            return None
        return self._event(said, payload, at_ns)

    def _from_afar(self, route: Route, key: str, payload: bytes, at_ns: int) -> tuple[Fact, ...]:
        route.counts["received"] += 1
        try:
            if len(payload) > self._payload_bytes_max:
                raise WireError("too_large")
            facts, mended = self._foreign.understand(route, key, payload, at_ns, self._put, self._refuse)
        except WireError as wrong:
            route.counts[f"rejected_{wrong.reason}"] += 1
            self._refuse(shown(route.source.name, key), wrong.reason)
            return ()
        self.mended += mended
        return tuple(facts)

    def _junction(self, junction: topics.Junction, payload: bytes, at_ns: int) -> Fact:
        self.received["traffic"] += 1
        if len(payload) > self._payload_bytes_max:
            raise WireError("too_large")
        before_ns = self._junction_at_ns.get(junction)
        if before_ns is not None and at_ns - before_ns < JUNCTION_EVERY_S * 1_000_000_000:
            raise WireError("too_often")
        fact = codec.decode_junction(payload, junction.county, junction.junction, at_ns, self._future_s_max)
        self._junction_at_ns.pop(junction, None)
        self._junction_at_ns[junction] = at_ns
        if len(self._junction_at_ns) > JUNCTIONS_MAX:
            del self._junction_at_ns[next(iter(self._junction_at_ns))]
        return fact

    def _put(self, index: int, fix: Fix, at_ns: int) -> None:
        if self._batch.put(index, fix, at_ns) == "future":
            raise WireError("future")

    def _event(self, said: topics.Topic, payload: bytes, at_ns: int) -> Fact:
        match said.leaf:
            case "status":
                status, left_out = codec.decode_status(payload, said.unit_id, at_ns, self._future_s_max)
                self.mended += left_out is not None
                return status
            case "link":
                link = codec.decode_link(payload, said.unit_id, at_ns)
                self._foreign.radio(link)
                return link
            case "acks":
                return codec.decode_ack(payload, said.unit_id, at_ns, self._future_s_max)
            case leaf:
                assert leaf == "event", f"{leaf} is parsed and not understood"
                fact, left_out = codec.decode_event(payload, said.unit_id, at_ns, self._future_s_max)
                self.mended += left_out is not None
                return fact

    def _refuse(self, unit_id: str, reason: Reason) -> None:
        self.rejected[reason] += 1
        if self._last_refusal.get(unit_id) == reason:
            return
        if unit_id not in self._last_refusal and len(self._last_refusal) >= NOTES_MAX:
            del self._last_refusal[next(iter(self._last_refusal))]
        self._last_refusal[unit_id] = reason
        log.warning("mqtt_message_rejected", unit_id=unit_id, reason=reason)
