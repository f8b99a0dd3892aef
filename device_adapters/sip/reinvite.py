# SPDX-License-Identifier: Apache-2.0
"""Their re-INVITE and UPDATE: hold, another direction, a new offer, a late offer, a refresh (RFC 3261 14.2, 3311)."""

from device_adapters.sip.answering import Answering
from device_adapters.sip.demands import (
    Refusal,
    refusal_of_accept,
    refusal_of_body,
    refusal_of_options,
    refusal_of_session,
)
from device_adapters.sip.dialog import EARLY, Dialog
from device_adapters.sip.message import Request
from device_adapters.sip.offers import CONTENT, CROSSING, NOTHING_IN_COMMON, Move, Owed, has_offer
from device_adapters.sip.refresh import Refresh
from device_adapters.sip.response import ALLOW, SUPPORTED, respond
from device_adapters.sip.sdp import NothingInCommonError
from device_adapters.sip.station import Station
from device_adapters.sip.transaction import INVITE

CROSSING_LINES = {500: "Retry-After: 1\r\n", 491: ""}
"RFC 3261 14.2: between 0 and 10 s. Theirs is open only until we answer or they confirm."


class Reinvites:
    """Answers what would change a leg's session, at once. Refused, it stays as it was."""

    def __init__(self, station: Station, answering: Answering, refresh: Refresh) -> None:
        self._station = station
        self._answering = answering
        self._refresh = refresh

    def invite(self, dialog: Dialog, request: Request, now: float) -> None:
        """Answer an INVITE within the dialog (RFC 3261 14.2)."""
        station = self._station
        if not station.has_room(request.source):
            station.counters["unremembered"] += 1
            station.layer.say_once(request, 500, station.retry)
            return
        transaction = station.layer.open(INVITE, request, dialog.leg)
        owed = dialog.offers.owed
        early = Owed.FIRST if dialog.state in EARLY else owed  # the first INVITE has no final response yet
        refusal = _crossing(early) or self._refusal(request)
        if refusal is None:
            try:
                move, body = dialog.offers.reply(request)
            except NothingInCommonError:
                refusal = Refusal(488, NOTHING_IN_COMMON)
        if refusal is not None:
            data = respond(request, refusal.status, tag=dialog.leg, extra=f"{refusal.extra}{station.server}")
            station.layer.say(transaction, refusal.status, data, now)
            return
        dialog.unconfirmed, dialog.ok = request, transaction
        dialog.offers.move(move)
        dialog.retarget(request)
        self._refresh.settle(dialog, request, now)
        self._answering.say(dialog, body, now)

    def update(self, dialog: Dialog, request: Request, now: float) -> None:
        """Answer an UPDATE, early or confirmed, with an offer or without (RFC 3311 5.2)."""
        station = self._station
        offers = has_offer(request)
        refusal = (_crossing(dialog.offers.owed) if offers else None) or self._refusal(request)
        move, body = Move.WE_ANSWER, b""
        if refusal is None and offers:
            try:
                move, body = dialog.offers.reply(request)
            except NothingInCommonError:
                refusal = Refusal(488, NOTHING_IN_COMMON)
            if move is Move.WE_OFFER:
                refusal, body = Refusal(488, NOTHING_IN_COMMON), b""  # no ACK would carry an answer to ours
        if refusal is not None:
            station.reply(request, dialog.leg, refusal.status, now, refusal.extra)
            return
        dialog.retarget(request)
        lines = f"{station.contact(dialog)}{ALLOW}{SUPPORTED}"
        if dialog.state not in EARLY:
            self._refresh.settle(dialog, request, now)
            lines += dialog.session_timer.said()
        station.reply(request, dialog.leg, 200, now, lines + (CONTENT if body else ""), body)

    def _refusal(self, request: Request) -> Refusal | None:
        return (
            refusal_of_options(request)
            or refusal_of_body(request)
            or refusal_of_accept(request)
            or refusal_of_session(request, self._station.settings.min_se_s)
        )


def _crossing(owed: Owed) -> Refusal | None:
    status = CROSSING.get(owed)
    return None if status is None else Refusal(status, CROSSING_LINES[status])
