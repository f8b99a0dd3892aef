# SPDX-License-Identifier: Apache-2.0
"""Keeping a session alive, and finding out that it is dead (RFC 4028): our UPDATEs and re-INVITEs."""

from collections.abc import Callable
from zlib import crc32

from device_adapters.sip.dialog import Dialog, State
from device_adapters.sip.dialog import Heard as Befell
from device_adapters.sip.message import Request, Response
from device_adapters.sip.offers import CONTENT, Move, Owed
from device_adapters.sip.request import cseq_of
from device_adapters.sip.response import ALLOW
from device_adapters.sip.sessiontimer import STAND_S, TRIES_MAX, Act, Heard, terms_of
from device_adapters.sip.sessiontimer import State as Turn
from device_adapters.sip.station import Station
from device_adapters.sip.timers import Timer
from device_adapters.sip.transaction import CLIENT, REINVITE, Outcome, Purpose, Transaction

PAUSE_S_MAX = 2.0
"RFC 3261 14.1: who did not choose the Call-ID waits up to two seconds, in steps of 10 ms."
PAUSES = 201
RETRY_AFTER_S_MAX = 10
"RFC 3261 14.2: nobody asks for more."
NOT_THERE = (408, 481)
"RFC 4028 10, RFC 3261 12.2.1.2: the dialog is over."
NOT_SPOKEN = (405, 501)

Hear = Callable[[Dialog, Befell, float], bool]


