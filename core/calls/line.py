# SPDX-License-Identifier: Apache-2.0
"""The line of those who wait for an answer, and what each is told of their place in it (182 Queued)."""

from core.calls.call import Call, came_ms
from core.effects import QueueCaller
from core.events import TimerFired
from core.ids import CallId
from core.state import State

TOLD_MAX = 100  # places told in one tick: those who are next; further back a place more or less says nothing
TIMER = "line"
NS_PER_S = 1_000_000_000


def join(state: State, call: Call) -> None:
    """Put a newcomer in the line; who has others before them is told how many."""
    pushed = state.calls_waiting.push(call.call_id, call.level, came_ms(call, state.settings), state.now_ms)
    if pushed.left_out is not None:
        left = state.calls[CallId(pushed.left_out)]
        state.warn("call_queue_full", left.call_id, left.county, "rings on, outside the queue")
    if not _is_line(state):
        return
    if len(state.calls_waiting) > 1:
        _tell(state, call, state.calls_waiting.position(call.call_id, state.now_ms))
    _come_again(state)


def tell_places(state: State, fact: TimerFired) -> None:
    """Tell those near the front whose place has changed since they were last told."""
    for i, member in enumerate(state.calls_waiting.first(state.now_ms, TOLD_MAX)):
        _tell(state, state.calls[CallId(member)], i + 1)
    if state.calls_waiting and _is_line(state):
        _come_again(state)


def resume(state: State) -> None:
    """After a restart under another policy there may be a line no more, or only now."""
    state.drop_timer(TIMER)
    if state.calls_waiting and _is_line(state):
        _come_again(state)


def _is_line(state: State) -> bool:
    """Callers wait for someone; under `immediately` nobody waits, under `never` another switch has the line."""
    return state.settings.answer == "seats" or state.settings.answer.startswith("ring")


def _come_again(state: State) -> None:
    if state.settings.queue_tell_s and TIMER not in state.timers:
        state.set_timer(TIMER, state.now_ns + state.settings.queue_tell_s * NS_PER_S)


def _tell(state: State, call: Call, place: int) -> None:
    if place == call.position or (place == 1 and not call.position):
        return  # outside the line, told already, or never behind anyone
    call.position = place
    state.say(QueueCaller(leg=call.leg, position=place))
