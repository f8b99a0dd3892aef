# SPDX-License-Identifier: Apache-2.0
"""The user agent server: datagrams and time go in; datagrams, events and the next waking time come out.

Give one input, then take everything. Nothing a peer sends makes it raise.
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

from core.ids import Leg
from device_adapters.sip.body import unknown_kind
from device_adapters.sip.calls import Calls
from device_adapters.sip.dialog import Dialog, Heard
from device_adapters.sip.errors import RemoteProtocolError
from device_adapters.sip.events import Address, SipEvent
from device_adapters.sip.grammar import scheme_of
from device_adapters.sip.invitation import is_emergency, unsupported
from device_adapters.sip.layer import TransactionLayer
from device_adapters.sip.message import Request, Response, read_message
from device_adapters.sip.response import ACCEPT, ALLOW, METHODS, respond
from device_adapters.sip.settings import SipSettings
from device_adapters.sip.timers import Timers
from device_adapters.sip.transaction import INVITE, OTHER, Act, State, Transaction
from device_adapters.sip.transaction import Heard as Befell

SCHEMES = ("sip", "sips", "tel", "urn")
SHED_PERCENT = 90
"From this share of `calls_max` on, requests that are no call get 503: room for callers first (guess)."
KNOWN = frozenset((*METHODS, "REGISTER", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH", "PRACK"))
"Methods that exist: 405. Others: 501."


class Endpoint:
    """Answer trunks, at one address of ours."""

    def __init__(self, settings: SipSettings, address: Address, new_tag: Callable[[], str]) -> None:
        self._settings = settings
        self._counters: Counter[str] = Counter()
        self._timers = Timers()
        self._events: deque[SipEvent] = deque()
        self._layer = TransactionLayer(self._timers, settings.t1_ms / 1000, self._counters)
        self._calls = Calls(settings, address, self._layer, self._timers, self._events, self._counters)
        self._strangers = self._calls.strangers
        self._new_tag = new_tag
        self._draining = False
        self._retry = f"Retry-After: {settings.retry_after_s}\r\nServer: {settings.server}\r\n"

    # Five verbs

    def receive_datagram(self, data: bytes, addr: Address, now: float) -> None:
        """Take one datagram from the network. Never raises."""
        if self._settings.only_trunks and not self._strangers.listed(addr):
            self._counters["unknown_source"] += 1
            return
        try:
            message = read_message(data)
        except RemoteProtocolError as wrong:
            self._counters[f"anomaly_{wrong.reason}"] += 1
            return
        for fault in message.faults:
            self._counters[f"anomaly_{fault}"] += 1
        if isinstance(message, Response):
            self._response(message, now)
            return
        message.source = addr
        self._counters[f"requests_{message.method.lower() if message.method in KNOWN else 'other'}"] += 1
        try:
            message.check()
        except RemoteProtocolError as wrong:
            self._counters[f"anomaly_{wrong.reason}"] += wrong.reason not in message.faults
            if message.answerable and wrong.status_hint and message.method != "ACK":
                self._layer.say_once(message, wrong.status_hint)
            return
        self._request(message, now)

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]:
        """Hand over what must be sent."""
        waiting = self._layer.outgoing
        taken = list(waiting)
        waiting.clear()
        return taken

    def get_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called."""
        return self._timers.next_due()

    def handle_timer(self, now: float) -> None:
        """Let time pass."""
        while (due := self._timers.pop_due(now)) is not None:
            self._calls.fire(*due, now)

    def next_event(self) -> SipEvent | None:
        """Hand over the oldest event not yet taken."""
        return self._events.popleft() if self._events else None

    # Commands

    def ring(self, leg: Leg, now: float) -> None:
        """Say 180 Ringing, and again each minute."""
        self._calls.command(leg, Heard.RING, now)

    def answer(self, leg: Leg, now: float) -> None:
        """Say 200 OK, and again until the ACK."""
        self._calls.command(leg, Heard.ANSWER, now)

    def hang_up(self, leg: Leg, now: float) -> None:
        """End the leg: BYE when answered, 480 when ringing."""
        if not self._calls.command(leg, Heard.HANG_UP, now, quiet=True):
            self._calls.command(leg, Heard.REFUSE, now, 480)

    def adopt(
        self, raw: bytes, addr: Address, leg: Leg, state: Literal["ringing", "answered"], now: float
    ) -> bool:
        """Take up a call of the process before us from its INVITE and our To tag; False if it cannot be."""
        try:
            invite = read_message(raw)
            if not isinstance(invite, Request):
                return False
            invite.source = addr
            invite.check()
        except RemoteProtocolError:
            return False
        if leg in self._calls or self._layer.find(invite.key("INVITE")) is not None:
            return False
        self._calls.adopt(invite, leg, state, now)
        return True

    def drain(self, on: bool) -> None:
        """Take no new calls, or take them again; those in progress go on."""
        self._draining = on

    def statistics(self) -> dict[str, int]:
        """Return counters by method, response class and anomaly, and what is held now."""
        held = {"calls": len(self._calls), "transactions": len(self._layer), "timers": len(self._timers)}
        return dict(self._counters) | held

    # Requests

    def _request(self, request: Request, now: float) -> None:
        if request.method == "ACK":
            self._ack(request, now)
            return
        known = self._layer.find(request.key(request.method))
        if known is not None:
            self._counters["retransmissions"] += 1
            self._layer.hear(known, Befell.REQUEST, now)
        elif request.method == "CANCEL":
            self._cancel(request, now)
        elif request.to_tag:
            self._in_dialog(request, now)
        elif request.method == "INVITE":
            self._invite(request, now)
        else:
            self._stranger(request)

    def _invite(self, request: Request, now: float) -> None:
        """Take a new call (RFC 3261 8.2, 13.3), whatever cosmetic faults it has."""
        refusal = self._refusal(request)
        if refusal is not None:
            self._layer.say_once(request, *refusal)
            return
        leg = Leg(self._new_tag())
        transaction = self._layer.open(INVITE, request, leg)
        self._layer.say(transaction, 100, respond(request, 100), now)
        self._calls.begin(request, leg, transaction, now)

    @property
    def _full(self) -> bool:
        return len(self._layer) >= self._settings.transactions_max

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        if self._layer.sibling(request) is not None:
            return 482, ""
        if not is_emergency(request, self._settings.called_as):
            return 404, ""
        if unsupported(request):
            return 420, f"Unsupported: {', '.join(unsupported(request))}\r\n"
        if unknown_kind(request):
            return 415, ACCEPT
        if self._draining or self._full or len(self._calls) >= self._settings.calls_max:
            self._counters["calls_refused"] += 1
            return 503, self._retry
        if self._strangers.turned_away(request.source):
            self._counters["strangers_shed"] += 1
            return 503, self._retry
        return None

    def _ack(self, request: Request, now: float) -> None:
        transaction = self._layer.find(request.key("INVITE"))
        if transaction is not None:
            self._layer.hear(transaction, Befell.ACK, now)
        dialog = self._calls.of(request)
        if dialog is not None and request.cseq == dialog.unconfirmed.cseq:
            self._calls.hear(dialog, Heard.ACK, now)

    def _cancel(self, request: Request, now: float) -> None:
        """Answer the CANCEL, then the INVITE it means (RFC 3261 9.2)."""
        meant = self._layer.find(request.key("INVITE"))
        if meant is None and (meant := self._layer.sibling(request)) is not None:
            self._counters["anomaly_cancel_branch"] += 1  # a hang-up is never missed for a wrong branch
        if meant is None:
            self._layer.say_once(request, 481)
            return
        self._reply(request, meant.leg, 200, now)
        dialog = self._calls.by_leg(meant.leg)
        if dialog is not None and meant.state is State.PROCEEDING:
            self._calls.hear(dialog, Heard.CANCEL, now)

    def _in_dialog(self, request: Request, now: float) -> None:
        """Take a request that names a tag of ours (RFC 3261 12.2.2)."""
        dialog = self._calls.of(request)
        if dialog is None:
            self._layer.say_once(request, 400 if request.faults else 481)
        elif request.method == "BYE":
            dialog.remote_cseq = max(dialog.remote_cseq, request.cseq)
            self._reply(request, dialog.leg, 200, now)
            self._calls.hear(dialog, Heard.BYE, now)
        elif request.cseq < dialog.remote_cseq:
            self._counters["anomaly_cseq_order"] += 1
            self._reply(request, dialog.leg, 500, now)
        else:
            dialog.remote_cseq = request.cseq
            self._within(dialog, request, now)

    def _within(self, dialog: Dialog, request: Request, now: float) -> None:
        match request.method:
            case "INVITE" if self._full:
                self._layer.say_once(request, 500, self._retry)
            case "INVITE":
                self._calls.reinvite(dialog, request, now)
            case "UPDATE":
                extra, body = self._calls.updated(dialog, request)
                self._reply(request, dialog.leg, 200, now, extra, body)
            case "OPTIONS" | "INFO":
                self._reply(request, dialog.leg, 200, now, ALLOW)
            case "PRACK":
                self._reply(request, dialog.leg, 481, now)
            case _:
                self._reply(request, dialog.leg, 405 if request.method in KNOWN else 501, now, ALLOW)

    def _stranger(self, request: Request) -> None:
        """Answer what belongs to no call, keeping no memory of it: noise costs no room."""
        self._layer.say_once(request, *self._to_stranger(request))

    def _to_stranger(self, request: Request) -> tuple[int, str]:
        held = len(self._calls) * 100
        if self._draining or held >= self._settings.calls_max * SHED_PERCENT:
            self._counters["shed"] += 1
            return 503, self._retry
        if request.faults:
            return 400, ""
        if request.method in ("BYE", "UPDATE", "INFO", "PRACK"):
            return 481, ""
        if request.method != "OPTIONS":
            return 405 if request.method in KNOWN else 501, ALLOW
        if scheme_of(request.uri) not in SCHEMES:
            return 416, ""
        if unsupported(request):
            return 420, f"Unsupported: {', '.join(unsupported(request))}\r\n"
        return 200, ALLOW + ACCEPT + f"Server: {self._settings.server}\r\n"

    def _reply(
        self, request: Request, leg: Leg, status: int, now: float, extra: str = "", body: bytes = b""
    ) -> None:
        data = respond(request, status, tag=leg, extra=extra, body=body)
        if self._full:
            self._counters["unremembered"] += 1
            self._layer.send(data, request.reply_to())
            return
        self._layer.say(self._layer.open(OTHER, request, leg), status, data, now)

    def _response(self, response: Response, now: float) -> None:
        branch = response.via.branch if response.via is not None else ""
        asked: Transaction | None = self._layer.find((branch, response.cseq_method))
        self._counters[f"responses_{response.status // 100}xx"] += 1
        if asked is None:
            self._counters["responses_unasked"] += 1
            return
        heard = Befell.GOT_1XX if response.status < 200 else Befell.GOT_FINAL
        if self._layer.hear(asked, heard, now) is Act.TELL_USER:
            self._calls.bye_done(asked, now)
