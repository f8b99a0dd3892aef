# SPDX-License-Identifier: Apache-2.0
"""The legs we hold: what their table asks for is done here (RFC 3261 12 to 15)."""

from collections.abc import Callable
from typing import Literal
from zlib import crc32

from core.ids import Leg
from device_adapters.sip.answering import Answering
from device_adapters.sip.backlog import Backlog
from device_adapters.sip.demands import expires_s
from device_adapters.sip.dialog import EARLY, LIVING, REASON, Act, Dialog, Heard, State
from device_adapters.sip.events import Abandoned, Address, Answered, Ended, Talking
from device_adapters.sip.invitation import invited
from device_adapters.sip.message import Request, Response
from device_adapters.sip.offers import Move
from device_adapters.sip.refresh import Refresh
from device_adapters.sip.reliable import State as Reliability
from device_adapters.sip.response import respond
from device_adapters.sip.ringing import Ringing
from device_adapters.sip.sdp import NothingInCommonError
from device_adapters.sip.station import Station
from device_adapters.sip.timers import Timer
from device_adapters.sip.transaction import CLIENT, INVITE, Outcome, Purpose, Transaction

Fire = Callable[[Dialog, float], None]
Do = Callable[[Dialog, Heard, int, float], None]
VOICED = LIVING - EARLY
"Somebody speaks and listens."
ADOPTED_S_MAX = 10.0
"Legs taken up are told of their new port within this, each at its own moment: 500 are 50 INVITEs a second (guess)."


