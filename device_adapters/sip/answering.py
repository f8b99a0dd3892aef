# SPDX-License-Identifier: Apache-2.0
"""Saying 200 to an INVITE until its ACK comes (RFC 3261 13.3.1.4, 14.2)."""

from device_adapters.sip.dialog import Dialog
from device_adapters.sip.layer import T2_S
from device_adapters.sip.message import Request
from device_adapters.sip.offers import CONTENT
from device_adapters.sip.response import ALLOW, SUPPORTED, respond
from device_adapters.sip.station import Station
from device_adapters.sip.timers import Timer
from device_adapters.sip.transaction import Heard


class Answering:
    """200 OK, from T1 to T2 until the ACK, for 64 T1."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def ok(self, dialog: Dialog, request: Request, body: bytes) -> bytes:
        """Return the 200 of an INVITE of theirs."""
        extra = (
            f"{self._station.contact(dialog)}{ALLOW}{SUPPORTED}{dialog.session_timer.said()}"
            f"{self._station.server}{CONTENT if body else ''}"
        )
        return respond(request, 200, tag=dialog.leg, extra=extra, body=body, routed=True)

    def say(self, dialog: Dialog, body: bytes, now: float) -> None:
        """Say it to the INVITE that is unconfirmed now, and begin to wait."""
        layer = self._station.layer
        assert dialog.ok is not None, "answered an INVITE without a transaction"
        if (
            not dialog.unacked
        ):  # else somebody has been waited for already, and new INVITEs do not change that
            dialog.give_up_at = now + layer.give_up_s
        dialog.unacked = True
        dialog.interval_s = layer.t1_s
        self._station.timers.set(Timer.OK, dialog.leg, now + dialog.interval_s)
        layer.say(dialog.ok, 200, self.ok(dialog, dialog.unconfirmed, body), now)

    def repeat(self, dialog: Dialog, now: float) -> bool:
        """Say it again; False when nobody will confirm it any more."""
        if now >= dialog.give_up_at:
            dialog.unacked = False
            return False
        assert dialog.ok is not None, "answered an INVITE without a transaction"
        station = self._station
        station.counters["retransmitted"] += 1
        station.layer.hear(dialog.ok, Heard.SEND_2XX, now)
        dialog.interval_s = min(2 * dialog.interval_s, T2_S)
        station.timers.set(Timer.OK, dialog.leg, min(now + dialog.interval_s, dialog.give_up_at))
        return True

    def confirmed(self, dialog: Dialog, ack: Request) -> None:
        """Take the ACK, and the answer in it when the 200 held our offer (RFC 3261 13.2.1)."""
        if dialog.unacked:
            dialog.unacked = False
            dialog.offers.hear_answer(ack)
