# SPDX-License-Identifier: Apache-2.0
"""The only door into the core: a fact in, its effects out.

The same facts in the same order give the same effects on any machine, at any speed, on any day. What the
world does wrong (CoreError) is refused by name and counted; what we do wrong is an assertion and ends the
process, which replays and goes on (docs/decisions/0007).
"""

from collections.abc import Callable
from typing import Any

from core import desk, service
from core.calls import doubt, finding
from core.calls import handlers as calls
from core.effects import Effect
from core.errors import CoreError
from core.events import (
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallerFound,
    CallKeyPressed,
    CallReceived,
    CallSilent,
    CommandGiven,
    Fact,
    FactPoisoned,
    JunctionReported,
    LeadTaken,
    NeighbourBack,
    NeighbourGone,
    OrderAcked,
    RoadsLoaded,
    RoadsRebuilt,
    RosterLoaded,
    ServiceStarted,
    TimerFired,
    UnitCalled,
    UnitLinked,
    UnitReported,
    UnitsMoved,
    ZonesLoaded,
)
from core.orders import handlers as orders
from core.roads import handlers as roads
from core.roads.network import Library
from core.state import State
from core.units import checkins, emergency, roster
from core.units import handlers as units
from core.zones import handlers as zones

HANDLERS: dict[type[Fact], Callable[[State, Any], None]] = {
    ServiceStarted: service.started,
    RosterLoaded: roster.loaded,
    ZonesLoaded: zones.loaded,
    CallReceived: calls.received,
    CallerFound: finding.found,
    CallAnswered: calls.answered,
    CallSilent: doubt.silent,
    CallKeyPressed: doubt.key_pressed,
    CallAbandoned: calls.abandoned,
    CallEnded: calls.ended,
    UnitsMoved: units.moved,
    UnitReported: units.reported,
    UnitCalled: emergency.called,
    UnitLinked: units.linked,
    OrderAcked: orders.acked,
    CommandGiven: desk.given,
    TimerFired: service.fired,
    RoadsLoaded: roads.loaded,
    RoadsRebuilt: roads.rebuilt,
    JunctionReported: roads.reported,
    LeadTaken: service.lead_taken,
    FactPoisoned: service.poisoned,
    NeighbourGone: service.gone,
    NeighbourBack: service.back,
}


class Engine:
    """Turn one fact into the effects that follow from it."""

    def __init__(self, library: Library | None = None) -> None:
        """`library` has the roads that facts name by their digest: given from outside, the same for ever."""
        self.state = State(library)

    def alone(self, alone: bool) -> None:
        """Say that nobody waits for single answers (a replay), or that somebody does: it only decides what is fast."""
        self.state.alone = alone
        if self.state.roads is not None:
            self.state.roads.alone(alone)

    @property
    def seq(self) -> int:
        """How many facts have been handled: the sequence number of the last one."""
        return self.state.seq

    def handle(self, fact: Fact) -> list[Effect]:
        """Take in one fact; say what to do about it.

        A fact the world should not have sent (unknown unit, out of turn) changes nothing, is counted in
        `state.counts` under the error's name, and has no effects.
        """
        state = self.state
        state.begin(fact.at_ns)
        try:
            HANDLERS[type(fact)](state, fact)
            checkins.follow(state, fact)
        except CoreError as error:
            state.count(f"{type(error).__name__}: {fact.__struct_config__.tag}")
        return state.finish()
