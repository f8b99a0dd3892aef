# SPDX-License-Identifier: Apache-2.0
"""Start-up is recovery: read the journal through a new engine, and compare when asked to."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from core import snapshot
from core.effects import Decision
from core.engine import Engine
from core.events import CallReceived, FactPoisoned, ServiceStarted
from core.ids import CountyCode, Leg
from core.roads.network import Library
from gateway.journal import reader
from gateway.journal.record import CHAIN_START, FACT_DECODER, Numbered, number
from gateway.roads.shelf import Shelf


class Recovered(msgspec.Struct):
    """Where a journal has brought the engine."""

    engine: Engine
    seq: int
    chain: bytes
    journal_id: str
    newest: dict[CountyCode, int]
    "The newest decision of each county."
    poisoned_calls: list[CallReceived] = []
    "Calls on which the last run failed: nobody has answered them."


def recover(folder: Path, library: Library | None = None) -> Recovered:
    """Replay the journal from its newest snapshot on. Nothing is published: what was decided stays as it was.

    `library` has the roads it was written along; those beside it, if none is given.
    """
    library = Shelf(folder) if library is None else library
    journal_id, newest = reader.newest(folder)
    found = Recovered(engine=Engine(library), seq=0, chain=CHAIN_START, journal_id=journal_id, newest=newest)
    saved = reader.last_snapshot(folder)
    if saved is not None and (engine := snapshot.restore(saved[1], library)) is not None:
        found.engine, found.seq, found.chain = engine, saved[0], saved[2]
    found.engine.alone(True)
    for entry in reader.entries(folder, found.seq):
        fact = entry.fact()
        found.engine.handle(fact)
        if isinstance(fact, ServiceStarted):
            found.poisoned_calls.clear()
        elif isinstance(fact, FactPoisoned) and fact.of == "call.received":
            caller = FACT_DECODER.decode(fact.data)
            assert isinstance(caller, CallReceived), "what was recorded as a call is one"
            found.poisoned_calls.append(caller)
        found.seq, found.chain = entry.seq, entry.chain
    assert found.engine.seq == found.seq, "the journal has no gaps"
    found.engine.alone(False)
    return found


def legs(folder: Path) -> set[Leg]:
    """Return the leg of every call in the journal."""
    facts = (entry.fact() for entry in reader.entries(folder) if entry.type == "call.received")
    return {fact.leg for fact in facts if isinstance(fact, CallReceived)}


class Difference(msgspec.Struct, frozen=True):
    """The first place where replay decides otherwise than the journal says."""

    seq: int
    type: str
    recorded: str
    replayed: str


def replay(
    folder: Path, progress: Callable[[int], None] = lambda seq: None
) -> tuple[int, int, Difference | None]:
    """Run the journal through the engine and compare every decision byte by byte.

    Return how many facts and decisions agreed, and the first difference, or None.
    """
    engine = Engine(Shelf(folder))
    engine.alone(True)
    recorded = reader.decisions(folder)
    waiting = next(recorded, None)
    facts = decisions = 0
    for entry in reader.entries(folder):
        effects = engine.handle(entry.fact())
        made = number([e for e in effects if isinstance(e, Decision)], seq=entry.seq, first=decisions + 1)
        before: list[Numbered] = []
        while waiting is not None and waiting.seq == entry.seq:
            before.append(waiting)
            waiting = next(recorded, None)
        if tuple(before) != made:
            return facts, decisions, _difference(entry.seq, entry.type, before, made)
        facts += 1
        decisions += len(made)
        progress(entry.seq)
    return facts, decisions, None


def _difference(seq: int, kind: str, before: list[Numbered], made: tuple[Numbered, ...]) -> Difference:
    pairs = zip([*before, None], [*made, None], strict=False)
    was, now = next((pair for pair in pairs if pair[0] != pair[1]), (None, None))
    return Difference(seq, kind, _shown(was), _shown(now))


def _shown(made: Numbered | None) -> str:
    return "nothing" if made is None else f"{made.n} {made.type} {made.data.decode()}"
