# SPDX-License-Identifier: Apache-2.0
"""The legs we hold: what their table asks for is done here (RFC 3261 12 to 15)."""

from collections import Counter, deque
from collections.abc import Hashable
from typing import Literal, cast

from core.ids import Leg
from device_adapters.sip.body import parts_of
from device_adapters.sip.dialog import REASON, Act, Dialog, Heard, State
from device_adapters.sip.events import Abandoned, Address, Answered, Ended, SipEvent
from device_adapters.sip.invitation import expires_s, invited
from device_adapters.sip.layer import T2_S, TransactionLayer
from device_adapters.sip.message import MAGIC_COOKIE, Request
from device_adapters.sip.response import ALLOW, respond
from device_adapters.sip.sdp import SDP, UnreadableOfferError, answer, offer, offered
from device_adapters.sip.settings import SipSettings
from device_adapters.sip.strangers import Strangers
from device_adapters.sip.timers import Timer, Timers
from device_adapters.sip.transaction import CLIENT, INVITE, Transaction
from device_adapters.sip.transaction import Act as Asked
from device_adapters.sip.transaction import Heard as Befell

HEARD = {Timer.EXPIRES: Heard.EXPIRED, Timer.RING: Heard.RING}
"What a leg hears when its timer fires."


class Calls:
    """Every leg by our tag, until it is over."""

    def __init__(
        self,
        settings: SipSettings,
        address: Address,
        layer: TransactionLayer,
        timers: Timers,
        events: deque[SipEvent],
        counters: Counter[str],
    ) -> None:
        self._settings = settings
        self._layer = layer
        self._timers = timers
        self._events = events
        self._counters = counters
        self.strangers = Strangers(settings)
        "Who of those we hold is no listed trunk's."
        self._legs: dict[str, Dialog] = {}
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self._sent_by = f"{host}:{address[1]}"
        self._media_host = settings.media_host or address[0]
        self._server = f"Server: {settings.server}\r\n"
        self._contact = f"Contact: <sip:110@{self._sent_by}>\r\n{self._server}"

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

    def begin(self, request: Request, leg: Leg, transaction: Transaction, now: float) -> None:
        """Hold a new leg and tell of it."""
        self._hold(Dialog(leg, request, transaction))
        limit_s = expires_s(request)
        if limit_s:
            self._timers.set(Timer.EXPIRES, leg, now + limit_s)
        self._events.append(invited(request, leg, now, self._counters))

    def adopt(self, invite: Request, leg: Leg, state: Literal["ringing", "answered"], now: float) -> None:
        """Hold a leg of the process before us: nothing is told again, but everything can go on."""
        transaction = self._layer.open(INVITE, invite, leg)
        dialog = self._hold(Dialog(leg, invite, transaction))
        if state == "ringing":
            dialog.state = State.ADOPTED
            self.hear(dialog, Heard.RING, now)
            return
        # Whether the ACK came is not known, and a caller who sent it long ago will not send it again.
        dialog.state = State.TALKING
        self._layer.said(transaction, self._ok(dialog, invite), now)

    def command(self, leg: Leg, heard: Heard, now: float, status: int = 0, *, quiet: bool = False) -> bool:
        """Do what the gateway wants; False, and counted, when the leg is unknown or past it."""
        dialog = self._legs.get(leg)
        done = dialog is not None and self.hear(dialog, heard, now, status)
        if not done and not quiet:
            self._counters["commands_late"] += 1
        return done

    def hear(self, dialog: Dialog, heard: Heard, now: float, status: int = 0) -> bool:
        """Step a leg and do what its table asks; False when this means nothing to it now."""
        acts = dialog.step(heard)
        if acts is None:
            return False
        for act in acts:
            self._do(act, dialog, heard, status, now)
        if dialog.state not in (State.INVITED, State.RINGING, State.ADOPTED):
            self._timers.drop(Timer.RING, dialog.leg)
            self._timers.drop(Timer.EXPIRES, dialog.leg)
        if dialog.state is State.OVER and self._legs.pop(dialog.leg, None) is not None:
            self.strangers.left(dialog.invite.source)
        return True

    def fire(self, timer: Timer, owner: Hashable, now: float) -> None:
        """Let a deadline come, a leg's or a transaction's."""
        if timer is Timer.OK:
            self._repeat_ok(self._legs[cast("str", owner)], now)
        elif timer in HEARD:
            self.hear(self._legs[cast("str", owner)], HEARD[timer], now)
        else:
            transaction, asked = self._layer.fire(timer, cast("tuple[str, ...]", owner), now)
            if asked is Asked.TELL_USER:
                self.bye_done(transaction, now)

    def bye_done(self, transaction: Transaction, now: float) -> None:
        """Let go of a leg whose BYE was answered, or never will be (15.1.1)."""
        dialog = self._legs.get(transaction.leg)
        if dialog is not None:
            self.hear(dialog, Heard.BYE_DONE, now)

    def reinvite(self, dialog: Dialog, request: Request, now: float) -> None:
        """Answer an INVITE within the dialog: the same session, the offered direction (14.2)."""
        transaction = self._layer.open(INVITE, request, dialog.leg)
        if dialog.state not in (State.ANSWERED, State.TALKING, State.LEAVING):
            early = dialog.state in (State.INVITED, State.RINGING, State.ADOPTED)
            extra = "Retry-After: 1\r\n" if early else ""
            status = 500 if early else 481
            self._layer.say(transaction, status, respond(request, status, extra=extra), now)
            return
        dialog.unconfirmed, dialog.ok = request, transaction
        self._say_ok(dialog, now)

    def updated(self, dialog: Dialog, request: Request) -> tuple[str, bytes]:
        """Return the headers and body of the 200 to an UPDATE (RFC 3311 5.2)."""
        sdp = self._sdp(dialog, request) if offered(parts_of(request)) is not None else b""
        kind = f"Content-Type: {SDP}\r\n" if sdp else ""
        return self._contact + kind, sdp

    def _hold(self, dialog: Dialog) -> Dialog:
        self._legs[dialog.leg] = dialog
        self.strangers.came(dialog.invite.source)
        return dialog

    def _do(self, act: Act, dialog: Dialog, heard: Heard, status: int, now: float) -> None:
        match act:
            case Act.SEND_180:
                self._say(dialog, 180, now, self._contact)
                self._timers.set(Timer.RING, dialog.leg, now + self._settings.ring_repeat_s)
            case Act.SEND_200:
                self._say_ok(dialog, now)
            case Act.SEND_487:
                self._say(dialog, 487, now, self._server)
            case Act.SEND_REFUSAL:
                self._say(dialog, status, now, self._server)
            case Act.STOP_200:
                self._timers.drop(Timer.OK, dialog.leg)
            case Act.SEND_BYE:
                self._send_bye(dialog, now)
            case Act.TELL_ANSWERED:
                self._events.append(Answered(leg=dialog.leg, sip_call_id=dialog.invite.call_id, at=now))
            case Act.TELL_ABANDONED:
                self._tell(Abandoned, dialog, heard, now)
            case Act.TELL_ENDED:
                self._tell(Ended, dialog, heard, now)

    def _tell(self, kind: type[Abandoned | Ended], dialog: Dialog, heard: Heard, now: float) -> None:
        reason = REASON[heard]
        self._events.append(kind(leg=dialog.leg, sip_call_id=dialog.invite.call_id, at=now, reason=reason))

    def _say(self, dialog: Dialog, status: int, now: float, extra: str) -> None:
        data = respond(dialog.invite, status, tag=dialog.leg, extra=extra, routed=status < 300)
        self._layer.say(dialog.ok, status, data, now)

    def _say_ok(self, dialog: Dialog, now: float) -> None:
        """Say 200 and begin to wait for its ACK (13.3.1.4)."""
        dialog.interval_s = self._layer.t1_s
        dialog.give_up_at = now + self._layer.give_up_s
        self._timers.set(Timer.OK, dialog.leg, now + dialog.interval_s)
        self._layer.say(dialog.ok, 200, self._ok(dialog, dialog.unconfirmed), now)

    def _ok(self, dialog: Dialog, request: Request) -> bytes:
        extra = f"{self._contact}{ALLOW}Content-Type: {SDP}\r\n"
        sdp = self._sdp(dialog, request)
        return respond(request, 200, tag=dialog.leg, extra=extra, body=sdp, routed=True)

    def _repeat_ok(self, dialog: Dialog, now: float) -> None:
        if now >= dialog.give_up_at:
            self.hear(dialog, Heard.NO_ACK, now)
            return
        self._counters["retransmitted"] += 1
        self._layer.hear(dialog.ok, Befell.SEND_2XX, now)
        dialog.interval_s = min(2 * dialog.interval_s, T2_S)
        self._timers.set(Timer.OK, dialog.leg, min(now + dialog.interval_s, dialog.give_up_at))

    def _sdp(self, dialog: Dialog, request: Request) -> bytes:
        """Answer the offer, or offer ourselves when there is none or none we can read."""
        session = dialog.session(self._media_host, self._settings.media_port)
        theirs = offered(parts_of(request))
        if theirs is None:
            return offer(session)
        try:
            return answer(theirs, session)
        except UnreadableOfferError:
            self._counters["anomaly_offer_unreadable"] += 1
            return offer(session)

    def _send_bye(self, dialog: Dialog, now: float) -> None:
        branch = f"{MAGIC_COOKIE}{dialog.leg}.{dialog.local_cseq + 1}"
        data = dialog.bye(f"SIP/2.0/UDP {self._sent_by};branch={branch}", self._server)
        self._layer.ask(CLIENT, (branch, "BYE"), dialog.leg, data, dialog.next_hop(), now)
