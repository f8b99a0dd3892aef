# SPDX-License-Identifier: Apache-2.0
"""Bytes to requests and responses: strict about where a message begins and ends, lenient about what it says.

Reading has two steps. `read_message` refuses only what is not SIP. `Request.check` then tells whether the
request may be answered with anything but a refusal. Cosmetic faults are kept by name in `faults`: an INVITE
is taken in spite of them, for a half-understood call is still a call (NENA-STA-010.3 3.1.1).
"""

import re

from device_adapters.sip.errors import RemoteProtocolError
from device_adapters.sip.events import Address
from device_adapters.sip.grammar import (
    ELEMENTS_MAX,
    NAMES,
    Via,
    header_key,
    parse_via,
    split_commas,
    stamp_via,
    tag_of,
)
from device_adapters.sip.overload import stamped

MESSAGE_BYTES_MAX = 65_535
"A UDP datagram cannot be longer."
HEADERS_MAX = 256
"Lines above the body, folded ones each; the longest lawful message of RFC 4475 has 44."
LINE_OCTETS_MAX = 4_096
"""One header, unfolded, or the request line. What IMS writes stays below 1 kB; a line that long is no cosmetic
fault but work for whoever reads it. The body has its own limits."""
CSEQ_DIGITS_MAX = 10
"RFC 3261 8.1.1.5: below 2**31."
LENGTH_DIGITS_MAX = 9
"More digits than any body we would take."

MAGIC_COOKIE = "z9hG4bK"
"A branch that begins so is unique (RFC 3261 8.1.1.7); alone, it is not."
REQUIRED = ("via", "from", "to", "call-id", "cseq")
"Without them nothing can be answered (RFC 3261 8.2.6.2)."
SINGLE = ("call-id", "cseq", "from", "to", "content-length")
"Two different values leave the request without a meaning (RFC 4475 multi01, mcl01)."

FATAL = frozenset(
    [
        *(f"long_{key.replace('-', '_')}" for key in REQUIRED),
        *(f"two_{key.replace('-', '_')}" for key in SINGLE),
    ]
)
"Faults nobody can forgive."

_FOLD = re.compile(r"\r\n[ \t]+")
_CSEQ = re.compile(r"\s*(\d+)\s+(\S+)\s*$")
_VERSION = re.compile(r"SIP/\d+\.\d+$", re.IGNORECASE)

Headers = dict[str, list[str]]


class Message:
    """What requests and responses have in common."""

    __slots__ = (
        "body",
        "call_id",
        "cseq",
        "cseq_method",
        "faults",
        "headers",
        "raw",
        "version",
        "via",
        "via_text",
    )

    def __init__(self, version: str, headers: Headers, body: bytes, raw: bytes, faults: list[str]) -> None:
        self.version = version
        self.headers = headers
        "By key (grammar.header_key), in order of appearance; Via lines may hold several."
        self.body = body
        self.raw = raw
        "As it came."
        self.faults = faults
        "Names of what was wrong and forgiven."
        self.call_id = headers["call-id"][0] if "call-id" in headers else ""
        self.cseq, self.cseq_method = _cseq(_short(headers, "cseq"))
        first = _short(headers, "via")
        self.via_text = split_commas(first, 1)[0] if "," in first else first
        "The top Via as it came."
        self.via: Via | None = parse_via(self.via_text)

    def get(self, key: str) -> str:
        """Return the first value of a header, or an empty string."""
        values = self.headers.get(key)
        return values[0] if values else ""

    def listed(self, key: str) -> list[str]:
        """Return the elements of a comma-separated header, at most ELEMENTS_MAX."""
        found: list[str] = []
        left = ELEMENTS_MAX
        for line in self.headers.get(key, ()):
            elements = split_commas(line, left)
            found += [bare for element in elements if (bare := element.strip())]
            left -= len(elements)
            if left <= 0:
                break
        return found


