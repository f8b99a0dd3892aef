# SPDX-License-Identifier: Apache-2.0
"""Reading SDP: its m= lines, in order, and what each says of itself (RFC 8866, 3551, 4733).

Nothing in here raises: what cannot be read is a stream nobody can talk.
"""

import re
from typing import NamedTuple

MEDIA_MAX = 32
"""m= lines of one offer: audio, video, text, fax and a conference's spares (guess). One with more cannot be answered
line for line within a datagram and counts as unreadable."""
PORT_MAX = 65_535
HELD = {"sendrecv": "sendonly", "sendonly": "sendonly", "recvonly": "inactive", "inactive": "inactive"}
"What a direction means when nothing can be sent to where they are: the hold of RFC 2543 (RFC 3264 8.4)."
NOWHERE = ("0.0.0.0", "::")  # noqa: S104 - read, not bound
STATIC = {"8": "PCMA/8000", "0": "PCMU/8000"}
"RFC 3551 6: known without rtpmap."
VOICES = ("PCMA/8000", "PCMU/8000")
"What we talk, best first."
KEYS = "TELEPHONE-EVENT/8000"
"At the clock of the voices alone (RFC 4733 2.1)."
TALKED = frozenset(("RTP/AVP", "RTP/AVPF"))
"Transports we can talk; those with SAVP need keys that nobody holds yet."

_TIMES = re.compile(r"t=\d{1,20} \d{1,20}(?=\s*$)")
_RTPMAP = re.compile(r"(\d{1,3})\s+([\w.-]+)/(\d+)(?:/(\d+))?", re.IGNORECASE)


class Section:
    """What the session says of itself, or a stream below its m= line; of what is said twice the first counts."""

    __slots__ = ("direction", "host", "mapped", "maxptime_ms", "ptime_ms", "times")

    def __init__(self) -> None:
        self.direction = ""
        self.host = ""
        "Of its c= line (RFC 8866 5.7)."
        self.mapped: dict[str, str] = {}
        "Format number: what a=rtpmap says it is."
        self.ptime_ms = self.maxptime_ms = 0
        self.times = ""
        "Its t= line."

    def read(self, line: str) -> None:
        """Take in one line; what says nothing to us (bandwidth, keys, names) is left out."""
        kind = line[:2]
        if kind == "a=":
            self._attribute(line)
        elif kind == "c=":
            words = line[2:].split(None, 3)
            if not self.host and len(words) > 2:
                self.host = words[2].partition("/")[0].lower()
        elif kind == "t=" and not self.times and (found := _TIMES.match(line)) is not None:
            self.times = found[0]

    def _attribute(self, line: str) -> None:
        name, colon, value = line[2:].partition(":")
        name = name.strip().lower()
        if not colon:
            if name in HELD and not self.direction:
                self.direction = name
        elif name == "rtpmap":
            found = _RTPMAP.match(value)
            if found is not None:
                number, codec, clock, channels = found.groups()
                more = f"/{channels}" if channels not in (None, "1") else ""
                self.mapped[number] = f"{codec.upper()}/{clock}{more}"
        elif name == "ptime":
            self.ptime_ms = self.ptime_ms or _milliseconds(value)
        elif name == "maxptime":
            self.maxptime_ms = self.maxptime_ms or _milliseconds(value)


class Block(Section):
    """One m= line and what stands below it."""

    __slots__ = ("formats", "kind", "port", "transport")

    def __init__(self, line: str) -> None:
        super().__init__()
        kind, port, transport, formats = [*line[2:].split(None, 3), "", "", "", ""][:4]
        self.kind = kind or "audio"
        digits = port.partition("/")[0]
        read = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 else -1
        self.port = read if read <= PORT_MAX else -1
        "0: refused or taken back; -1: nothing that could be read."
        self.transport = transport or "RTP/AVP"
        self.formats = formats.split()

    @property
    def readable(self) -> bool:
        """Tell whether it says at least what RFC 8866 5.14 asks of it."""
        return self.port >= 0 and bool(self.formats)

    @property
    def talked(self) -> bool:
        """Tell whether we could talk over it, given a voice."""
        return self.kind.lower() == "audio" and self.port > 0 and self.transport.upper() in TALKED


class Voice(NamedTuple):
    """An audio stream both sides can talk."""

    block: Block
    voice_number: str
    voice: str
    keys_number: str


def read_media(sdp: bytes) -> tuple[Section, list[Block]]:
    """Return what the session says and its streams in order, one more than MEDIA_MAX at most."""
    common = section = Section()
    blocks: list[Block] = []
    for line in sdp.decode("latin-1").replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line[:2] != "m=":
            section.read(line)
        elif len(blocks) > MEDIA_MAX:
            break
        else:
            section = Block(line)
            blocks.append(section)
    return common, blocks


def voice_of(blocks: list[Block]) -> Voice | None:
    """Return the first stream that has a voice of ours, and that voice."""
    for block in blocks:
        if not block.talked:
            continue
        named = STATIC | block.mapped if block.mapped else STATIC
        for voice in VOICES:
            number = _format(block, named, voice)
            if number:
                return Voice(block, number, voice, _format(block, named, KEYS))
    return None


def _format(block: Block, named: dict[str, str], name: str) -> str:
    for number in block.formats:
        if named.get(number) == name:
            return number
    return ""


def direction_of(block: Block, common: Section) -> str:
    """Return the direction of the media line, else of the session, else both ways (RFC 8866 6.7)."""
    direction = block.direction or common.direction or "sendrecv"
    host = host_of(block, common)
    nowhere = host in NOWHERE or host.endswith(".invalid")  # RFC 6157: for IPv6, a name without an address
    return HELD[direction] if nowhere else direction


def host_of(block: Block, common: Section) -> str:
    """Return the address of the media line, else of the session (RFC 8866 5.7); empty when there is none."""
    return block.host or common.host


def _milliseconds(value: str) -> int:
    digits = value.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 4 else 0
