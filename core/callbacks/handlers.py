# SPDX-License-Identifier: Apache-2.0
"""Who hangs up before the answer is rung back: one task for one number, as old as the first ring.

A withheld number makes a task, too. Nobody can ring it back, and it is never taken for another caller; but it
names the incident, whose place can be visited, and it must not be less visible than the others.
"""

from core.callbacks.callback import Callback, told
from core.callbacks.machine import ENDED, CallbackHeard, step
from core.calls.call import Call
from core.errors import OutOfTurnError, UnknownError
from core.events import CommandGiven, TimerFired
from core.ids import CallbackId, IncidentId
from core.state import State

NS_PER_S = 1_000_000_000


def restore(state: State, call: Call) -> IncidentId:
    """Give a caller who rings again soon the place of their first ring; return the incident it was about.

    An insistent caller gets none: hanging up and ringing again must not be a way to the front.
    """
    task = _of(state, call)
    if task is None or call.demoted or task.left_ns + state.settings.resume_s * NS_PER_S < state.now_ns:
        return IncidentId("")
    call.since_ns = max(
        task.since_ns, state.now_ns - state.settings.resume_s * NS_PER_S
    )  # age is not hoarded
    call.restored_from = task.call_ids[-1]
    return task.incident_id


def rang(state: State, call: Call) -> None:
    """They ring again: nobody needs to ring back while they do."""
    task = _of(state, call)
    if task is not None:
        _attach(state, task, call)


def abandoned(state: State, call: Call) -> None:
    """Nobody spoke to them: they must be rung back, if they do not ring or speak already on another line."""
    task = _of(state, call)
    if task is None:
        if call.number in state.talking:
            return
        task = _open(state, call)
    if call.callback_id == task.callback_id:
        task.lines -= 1
    else:
        task.rings += 1
    task.count_call(call.call_id)
    task.incident_id = call.incident_id
    task.since_ns = min(task.since_ns, call.waiting_ns)
    task.left_ns = state.now_ns
    if task.lines:
        _tell(state, task)
    else:
        _hear(state, task, "abandoned")


def answered(state: State, call: Call) -> None:
    """Someone speaks to them; or a machine, and then nobody needs to ring back as long as the line is open."""
    task = _of(state, call)
    if task is None:
        return
    if call.taken or state.settings.answer == "seats" or call.silence == "vouched":
        _hear(state, task, "answered", reason=call.call_id)
    elif call.callback_id != task.callback_id:
        _attach(state, task, call)


def vouched(state: State, call: Call) -> None:
    """A key was pressed, or a desk has classified the call: a machine's answer has become somebody's."""
    task = _of(state, call)
    if task is not None and call.state == "answered":
        _hear(state, task, "answered", reason=call.call_id)


def hung_up(state: State, call: Call) -> None:
    """A line is over that a machine answered: nobody is known to have spoken to them."""
    task = state.callbacks.get(call.callback_id)
    if task is None:
        return
    task.lines -= 1
    if not task.lines:
        task.left_ns = state.now_ns
        _hear(state, task, "abandoned")


def due(state: State, fact: TimerFired) -> None:
    """Nobody has rung back in time: tell it once; at the very end give up aloud."""
    task = state.callbacks.get(CallbackId(fact.key.partition(":")[2]))
    if task is None or task.state != "open":
        return
    if state.now_ns < _last_ns(state, task):
        task.told_overdue = True
        state.warn("callback_overdue", task.callback_id, task.county, f"of {task.incident_id}")
        _watch(state, task)
        return
    state.warn(
        "callback_given_up", task.callback_id, task.county, f"nobody rang back; look at {task.incident_id}"
    )
    _hear(state, task, "expired", reason="nobody rang back")


def tried(state: State, fact: CommandGiven) -> None:
    """A desk rang back in vain, and will again."""
    task = _known(state, fact)
    task.tries += 1
    _hear(state, task, "tried", reason=fact.text, by=fact.by)


def done(state: State, fact: CommandGiven) -> None:
    """A desk has settled it: someone was spoken to, or nobody can be."""
    task = _known(state, fact)
    if fact.status not in ("reached", "unreached"):
        raise OutOfTurnError("callback.done needs the status reached or unreached")
    _hear(state, task, "reached" if fact.status == "reached" else "unreached", reason=fact.text, by=fact.by)


def _known(state: State, fact: CommandGiven) -> Callback:
    task = state.callbacks.get(fact.callback_id)
    if task is None:
        raise UnknownError(f"no open call-back {fact.callback_id!r}")
    return task


def _of(state: State, call: Call) -> Callback | None:
    callback_id = state.callback_of.get(call.number) if call.number else None
    return None if callback_id is None else state.callbacks[callback_id]


def _attach(state: State, task: Callback, call: Call) -> None:
    call.callback_id = task.callback_id
    task.incident_id = call.incident_id
    task.rings += 1
    task.lines += 1
    _hear(state, task, "rang", reason=call.call_id)


def _open(state: State, call: Call) -> Callback:
    while len(state.callbacks) >= state.settings.callbacks_max:
        _make_room(state)
    task = Callback(
        callback_id=CallbackId(state.new_id("b")),
        county=call.county,
        caller=call.caller,
        number=call.number,
        privacy=call.privacy,
        incident_id=call.incident_id,
        since_ns=call.waiting_ns,
        opened_ns=state.now_ns,
        left_ns=state.now_ns,
    )
    state.callbacks[task.callback_id] = task
    if task.number:
        state.callback_of[task.number] = task.callback_id
    else:
        state.callbacks_withheld[task.callback_id] = None
    return task


def _make_room(state: State) -> None:
    """Give up the oldest that nobody can ring back, else the oldest of all."""
    oldest = state.callbacks[next(iter(state.callbacks_withheld or state.callbacks))]
    state.warn("callbacks_full", oldest.callback_id, oldest.county, "given up to make room: hand it over")
    _hear(state, oldest, "displaced", reason="no room")


def _hear(state: State, task: Callback, heard: CallbackHeard, reason: str = "", by: str = "") -> None:
    task.state = step(task.state, heard)
    _tell(state, task, reason, by)
    if task.state in ENDED:
        del state.callbacks[task.callback_id]
        state.callback_of.pop(task.number, None)
        state.callbacks_withheld.pop(task.callback_id, None)
    if task.state == "open":
        _watch(state, task)
    else:
        state.drop_timer(f"callback:{task.callback_id}")


def _tell(state: State, task: Callback, reason: str = "", by: str = "") -> None:
    state.say(told(task, at_us=state.at_us, due_ns=_due_ns(state, task), reason=reason, by=by))


def _watch(state: State, task: Callback) -> None:
    key, last_ns = f"callback:{task.callback_id}", _last_ns(state, task)
    due_ns = last_ns if task.told_overdue else min(_due_ns(state, task), last_ns)
    if state.timers.get(key) != due_ns:
        state.set_timer(key, due_ns)


def _due_ns(state: State, task: Callback) -> int:
    return task.opened_ns + state.settings.callback_s * NS_PER_S


def _last_ns(state: State, task: Callback) -> int:
    return task.opened_ns + state.settings.callback_keep_s * NS_PER_S
