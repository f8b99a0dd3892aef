# SPDX-License-Identifier: Apache-2.0
"""Who owes whom an answer to an offer (RFC 3264 4, RFC 3261 14, RFC 3311 5), as a table."""

from collections import Counter
from enum import Enum, auto
from zlib import crc32

from core.ids import Leg
from device_adapters.sip.body import parts_of
from device_adapters.sip.message import Message
from device_adapters.sip.sdp import (
    SDP,
    NothingInCommonError,
    Session,
    UnreadableOfferError,
    answer,
    answered,
    offer,
    offered,
)
from device_adapters.voices import Side, Voices

CONTENT = f"Content-Type: {SDP}\r\n"
"Goes with a description."
NOTHING_IN_COMMON = 'Warning: 305 gateway110 "no voice in common: we talk PCMA and PCMU over RTP/AVP"\r\n'
"Goes with 488 (RFC 3261 20.43)."
PAYLOAD_MAX = 127
"RFC 3550 5.1: seven bits."


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

    __slots__ = ("_counters", "_has_asked", "_leg", "_voices", "first", "news", "owed", "session")

    def __init__(
        self, leg: Leg, host: str, port: int, counters: Counter[str], voices: Voices | None = None
    ) -> None:
        """Without `voices` every leg says `port`, and nobody asks where the far side is."""
        self.owed = Owed.FIRST
        self.first = Move.WE_OFFER
        "What our 200 to the INVITE is: their offer's answer, or our offer."
        self.session = Session(host, port, crc32(leg.encode()), 1)
        "What we said last; a refresh says it unchanged."
        self.news: Side | None = None
        "The far side's end of the media that nobody was told yet."
        self._counters = counters
        self._leg = leg
        self._voices = voices
        self._has_asked = False

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
        return self.first_said()

    def first_said(self) -> bytes:
        """Return what we say first, as it leaves: at the leg's own port when somebody has the voice."""
        if self._voices is not None and not self._has_asked:
            self._has_asked = True
            self._take_port(self._voices.take(self._leg))
        return self.session.said

    def go_on(self, version: int) -> None:
        """Begin with a version above all that the process before us may have said (RFC 3264 8)."""
        self.session = self.session._replace(version=version)

    def reply(self, message: Message) -> tuple[Move, bytes]:
        """Return the answer to the offer, or an offer when there is none or none that can be read.

        Raise NothingInCommonError, and the session stands as it was.
        """
        theirs = offered(parts_of(message)) if message.body else None
        if theirs is not None:
            try:
                said = self._said(answer(theirs, self.session))
            except NothingInCommonError:
                raise
            except UnreadableOfferError:
                self._counters["anomaly_offer_unreadable"] += 1
            else:
                if self._voices is not None:
                    self.news = _side(theirs) or self.news
                return Move.WE_ANSWER, said
        return Move.WE_OFFER, self._said(offer(self.session))

    def hear_answer(self, message: Message) -> None:
        """Take the answer to our offer; without one the session goes on as we offered it."""
        if self.owed is Owed.THEIRS and not has_offer(message):
            self._counters["anomaly_no_answer"] += 1
        if self._voices is not None and self.owed is Owed.THEIRS:
            self.news = _side(offered(parts_of(message)) or b"") or self.news
        self.move(Move.THEY_ANSWER)

    def _take_port(self, port: int) -> None:
        if port:
            ours = f"m=audio {self.session.port} ".encode()
            said = self.session.said.replace(ours, f"m=audio {port} ".encode(), 1)
            self.session = self.session._replace(port=port, said=said)

    def _said(self, sdp: bytes) -> bytes:
        self.session = self.session.having_said(sdp)
        return sdp


def has_offer(message: Message) -> bool:
    """Tell whether a message carries a description."""
    return bool(message.body) and offered(parts_of(message)) is not None


def _side(theirs: bytes) -> Side | None:
    """Return the far side's end of the media, of its offer or its answer."""
    said = answered(theirs)
    if said is None or int(said.voice_number) > PAYLOAD_MAX:
        return None
    keys = int(said.keys_number or -1)
    return Side(
        host=said.host,
        port=said.port,
        law="PCMA" if said.voice == "PCMA" else "PCMU",
        number=int(said.voice_number),
        keys=keys if keys <= PAYLOAD_MAX else -1,
        hears=said.direction in ("sendrecv", "recvonly"),
        speaks=said.direction in ("sendrecv", "sendonly"),
    )
