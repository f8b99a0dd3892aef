# SPDX-License-Identifier: Apache-2.0
"""Requests inside a leg: their order, and who answers which (RFC 3261 12.2.2)."""

from device_adapters.sip.demands import refusal_of_body, refusal_of_method, refusal_of_options
from device_adapters.sip.dialog import LIVING, Dialog
from device_adapters.sip.events import Keyed
from device_adapters.sip.keys import key_of, says_key
from device_adapters.sip.message import Request
from device_adapters.sip.reinvite import Reinvites
from device_adapters.sip.response import ACCEPT, ALLOW, SUPPORTED
from device_adapters.sip.ringing import Ringing
from device_adapters.sip.station import Station


class Within:
    """Answers every request of a dialog but ACK, CANCEL and BYE."""

    def __init__(self, station: Station, ringing: Ringing, reinvites: Reinvites) -> None:
        self._station = station
        self._ringing = ringing
        self._reinvites = reinvites

    def take(self, dialog: Dialog, request: Request, now: float) -> None:
        """Answer one request that is this dialog's."""
        station = self._station
        if request.cseq < dialog.remote_cseq:
            station.counters["anomaly_cseq_order"] += 1
            station.reply(request, dialog.leg, 500, now)
            return
        dialog.remote_cseq = request.cseq
        if dialog.state not in LIVING:
            station.reply(request, dialog.leg, 481, now)
            return
        match request.method:
            case "INVITE":
                self._reinvites.invite(dialog, request, now)
            case "UPDATE":
                self._reinvites.update(dialog, request, now)
            case "PRACK":
                self._ringing.prack(dialog, request, now)
            case "INFO":
                self._info(dialog, request, now)
            case "OPTIONS":
                self._options(dialog, request, now)
            case _:
                station.reply(request, dialog.leg, *_with(now, refusal_of_method(request)))

    def _info(self, dialog: Dialog, request: Request, now: float) -> None:
        """Take a key, or let pass what a caller's car or phone adds to the call (RFC 6086, RFC 8147)."""
        station = self._station
        if says_key(request):
            key = key_of(request)
            if key:
                told = Keyed(leg=dialog.leg, sip_call_id=dialog.invite.call_id, at=now, key=key)
                station.events.append(told)
            else:
                station.counters["anomaly_key_unreadable"] += 1
            station.reply(request, dialog.leg, 200, now)
            return
        refusal = refusal_of_options(request) or refusal_of_body(request)
        if refusal is not None:
            station.reply(request, dialog.leg, *_with(now, refusal))
            return
        station.reply(request, dialog.leg, 200, now)

    def _options(self, dialog: Dialog, request: Request, now: float) -> None:
        refusal = refusal_of_options(request)
        if refusal is not None:
            self._station.reply(request, dialog.leg, *_with(now, refusal))
            return
        self._station.reply(request, dialog.leg, 200, now, ALLOW + ACCEPT + SUPPORTED)


def _with(now: float, refusal: tuple[int, str]) -> tuple[int, float, str]:
    return refusal[0], now, refusal[1]
