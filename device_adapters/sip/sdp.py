# SPDX-License-Identifier: Apache-2.0
"""The answer to an offer: A-law first, mu-law else, and the keys the caller presses (RFC 3264, 8866, 4733).

There is no media process yet. The address and port are configured, and every answer says what one with a
media process would say: the mirror of the offered direction, so that a hold is answered as a hold.
"""

import re
from typing import NamedTuple

from device_adapters.sip.body import Part

SDP = "application/sdp"
SDP_BYTES_MAX = 16_384
"A WebRTC offer with many candidates is 8 kB."
MEDIA_MAX = 16
"Media lines answered; audio, video, text and fax are four."
MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
"RFC 3264 6.1."
STATIC = {"8": "PCMA/8000", "0": "PCMU/8000"}
"RFC 3551 6: known without rtpmap."

_RTPMAP = re.compile(r"a=rtpmap:(\d{1,3})\s+([\w.-]+)/(\d+)", re.IGNORECASE)
_MEDIA = re.compile(r"m=(\w+)\s+(\d{1,5})(?:/\d+)?\s+(\S+)\s*(.*)$")


class Session(NamedTuple):
    """Our end of the media."""

    host: str
    port: int
    number: int
    "o= session id; the same for the whole leg."
    version: int
    "o= session version; grows with every answer of the leg."


class Media(NamedTuple):
    """One m= block of an offer."""

    kind: str
    port: int
    transport: str
    formats: list[str]
    lines: list[str]


class UnreadableOfferError(Exception):
    """Called SDP, but holds no audio we can answer."""


def offered(parts: list[Part]) -> bytes | None:
    """Return the SDP of a body; None is a late offer. A body without a type is taken for SDP."""
    return next((part.content for part in parts if part.kind in (SDP, "")), None)


def offer(session: Session) -> bytes:
    """Return what we offer when the INVITE did not (RFC 3261 13.2.1), or when its offer cannot be read."""
    audio = _audio("RTP/AVP", "8 0", "101", session.port)
    codecs = ["a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", *_telephone_event("101"), "a=sendrecv"]
    return _document(session, [audio, *codecs])


def answer(sdp: bytes, session: Session) -> bytes:
    """Return the answer to an offer; raise UnreadableOfferError when there is nothing to answer."""
    if len(sdp) > SDP_BYTES_MAX:
        raise UnreadableOfferError("too long")
    lines = sdp.decode("latin-1").replace("\r\n", "\n").split("\n")
    blocks = _blocks(lines)
    wanted = next((block for block in blocks if block.kind == "audio" and block.port), None)
    if wanted is None:
        raise UnreadableOfferError("no audio")
    common = lines[: next(at for at, line in enumerate(lines) if line.startswith("m="))]
    body: list[str] = []
    for block in blocks[:MEDIA_MAX]:
        if block is wanted:
            body += _answered(block, common, session.port)
        else:
            body.append(f"m={block.kind} 0 {block.transport} {block.formats[0] if block.formats else '0'}")
    return _document(session, body)


def _answered(block: Media, common: list[str], port: int) -> list[str]:
    mapped = {
        found[1]: f"{found[2].upper()}/{found[3]}" for line in block.lines if (found := _RTPMAP.match(line))
    }
    named = STATIC | mapped
    voice = _format(block, named, "PCMA") or _format(block, named, "PCMU")
    if not voice:
        raise UnreadableOfferError("no common codec")
    keys = _format(block, named, "TELEPHONE-EVENT")
    lines = [_audio(block.transport, voice, keys, port), f"a=rtpmap:{voice} {named[voice]}"]
    return [*lines, *(_telephone_event(keys) if keys else ()), f"a={MIRROR[_direction(block.lines, common)]}"]


def _format(block: Media, named: dict[str, str], name: str) -> str:
    return next((number for number in block.formats if named.get(number) == f"{name}/8000"), "")


def _direction(lines: list[str], common: list[str]) -> str:
    """Return the direction of the media line, else of the session, else both ways (RFC 8866 6.7)."""
    for place in (lines, common):
        for line in place:
            if line[2:].strip() in MIRROR and line.startswith("a="):
                return line[2:].strip()
    return "sendrecv"


def _blocks(lines: list[str]) -> list[Media]:
    blocks: list[Media] = []
    for line in lines:
        found = _MEDIA.match(line.rstrip())
        if found is not None:
            blocks.append(Media(found[1], int(found[2]), found[3], found[4].split(), []))
        elif blocks:
            blocks[-1].lines.append(line)
    return blocks


def _audio(transport: str, voice: str, keys: str, port: int) -> str:
    return f"m=audio {port} {transport} {voice} {keys}".rstrip()


def _telephone_event(number: str) -> tuple[str, str]:
    return f"a=rtpmap:{number} telephone-event/8000", f"a=fmtp:{number} 0-16"


def _document(session: Session, media: list[str]) -> bytes:
    kind = "IP6" if ":" in session.host else "IP4"
    head = [
        "v=0",
        f"o=- {session.number} {session.version} IN {kind} {session.host}",
        "s=-",
        f"c=IN {kind} {session.host}",
        "t=0 0",
    ]
    return ("\r\n".join([*head, *media]) + "\r\n").encode("latin-1")
