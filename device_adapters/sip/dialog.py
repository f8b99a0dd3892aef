# SPDX-License-Identifier: Apache-2.0
"""A leg: one caller's dialog with us, from the INVITE to the BYE (RFC 3261 12, 13.3, 15), as a table."""

import re
from enum import Enum, auto

from core.ids import Leg
from device_adapters.sip.events import Address
from device_adapters.sip.grammar import host_port, name_addr
from device_adapters.sip.message import Message, Request
from device_adapters.sip.offers import Offers
from device_adapters.sip.reliable import Reliable
from device_adapters.sip.request import request
from device_adapters.sip.sessiontimer import SessionTimer
from device_adapters.sip.settings import plain_host
from device_adapters.sip.transaction import Transaction


class State(Enum):
    """Where the leg stands."""

    __hash__ = object.__hash__  # members are single, and each step looks one up

    INVITED = auto()
    "100 Trying was said, no more."
    RINGING = auto()
    ADOPTED = auto()
    "It rang in the process before us; nobody knows whether a 200 left it too."
    ANSWERED = auto()
    "200 was said; the ACK is missing."
    TALKING = auto()
    LEAVING = auto()
    "We want to hang up but may not say BYE before the ACK (15)."
    ENDING = auto()
    "Our BYE is out."
    OVER = auto()


class Heard(Enum):
    """What can befall it, from the peer or from the gateway."""

    __hash__ = object.__hash__
    RING = auto()
    QUEUE = auto()
    "The gateway tells the caller's place in the line."
    AGAIN = auto()
    "A minute has passed."
    ANSWER = auto()
    REFUSE = auto()
    HANG_UP = auto()
    CANCEL = auto()
    BYE = auto()
    ACK = auto()
    NO_ACK = auto()
    EXPIRED = auto()
    "The INVITE's own limit, or the session's."
    GONE = auto()
    "The far side knows of no such call."
    BYE_DONE = auto()


class Act(Enum):
    """What it asks of the endpoint, in order."""

    __hash__ = object.__hash__

    SEND_180 = auto()
    SEND_182 = auto()
    SEND_18X_AGAIN = auto()
    "The last one said."
    SEND_200 = auto()
    SEND_REFUSAL = auto()
    SEND_487 = auto()
    SEND_BYE = auto()
    STOP_200 = auto()
    TELL_ANSWERED = auto()
    TELL_ABANDONED = auto()
    TELL_ENDED = auto()


S, H, A = State, Heard, Act
GONE = (A.SEND_487, A.TELL_ABANDONED)

