# SPDX-License-Identifier: Apache-2.0
"""A leg: one caller's dialog with us, from the INVITE to the BYE (RFC 3261 12, 13.3, 15), as a table."""

from enum import Enum, auto
from zlib import crc32

from core.ids import Leg
from device_adapters.sip.events import Address
from device_adapters.sip.grammar import host_port, name_addr
from device_adapters.sip.message import Request
from device_adapters.sip.sdp import Session
from device_adapters.sip.transaction import Transaction


class State(Enum):
    """Where the leg stands."""

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

    RING = auto()
    ANSWER = auto()
    REFUSE = auto()
    HANG_UP = auto()
    CANCEL = auto()
    BYE = auto()
    ACK = auto()
    NO_ACK = auto()
    EXPIRED = auto()
    BYE_DONE = auto()


class Act(Enum):
    """What it asks of the endpoint, in order."""

    SEND_180 = auto()
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
    (S.INVITED, H.ANSWER): (S.ANSWERED, (A.SEND_200, A.TELL_ANSWERED)),
    (S.INVITED, H.REFUSE): (S.OVER, (A.SEND_REFUSAL, A.TELL_ENDED)),
    (S.INVITED, H.CANCEL): (S.OVER, GONE),  # 9.2
    (S.INVITED, H.BYE): (S.OVER, GONE),  # 15.1.2
    (S.INVITED, H.EXPIRED): (S.OVER, GONE),  # 13.3.1
    (S.RINGING, H.RING): (S.RINGING, (A.SEND_180,)),  # 13.3.1.1
    (S.RINGING, H.ANSWER): (S.ANSWERED, (A.SEND_200, A.TELL_ANSWERED)),
    (S.RINGING, H.REFUSE): (S.OVER, (A.SEND_REFUSAL, A.TELL_ENDED)),
    (S.RINGING, H.CANCEL): (S.OVER, GONE),
    (S.RINGING, H.BYE): (S.OVER, GONE),
    (S.RINGING, H.EXPIRED): (S.OVER, GONE),
    (S.ADOPTED, H.RING): (S.ADOPTED, (A.SEND_180,)),
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
    H.HANG_UP: "hung_up",
    H.ACK: "hung_up",
    H.REFUSE: "refused",
}
"Why a leg ended, by what it heard last."


class Dialog:
    """One leg and what its messages need."""

    __slots__ = (
        "give_up_at",
        "interval_s",
        "invite",
        "leg",
        "local_cseq",
        "ok",
        "remote_cseq",
        "sdp_version",
        "state",
        "unconfirmed",
    )

    def __init__(self, leg: Leg, invite: Request, transaction: Transaction) -> None:
        self.leg = leg
        self.invite = invite
        self.state = State.INVITED
        self.remote_cseq = invite.cseq
        self.local_cseq = 0
        self.sdp_version = 0
        self.unconfirmed: Request = invite
        "The INVITE whose 200 waits for an ACK."
        self.ok: Transaction = transaction
        "... and its transaction."
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

    def session(self, host: str, port: int) -> Session:
        """Return our end of the media for the next answer (RFC 3264 8: the version grows)."""
        self.sdp_version += 1
        return Session(host, port, crc32(self.leg.encode()), self.sdp_version)

    def bye(self, via: str, server: str) -> bytes:
        """Build our BYE (12.2.1.1): what they called From is To now."""
        self.local_cseq += 1
        invite = self.invite
        target, routes = self.target(), invite.listed("record-route")
        lines = [
            f"BYE {target} SIP/2.0",
            f"Via: {via}",
            "Max-Forwards: 70",
            *(f"Route: {route}" for route in routes),
            f"From: {invite.headers['to'][0]};tag={self.leg}",
            f"To: {invite.headers['from'][0]}",
            f"Call-ID: {invite.call_id}",
            f"CSeq: {self.local_cseq} BYE",
            f"{server}Content-Length: 0\r\n\r\n",
        ]
        return "\r\n".join(lines).encode("latin-1")

    def target(self) -> str:
        """Return the remote target: the Contact, else who they say they are."""
        contacts = self.invite.listed("contact")
        return name_addr(contacts[0] if contacts else self.invite.get("from")).uri

    def next_hop(self) -> Address:
        """Return where our requests go: to the port that route or target name on the peer's own address.

        Any other host is a name, or an address behind translation: then back to where the INVITE came from
        (RFC 3261 12.2.1.1 without RFC 3263).
        """
        routes = self.invite.listed("record-route")
        host, port = host_port(name_addr(routes[0]).uri if routes else self.target())
        return (host, port or 5060) if host == self.invite.source[0] else self.invite.source