class Request(Message):
    """Someone wants something."""

    __slots__ = ("_key", "_way_back", "from_tag", "method", "overload", "source", "to_tag", "uri")

    def __init__(
        self, line: tuple[str, str, str], headers: Headers, body: bytes, raw: bytes, faults: list[str]
    ) -> None:
        self.method, self.uri, version = line
        super().__init__(version, headers, body, raw, faults)
        self.from_tag = tag_of(_short(headers, "from"))
        self.to_tag = tag_of(_short(headers, "to"))
        self.source: Address = ("", 0)
        "Where it came from; set by the endpoint before anything is answered."
        self.overload = ""
        "What our answers say in its Via of how much is too much (overload.py)."
        self._way_back = ""
        self._key: tuple[str, ...] = ()
        if self.cseq_method != self.method or self.cseq < 0:
            faults.append("cseq")

    @property
    def answerable(self) -> bool:
        """Tell whether it names enough to be answered (RFC 3261 8.2.6.2)."""
        return self.via is not None and not _missing(self.headers)

    def key(self, method: str) -> tuple[str, ...]:
        """Return the key of the server transaction of `method` this request belongs to (RFC 3261 17.2.3)."""
        if self._key and self._key[-1] == method:
            return self._key
        self._key = self._key_of(method)
        return self._key

    def _key_of(self, method: str) -> tuple[str, ...]:
        via = self.via
        assert via is not None, "asked for a transaction before the request was checked"
        if via.branch.startswith(MAGIC_COOKIE) and len(via.branch) > len(MAGIC_COOKIE):
            return (via.branch, via.host, str(via.port), method)
        # RFC 2543: no To tag, for an ACK carries the one we gave
        return (self.via_text, self.call_id, self.from_tag, str(self.cseq), self.uri, method)

    def way_back(self) -> str:
        """Return the Via lines of every response to this request, stamped with its source."""
        if not self._way_back:
            assert self.via is not None, "asked for the way back of a request without Via"
            lines = self.headers["via"]
            top = stamp_via(self.via_text, self.via, *self.source)
            if self.overload:
                top = stamped(top, self.overload)
            top += lines[0][len(self.via_text) :]
            self._way_back = "".join([f"Via: {line}\r\n" for line in [top, *lines[1:]]])
        return self._way_back

    def reply_to(self) -> Address:
        """Return where responses go (RFC 3261 18.2.2, RFC 3581 4); maddr is not followed."""
        assert self.via is not None, "asked for the way back of a request without Via"
        host, port = self.source
        return (host, port if self.via.rport else self.via.port or 5060)

    def check(self) -> None:
        """Raise if it must be refused whatever it wants."""
        if self.faults:
            self._check_headers()
        missing = _missing(self.headers)
        if missing:
            raise RemoteProtocolError(f"no_{_counted(missing)}", 400)
        if self.via is None or not self._vias_readable():
            raise RemoteProtocolError("via_unreadable", 400)
        if self.version != "SIP/2.0":
            raise RemoteProtocolError("version", 505)
        if "content_length" in self.faults:
            raise RemoteProtocolError("content_length", 400)

    def _check_headers(self) -> None:
        if "long_request_line" in self.faults:
            raise RemoteProtocolError("long_request_line", 414)
        for fault in self.faults:
            if fault in FATAL:
                raise RemoteProtocolError(fault, 400)

    def _vias_readable(self) -> bool:
        lines = self.headers["via"]
        if len(lines) == 1 and self.via_text is lines[0]:
            return True  # it was read already
        return all("/" in line for line in self.listed("via") if line)


class Response(Message):
    """Someone answers what we asked."""

    __slots__ = ("status",)

    def __init__(
        self, status: int, version: str, headers: Headers, body: bytes, raw: bytes, faults: list[str]
    ) -> None:
        super().__init__(version, headers, body, raw, faults)
        self.status = status