NEXT: dict[tuple[State, Heard], tuple[State, tuple[Act, ...]]] = {
    (S.INVITED, H.RING): (S.RINGING, (A.SEND_180,)),
    (S.INVITED, H.QUEUE): (S.RINGING, (A.SEND_182,)),
    (S.INVITED, H.ANSWER): (S.ANSWERED, (A.SEND_200, A.TELL_ANSWERED)),
    (S.INVITED, H.REFUSE): (S.OVER, (A.SEND_REFUSAL, A.TELL_ENDED)),
    (S.INVITED, H.CANCEL): (S.OVER, GONE),  # 9.2
    (S.INVITED, H.BYE): (S.OVER, GONE),  # 15.1.2
    (S.INVITED, H.EXPIRED): (S.OVER, GONE),  # 13.3.1
    (S.RINGING, H.RING): (S.RINGING, (A.SEND_180,)),
    (S.RINGING, H.QUEUE): (S.RINGING, (A.SEND_182,)),
    (S.RINGING, H.AGAIN): (S.RINGING, (A.SEND_18X_AGAIN,)),  # 13.3.1.1
    (S.RINGING, H.ANSWER): (S.ANSWERED, (A.SEND_200, A.TELL_ANSWERED)),
    (S.RINGING, H.REFUSE): (S.OVER, (A.SEND_REFUSAL, A.TELL_ENDED)),
    (S.RINGING, H.CANCEL): (S.OVER, GONE),
    (S.RINGING, H.BYE): (S.OVER, GONE),
    (S.RINGING, H.EXPIRED): (S.OVER, GONE),
    (S.ADOPTED, H.RING): (S.ADOPTED, (A.SEND_180,)),
    (S.ADOPTED, H.QUEUE): (S.ADOPTED, (A.SEND_182,)),
    (S.ADOPTED, H.AGAIN): (S.ADOPTED, (A.SEND_18X_AGAIN,)),
    (S.ADOPTED, H.ANSWER): (S.ANSWERED, (A.SEND_200, A.TELL_ANSWERED)),
    (S.ADOPTED, H.REFUSE): (S.OVER, (A.SEND_REFUSAL, A.TELL_ENDED)),
    (S.ADOPTED, H.CANCEL): (S.OVER, GONE),
    (S.ADOPTED, H.ACK): (S.ADOPTED, ()),
    (S.ADOPTED, H.BYE): (
        S.OVER,
        (A.SEND_487, A.TELL_ANSWERED, A.TELL_ENDED),
    ),  # who says BYE has heard the 200
    (S.ADOPTED, H.EXPIRED): (S.OVER, GONE),
    (S.ANSWERED, H.ACK): (S.TALKING, (A.STOP_200,)),
    (S.ANSWERED, H.CANCEL): (S.ANSWERED, ()),  # crossed our 200: the caller says BYE next
    (S.ANSWERED, H.BYE): (S.OVER, (A.STOP_200, A.TELL_ENDED)),
    (S.ANSWERED, H.NO_ACK): (S.ENDING, (A.SEND_BYE, A.TELL_ENDED)),  # 13.3.1.4
    (S.ANSWERED, H.HANG_UP): (S.LEAVING, ()),
    (S.TALKING, H.ACK): (S.TALKING, (A.STOP_200,)),
    (S.TALKING, H.CANCEL): (S.TALKING, ()),
    (S.TALKING, H.BYE): (S.OVER, (A.STOP_200, A.TELL_ENDED)),
    (S.TALKING, H.NO_ACK): (S.ENDING, (A.SEND_BYE, A.TELL_ENDED)),  # of a re-INVITE, 14.2
    (S.TALKING, H.HANG_UP): (S.ENDING, (A.STOP_200, A.SEND_BYE, A.TELL_ENDED)),
    (S.TALKING, H.EXPIRED): (S.ENDING, (A.STOP_200, A.SEND_BYE, A.TELL_ENDED)),  # RFC 4028 10
    (S.TALKING, H.GONE): (S.ENDING, (A.STOP_200, A.SEND_BYE, A.TELL_ENDED)),  # 12.2.1.2
    (S.LEAVING, H.ACK): (S.ENDING, (A.STOP_200, A.SEND_BYE, A.TELL_ENDED)),
    (S.LEAVING, H.CANCEL): (S.LEAVING, ()),
    (S.LEAVING, H.BYE): (S.OVER, (A.STOP_200, A.TELL_ENDED)),
    (S.LEAVING, H.NO_ACK): (S.ENDING, (A.SEND_BYE, A.TELL_ENDED)),
    (S.ENDING, H.ACK): (S.ENDING, ()),
    (S.ENDING, H.CANCEL): (S.ENDING, ()),
    (S.ENDING, H.BYE): (S.ENDING, ()),  # two BYEs crossed: 200 to theirs, ours goes on
    (S.ENDING, H.BYE_DONE): (S.OVER, ()),
}
REASON = {
    H.CANCEL: "cancel",
    H.BYE: "bye",
    H.EXPIRED: "expired",
    H.NO_ACK: "no_ack",
    H.GONE: "gone",
    H.HANG_UP: "hung_up",
    H.ACK: "hung_up",
    H.REFUSE: "refused",
}
"Why a leg ended, by what it heard last."
EARLY = frozenset({S.INVITED, S.RINGING, S.ADOPTED})
"No final response was said."
LIVING = EARLY | {S.ANSWERED, S.TALKING, S.LEAVING}
"Requests inside the leg are taken; once our BYE is out they get 481 (15.1.1)."


ROUTES_MAX = 70
"A request passes no more proxies than its Max-Forwards (8.1.1.6)."
NOBODY = "sip:invalid"
"Whom we ask of a peer that names neither Contact nor From: the address it was heard from decides."
_REQUESTABLE = re.compile(r"[!-~]+")


