# SPDX-License-Identifier: Apache-2.0
"""One caller's side of one call: a sans-IO user agent client (RFC 3261 over UDP). Pure; `now` in s.

Start it, give it messages and time, take its datagrams after each, wake it at `get_timer`. What it saw and
when stands in its `record`.
"""

import math
from collections.abc import Callable
from enum import Enum, auto

from device_adapters.simulated.demand import PlannedCall
from device_adapters.simulated.record import CallRecord, Outcome
from device_adapters.simulated.wire import Address, Line, Message

T1, T2 = 0.5, 4.0
"RFC 3261 17.1.1.2: first and longest wait before a request is repeated."
TRANSACTION_S = 64 * T1
"Timers B, D and F: after that long nothing more is expected."
RING_S_MAX = 180.0
"Who has heard it ring for three minutes hangs up (the least an INVITE must be given, 16.6 step 11)."


class Stage(Enum):
    """Where the call stands for the caller."""

    IDLE = auto()
    DIALING = auto()
    RINGING = auto()
    CANCELLING = auto()
    TALKING = auto()
    LEAVING = auto()
    DONE = auto()


class Heard(Enum):
    """What can happen to it."""

    PROGRESS = auto()
    "1xx."
    ANSWER = auto()
    "2xx to the INVITE."
    REFUSAL = auto()
    "3xx-6xx to the INVITE."
    CLEARED = auto()
    "A final answer to our BYE."
    TIRED = auto()
    "The caller's own time to hang up."
    SILENCE = auto()
    "The stage's deadline."


class Caller:
    """One call."""

    def __init__(self, call: PlannedCall, *, intended: float, local: Address, target: Address) -> None:
        self.call = call
        self.line = Line(call, local, target)
        self.stage = Stage.IDLE
        self.record = CallRecord(sip_call_id=call.sip_call_id, county=call.county, intended=intended)
        self._out: list[bytes] = []
        self._answer: Message | None = None
        self._leaves = False
        "Hung up while that could not be said yet."
        self._repeat = b""
        "The request that is repeated until answered."
        self._repeat_at = self._deadline = self._tired_at = math.inf
        self._wait = T1
        self._wait_max = math.inf

    @property
    def done(self) -> bool:
        """Return whether the call is over for the caller; it may still confirm repeated answers."""
        return self.stage is Stage.DONE

    @property
    def gone(self) -> bool:
        """Return whether nothing more can come."""
        return self.done and self._deadline == math.inf

    def start(self, now: float) -> None:
        """Dial."""
        assert self.stage is Stage.IDLE, "a caller dials once"
        self.record.sent = now
        self.stage = Stage.DIALING
        self._deadline = now + TRANSACTION_S
        self._ask(self.line.invite(), now, wait_max=math.inf)
        if self.call.abandon_after_s is not None:
            self._tired_at = now + self.call.abandon_after_s

    def hang_up(self, now: float) -> None:
        """Let the caller give up or end the talk now."""
        if self.stage in (Stage.DIALING, Stage.RINGING, Stage.TALKING):
            self._hear(Heard.TIRED, None, now)

    def receive(self, message: Message, now: float) -> None:
        """Take a message of this call."""
        if message.status == 0:
            self._asked(message, now)
        elif message.method == "INVITE":
            self._hear(_kind(message.status), message, now)
        elif message.status >= 200 and message.method == "BYE":
            self._hear(Heard.CLEARED, message, now)
        elif message.status >= 200 and message.method == "CANCEL" and self.stage is Stage.CANCELLING:
            self._repeat_at = math.inf

    def get_timer(self) -> float:
        """Return when `handle_timer` is due, infinity for never."""
        return min(self._repeat_at, self._deadline, self._tired_at)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        if self._tired_at <= now:
            self._tired_at = math.inf
            self._hear(Heard.TIRED, None, now)
        if self._deadline <= now:
            self._deadline = math.inf
            self._hear(Heard.SILENCE, None, now)
        if self._repeat_at <= now:
            self.record.retransmissions += 1
            self._out.append(self._repeat)
            self._wait = min(2 * self._wait, self._wait_max)
            self._repeat_at = now + self._wait

    def datagrams_to_send(self) -> list[bytes]:
        """Return and forget what should be sent."""
        out, self._out = self._out, []
        return out

    def _hear(self, heard: Heard, message: Message | None, now: float) -> None:
        step = NEXT.get((self.stage, heard))
        if step is None:
            self.record.out_of_turn += 1
            return
        if message is not None and heard is Heard.PROGRESS:
            self._note(message, now)
        step(self, message, now)

    def _note(self, message: Message, now: float) -> None:
        self.record.trying = self.record.trying or now
        if 180 <= message.status < 190:
            self.record.ringing = self.record.ringing or now

    # Steps

    def _progress(self, message: Message | None, now: float) -> None:
        self.stage, self._repeat_at = Stage.RINGING, math.inf
        self._deadline = now + RING_S_MAX
        if self._leaves:
            self._cancel(message, now)

    def _nothing(self, message: Message | None, now: float) -> None:
        """A repeated 1xx, or one while leaving: noted, nothing to do."""

    def _leave_later(self, message: Message | None, now: float) -> None:
        """A CANCEL may not be sent before a 1xx (9.1)."""
        self._leaves = True

    def _cancel(self, message: Message | None, now: float) -> None:
        self.stage, self._tired_at = Stage.CANCELLING, math.inf
        self._deadline = now + TRANSACTION_S
        self._ask(self.line.cancel(), now, wait_max=T2)

    def _give_up(self, message: Message | None, now: float) -> None:
        self.record.reason = "no_answer"
        self._cancel(message, now)

    def _talk(self, message: Message | None, now: float) -> None:
        """A 200 that crossed our CANCEL has won: the call is answered, and ended at once (9.1)."""
        assert message is not None, "an answer is a message"
        at_once = self._leaves or self.stage is Stage.CANCELLING
        self.stage, self._answer = Stage.TALKING, message
        self._repeat_at = self._deadline = math.inf
        self.record.answered, self.record.outcome = now, "answered"
        self._tired_at = now if at_once else now + self.call.talk_s
        self._acknowledge(message, now)

    def _acknowledge(self, message: Message | None, now: float) -> None:
        """Confirm each copy of the 200, or the 200 is repeated to us for 32 s (13.2.2.4)."""
        if self._answer is not None:
            self._out.append(self.line.in_dialog("ACK", 1, self._answer))

    def _bye(self, message: Message | None, now: float) -> None:
        assert self._answer is not None, "only an answered call is ended by BYE"
        self.stage, self._tired_at = Stage.LEAVING, math.inf
        self._deadline = now + TRANSACTION_S
        self._ask(self.line.in_dialog("BYE", 2, self._answer), now, wait_max=T2)

    def _refused(self, message: Message | None, now: float) -> None:
        assert message is not None, "a refusal is a message"
        left = self.stage is Stage.CANCELLING and message.status == 487
        if left and self.record.reason == "":
            self._finish("abandoned", "", now)
        else:
            self._finish("failed", self.record.reason or str(message.status), now)
        self._acknowledge_refusal(message, now)

    def _acknowledge_refusal(self, message: Message | None, now: float) -> None:
        assert message is not None, "a refusal is a message"
        self._out.append(self.line.refused_ack(message))

    def _cleared(self, message: Message | None, now: float) -> None:
        self._finish("answered", self.record.reason, now)

    def _silence(self, message: Message | None, now: float) -> None:
        reason = {
            Stage.DIALING: "timeout",
            Stage.CANCELLING: "cancel_unanswered",
            Stage.LEAVING: "bye_unanswered",
        }
        outcome: Outcome = "answered" if self.stage is Stage.LEAVING else "failed"
        self._finish(outcome, reason[self.stage], now)

    def _late(self, message: Message | None, now: float) -> None:
        """Answered after we had given up: confirm, and end it at once. The record stands."""
        if self._answer is not None:
            self._acknowledge(message, now)
            return
        self._answer = message
        self._acknowledge(message, now)
        assert message is not None, "an answer is a message"
        self._out.append(self.line.in_dialog("BYE", 2, message))

    def _asked(self, request: Message, now: float) -> None:
        """Serve a request of the other side."""
        if request.method == "ACK":
            return
        known = request.method in ("BYE", "OPTIONS")
        self._out.append(self.line.response(request, "200 OK" if known else "501 Not Implemented"))
        if request.method == "BYE" and self.stage in (Stage.TALKING, Stage.LEAVING):
            self._finish("answered", "hung_up", now)

    # Helpers

    def _ask(self, request: bytes, now: float, wait_max: float) -> None:
        self._repeat, self._wait, self._wait_max = request, T1, wait_max
        self._repeat_at = now + T1
        self._out.append(request)

    def _finish(self, outcome: Outcome, reason: str, now: float) -> None:
        self.stage = Stage.DONE
        self.record.outcome, self.record.reason, self.record.ended = outcome, reason, now
        self._repeat_at = self._tired_at = math.inf
        self._deadline = now + TRANSACTION_S


