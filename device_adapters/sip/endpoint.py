# SPDX-License-Identifier: Apache-2.0
"""The user agent server: datagrams and time go in; datagrams, events and the next waking time come out.

Give one input, then take everything. Nothing a peer sends makes it raise.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Literal, cast

from core.ids import Leg
from device_adapters.sip.calls import Calls
from device_adapters.sip.demands import KNOWN
from device_adapters.sip.dialog import Dialog, Heard
from device_adapters.sip.errors import RemoteProtocolError
from device_adapters.sip.events import Address, Elsewhere, Event
from device_adapters.sip.house import House
from device_adapters.sip.identity import caller_of
from device_adapters.sip.keepalive import KeepAlive
from device_adapters.sip.message import Request, Response, read_message
from device_adapters.sip.offers import NOTHING_IN_COMMON
from device_adapters.sip.reception import Reception, doorman_of
from device_adapters.sip.reinvite import Reinvites
from device_adapters.sip.reliable import State as Reliability
from device_adapters.sip.sdp import NothingInCommonError
from device_adapters.sip.settings import SipSettings
from device_adapters.sip.station import Station
from device_adapters.sip.transaction import INVITE, Outcome, Purpose, State, Transaction
from device_adapters.sip.transaction import Heard as Befell
from device_adapters.sip.within import Within
from device_adapters.voices import Voices

Transport = Literal["UDP", "TCP", "TLS"]
COUNTED = {method: f"requests_{method.lower()}" for method in KNOWN}
NO_SECRETS: Mapping[str, str] = MappingProxyType({})


class Endpoint:
    """Answer trunks, at one address of ours, over one transport."""

    def __init__(
        self,
        settings: SipSettings,
        address: Address,
        new_tag: Callable[[], str],
        transport: Transport = "UDP",
        secrets: Mapping[str, str] = NO_SECRETS,
        house: House | None = None,
        voices: Voices | None = None,
    ) -> None:
        """Take the passwords of the trunks that have a digest by trunk name (digest.py).

        The endpoints of one `house` share its limits and its watch on trunks, and hear each other's requests.
        Without `voices` the session is offered at `media_port`, and nobody speaks.
        """
        self._settings = settings
        self._house = house or House(settings)
        self._number = self._house.join(self)
        self._station = station = Station(settings, address, transport, self._house, voices)
        self._counters = station.counters
        self._timers = station.timers
        self._events = station.events
        self._layer = station.layer
        self._admission = station.admission
        self._traces = station.traces
        self._calls = Calls(station)
        self._keep_alive = KeepAlive(station)
        self._layer.owner = self._told
        self._reception = Reception(station, doorman_of(settings, secrets, new_tag, self._counters))
        reinvites = Reinvites(station, self._calls.answering, self._calls.refresh)
        self._within = Within(station, self._calls.ringing, reinvites)
        self._new_tag = new_tag

    # Five verbs

    def receive_datagram(self, data: bytes, addr: Address, now: float) -> None:
        """Take one datagram from the network. Never raises."""
        if self._admission.drop(addr):
            self._counters["unknown_source"] += 1
            return
        if not self._layer.reliable and self._admission.too_much(addr, len(data), now):
            self._counters["strangers_unread"] += 1  # who is owed an answer says it again
            return
        try:
            message = read_message(data)
        except RemoteProtocolError as wrong:
            self._counters[f"anomaly_{wrong.reason}"] += 1
            return
        for fault in message.faults:
            self._counters[f"anomaly_{fault}"] += 1
        if isinstance(message, Response):
            self._counters[f"responses_{message.status // 100}xx"] += 1
            self._layer.got(message, now)
            return
        message.source = addr
        self._counters[COUNTED.get(message.method, "requests_other")] += 1
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
        ours, theirs = self._timers.next_due(), self._keep_alive.next_due()
        return ours if theirs is None else theirs if ours is None else min(ours, theirs)

    def handle_timer(self, now: float) -> None:
        """Let time pass."""
        while (due := self._timers.pop_due(now)) is not None:
            timer, owner = due
            if not self._calls.fire(timer, cast("str", owner), now):
                self._layer.fire(timer, cast("tuple[str, ...]", owner), now)
        self._keep_alive.ask(now)

    def next_event(self) -> Event | None:
        """Hand over the oldest event not yet taken."""
        return self._events.popleft() if self._events else self._keep_alive.next_event()

    def unreachable(self, lost: Iterable[tuple[bytes, Address]], now: float) -> None:
        """Take it that some of `datagrams_to_send` could not be carried: no connection opens, or there is no room."""
        self._layer.unreachable(lost, now)

    def sources(self) -> set[Address]:
        """Return where the far sides of our legs were heard from last."""
        return self._calls.sources()

    # The other listeners of the house

    def knows(self, request: Request) -> bool:
        """Tell whether a request that came by another listener belongs to a leg of ours."""
        meant = "INVITE" if request.method in ("ACK", "CANCEL") else request.method
        if self._layer.find(request.key(meant)) is not None or self._calls.of(request) is not None:
            return True
        return request.method == "CANCEL" and self._layer.sibling(request) is not None

    def hear(self, request: Request, now: float) -> None:
        """Take a request that came by another listener; its source says how the answer goes back."""
        self._request(request, now)

    # Commands

    def ring(self, leg: Leg, now: float) -> None:
        """Say 180 Ringing, and again each minute."""
        self._calls.command(leg, Heard.RING, now)

    def queue(self, leg: Leg, position: int, now: float) -> None:
        """Say 182 Queued with the place in the line, and again each minute."""
        self._calls.queue(leg, position, now)

    def answer(self, leg: Leg, now: float) -> None:
        """Say 200 OK, and again until the ACK."""
        self._calls.command(leg, Heard.ANSWER, now)

    def hang_up(self, leg: Leg, now: float) -> None:
        """End the leg: BYE when answered, 480 when ringing."""
        if not self._calls.command(leg, Heard.HANG_UP, now, quiet=True):
            self._calls.command(leg, Heard.REFUSE, now, 480)

    def adopt(
        self,
        raw: bytes,
        addr: Address,
        leg: Leg,
        state: Literal["ringing", "answered"],
        now: float,
        cseq: int = 0,
    ) -> bool:
        """Take up a call of the process before us from its INVITE and our To tag; False if it cannot be.

        Our requests count on from `cseq`, which must lie beyond what that process used: seconds of the wall clock do.
        """
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
        self._calls.adopt(invite, leg, state, now, cseq)
        return True

    def drain(self, on: bool) -> None:
        """Take no new calls, or take them again; those in progress go on."""
        self._reception.draining = on

    def statistics(self) -> dict[str, int]:
        """Return counters by method, response class and anomaly, and what is held now."""
        held = {"calls": len(self._calls), "transactions": len(self._layer), "timers": len(self._timers)}
        return dict(self._counters) | held | self._keep_alive.statistics()

    # Requests

    def _request(self, request: Request, now: float) -> None:
        self._keep_alive.heard(request.source, now)
        if request.method == "ACK":
            self._ack(request, now)
            return
        known = self._layer.find(request.key(request.method))
        if known is not None:
            self._counters["retransmissions"] += 1
            self._traces.heard(known.leg, request.raw, now)
            self._layer.hear(known, Befell.REQUEST, now)
        elif request.method == "CANCEL":
            self._cancel(request, now)
        elif request.to_tag:
            self._in_dialog(request, now)
        elif request.method == "INVITE":
            self._invite(request, now)
        else:
            self._stranger(request, now)

    def _invite(self, request: Request, now: float) -> None:
        """Take a new call (RFC 3261 8.2, 13.3), whatever cosmetic faults it has."""
        who = caller_of(request)
        refusal = self._reception.refusal(request, who[0], self._admission.legs, now)
        if refusal is not None:
            self._layer.say_once(request, *refusal)
            return
        dialog = self._station.dialog(Leg(self._new_tag()), request)
        try:
            dialog.offers.begin(request)
        except NothingInCommonError:
            self._layer.say_once(request, 488, NOTHING_IN_COMMON)
            return
        self._calls.begin(dialog, who, now)

    def _told(self, asked: Transaction, outcome: Outcome, response: Response | None, now: float) -> None:
        """Tell whoever asked what became of it."""
        if asked.purpose is Purpose.KEEP_ALIVE:
            self._keep_alive.told(asked.peer, outcome, response, now)
        else:
            self._calls.told(asked, outcome, response, now)

    def _ack(self, request: Request, now: float) -> None:
        transaction = self._layer.find(request.key("INVITE"))
        if transaction is not None:
            assert transaction.machine is INVITE, "a key with INVITE belongs to another machine"
            self._traces.heard(transaction.leg, request.raw, now)
            self._layer.hear(transaction, Befell.ACK, now)
        dialog = self._calls.of(request)
        if dialog is None and transaction is None:
            self._passed_on(request, now)
        if dialog is None or request.cseq != dialog.unconfirmed.cseq:
            return
        if transaction is None:
            self._traces.heard(dialog.leg, request.raw, now)
        self._moved(dialog, request)
        self._calls.answering.confirmed(dialog, request)
        self._calls.hear(dialog, Heard.ACK, now)

    def _cancel(self, request: Request, now: float) -> None:
        """Answer the CANCEL, then the INVITE it means (RFC 3261 9.2)."""
        meant = self._layer.find(request.key("INVITE"))
        if meant is None and (meant := self._layer.sibling(request)) is not None:
            self._counters["anomaly_cancel_branch"] += 1  # a hang-up is never missed for a wrong branch
        if meant is None:
            if not self._passed_on(request, now):
                self._layer.say_once(request, 481)
            return
        self._traces.heard(meant.leg, request.raw, now)
        self._station.reply(request, meant.leg, 200, now)
        dialog = self._calls.by_leg(meant.leg)
        if dialog is not None and meant.state is State.PROCEEDING:
            self._calls.hear(dialog, Heard.CANCEL, now)

    def _in_dialog(self, request: Request, now: float) -> None:
        """Take a request that names a tag of ours (RFC 3261 12.2.2)."""
        dialog = self._calls.of(request)
        if dialog is None:
            if not self._passed_on(request, now):
                self._layer.say_once(request, 400 if request.faults else 481)
            return
        self._moved(dialog, request)
        self._traces.heard(dialog.leg, request.raw, now)
        if request.method == "BYE":
            self._bye(dialog, request, now)
            return
        self._within.take(dialog, request, now)
        if dialog.offers.news is not None:
            self._calls.settled(dialog, now)
        if request.method == "PRACK" and dialog.reliable.state is not Reliability.UNHEARD:
            self._calls.pracked(dialog, now)

    def _passed_on(self, request: Request, now: float) -> bool:
        """Let the listener whose leg it belongs to hear a request; the answer goes out here (18.2.2)."""
        if isinstance(request.source, Elsewhere):
            return False
        other = self._house.whose(request, self._number)
        if other is None:
            return False
        self._counters["passed_on"] += 1
        request.source = Elsewhere(self._layer.reply_to(request), self._number)
        other.hear(request, now)
        return True

    def _moved(self, dialog: Dialog, request: Request) -> None:
        """Note where the peer is heard from; by another listener, it cannot be asked there."""
        if not isinstance(request.source, Elsewhere):
            dialog.source = request.source

    def _bye(self, dialog: Dialog, request: Request, now: float) -> None:
        """Obey a BYE (15.1.2), out of order, too: whoever knows all three names of the leg may end it."""
        if request.cseq < dialog.remote_cseq:
            self._counters["anomaly_cseq_order"] += 1
        dialog.remote_cseq = max(dialog.remote_cseq, request.cseq)
        self._station.reply(request, dialog.leg, 200, now)
        self._calls.hear(dialog, Heard.BYE, now)

    def _stranger(self, request: Request, now: float) -> None:
        """Answer what belongs to no call, keeping no memory of it: noise costs no room."""
        self._layer.say_once(request, *self._reception.to_stranger(request, self._admission.legs, now))
