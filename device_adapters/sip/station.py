# SPDX-License-Identifier: Apache-2.0
"""What the parts of one endpoint share: its address and words, its transactions, timers, events and counters."""

from collections import Counter, deque

from core.ids import Leg
from device_adapters.sip.dialog import Dialog
from device_adapters.sip.events import Address, Event
from device_adapters.sip.grammar import scheme_of
from device_adapters.sip.house import House
from device_adapters.sip.layer import TransactionLayer
from device_adapters.sip.message import MAGIC_COOKIE, Request
from device_adapters.sip.offers import Offers
from device_adapters.sip.reliable import Reliable
from device_adapters.sip.response import respond
from device_adapters.sip.sessiontimer import has_option
from device_adapters.sip.settings import SipSettings
from device_adapters.sip.timers import Timers
from device_adapters.sip.trace import Traces
from device_adapters.sip.transaction import INVITE, OTHER, Machine, Purpose
from device_adapters.voices import Voices

REMEMBERED_OCTETS_MAX = 4_096
"""Of an answer within a leg that is kept to be said again; usual ones have 600. A longer one echoes what a peer
wrote to fill our memory: it is answered anew if asked again."""
PARAMETER = {"UDP": "", "TCP": ";transport=tcp", "TLS": ";transport=tls"}
"Of our Contact."


class Station:
    """One listener's place on the network."""

    def __init__(
        self,
        settings: SipSettings,
        address: Address,
        transport: str,
        house: House,
        voices: Voices | None = None,
    ) -> None:
        self.settings = settings
        self.voices = voices
        self.transport = transport
        self.counters: Counter[str] = Counter()
        self.events: deque[Event] = deque()
        self.timers = Timers()
        self.layer = TransactionLayer(self.timers, settings.t1_ms / 1000, self.counters, transport)
        self.house = house
        self.admission = house.admission
        self.layer.remembered = house.remembered
        self.traces = Traces(settings.trace_messages, settings.calls_max)
        self.server = f"Server: {settings.server}\r\n"
        self.retry = f"Retry-After: {settings.retry_after_s}\r\n"
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        self.sent_by = sent_by = f"{host}:{address[1]}"
        self.media_host = settings.media_host or address[0]
        self._via = f"SIP/2.0/{transport} {sent_by}"
        self._rport = ";rport" if transport == "UDP" else ""  # RFC 3581 3
        self._contact = f"Contact: <sip:110@{sent_by}{PARAMETER[transport]}>\r\n"
        self._secure_contact = f"Contact: <sips:110@{sent_by}>\r\n"
        self.layer.said = self.traces.said
        self.layer.server = self.server
        if any(trunk.addresses for trunk in settings.trunks):
            self.layer.is_stranger = lambda source: not self.admission.listed(source)

    def contact(self, dialog: Dialog) -> str:
        """Return our Contact line: sips when they called us so (RFC 3261 12.1.1)."""
        return self._secure_contact if scheme_of(dialog.invite.uri) == "sips" else self._contact

    def via(self, leg: Leg, cseq: int, kind: str = "") -> tuple[str, str]:
        """Return the branch of a request of ours, and its Via."""
        branch = f"{MAGIC_COOKIE}{leg}.{cseq}{kind}"
        return branch, f"{self._via};branch={branch}{self._rport}"

    def has_room(self, source: Address) -> bool:
        """Tell whether one more transaction of this peer may be remembered; strangers leave room to trunks."""
        remembered = self.house.remembered
        if remembered.held >= self.settings.transactions_max:
            return False
        filled = remembered.strangers if self.layer.is_stranger(source) else remembered.held
        return self.admission.has_room(source, filled)

    def dialog(self, leg: Leg, invite: Request, *, reliable: bool = True) -> Dialog:
        """Return a new leg that nobody holds yet."""
        offers = Offers(leg, self.media_host, self.settings.media_port, self.counters, self.voices)
        return Dialog(leg, invite, offers, Reliable(leg, wish=self._wish(invite) if reliable else ""))

    def reply(
        self, request: Request, leg: Leg, status: int, now: float, extra: str = "", body: bytes = b""
    ) -> None:
        """Answer a request within a leg once and for all; an INVITE this way is refused."""
        data = respond(request, status, tag=leg, extra=extra + self.server, body=body)
        if len(data) > REMEMBERED_OCTETS_MAX or not self.has_room(request.source):
            self.counters["unremembered"] += 1
            self.layer.send_for(leg, data, self.layer.reply_to(request), now)
            return
        machine = INVITE if request.method == "INVITE" else OTHER
        self.layer.say(self.layer.open(machine, request, leg), status, data, now)

    def ask(
        self,
        machine: Machine,
        dialog: Dialog,
        method: str,
        purpose: Purpose,
        now: float,
        extra: str = "",
        body: bytes = b"",
    ) -> None:
        """Ask something of the far side of a leg (RFC 3261 12.2.1)."""
        dialog.local_cseq += 1
        branch, via = self.via(dialog.leg, dialog.local_cseq)
        data = dialog.request(method, dialog.local_cseq, via, extra + self.server, body)
        self.layer.ask(machine, (branch, method), purpose, dialog.leg, data, self.next_hop(dialog), now)

    def next_hop(self, dialog: Dialog) -> Address:
        """Return where our requests go: over TCP and TLS, the connection it was heard by last."""
        return dialog.source if self.layer.reliable else dialog.next_hop()

    def _wish(self, invite: Request) -> str:
        """Return whether this caller is rung reliably: `required`, `supported` or not at all (RFC 3262 3)."""
        wanted = self.settings.reliable_ring
        if wanted != "never" and has_option(invite, "require", "100rel"):
            return "required"
        return "supported" if wanted == "supported" and has_option(invite, "supported", "100rel") else ""