class Calls:
    """Every leg by our tag, until it is over."""

    def __init__(self, station: Station) -> None:
        self._station = station
        self._legs: dict[str, Dialog] = {}
        self.backlog = Backlog(station)
        self.answering = Answering(station)
        self.ringing = Ringing(station)
        self.refresh = Refresh(station, self.hear)
        self._fires: dict[Timer, Fire] = {
            Timer.OK: self._repeat_ok,
            Timer.RING: lambda dialog, now: self._heard(dialog, Heard.AGAIN, now),
            Timer.EXPIRES: lambda dialog, now: self._heard(dialog, Heard.EXPIRED, now),
            Timer.RELIABLE: self._repeat_ring,
            Timer.BACKLOG: lambda dialog, now: self.backlog.release(dialog.leg, now),
            Timer.SESSION: self.refresh.due,
            Timer.REFRESH_AGAIN: self.refresh.again,
        }
        "What a leg does when its timer fires."
        self._does: dict[Act, Do] = {
            Act.SEND_180: self._ring,
            Act.SEND_182: self._queue,
            Act.SEND_18X_AGAIN: self._ring_again,
            Act.SEND_200: self._answer,
            Act.SEND_487: self._refuse,
            Act.SEND_REFUSAL: self._refuse,
            Act.STOP_200: self._stop_ok,
            Act.SEND_BYE: self._bye,
            Act.TELL_ANSWERED: self._tell_answered,
            Act.TELL_ABANDONED: self._tell_abandoned,
            Act.TELL_ENDED: self._tell_ended,
        }
        "What its table asks for."

    def __len__(self) -> int:
        return len(self._legs)

    def __contains__(self, leg: str) -> bool:
        return leg in self._legs

    def by_leg(self, leg: str) -> Dialog | None:
        """Return a leg by our tag."""
        return self._legs.get(leg)

    def of(self, request: Request) -> Dialog | None:
        """Return the leg a request belongs to; None for a stranger's."""
        dialog = self._legs.get(request.to_tag)
        return dialog if dialog is not None and dialog.owns(request) else None

    def sources(self) -> set[Address]:
        """Return where the far sides were heard from last."""
        return {dialog.source for dialog in self._legs.values()}

    def begin(self, dialog: Dialog, who: tuple[str, str], now: float) -> None:
        """Hold a new leg, say 100, and tell of it; `who` is number and display name."""
        station, request, leg = self._station, dialog.invite, dialog.leg
        self._hold(dialog, now)
        station.traces.heard(leg, request.raw, now)
        dialog.ok = station.layer.open(INVITE, request, leg)
        extra = station.server
        if "timestamp" in request.headers:  # 8.2.6.1
            extra += f"Timestamp: {request.get('timestamp')}\r\n"
        station.layer.say(dialog.ok, 100, respond(request, 100, extra=extra), now)
        limit_s = expires_s(request)
        if limit_s:
            station.timers.set(Timer.EXPIRES, leg, now + limit_s)
        often = station.admission.calls_in_hour(who[0], request.source, now)
        self.backlog.take(invited(request, leg, who, often, now, station.counters), now)
        request.body = request.raw = b""  # both were read; a leg may last for hours

    def adopt(
        self, invite: Request, leg: Leg, state: Literal["ringing", "answered"], now: float, cseq: int
    ) -> None:
        """Hold a leg of the process before us: nothing is told again, but everything can go on."""
        station = self._station
        dialog = station.dialog(leg, invite, reliable=False)  # which RSeq was said last is not known
        dialog.local_cseq = cseq
        if station.voices is not None:
            dialog.offers.go_on(cseq)
            dialog.updates = False  # our refresh is an INVITE, which says our new port
        try:
            dialog.offers.begin(invite)
        except NothingInCommonError:
            dialog.offers.begin_without()
        self._hold(dialog, now)
        dialog.ok = station.layer.open(INVITE, invite, leg)
        if state == "ringing":
            dialog.state = State.ADOPTED
            self.hear(dialog, Heard.RING, now)
            return
        # Whether the ACK came is not known, and a caller who sent it long ago will not send it again.
        dialog.state = State.TALKING
        self.refresh.adopt(dialog, now)
        body = dialog.offers.first_body()
        dialog.offers.move(Move.THEY_ANSWER)
        station.layer.take_as_said(dialog.ok, self.answering.ok(dialog, invite, body), now)
        if station.voices is not None:  # whoever speaks to the old port is heard by nobody until then
            station.timers.set(Timer.SESSION, leg, now + ADOPTED_S_MAX * (crc32(leg.encode()) % 1000) / 1000)
            self.settled(dialog, now)

    def command(self, leg: Leg, heard: Heard, now: float, status: int = 0, *, quiet: bool = False) -> bool:
        """Do what the gateway wants; False, and counted, when the leg is unknown or past it."""
        dialog = self._legs.get(leg)
        if dialog is not None and heard is Heard.ANSWER and self._answer_waits(dialog):
            return True
        done = dialog is not None and self.hear(dialog, heard, now, status)
        if not done and not quiet:
            self._station.counters["commands_late"] += 1
        return done

    def queue(self, leg: Leg, position: int, now: float) -> None:
        """Tell a caller the place in the line."""
        dialog = self._legs.get(leg)
        if dialog is not None:
            dialog.position = position
        self.command(leg, Heard.QUEUE, now)

    def hear(self, dialog: Dialog, heard: Heard, now: float, status: int = 0) -> bool:
        """Step a leg and do what its table asks; False when this means nothing to it now."""
        before = dialog.state
        acts = dialog.step(heard)
        if acts is None:
            return False
        if before in EARLY and dialog.state not in EARLY:
            self.ringing.over(dialog)
        for act in acts:
            self._does[act](dialog, heard, status, now)
        if dialog.state is State.OVER and self._legs.pop(dialog.leg, None) is not None:
            self._station.admission.left(dialog.invite.source)
        if dialog.offers.news is not None:
            self.settled(dialog, now)
        return True

    def settled(self, dialog: Dialog, now: float) -> None:
        """Tell where an answered leg's voice goes, if that is news."""
        side = dialog.offers.news
        if side is not None and dialog.state in VOICED:
            dialog.offers.news = None
            told = Talking(leg=dialog.leg, sip_call_id=dialog.invite.call_id, at=now, side=side)
            self._station.events.append(told)

    def pracked(self, dialog: Dialog, now: float) -> None:
        """Give the answer that waited for a PRACK."""
        if dialog.answer_waits and dialog.state in EARLY:
            dialog.answer_waits = False
            self.hear(dialog, Heard.ANSWER, now)

    def fire(self, timer: Timer, leg: str, now: float) -> bool:
        """Let a leg's deadline come; False when it is no leg's."""
        fire = self._fires.get(timer)
        if fire is None:
            return False
        fire(self._legs[leg], now)
        return True

    def told(self, asked: Transaction, outcome: Outcome, response: Response | None, now: float) -> None:
        """Take what became of a request of ours; a leg that is over by itself needs to know nothing."""
        dialog = self._legs.get(asked.leg)
        if dialog is None:
            return
        if asked.purpose is Purpose.REFRESH:
            self.refresh.hear(dialog, asked, outcome, response, now)
            self.settled(dialog, now)
        elif outcome is not Outcome.PROVISIONAL:
            self.hear(dialog, Heard.BYE_DONE, now)  # 15.1.1: whatever came, or nothing

    def _hold(self, dialog: Dialog, now: float) -> None:
        self._legs[dialog.leg] = dialog
        self._station.admission.came(dialog.invite.source)
        self._station.traces.begin(dialog.leg, now)

    def _answer_waits(self, dialog: Dialog) -> bool:
        """Tell whether the 200 must wait for a PRACK that owes us the answer to our offer (RFC 3262 5)."""
        reliable = dialog.reliable
        if dialog.state in EARLY and reliable.owes_answer and reliable.state is Reliability.UNHEARD:
            dialog.answer_waits = True
        return dialog.answer_waits and dialog.state in EARLY

    def _ring(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        self.ringing.say(dialog, 180, "", now)

    def _queue(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        self.ringing.say(dialog, 182, f"Queued; position {dialog.position}", now)

    def _ring_again(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        self.ringing.say(dialog, *dialog.last_18x, now)

    def _answer(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        self.refresh.settle(dialog, dialog.invite, now)
        self.answering.say(dialog, dialog.offers.first_body(), now)

    def _refuse(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        assert dialog.ok is not None, "refused an INVITE without a transaction"
        status = status or 487
        data = respond(dialog.invite, status, tag=dialog.leg, extra=self._station.server)
        self._station.layer.say(dialog.ok, status, data, now)

    def _stop_ok(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        self._station.timers.drop(Timer.OK, dialog.leg)

    def _bye(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        self._station.ask(CLIENT, dialog, "BYE", Purpose.BYE, now)

    def _tell_answered(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        told = Answered(leg=dialog.leg, sip_call_id=dialog.invite.call_id, at=now)
        self._station.events.append(told)

    def _tell_abandoned(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        self._tell(Abandoned, dialog, heard, now)

    def _tell_ended(self, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        self._tell(Ended, dialog, heard, now)

    def _tell(self, kind: type[Abandoned | Ended], dialog: Dialog, heard: Heard, now: float) -> None:
        self.backlog.release(dialog.leg, now)
        self.refresh.over(dialog)
        if self._station.voices is not None:
            self._station.voices.release(dialog.leg)
        trace = self._station.traces.take(dialog.leg)
        call_id, reason = dialog.invite.call_id, REASON[heard]
        told = kind(leg=dialog.leg, sip_call_id=call_id, at=now, reason=reason, trace=trace)
        self._station.events.append(told)

    def _heard(self, dialog: Dialog, heard: Heard, now: float) -> None:
        self.hear(dialog, heard, now)

    def _repeat_ok(self, dialog: Dialog, now: float) -> None:
        if not self.answering.repeat(dialog, now):
            self.hear(dialog, Heard.NO_ACK, now)

    def _repeat_ring(self, dialog: Dialog, now: float) -> None:
        if not self.ringing.repeat(dialog, now):
            self.pracked(dialog, now)
