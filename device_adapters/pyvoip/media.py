# SPDX-License-Identifier: Apache-2.0
"""The voice part of an SDP offer, and our answer to it (RFC 3264). Pure.

pyVoIP gives up on two `c=` lines, an unknown profile or a part that is no voice; it is handed only what is here.
"""

import re
from ipaddress import IPv4Address

import msgspec

LINES_MAX = 512
PARTS_MAX = 16
FORMATS_MAX = 64
_FORMAT = re.compile(r"[0-9]{1,3}")
_PART = re.compile(r"([a-z]{1,16}) ([0-9]{1,5})(?:/[0-9]{1,3})? (\S{1,64}) (\S.{0,1000})")
_KEYS = re.compile(r"rtpmap:([0-9]{1,3}) telephone-event/8000", re.IGNORECASE)
STATIC = {"0": "PCMU", "8": "PCMA"}
"RFC 3551 6. pyVoIP knows them by these numbers only."
UNKNOWN = "0.0.0.0"  # noqa: S104  the old way to say hold (RFC 3264 8.4), and ours to say: not yet
MIRROR = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class NothingInCommonError(ValueError):
    """An offer, but none that pyVoIP can talk."""


class Voice(msgspec.Struct):
    """What can be talked with the other side."""

    address: str
    port: int
    formats: dict[int, str]
    "Payload type and name, in the order offered: PCMA, PCMU, telephone-event."
    direction: str
    "As the other side says it."
    place: int
    "Which of the offer's parts."
    refused: dict[int, str]
    "The other parts, as they are refused: media, port 0, profile, first format."

    @property
    def hears_us(self) -> bool:
        """Whether the other side wants to hear anything, and says where."""
        return self.port > 0 and self.direction in ("sendrecv", "recvonly") and self.address != UNKNOWN


def voice(sdp: bytes) -> Voice:
    """Read the first part that is voice over plain RTP and carries G.711. Raises NothingInCommonError."""
    at_session, parts = _parts(sdp)
    chosen: Voice | None = None
    refused: dict[int, str] = {}
    for place, (line, lines) in enumerate(parts):
        found = _PART.fullmatch(line)
        if found is None:
            raise NothingInCommonError("an m= line that is none")
        media, port, profile, formats = found.groups()
        if chosen is None and media == "audio" and profile == "RTP/AVP" and 0 < int(port) <= 65_535:
            chosen = _voice(int(port), formats.split()[:FORMATS_MAX], at_session, lines, place)
            if chosen is not None:
                continue
        refused[place] = f"{media} 0 {profile} {formats.split()[0]}"
    if chosen is None:
        raise NothingInCommonError("no G.711 over RTP/AVP")
    chosen.refused = refused
    return chosen


def answer(voice: Voice, host: str, port: int, session: int) -> bytes:
    """Return our side: of G.711 only the law we will speak, and keys if they were offered."""
    talked = {number: name for number, name in voice.formats.items() if name == "telephone-event"}
    first = next(number for number, name in voice.formats.items() if name != "telephone-event")
    formats = {first: voice.formats[first], **talked}
    ours = [
        f"m=audio {port} RTP/AVP {' '.join(map(str, formats))}",
        *(f"a=rtpmap:{number} {name}/8000" for number, name in formats.items()),
        *(f"a=fmtp:{number} 0-15" for number in talked),
        "a=ptime:20",
        f"a={MIRROR[voice.direction]}",
    ]
    lines = ["v=0", f"o=- {session} {session} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    for place in range(len(voice.refused) + 1):
        lines += ours if place == voice.place else [f"m={voice.refused[place]}"]
    return "\r\n".join([*lines, ""]).encode()


def offer() -> Voice:
    """Return what we offer to an INVITE that offers nothing (RFC 3261 13.3.1.1); the ACK says where to send."""
    return Voice(UNKNOWN, 0, {8: "PCMA", 101: "telephone-event"}, "sendrecv", 0, {})


def _voice(
    port: int, formats: list[str], at_session: list[str], lines: list[str], place: int
) -> Voice | None:
    names = {number: STATIC[number] for number in formats if number in STATIC}
    for line in lines:
        if found := _KEYS.fullmatch(line):
            names[found[1]] = "telephone-event"
    known = {
        int(number): names[number] for number in formats if _FORMAT.fullmatch(number) and number in names
    }
    address = _address(lines) or _address(at_session)
    if not address or not any(name != "telephone-event" for name in known.values()):
        return None
    direction = next((d for d in [*lines, *at_session] if d in MIRROR), "sendrecv")
    return Voice(address, port, known, direction, place, {})


def _parts(sdp: bytes) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return the session's lines and each part's: `c` values with their letter, `a` values bare."""
    at_session: list[str] = []
    parts: list[tuple[str, list[str]]] = []
    for line in sdp.decode("latin-1").splitlines()[:LINES_MAX]:
        kind, _, value = line.strip().partition("=")
        if kind == "m" and len(parts) < PARTS_MAX:
            parts.append((value, []))
        elif kind in ("a", "c"):
            (parts[-1][1] if parts else at_session).append(value if kind == "a" else f"c={value}")
    return at_session, parts


def _address(lines: list[str]) -> str:
    for line in lines:
        if line.startswith("c=IN IP4 "):
            try:
                return str(IPv4Address(line[9:].strip().partition("/")[0]))
            except ValueError:
                return ""
    return ""
