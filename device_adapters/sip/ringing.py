# SPDX-License-Identifier: Apache-2.0
"""Telling a caller who waits: 180 Ringing and 182 Queued, reliably where it is wanted (RFC 3261 13.3.1.1, 3262)."""

from device_adapters.sip.dialog import EARLY, Dialog
from device_adapters.sip.message import Request
from device_adapters.sip.offers import CONTENT, NOTHING_IN_COMMON, Move, Owed, has_offer
from device_adapters.sip.reliable import Heard, State
from device_adapters.sip.response import respond
from device_adapters.sip.sdp import NothingInCommonError
from device_adapters.sip.station import Station
from device_adapters.sip.timers import Timer


class Ringing:
    """Every leg's provisional responses but 100."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def say(self, dialog: Dialog, status: int, phrase: str, now: float) -> None:
        """Say 180 or 182, and again within a minute; who requires 100rel hears it after the last one's PRACK."""
        station, reliable = self._station, dialog.reliable
        dialog.last_18x = status, phrase
        station.timers.set(Timer.RING, dialog.leg, now + station.settings.ring_repeat_s)
        if reliable.must_wait:
            reliable.unsaid = True
            return
        reliable.unsaid = False
        if reliable.may_be_said and (reliable.wish == "required" or not _offers_first(dialog)):
            self._say_reliably(dialog, status, phrase, now)
        else:
            self._say(dialog, status, phrase, "", b"", now)

    def repeat(self, dialog: Dialog, now: float) -> bool:
        """Say a reliable one again; False when its PRACK will not come any more: we go on without (3)."""
        station, reliable = self._station, dialog.reliable
        if now >= reliable.give_up_at:
            reliable.hear(Heard.GIVE_UP)
            station.counters["anomaly_no_prack"] += 1
            if reliable.unsaid:
                self.say(dialog, *dialog.last_18x, now)
            return False
        assert dialog.ok is not None, "rang without a transaction"
        station.counters["retransmitted"] += 1
        station.layer.send_for(dialog.leg, reliable.data, dialog.ok.peer, now)
        reliable.interval_s *= 2
        due = min(now + reliable.interval_s, reliable.give_up_at)
        station.timers.set(Timer.RELIABLE, dialog.leg, due)
        return True

    def prack(self, dialog: Dialog, request: Request, now: float) -> None:
        """Answer a PRACK: 200 when it names what we said, 481 else (RFC 3262 3)."""
        station, reliable = self._station, dialog.reliable
        if not reliable.confirms(request, dialog.invite.cseq):
            station.counters["anomaly_prack_unknown"] += 1
            station.reply(request, dialog.leg, 481, now)
            return
        if reliable.state is State.UNHEARD:
            station.timers.drop(Timer.RELIABLE, dialog.leg)
        reliable.hear(Heard.PRACK)
        if reliable.owes_answer:
            reliable.owes_answer = False
            dialog.offers.hear_answer(request)
            station.reply(request, dialog.leg, 200, now)
        elif has_offer(request):
            self._answer(dialog, request, now)
        else:
            station.reply(request, dialog.leg, 200, now)
        if reliable.unsaid and dialog.state in EARLY:
            self.say(dialog, *dialog.last_18x, now)

    def over(self, dialog: Dialog) -> None:
        """Ring no more: a final response leaves."""
        timers = self._station.timers
        timers.drop(Timer.RING, dialog.leg)
        timers.drop(Timer.EXPIRES, dialog.leg)
        if dialog.reliable.state is State.UNHEARD:
            timers.drop(Timer.RELIABLE, dialog.leg)
        dialog.reliable.hear(Heard.FINAL)

    def _say_reliably(self, dialog: Dialog, status: int, phrase: str, now: float) -> None:
        station, reliable = self._station, dialog.reliable
        layer = station.layer
        reliable.rseq += 1
        lines, body = f"Require: 100rel\r\nRSeq: {reliable.rseq}\r\n", b""
        if _offers_first(dialog):
            reliable.owes_answer = (
                True  # 5: who invited without an offer gets it in the first reliable response
            )
            body = dialog.offers.first_said()
            dialog.offers.move(Move.WE_OFFER)
            lines += CONTENT
        reliable.data = self._say(dialog, status, phrase, lines, body, now)
        reliable.hear(Heard.SAID)
        reliable.interval_s = layer.t1_s
        reliable.give_up_at = now + layer.give_up_s
        station.timers.set(Timer.RELIABLE, dialog.leg, now + layer.t1_s)

    def _say(self, dialog: Dialog, status: int, phrase: str, lines: str, body: bytes, now: float) -> bytes:
        station = self._station
        assert dialog.ok is not None, "rang without a transaction"
        extra = f"{station.contact(dialog)}{lines}{station.server}"
        data = respond(
            dialog.invite, status, tag=dialog.leg, extra=extra, body=body, routed=True, phrase=phrase
        )
        station.layer.say(dialog.ok, status, data, now)
        return data

    def _answer(self, dialog: Dialog, request: Request, now: float) -> None:
        try:
            move, body = dialog.offers.reply(request)
        except NothingInCommonError:
            self._station.reply(request, dialog.leg, 488, now, NOTHING_IN_COMMON)
            return
        if dialog.offers.owed is not Owed.FIRST:  # else the 200 to the INVITE answers its own offer with this
            dialog.offers.move(move)
        self._station.reply(request, dialog.leg, 200, now, CONTENT, body)


def _offers_first(dialog: Dialog) -> bool:
    """Tell whether the first reliable response must hold our offer (RFC 3262 5), which a 180 should not."""
    return dialog.offers.owed is Owed.FIRST and dialog.offers.first is Move.WE_OFFER
