# SPDX-License-Identifier: Apache-2.0
"""What follows when units move, report, or come and go on the air."""

import numpy as np

from core.dispatch.dispatcher import serve_waiting
from core.effects import ShowPositions
from core.errors import OutOfTurnError, UnknownError
from core.events import UnitCalled, UnitLinked, UnitReported, UnitsMoved
from core.ids import UnitId
from core.roads.sampling import learn
from core.state import State
from core.units.columns import FIX_DTYPE
from core.units.emergency import called, claimed, follow, heard_again, holds, remember
from core.units.history import CLOCK_SET_S
from core.units.machine import OURS
from core.units.shifts import assume_by_shift
from core.units.status import hear_again, hold_back, take_link, take_status
from core.units.unit import Unit

HEADS_PER_TICK = 4  # incidents tried at each tick of positions: a tick may cost a few scans, not a thousand


def moved(state: State, fact: UnitsMoved) -> None:
    """Take over one tick of fixes and show them; a unit seen for the first time may be ordered."""
    fixes = state.columns.apply_fixes(fact.data, now_s=fact.at_ns // 1_000_000_000)
    state.count("fix_late", fixes.late)
    state.count("fix_unknown", fixes.unknown + fixes.timeless)
    state.count("fix_ahead", fixes.ahead)
    _show_by_county(state, fixes.accepted)
    learn(state, fixes.accepted)
    if state.crying:
        follow(state)
    for row in fixes.first:
        unit = state.units[state.unit_ids[row]]
        assume_by_shift(state, unit)
        state.touch_unit(unit)
    if state.incidents_waiting:
        serve_waiting(state, HEADS_PER_TICK, together=False)


def reported(state: State, fact: UnitReported) -> None:
    """Take over a status; one that comes late takes its place in the unit's history, and is shown."""
    unit = _known(state, fact.unit_id)
    if fact.status in OURS:
        raise OutOfTurnError(f"a unit cannot make itself {fact.status}")
    said = (fact.tst, fact.seq, fact.status)
    if fact.tst >= CLOCK_SET_S and said == unit.said:
        state.count("status_doubled")  # or the broker's retained copy of what we know
        return
    copy, unit.said = said == unit.said, said
    repeated = unit.heard_status and unit.status == fact.status
    unit.heard_status = True
    if repeated:
        hear_again(state, unit, tst=fact.tst, seq=fact.seq)
        if fact.status == "emergency":  # its copy may come after a desk has ended it
            remember(unit, ("emergency", fact.tst, fact.seq))
    elif fact.status == "emergency" and copy:
        heard_again(state, unit)
    elif fact.status == "emergency":
        cry = UnitCalled(
            at_ns=fact.at_ns, unit_id=fact.unit_id, event="emergency", tst=fact.tst, seq=fact.seq
        )
        called(state, cry)  # the same cry by another way; late it is heard, too
    elif holds(state, unit):
        if hold_back(state, unit, fact.status, tst=fact.tst, seq=fact.seq):
            claimed(state, unit, fact.status)
    elif take_status(state, unit, fact.status, source="unit", tst=fact.tst, seq=fact.seq) == "newest":
        serve_waiting(state)


def linked(state: State, fact: UnitLinked) -> None:
    """The unit's radio came on the air or left it."""
    unit = _known(state, fact.unit_id)
    if unit.link != fact.link:
        take_link(state, unit, fact.link)
        serve_waiting(state)


def _known(state: State, unit_id: UnitId) -> Unit:
    unit = state.units.get(unit_id)
    if unit is None:
        raise UnknownError("a unit that is not on the roster")
    return unit


def _show_by_county(state: State, accepted: bytes) -> None:
    fixes = np.frombuffer(accepted, FIX_DTYPE)
    counties = state.columns.county[fixes["unit"]]
    for index in np.unique(counties):
        mine = fixes[counties == index]
        state.say(
            ShowPositions(
                county=state.counties[index],
                at_ms=state.now_ns // 1_000_000,
                n=mine.shape[0],
                data=mine.tobytes(),
            )
        )
