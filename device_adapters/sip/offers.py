# SPDX-License-Identifier: Apache-2.0
"""Who owes whom an answer to an offer (RFC 3264 4, RFC 3261 14, RFC 3311 5), as a table."""

from collections import Counter
from enum import Enum, auto
from zlib import crc32

from device_adapters.sip.body import parts_of
from device_adapters.sip.message import Message
from device_adapters.sip.sdp import (
    SDP,
    NothingInCommonError,
    Session,
    UnreadableOfferError,
    answer,
    offer,
    offered,
)

CONTENT = f"Content-Type: {SDP}\r\n"
"Goes with a description."
NOTHING_IN_COMMON = 'Warning: 305 gateway110 "no voice in common: we talk PCMA and PCMU over RTP/AVP"\r\n'
"Goes with 488 (RFC 3261 20.43)."


class Owed(Enum):
    """Where the exchange of a leg stands."""

    __hash__ = object.__hash__

    FIRST = auto()
    "The INVITE's own exchange is not done: we owe the answer, or the offer it left to us."
    NOTHING = auto()
    THEIRS = auto()
    "We offered; their answer is missing."


class Move(Enum):
    """What happens to it."""

    __hash__ = object.__hash__

    WE_ANSWER = auto()
    WE_OFFER = auto()
    THEY_ANSWER = auto()
    "... or never will: refused, timed out, forgotten in an ACK."


NEXT: dict[tuple[Owed, Move], Owed] = {
    (Owed.FIRST, Move.WE_ANSWER): Owed.NOTHING,
    (Owed.FIRST, Move.WE_OFFER): Owed.THEIRS,
    (Owed.NOTHING, Move.WE_ANSWER): Owed.NOTHING,  # offer and answer within one transaction
    (Owed.NOTHING, Move.WE_OFFER): Owed.THEIRS,
    (Owed.THEIRS, Move.WE_OFFER): Owed.THEIRS,  # the same once more: a PRACK that owed the answer never came
    (Owed.THEIRS, Move.THEY_ANSWER): Owed.NOTHING,
}
CROSSING = {Owed.FIRST: 500, Owed.THEIRS: 491}
"What an offer of theirs gets while ours or their last one is open (RFC 3261 14.2, RFC 3311 5.2)."


class Offers:
    """One leg's description of our end of the media, and whose turn it is."""

    __slots__ = ("_counters", "first", "owed", "session")

    def __init__(self, leg: str, host: str, port: int, counters: Counter[str]) -> None:
        self.owed = Owed.FIRST
        self.first = Move.WE_OFFER
        "What our 200 to the INVITE is: their offer's answer, or our offer."
        self.session = Session(host, port, crc32(leg.encode()), 1)
        "What we said last; a refresh says it unchanged."
        self._counters = counters

    def move(self, move: Move) -> None:
        """Move on; what is not in the table changes nothing."""
        self.owed = NEXT.get((self.owed, move), self.owed)

    def begin(self, invite: Message) -> None:
        """Make up the answer to the INVITE's offer, or our own offer, for when it is answered.

        Raise NothingInCommonError when there is nothing to talk about.
        """
        self.first, _ = self.reply(invite)

    def begin_without(self) -> None:
        """Offer ourselves whatever the INVITE offered."""
        self._said(offer(self.session))

    def first_body(self) -> bytes:
        """Return what our 200 to the INVITE says of the session; nothing when a PRACK settled it (RFC 3262 5)."""
        if self.owed is Owed.NOTHING:
            return b""
        self.move(self.first)
        return self.session.said

    def reply(self, message: Message) -> tuple[Move, bytes]:
        """Return the answer to the offer, or an offer when there is none or none that can be read.

        Raise NothingInCommonError, and the session stands as it was.
        """
        theirs = offered(parts_of(message)) if message.body else None
        if theirs is not None:
            try:
                return Move.WE_ANSWER, self._said(answer(theirs, self.session))
            except NothingInCommonError:
                raise
            except UnreadableOfferError:
                self._counters["anomaly_offer_unreadable"] += 1
        return Move.WE_OFFER, self._said(offer(self.session))

    def hear_answer(self, message: Message) -> None:
        """Take the answer to our offer; without one the session goes on as we offered it."""
        if self.owed is Owed.THEIRS and not has_offer(message):
            self._counters["anomaly_no_answer"] += 1
        self.move(Move.THEY_ANSWER)

    def _said(self, sdp: bytes) -> bytes:
        self.session = self.session.having_said(sdp)
        return sdp


def has_offer(message: Message) -> bool:
    """Tell whether a message carries a description."""
    return bool(message.body) and offered(parts_of(message)) is not None
