# SPDX-License-Identifier: Apache-2.0
"""From one message to a fact, a fix in the tick's batch, or a counted refusal; never an exception.

Pure but for the log.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from core.events import Fact, UnitsMoved
from core.ids import CountyCode, UnitId
from device_adapters.mqtt import codec, topics
from device_adapters.mqtt.codec import Reason, WireError
from device_adapters.mqtt.fixes import TickBuffer
from device_adapters.mqtt.settings import MqttSettings

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
        self._payload_bytes_max = settings.payload_bytes_max
        self._roster = roster
        self._batch = TickBuffer(len(roster()))
        self._last_refusal: dict[str, Reason] = {}
        self._junction_at_ns: dict[topics.Junction, int] = {}
        "{junction: when it was heard last}, the newest last."
        self.received: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.late = 0
        self.duplicate = 0
        self.mended = 0

    def read(self, topic: str, payload: bytes, at_ns: int) -> Fact | None:
        """Return the fact for the door; None when it waits for the tick or was refused."""
        said = topics.parse(topic)
        try:
            if said is None and (junction := topics.parse_junction(topic)) is not None:
                return self._junction(junction, payload, at_ns)
            return self._understand(said, payload, at_ns)
        except WireError as wrong:
            self._refuse(said.unit_id if said else "", wrong.reason)
            return None

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
            "late": self.late,
            "duplicate": self.duplicate,
            "mended": self.mended,
        }

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
            self._place(index, payload, said.unit_id, at_ns)
            return None
        return self._event(said, payload, at_ns)

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

    def _place(self, index: int, payload: bytes, unit_id: UnitId, at_ns: int) -> None:
        fix = codec.decode_position(payload, unit_id, at_ns, self._future_s_max)
        verdict = self._batch.put(index, fix)
        if verdict == "late":
            self.late += 1
        elif verdict == "duplicate":
            self.duplicate += 1

    def _event(self, said: topics.Topic, payload: bytes, at_ns: int) -> Fact:
        match said.leaf:
            case "status":
                return codec.decode_status(payload, said.unit_id, at_ns, self._future_s_max)
            case "link":
                return codec.decode_link(payload, said.unit_id, at_ns)
            case "acks":
                return codec.decode_ack(payload, said.unit_id, at_ns, self._future_s_max)
            case leaf:
                assert leaf == "event", f"{leaf} is parsed and not understood"
                fact, left_out = codec.decode_event(payload, said.unit_id, at_ns, self._future_s_max)
                if left_out is not None:
                    self.mended += 1
                return fact

    def _refuse(self, unit_id: str, reason: Reason) -> None:
        self.rejected[reason] += 1
        if self._last_refusal.get(unit_id) == reason:
            return
        if unit_id not in self._last_refusal and len(self._last_refusal) >= NOTES_MAX:
            del self._last_refusal[next(iter(self._last_refusal))]
        self._last_refusal[unit_id] = reason
        log.warning("mqtt_message_rejected", unit_id=unit_id, reason=reason)
