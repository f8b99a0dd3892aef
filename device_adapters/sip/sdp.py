# SPDX-License-Identifier: Apache-2.0
"""Offer and answer: A-law first, mu-law else, and the keys the caller presses (RFC 3264, 8866, 4733).

Whoever has the voice gives each leg its port; without, the port is configured, and every answer says what one
with a voice would say: the mirror of the offered direction, so that a hold is answered as a hold. Every m= line is
answered in its place; what we cannot talk gets port 0.
"""

from typing import NamedTuple

from device_adapters.sip.body import Part
from device_adapters.sip.errors import SipError
from device_adapters.sip.media import (
    MEDIA_MAX,
    Block,
    Section,
    Voice,
    direction_of,
    host_of,
    read_media,
    voice_of,
)

SDP = "application/sdp"
SDP_BYTES_MAX = 16_384
"A WebRTC offer with many candidates is 8 kB."
MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
"RFC 3264 6.1."
KEYS_NUMBERS = ("101", "96")
"Payload numbers for the keys in an offer of ours: the usual one, or another when the voice has it."
PTIME_MS = range(10, 61)
"Milliseconds in a packet that we say to others on their wish; RFC 3551 4.2 takes 20 when nobody says."
PTIME_USUAL_MS = 20


class Session(NamedTuple):
    """Our end of the media: a value the dialog holds and replaces with what `having_said` returns."""

    host: str
    port: int
    number: int
    "o= session id; the same for the whole leg."
    version: int
    "o= session version of what we said last, or of what we say first."
    said: bytes = b""
    "Our last offer or answer; empty before the first."

    def having_said(self, sdp: bytes) -> "Session":
        """Return our end after these octets of `answer` or `offer` were sent."""
        grown = self.said and sdp != self.said
        return self._replace(version=self.version + 1 if grown else self.version, said=sdp)


class Answer(NamedTuple):
    """What the peer takes of our offer, or says of its own end in one."""

    host: str
    "Where our packets would go; empty when it does not say."
    port: int
    voice: str
    "`PCMA` or `PCMU`."
    voice_number: str
    keys_number: str
    "Empty when it takes no keys."
    direction: str
    "As the peer sees it, an old hold read as one."


class UnreadableOfferError(SipError):
    """Called SDP, but holds no media line at all."""


class NothingInCommonError(UnreadableOfferError):
    """An offer, but none of its media is a voice we have. Whoever does not tell the two apart offers ours instead."""


def offered(parts: list[Part]) -> bytes | None:
    """Return the SDP of a body; None is a late offer. A body without a type is taken for SDP."""
    return next((part.content for part in parts if part.kind in (SDP, "")), None)


def offer(session: Session) -> bytes:
    """Return what we offer when the INVITE did not (RFC 3261 13.2.1), or when its offer cannot be read.

    Later in a leg it holds as many m= lines as before, and no number changes its meaning (RFC 3264 8).
    """
    common, blocks = read_media(session.said)
    spoken = voice_of(blocks)
    if spoken is None:
        return _document(session, _all_we_talk("8", "101", "RTP/AVP", session.port))
    body: list[str] = []
    for block in blocks:
        if block is spoken.block:
            law = spoken.voice_number if spoken.voice == "PCMA/8000" else "8"
            keys = spoken.keys_number or next(one for one in KEYS_NUMBERS if one != spoken.voice_number)
            body += _all_we_talk(law, keys, block.transport, session.port)
        else:
            body.append(_refused(block))
    return _document(session, body, common.times or "t=0 0")


def answer(sdp: bytes, session: Session) -> bytes:
    """Return the answer to an offer.

    Raise UnreadableOfferError when it is none, NothingInCommonError when there is nothing to talk.
    """
    if len(sdp) > SDP_BYTES_MAX:
        raise UnreadableOfferError("too long")
    common, blocks = read_media(sdp)
    if len(blocks) > MEDIA_MAX:
        raise UnreadableOfferError("too many media lines")
    if not any(block.readable for block in blocks):
        raise UnreadableOfferError("no media")
    taken = voice_of(blocks)
    if taken is None:
        raise NothingInCommonError("no voice in common")
    body: list[str] = []
    for block in blocks:
        body += _taken(taken, common, session.port) if block is taken.block else [_refused(block)]
    return _document(session, body, common.times or "t=0 0")


def answered(sdp: bytes) -> Answer | None:
    """Return what an answer takes of our offer, in an ACK or a PRACK; None when that is nothing we can read."""
    if len(sdp) > SDP_BYTES_MAX:
        return None
    common, blocks = read_media(sdp)
    spoken = voice_of(blocks)
    if spoken is None:
        return None
    block = spoken.block
    return Answer(
        host=host_of(block, common),
        port=block.port,
        voice=spoken.voice.partition("/")[0],
        voice_number=spoken.voice_number,
        keys_number=spoken.keys_number,
        direction=direction_of(block, common),
    )


def held(sdp: bytes) -> bool:
    """Tell whether the peer holds us: in this offer or answer it does not want to hear."""
    said = answered(sdp)
    return said is not None and said.direction in ("sendonly", "inactive")


def _taken(taken: Voice, common: Section, port: int) -> list[str]:
    block, number, keys = taken.block, taken.voice_number, taken.keys_number
    lines = [
        f"m=audio {port} {block.transport} {number} {keys}".rstrip(),
        f"a=rtpmap:{number} {taken.voice}",
        *(_telephone_event(keys) if keys else ()),
        *_ptime(block, common),
    ]
    return [*lines, f"a={MIRROR[direction_of(block, common)]}"]


def _refused(block: Block) -> str:
    """Return the line that answers a stream we do not take; one format must stand, whichever (RFC 3264 6)."""
    return f"m={block.kind} 0 {block.transport} {block.formats[0] if block.formats else '0'}"


def _all_we_talk(law: str, keys: str, transport: str, port: int) -> list[str]:
    return [
        f"m=audio {port} {transport} {law} 0 {keys}",
        f"a=rtpmap:{law} PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        *_telephone_event(keys),
        "a=sendrecv",
    ]


def _telephone_event(number: str) -> tuple[str, str]:
    return f"a=rtpmap:{number} telephone-event/8000", f"a=fmtp:{number} 0-16"


def _ptime(block: Block, common: Section) -> list[str]:
    """Return our a=ptime when they said theirs: the same if it is sane, never above their maxptime."""
    wanted, most = block.ptime_ms or common.ptime_ms, block.maxptime_ms or common.maxptime_ms
    if not wanted and not most:
        return []
    said = wanted if wanted in PTIME_MS else PTIME_USUAL_MS
    if most:
        said = max(min(said, most), PTIME_MS[0])
    return [f"a=ptime:{said}"]


def _document(session: Session, media: list[str], times: str = "t=0 0") -> bytes:
    """Write it with the version we said last; with the next one when anything else changed (RFC 3264 8)."""
    written = _written(session, session.version, media, times)
    if session.said and written != session.said:
        return _written(session, session.version + 1, media, times)
    return written


def _written(session: Session, version: int, media: list[str], times: str) -> bytes:
    kind = "IP6" if ":" in session.host else "IP4"
    head = [
        "v=0",
        f"o=- {session.number} {version} IN {kind} {session.host}",
        "s=-",
        f"c=IN {kind} {session.host}",
        times,
    ]
    return ("\r\n".join([*head, *media]) + "\r\n").encode("latin-1")
