# SPDX-License-Identifier: Apache-2.0
"""The words of SIP: header names, addresses, URIs, Vias (RFC 3261 section 25, read leniently).

Text is bytes decoded as Latin-1, so that every octet survives the way in and out again. Only what people
read (display names, user parts) is decoded for what it is, by `readable`.
"""

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"RFC 3261 20 and the registry of RFC 3427: one letter for one name."

_COMMON = """Accept Allow Allow-Events Call-ID Contact Content-Disposition Content-Encoding Content-Length
Content-Type CSeq Date Event Expires From Geolocation Identity Max-Forwards MIME-Version Min-SE
P-Access-Network-Info P-Asserted-Identity P-Charging-Vector Priority Privacy Reason Record-Route Require
Resource-Priority Route Server Session-Expires Subject Supported To User-Agent Via""".split()
NAMES = {spelt: name.lower() for name in _COMMON for spelt in (name, name.lower())} | COMPACT
"Usual spellings to our key. Others are folded one by one."

ELEMENTS_MAX = 256
"Elements read of one header; the rest is left unread. A Via has at most the 70 of Max-Forwards (8.1.1.6)."

# Strangers choose what these are matched against: no two neighbours may take the same octet, so that each
# costs what the text is long. tests/unit/sip/test_cost.py keeps the proof.
_QUOTED = re.compile(r'\s*"((?:[^"\\]|\\.)*)"')
_ELEMENT = re.compile(
    r"""(?:[^",<]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|<(?:[^">]++|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z))*+(?:>|\Z))*+""",
    re.DOTALL,
)
"Up to a comma that is neither quoted nor inside angle brackets; what is never closed goes on to the end."
_ESCAPE = re.compile(r"\\(.)")
_TAG = re.compile(r";\s*tag\s*=\s*([^\s;,]+)", re.IGNORECASE)
_VIA = re.compile(
    r"\s*SIP\s*/\s*[^/\s]+\s*/\s*([\w.+-]+)\s+(\[[^\]\s]*\]|[^\s:;,\[\]]+)(?:\s*:\s*(\d{1,5}))?\s*((?:;.*)?)$",
    re.IGNORECASE,
)
_USUAL_VIA = re.compile(
    r"SIP/2\.0/(UDP|TCP|TLS) ([\w.-]+)(?::(\d{1,5}))?;branch=([\w.+-]+)(;rport)?$", re.ASCII
)
"What nine of ten write: one look instead of three."
_BRANCH = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)
_RPORT = re.compile(r";\s*rport\s*(?==|;|$)(?:=\s*\d*)?", re.IGNORECASE)
_RECEIVED = re.compile(r";\s*received\s*=[^;]*", re.IGNORECASE)
_VISUAL = str.maketrans("", "", "-.() ")
WITHHELD = frozenset({"", "anonymous", "unavailable", "restricted", "unknown", "withheld", "private"})
"User parts that stand for no number (RFC 3323; the rest seen on trunks)."


class NameAddr(NamedTuple):
    """`"display" <uri>;parameters`, taken apart."""

    display: str
    uri: str


class Via(NamedTuple):
    """One hop of the way back."""

    transport: str
    host: str
    port: int
    "0 when not given."
    branch: str
    rport: bool
    "The sender asked to be answered at the port it sent from (RFC 3581)."


def header_key(name: str) -> str:
    """Return the key of a header name in any case, long or compact."""
    folded = name.strip().lower()
    return COMPACT.get(folded, folded)


def readable(text: str) -> str:
    """Decode what people read: UTF-8, else GBK, else as it stands."""
    if text.isascii():
        return text
    octets = text.encode("latin-1", "replace")
    for charset in ("utf-8", "gbk"):
        try:
            return octets.decode(charset)
        except UnicodeDecodeError:
            continue
    return text


def split_commas(value: str, most: int = ELEMENTS_MAX) -> list[str]:
    """Split a list header at the commas that are neither quoted nor inside angle brackets."""
    if "," not in value:
        return [value]
    if '"' not in value and "<" not in value:
        return value.split(",", most)[:most]
    found: list[str] = []
    start = 0
    while len(found) < most:
        element = _ELEMENT.match(value, start)
        assert element is not None, "the pattern matches nothing at all, too"
        found.append(element[0])
        start = element.end() + 1
        if start > len(value):
            break
    return found


def name_addr(value: str) -> NameAddr:
    """Take an address apart; an unbalanced quote or bracket is forgiven (RFC 4475 quotbal, baddn)."""
    quoted = _QUOTED.match(value)
    rest = value[quoted.end() :] if quoted else value
    before, angle, inside = rest.partition("<")
    if not angle:
        return NameAddr("", rest.partition(";")[0].strip())
    display = _ESCAPE.sub(r"\1", quoted[1]) if quoted else before.strip().strip('"')
    return NameAddr(readable(display.strip()), inside.partition(">")[0].strip())


def tag_of(value: str) -> str:
    """Return the tag of a From or To; empty when there is none (RFC 2543)."""
    found = _TAG.search(value, value.rfind(">") + 1)
    return found[1] if found else ""


def scheme_of(uri: str) -> str:
    """Return the scheme in lower case."""
    return uri.partition(":")[0].strip().lower()


def user_of(uri: str) -> str:
    """Return who a URI means: user part of sip, number of tel, the whole of a urn."""
    scheme, _, rest = uri.partition(":")
    match scheme.strip().lower():
        case "sip" | "sips":
            user, at, _ = rest.rpartition("@")
            user = user.partition(":")[0].partition(";")[0] if at else ""
        case "tel":
            user = rest.partition(";")[0].translate(_VISUAL)
        case _:
            return uri.partition(";")[0].strip().lower()
    if "%" in user:
        user = unquote_to_bytes(user.encode("latin-1", "replace")).decode("latin-1")
    return readable(user)


def host_port(uri: str) -> tuple[str, int]:
    """Return host and port (0 when not given) of a sip URI."""
    rest = uri.partition(":")[2].rpartition("@")[2]
    place = rest.partition(";")[0].partition("?")[0].strip()
    if place.startswith("["):
        host, _, tail = place[1:].partition("]")
        return host, _port(tail.lstrip(":"))
    host, _, tail = place.partition(":")
    return host, _port(tail)


def parse_via(element: str) -> Via | None:
    """Read one Via, or None when it names no place to answer to."""
    usual = _USUAL_VIA.match(element)
    if usual is not None:
        transport, host, port, branch, rport = usual.groups()
        return Via(transport, host, _port(port or ""), branch, rport is not None)
    found = _VIA.match(element)
    if found is None:
        return None
    transport, host, port, tail = found.groups()
    named = _BRANCH.search(tail)
    return Via(
        transport.upper(),
        host,
        _port(port or ""),
        named[1] if named else "",
        _RPORT.search(tail) is not None,
    )


def stamp_via(element: str, via: Via, host: str, port: int) -> str:
    """Write into our copy of the top Via where it really came from (RFC 3261 18.2.1, RFC 3581 4)."""
    if not via.rport and via.host.strip("[]") == host:
        return element
    element = _RECEIVED.sub("", element).rstrip()
    if via.rport:
        element = _RPORT.sub("", element)
        return f"{element};received={host};rport={port}"
    return f"{element};received={host}"


def _port(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5):
        return 0
    port = int(digits)
    return port if port < 65_536 else 0
