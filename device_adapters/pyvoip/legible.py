# SPDX-License-Identifier: Apache-2.0
"""A SIP message put so that pyVoIP can read it, and read where pyVoIP cannot. Pure.

pyVoIP drops, without a word, what has compact or folded headers, `Name:value` without the blank, text that is no
UTF-8, a `tel:` caller or a body of several parts. Text is kept as Latin-1, which loses no octet, so what a response
repeats is what came, GBK or not.
"""

import re
from urllib.parse import unquote_to_bytes

import msgspec

LINES_MAX = 256
LINE_OCTETS_MAX = 4096
PARTS_MAX = 8
COMPACT = {
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type",
    "f": "from", "s": "subject", "k": "supported", "t": "to", "v": "via", "x": "session-expires",
}  # fmt: skip
"RFC 3261 7.3.3, RFC 4028 4"
NEEDED = ("via", "from", "to", "call-id", "cseq")
"A request without these cannot be answered (RFC 3261 8.1.1)."
_START = re.compile(r"([A-Za-z]{1,32}) (\S{1,4096}) SIP/2\.0")
_STATUS = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: .*)?")
_CSEQ = re.compile(r"([0-9]{1,10})[ \t]+([A-Za-z]{1,32})")
_TAG = re.compile(r";[ \t]*tag[ \t]*=[ \t]*([^;,\s>]{1,256})", re.IGNORECASE)
_BRANCH = re.compile(r";[ \t]*branch[ \t]*=[ \t]*([^;,\s]{1,256})", re.IGNORECASE)
_USER = re.compile(r"(sips?|tel):([^@;>?]*)(@?)", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"')
_ESCAPED = re.compile(r"\\(.)")
_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})', re.IGNORECASE)
_SIGNAL = re.compile(r"Signal[ \t]*=[ \t]*([0-9*#A-Da-d])")
KEYS = "0123456789*#ABCD"


class UnreadableError(ValueError):
    """No SIP message that anybody could answer. The text is a counter's name."""


class Legible(msgspec.Struct):
    """A message, read."""

    method: str
    "Of the request, or of the request this is the response to."
    status: int
    "0 in a request."
    uri: str
    number: int
    "CSeq."
    headers: dict[str, list[str]]
    "By long name, in small letters; values as they came, in Latin-1."
    body: bytes

    def first(self, name: str) -> str:
        """Return the first value of a header, or ""."""
        return self.headers.get(name, [""])[0]

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.first("call-id")

    @property
    def from_tag(self) -> str:
        """The caller's tag."""
        return _tag(self.first("from"))

    @property
    def to_tag(self) -> str:
        """The callee's tag; empty in a request that begins a dialog."""
        return _tag(self.first("to"))

    @property
    def branch(self) -> str:
        """The top Via's branch."""
        found = _BRANCH.search(self.first("via"))
        return found[1] if found else ""

    def plain(self) -> bytes:
        """Return it without a body, one header a line, in UTF-8: as pyVoIP expects it."""
        start = f"SIP/2.0 {self.status} x" if self.status else f"{self.method} {self.uri} SIP/2.0"
        lines = [f"{PYVOIP_NAMES.get(n, n)}: {v}" for n, values in self.headers.items() for v in values]
        return "\r\n".join([start, *lines, "", ""]).encode()


PYVOIP_NAMES = {
    "via": "Via", "from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq", "contact": "Contact",
    "www-authenticate": "WWW-Authenticate", "proxy-authenticate": "WWW-Authenticate", "expires": "Expires",
}  # fmt: skip
"The spellings pyVoIP looks for. It knows no Proxy-Authenticate; the challenge in it reads the same."


def read(data: bytes) -> Legible:
    """Read a datagram. Raises UnreadableError."""
    head, _, body = data.replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n").lstrip().partition(b"\r\n\r\n")
    start, *rest = head.decode("latin-1").split("\r\n")
    headers = _headers(rest)
    if any(name not in headers for name in NEEDED):
        raise UnreadableError("header_missing")
    cseq = _CSEQ.fullmatch(headers["cseq"][0])
    if cseq is None:
        raise UnreadableError("cseq")
    number, method = int(cseq[1]), cseq[2]
    if answered := _STATUS.fullmatch(start):
        return Legible(method, int(answered[1]), "", number, headers, body)
    asked = _START.fullmatch(start)
    if asked is None or asked[1] != method:
        raise UnreadableError("start_line")
    return Legible(method, 0, asked[2], number, headers, body)


def caller(message: Legible) -> tuple[str, str]:
    """Return number and name: P-Asserted-Identity before From (RFC 3325), `tel:` as well as `sip:`."""
    value = message.first("p-asserted-identity") or message.first("from")
    return user(value), _name(value)


def user(value: str) -> str:
    """Return the number in a header's URI, without what follows it."""
    found = _USER.search(_uri(value))
    if found is None or (found[1].lower() != "tel" and not found[3]):
        return ""
    return _text(unquote_to_bytes(found[2]))[:64]


def is_private(message: Legible) -> bool:
    """Whether the caller asked for their number to be withheld (RFC 3323)."""
    wanted = {part.strip().lower() for part in message.first("privacy").split(";")}
    return bool(wanted & {"id", "user", "header"})


def target(contact: str) -> str:
    """Return the URI of a Contact."""
    return _uri(contact)


def session(message: Legible) -> bytes:
    """Return the SDP in a body, also out of several parts (RFC 2046 5.1); empty when there is none."""
    kind = message.first("content-type")
    if not kind or kind.lower().startswith("application/sdp"):
        return message.body
    boundary = _BOUNDARY.search(kind)
    if boundary is None:
        return b""
    for part in message.body.split(b"--" + boundary[1].encode("latin-1"))[1 : PARTS_MAX + 1]:
        head, _, body = part.partition(b"\r\n\r\n")
        if b"application/sdp" in head.lower():
            return body
    return b""


def key_in(body: bytes) -> str:
    """Return the key of an INFO (application/dtmf-relay, application/dtmf), or ""."""
    text = body[:256].decode("latin-1").strip()
    found = _SIGNAL.search(text)
    key = (found[1] if found else text).upper()
    return key if len(key) == 1 and key in KEYS else ""


def _headers(lines: list[str]) -> dict[str, list[str]]:
    if len(lines) > LINES_MAX:
        raise UnreadableError("too_many_lines")
    whole: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t") and whole:  # folded (RFC 3261 7.3.1)
            whole[-1] += " " + line.strip()
        else:
            whole.append(line)
    headers: dict[str, list[str]] = {}
    for line in whole:
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name or len(line) > LINE_OCTETS_MAX:
            continue  # a header nobody can read is left out, not the call
        headers.setdefault(COMPACT.get(name, name), []).append(value.strip())
    return headers


def _uri(value: str) -> str:
    rest = _QUOTED.sub("", value, count=1) if value.startswith('"') else value
    before, bracket, after = rest.partition("<")
    return after.partition(">")[0] if bracket else before.partition(";")[0].strip()


def _tag(value: str) -> str:
    found = _TAG.search(value.rpartition(">")[2])
    return found[1] if found else ""


def _name(value: str) -> str:
    quoted = _QUOTED.match(value)
    name = _ESCAPED.sub(r"\1", quoted[1]) if quoted else value.partition("<")[0] if "<" in value else ""
    return _text(name.strip().encode("latin-1"))[:128]


def _text(data: bytes) -> str:
    """UTF-8 as the RFC wants it, else GB 18030 (GBK is in it) as exchanges write it."""
    for charset in ("utf-8", "gb18030"):
        try:
            return data.decode(charset)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")
