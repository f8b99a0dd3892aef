# SPDX-License-Identifier: Apache-2.0
"""The one door: from a fact to the outboxes in one unbroken call. 1 engine, 2 journal, 3 gate.

`feed` never waits. The engine runs at once; the fact and the decisions it caused go to the journal's line as
one record, and the effects wait at the gate until that record is durable.
"""

from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from core import snapshot
from core.effects import AnswerCaller, Decision, DropTimer, Effect, RingCaller, SetTimer
from core.engine import Engine
from core.events import CallReceived, Fact, FactPoisoned, NeighbourBack, NeighbourGone, TimerFired, UnitsMoved
from gateway.clock import Alarms, SystemClock
from gateway.journal.record import FACT_ENCODER, Numbered, Record, key_of, number, tag_of
from gateway.journal.writer import Journal
from gateway.outbox import Gate, Held

SNAPSHOT_FACTS = 20_000
"""A start replays at most this many: about a second. Taking one stalls the loop 1 ms with 500 incidents and
5,000 units, 60 ms at the limit of 20,000 incidents."""
BACKLOG_MAX = 50_000  # records waiting for a dead disk (~100 MB); beyond it positions are no longer taken in

ERROR_CHARS_MAX = 300  # of a fault's text in the journal

log = structlog.get_logger()

Route = Callable[[int, Effect], None]


class Pipeline:
    """Take facts all the way."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        clock: SystemClock,
        *,
        routes: Mapping[type[Effect], Route],
        publish: Callable[[Numbered], None],
        rescue: Callable[[CallReceived], None],
    ) -> None:
        """`routes` do acts, `publish` takes decisions, `rescue` writes a call at risk down a second way."""
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._routes = routes
        self._publish = publish
        self._rescue = rescue
        self._gate = Gate(self._deliver, self._at_risk)
        self._alarms = Alarms(clock, self._ring)
        self._calls_unsafe: dict[int, CallReceived] = {}
        self._disk_trouble = False
        self.decisions = 0
        "The number of the newest decision."
        self.counts: Counter[str] = Counter()

    def resume(self, decisions: int) -> None:
        """Go on after replay: so many decisions were made, and these timers are still to ring."""
        self._gate.durable_seq = self._engine.seq
        self.decisions = decisions
        for key, due_ns in self._engine.state.timers.items():
            self._alarms.set(key, due_ns)

    def feed(self, fact: Fact) -> int:
        """Take one fact; return its sequence number."""
        if isinstance(fact, UnitsMoved) and self._journal.backlog > BACKLOG_MAX:
            self.counts["positions_refused"] += 1
            return self._engine.seq
        if self._engine.state.poisoned and key_of(fact) in self._engine.state.poisoned:
            return self._spare(fact)
        try:
            data = FACT_ENCODER.encode(fact)
        except OverflowError:  # a number no record can hold: the world is wrong
            self.counts["facts_unrecordable"] += 1
            return self._engine.seq
        try:
            effects = self._engine.handle(fact)
        except Exception as error:  # we are wrong: write down on what, and end (docs/decisions/0026)
            self._quarantine(fact, data, error)
            raise
        seq = self._engine.seq
        made = number([e for e in effects if isinstance(e, Decision)], seq=seq, first=self.decisions + 1)
        self.decisions += len(made)
        self._journal.append(Record(seq, fact.at_ns, self._clock.mono_ns(), tag_of(fact), data, made))
        if isinstance(fact, CallReceived):
            self._calls_unsafe[seq] = fact
        for decision in made:
            self._gate.hold(seq, decision)
        for effect in effects:
            self._act(seq, effect)
        if seq % SNAPSHOT_FACTS == 0:
            self._journal.keep_snapshot(seq, snapshot.take(self._engine))
        return seq

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        """Call `then` on the loop once fact `seq` is on the disk."""
        self._gate.when_durable(seq, then)

    def durable(self, seq: int) -> None:
        """Hear from the journal how far the disk has come."""
        self._journal.durable_seq = seq
        for safe in [known for known in self._calls_unsafe if known <= seq]:
            del self._calls_unsafe[safe]
        self._gate.durable(seq)
        if self._disk_trouble:
            self._disk_trouble = False
            log.info("neighbour_back", name="disk")
            self.feed(NeighbourBack(at_ns=self._clock.wall_ns(), name="disk"))

    def disk_refuses(self, why: str) -> None:
        """Hear from the journal that a commit failed. Calls go on ringing; orders wait at the gate."""
        self.counts["journal_refused"] += 1
        if not self._disk_trouble:
            self._disk_trouble = True
            log.error("neighbour_gone", name="disk", reason=why)
            self.feed(NeighbourGone(at_ns=self._clock.wall_ns(), name="disk", reason=why))

    def writer_broke(self, error: BaseException) -> None:
        """The journal's writer is wrong: so is everything promised from now on. Ends the process."""
        raise error

    def stop(self) -> None:
        """Ring no more alarms."""
        self._alarms.stop()

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        return {
            "facts": self._engine.seq,
            "decisions": self.decisions,
            "held": len(self._gate),
            "alarms": len(self._alarms),
            "journal_backlog": self._journal.backlog,
            **self.counts,
        }

    def _quarantine(self, fact: Fact, data: bytes, error: Exception) -> None:
        """Put down on what we failed, in the place of the fact itself."""
        told = FactPoisoned(
            at_ns=fact.at_ns,
            key=key_of(fact),
            of=tag_of(fact),
            error=repr(error)[:ERROR_CHARS_MAX],
            data=data,
        )
        encoded, mono_ns = FACT_ENCODER.encode(told), self._clock.mono_ns()
        self._journal.append(Record(self._engine.seq, fact.at_ns, mono_ns, tag_of(told), encoded, ()))

    def _spare(self, fact: Fact) -> int:
        """Do not fail on the same fact again. A caller is answered all the same, by nobody's decision."""
        self.counts["facts_poisoned"] += 1
        if isinstance(fact, CallReceived):
            for act in (RingCaller(leg=fact.leg), AnswerCaller(leg=fact.leg)):
                self._routes[type(act)](self._engine.seq, act)
        return self._engine.seq

    def _act(self, seq: int, effect: Effect) -> None:
        if isinstance(effect, Decision):
            return
        if isinstance(effect, SetTimer):
            self._alarms.set(effect.key, effect.due_ns)
        elif isinstance(effect, DropTimer):
            self._alarms.drop(effect.key)
        else:
            self._gate.hold(seq, effect)

    def _deliver(self, seq: int, held: Held) -> None:
        if isinstance(held, Numbered):
            self._publish(held)
        else:
            self._routes[type(held)](seq, held)

    def _at_risk(self, seq: int) -> None:
        """A call rings although the disk has not answered: write it down somewhere else."""
        self.counts["calls_at_risk"] += 1
        fact = self._calls_unsafe.get(seq)
        if fact is not None:
            self._rescue(fact)

    def _ring(self, key: str) -> None:
        self.feed(TimerFired(at_ns=self._clock.wall_ns(), key=key))