class Dialog:
    """One leg and what its messages need."""

    __slots__ = (
        "ack",
        "ack_cseq",
        "answer_waits",
        "give_up_at",
        "interval_s",
        "invite",
        "last_18x",
        "leg",
        "local_cseq",
        "offers",
        "ok",
        "position",
        "reliable",
        "remote_cseq",
        "session_timer",
        "source",
        "state",
        "target",
        "unacked",
        "unconfirmed",
        "updates",
    )

    def __init__(self, leg: Leg, invite: Request, offers: Offers, reliable: Reliable) -> None:
        self.leg = leg
        self.invite = invite
        self.state = State.INVITED
        self.remote_cseq = invite.cseq
        self.local_cseq = 0
        self.source = invite.source
        "Where it was heard from last."
        self.target = ""
        "Its newest Contact; empty as long as the INVITE's holds (12.2)."
        self.updates: bool | None = None
        "Whether it takes UPDATE (RFC 3311); None until somebody asks."
        self.offers = offers
        self.reliable = reliable
        self.session_timer = SessionTimer()
        self.last_18x = (180, "")
        "Status and reason phrase of what the caller was told last."
        self.position = 0
        "In the line; 1 is next."
        self.answer_waits = False
        "The gateway answered, but a PRACK still owes us the answer to our offer (RFC 3262 5)."
        self.unconfirmed: Request = invite
        "The INVITE whose 200 waits for an ACK, or was confirmed last."
        self.unacked = False
        "... it waits."
        self.ok: Transaction | None = None
        "... and its transaction."
        self.ack = b""
        "Our ACK for the 2xx of our last re-INVITE."
        self.ack_cseq = 0
        "... and which one that was."
        self.interval_s = 0.0
        self.give_up_at = 0.0

    def step(self, heard: Heard) -> tuple[Act, ...] | None:
        """Move on and return what to do; None when this means nothing here (a command that came too late)."""
        row = NEXT.get((self.state, heard))
        if row is None:
            return None
        self.state, acts = row
        return acts

    def owns(self, request: Request) -> bool:
        """Tell whether a request that names our tag is this dialog's (12.2.2)."""
        return request.call_id == self.invite.call_id and request.from_tag == self.invite.from_tag

    def retarget(self, message: Message) -> None:
        """Take the Contact of a target refresh that was accepted (12.2.1.2, 12.2.2), and what else it says."""
        self.target = _contact_of(message) or self.target
        if "allow" in message.headers:
            self.updates = takes_update(message)

    def takes_update(self) -> bool:
        """Tell whether its Allow has UPDATE (RFC 3311 5.1)."""
        if self.updates is None:
            self.updates = takes_update(self.invite)
        return self.updates

    def request(self, method: str, cseq: int, via: str, rest: str, body: bytes = b"") -> bytes:
        """Build a request inside the dialog (12.2.1.1): what they called From is To now."""
        invite = self.invite
        ends = (f"{invite.headers['to'][0]};tag={self.leg}", invite.headers["from"][0], invite.call_id)
        return request(method, self._target(), via, self._routes(), ends, cseq, rest, body)

    def next_hop(self) -> Address:
        """Return where our requests go: to the port that route or target name on the peer's own address.

        Any other host is a name, or an address behind translation: then back to where it was heard from last
        (RFC 3261 12.2.1.1 without RFC 3263).
        """
        routes = self._routes()
        host, port = host_port(name_addr(routes[0]).uri if routes else self._target())
        ours = plain_host(host) == plain_host(self.source[0])
        return (self.source[0], port or 5060) if ours else self.source

    def _routes(self) -> list[str]:
        return self.invite.listed("record-route")[:ROUTES_MAX]

    def _target(self) -> str:
        """Return the remote target: the Contact, else who they say they are."""
        if self.target:
            return self.target
        return _contact_of(self.invite) or _askable(name_addr(self.invite.get("from")).uri) or NOBODY


def _contact_of(message: Message) -> str:
    contacts = message.listed("contact")
    return _askable(name_addr(contacts[0]).uri) if contacts else ""


def _askable(uri: str) -> str:
    """Return a URI that may stand in a request line; an empty string else."""
    return uri if _REQUESTABLE.fullmatch(uri) else ""


def takes_update(message: Message) -> bool:
    """Tell whether a message's Allow has UPDATE."""
    return any(method.upper() == "UPDATE" for method in message.listed("allow"))