def read_message(data: bytes) -> Request | Response:
    """Read one datagram; raise RemoteProtocolError when it is not SIP at all."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise RemoteProtocolError("too_long")
    head, end, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")  # RFC 3261 7.5
    if not head:
        raise RemoteProtocolError("keep_alive")
    ends = head.count(b"\r\n")
    if ends >= HEADERS_MAX:
        raise RemoteProtocolError("too_many_headers")
    faults = [] if end else ["no_end_of_headers"]
    text = head.decode("latin-1")
    if "\n " in text or "\n\t" in text:
        text = _FOLD.sub(" ", text)
    if head.count(b"\n") != ends or head.count(b"\r") != ends:
        text = "\r\n".join([line.replace("\r", " ").replace("\n", " ") for line in text.split("\r\n")])
        faults.append("stray_newline")
    lines = text.rstrip("\r\n").split("\r\n")
    if len(lines[0]) > LINE_OCTETS_MAX:
        faults.append("long_request_line")
    headers = _headers(lines, faults)
    body = _framed(headers, body, faults)
    if lines[0][:4].upper() == "SIP/":
        return _response(lines[0], headers, body, data, faults)
    return Request(_request_line(lines[0], faults), headers, body, data, faults)


def _headers(lines: list[str], faults: list[str]) -> Headers:
    headers: Headers = {}
    known = NAMES.get
    long = max(map(len, lines)) > LINE_OCTETS_MAX
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        key = known(name)
        if key is None:
            if not colon:
                faults.append("header_without_colon")
                continue
            key = header_key(name)
        if long and len(line) > LINE_OCTETS_MAX:
            faults.append(f"long_{_counted(key)}" if key in REQUIRED else "long_header")
            if key not in REQUIRED:
                continue  # kept in raw alone
        if key not in headers:
            headers[key] = [value.strip()]
            continue
        headers[key].append(value.strip())
        if key in SINGLE and headers[key][0] != headers[key][-1]:
            faults.append(f"two_{_counted(key)}")
    return headers


def _framed(headers: Headers, body: bytes, faults: list[str]) -> bytes:
    """Cut the body to Content-Length; over UDP more octets are ignored, fewer are a fault (RFC 3261 18.3)."""
    given = headers.get("content-length")
    if given is None:
        return body
    digits = given[0]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= LENGTH_DIGITS_MAX):
        faults.append("content_length")
        return body
    length = int(digits)
    if length > len(body):
        faults.append("content_length")
    return body[:length]


def _request_line(line: str, faults: list[str]) -> tuple[str, str, str]:
    parts = line.split(" ", 3)
    if len(parts) != 3 or "" in parts or "<" in parts[1]:
        faults.append("request_line")
        method, _, rest = line.strip().partition(" ")
        uri, _, version = rest.strip().rpartition(" ")
        parts = [method, uri.strip().strip("<>"), version]
    method, uri, version = parts
    if not uri or not _VERSION.match(version):
        raise RemoteProtocolError("not_sip")
    if "?" in uri.rpartition("@")[2]:
        faults.append("uri_headers")  # RFC 3261 19.1.1: not allowed in a Request-URI, never honoured
    return method, uri, version.upper()


def _response(line: str, headers: Headers, body: bytes, raw: bytes, faults: list[str]) -> Response:
    version, _, rest = line.partition(" ")
    digits = rest.lstrip()[:4].rstrip()
    if not (len(digits) == 3 and digits.isascii() and digits.isdigit() and "100" <= digits < "700"):
        raise RemoteProtocolError("status_code")
    return Response(int(digits), version.upper(), headers, body, raw, faults)


def _cseq(value: str) -> tuple[int, str]:
    found = _CSEQ.match(value)
    if found is None or not found[1].isascii() or len(found[1]) > CSEQ_DIGITS_MAX:
        return -1, ""
    return int(found[1]), found[2]


def _missing(headers: Headers) -> str:
    for key in REQUIRED:
        if key not in headers or not headers[key][0]:
            return key
    return ""


def _short(headers: Headers, key: str) -> str:
    """Return the first value of a header; an empty string, too, when it is longer than anyone may ask."""
    if key not in headers:
        return ""
    value = headers[key][0]
    return value if len(value) <= LINE_OCTETS_MAX else ""


def _counted(key: str) -> str:
    return key.replace("-", "_")