class Refresh:
    """Every talking leg's session timer, both roles."""

    def __init__(self, station: Station, hear: Hear) -> None:
        self._station = station
        self._hear = hear

    def settle(self, dialog: Dialog, request: Request, now: float) -> None:
        """Agree on the session of a request of theirs that is about to get its 2xx."""
        usual_s = self._station.settings.session_expires_s
        self._do(dialog, dialog.session_timer.agree(terms_of(request), usual_s, now), now)

    def adopt(self, dialog: Dialog, now: float) -> None:
        """Begin the timer of a leg of the process before us.

        Nobody knows when it was refreshed last, whose turn it has become since the INVITE, or what their Contact is
        now: refresh within a quarter of the session, each leg at its own moment, and settle all that anew.
        """
        self.settle(dialog, dialog.invite, now)
        timer = dialog.session_timer
        self._do(dialog, timer.alive(now), now)
        spread_s = timer.expires_s / 4 * (crc32(dialog.leg.encode()) % 1000) / 1000
        self._station.timers.set(Timer.SESSION, dialog.leg, now + spread_s)

    def due(self, dialog: Dialog, now: float) -> None:
        """Let half of the interval, or its end, come; not before the answer itself was confirmed."""
        if dialog.state is not State.TALKING:
            self._station.timers.set(Timer.SESSION, dialog.leg, now + self._station.layer.give_up_s)
            return
        self._do(dialog, Heard.DUE, now)

    def again(self, dialog: Dialog, now: float) -> None:
        """Let the pause after a crossing end."""
        self._do(dialog, Heard.AGAIN, now)

    def over(self, dialog: Dialog) -> None:
        """Keep no time any more."""
        before = dialog.session_timer.state
        dialog.session_timer.step(Heard.OVER)
        self._station.timers.drop(Timer.SESSION, dialog.leg)
        if before in (Turn.WE_PAUSE, Turn.WE_STAND):
            self._station.timers.drop(Timer.REFRESH_AGAIN, dialog.leg)

    def hear(
        self, dialog: Dialog, asked: Transaction, outcome: Outcome, response: Response | None, now: float
    ) -> None:
        """Take what became of a refresh."""
        if outcome is Outcome.PROVISIONAL:
            return
        by_invite = asked.machine is REINVITE
        if response is not None and response.status < 300:
            self._accepted(dialog, asked, response, now)
            return
        if by_invite:
            dialog.offers.move(Move.THEY_ANSWER)
        if dialog.state is not State.TALKING:
            return
        if response is None:
            # what cannot be carried now may be by and by: the end of the session decides
            self._do(dialog, Heard.GONE if outcome is Outcome.TIMEOUT else Heard.REFUSED, now)
        elif response.status in NOT_THERE:
            self._do(dialog, Heard.GONE, now)
        else:
            self._do(dialog, self._refused(dialog, response, now), now)

    def _refused(self, dialog: Dialog, response: Response, now: float) -> Heard:
        timer, status = dialog.session_timer, response.status
        if timer.tries < TRIES_MAX:
            if status == 422 and timer.longer(terms_of(response)):
                return Heard.ANOTHER_WAY
            if status in NOT_SPOKEN and response.cseq_method == "UPDATE":
                dialog.updates = False
                return Heard.ANOTHER_WAY
            if status == 491 or (status == 500 and "retry-after" in response.headers):
                timer.patience_s = min(_retry_after_s(response), RETRY_AFTER_S_MAX)
                return Heard.CROSSED
        self._station.counters["refresh_refused"] += 1
        return Heard.REFUSED if timer.peer_knows else timer.alive(now)

    def _accepted(self, dialog: Dialog, asked: Transaction, response: Response, now: float) -> None:
        by_invite, cseq = asked.machine is REINVITE, cseq_of(asked.last)
        if by_invite:
            if dialog.ack_cseq == cseq:  # RFC 3261 13.2.2.4: each 2xx gets the ACK again
                self._send_ack(dialog, now)
                return
            dialog.offers.hear_answer(response)
        living = dialog.state is State.TALKING  # what comes after our BYE is confirmed, no more
        if living:
            dialog.retarget(response)
        if by_invite:
            self._acknowledge(dialog, cseq, now)
        if living:
            self._do(dialog, dialog.session_timer.agreed(terms_of(response), now), now)

    def _acknowledge(self, dialog: Dialog, cseq: int, now: float) -> None:
        _, via = self._station.via(dialog.leg, cseq, "a")
        dialog.ack = dialog.request("ACK", cseq, via, self._station.server)
        dialog.ack_cseq = cseq
        self._send_ack(dialog, now)

    def _send_ack(self, dialog: Dialog, now: float) -> None:
        station = self._station
        station.layer.send_for(dialog.leg, dialog.ack, station.next_hop(dialog), now)

    def _do(self, dialog: Dialog, heard: Heard, now: float) -> None:
        timer = dialog.session_timer
        before = timer.state
        act = timer.step(heard)
        if before in (Turn.WE_PAUSE, Turn.WE_STAND) and timer.state is not before:
            self._station.timers.drop(Timer.REFRESH_AGAIN, dialog.leg)
        match act:
            case Act.WAIT_HALF:
                self._station.timers.set(Timer.SESSION, dialog.leg, timer.half_at())
            case Act.WAIT_END:
                self._station.timers.set(Timer.SESSION, dialog.leg, timer.end_at())
            case Act.ASK:
                self._ask(dialog, now)
            case Act.PAUSE:
                self._station.timers.set(Timer.REFRESH_AGAIN, dialog.leg, now + self._pause_s(dialog))
            case Act.STAND:
                self._station.timers.set(Timer.REFRESH_AGAIN, dialog.leg, now + STAND_S)
            case Act.TELL_EXPIRED:
                self._hear(dialog, Befell.EXPIRED, now)
            case Act.TELL_GONE:
                self._hear(dialog, Befell.GONE, now)

    def _ask(self, dialog: Dialog, now: float) -> None:
        """Send our refresh, unless an INVITE or offer is open on either side (RFC 3261 14.1, RFC 3311 5.1)."""
        station, timer = self._station, dialog.session_timer
        station.timers.set(Timer.SESSION, dialog.leg, timer.end_at())
        if dialog.unacked or dialog.offers.owed is not Owed.NOTHING:
            self._do(dialog, Heard.CROSSED, now)
            return
        lines = f"{station.contact(dialog)}{timer.asked()}{ALLOW}"
        station.counters["refreshes"] += 1
        if dialog.takes_update():
            station.ask(CLIENT, dialog, "UPDATE", Purpose.REFRESH, now, lines)
            return
        dialog.offers.move(Move.WE_OFFER)
        body = dialog.offers.session.said  # unchanged, so its version is, too (RFC 4028 7.4)
        station.ask(REINVITE, dialog, "INVITE", Purpose.REFRESH, now, lines + CONTENT, body)

    def _pause_s(self, dialog: Dialog) -> float:
        """Return how long to wait: no chance in here, but no two legs and no two tries the same."""
        seed = f"{dialog.leg}.{dialog.local_cseq}.{dialog.session_timer.tries}"
        pause_s = PAUSE_S_MAX * (crc32(seed.encode()) % PAUSES) / (PAUSES - 1)
        return max(pause_s, dialog.session_timer.patience_s)


def _retry_after_s(response: Response) -> int:
    digits = response.get("retry-after").partition(";")[0].partition("(")[0].strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 0