def _kind(status: int) -> Heard:
    if status < 200:
        return Heard.PROGRESS
    return Heard.ANSWER if status < 300 else Heard.REFUSAL


NEXT: dict[tuple[Stage, Heard], Callable[[Caller, Message | None, float], None]] = {
    (Stage.DIALING, Heard.PROGRESS): Caller._progress,
    (Stage.DIALING, Heard.ANSWER): Caller._talk,
    (Stage.DIALING, Heard.REFUSAL): Caller._refused,
    (Stage.DIALING, Heard.TIRED): Caller._leave_later,
    (Stage.DIALING, Heard.SILENCE): Caller._silence,
    (Stage.RINGING, Heard.PROGRESS): Caller._nothing,
    (Stage.RINGING, Heard.ANSWER): Caller._talk,
    (Stage.RINGING, Heard.REFUSAL): Caller._refused,
    (Stage.RINGING, Heard.TIRED): Caller._cancel,
    (Stage.RINGING, Heard.SILENCE): Caller._give_up,
    (Stage.CANCELLING, Heard.PROGRESS): Caller._nothing,
    (Stage.CANCELLING, Heard.ANSWER): Caller._talk,
    (Stage.CANCELLING, Heard.REFUSAL): Caller._refused,
    (Stage.CANCELLING, Heard.SILENCE): Caller._silence,
    (Stage.TALKING, Heard.ANSWER): Caller._acknowledge,
    (Stage.TALKING, Heard.TIRED): Caller._bye,
    (Stage.LEAVING, Heard.ANSWER): Caller._acknowledge,
    (Stage.LEAVING, Heard.CLEARED): Caller._cleared,
    (Stage.LEAVING, Heard.SILENCE): Caller._silence,
    (Stage.DONE, Heard.ANSWER): Caller._late,
    (Stage.DONE, Heard.REFUSAL): Caller._acknowledge_refusal,
    (Stage.DONE, Heard.CLEARED): Caller._nothing,
    (Stage.DONE, Heard.SILENCE): Caller._nothing,
}
"What a caller does. What is not here is out of turn: counted, and not answered."
