# SPDX-License-Identifier: Apache-2.0
"""SIP over a stream: where one message ends and the next begins (RFC 3261 18.3, 7.5; RFC 5626 4.4.1).

Strict, for whoever loses the frame loses every later message: from the first length that cannot be believed on
nothing more is read, and the error says why. However the octets are cut into pieces, the messages and the error
are the same, and reading costs what the stream is long.
"""

import re

from device_adapters.sip.errors import RemoteProtocolError
from device_adapters.sip.events import Address
from device_adapters.sip.grammar import NAMES, header_key
from device_adapters.sip.message import (
    LENGTH_DIGITS_MAX,
    LINE_OCTETS_MAX,
    MESSAGE_BYTES_MAX,
    Request,
    read_message,
)
from device_adapters.sip.response import respond, stateless_tag

HEAD_OCTETS_MAX = 24_576
"Start line and headers. The longest IMS INVITE seen has 8 kB; three times that (guess)."
BODY_OCTETS_MAX = MESSAGE_BYTES_MAX - HEAD_OCTETS_MAX
"Above the 32 KiB a location may have, with its SDP; a whole message is no longer than a datagram can be."
PING = b"\r\n\r\n"
"RFC 5626 4.4.1: are you there?"
PONG = b"\r\n"
"... I am."
_END = b"\r\n\r\n"
_BETWEEN = re.compile(rb"[\r\n]*")
"What may stand before a start line (RFC 3261 7.5)."
_PINGS = re.compile(rb"(?:\r\n\r\n)+")
_FOLD = re.compile(r"\r\n[ \t]+")


class Framer:
    """One direction of one connection. Holds at most one message that is not whole."""

    def __init__(self, head_max: int = HEAD_OCTETS_MAX, body_max: int = BODY_OCTETS_MAX) -> None:
        self.error: RemoteProtocolError | None = None
        "Why nothing more is read; `status_hint` is set when the sender may be told."
        self.refused = b""
        "The head of the message at which it ended."
        self.keep_alives = 0
        "Pings heard so far."
        self.unmeasured = 0
        "Messages without Content-Length so far; over a stream it must be there (18.3)."
        self._head_max = head_max
        self._body_max = body_max
        self._held = bytearray()
        self._searched = 0
        "Octets of the message in which its head does not end."
        self._whole = 0
        "Octets of the whole message once its head was read, 0 before."

    @property
    def begun(self) -> bool:
        """Tell whether a message has begun and is not whole."""
        return self._searched > 0 or self._whole > 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take what came; return the messages that are whole now, without the line ends before them."""
        found: list[bytes] = []
        if self.error is not None:
            return found
        self._held += data
        at = 0
        while True:
            if not self.begun:
                at = self._between(at)
            if not self._whole and not self._read_head(at):
                break
            if len(self._held) - at < self._whole:
                break
            found.append(bytes(self._held[at : at + self._whole]))
            at += self._whole
            self._searched = self._whole = 0
        if self.error is not None:
            self._held.clear()
        del self._held[:at]
        return found

    def _between(self, at: int) -> int:
        """Pass over line ends, counting pings; return where the next message begins, or may begin."""
        held = self._held
        run = _BETWEEN.match(held, at)
        assert run is not None, "the pattern matches nothing at all, too"
        end = done = run.end()
        if end > at:
            done = at
            for pings in _PINGS.finditer(held, at, end):
                self.keep_alives += (pings.end() - pings.start()) // len(PING)
                done = pings.end()
        if end < len(held):
            return end
        for octets in (3, 2, 1):  # the beginning of a ping stays; what follows decides
            if end - done >= octets and held.startswith(PING[:octets], end - octets):
                return end - octets
        return end

    def _read_head(self, at: int) -> bool:
        """Look for the end of the head; True once the length of the message is known."""
        held = self._held
        here = len(held) - at
        if held.startswith((b"\r", b"\n"), at) or not here:
            return False  # still between messages
        end = held.find(_END, at + max(0, self._searched - len(_END) + 1))
        if end < 0 and here < self._head_max:
            self._searched = here
            return False
        head = bytes(held[at : min(at + self._head_max, end + len(_END) if end >= 0 else len(held))])
        if not head.endswith(_END):
            return self._lost("head_too_long", head)
        if b"SIP/" not in head[: head.find(b"\r\n")].upper():
            return self._lost("not_sip", head, status=None)
        length = self._length(head)
        if length is None:
            return False
        self._whole = len(head) + length
        return True

    def _length(self, head: bytes) -> int | None:
        """Return the octets of the body; None, and the frame is lost, when they cannot be known."""
        values = _lengths(head)
        if not values:
            self.unmeasured += 1
            return 0
        for value in values:
            if not (value.isascii() and value.isdigit() and len(value) <= LENGTH_DIGITS_MAX):
                self._lost("content_length", head)
                return None
        lengths = {int(value) for value in values}
        if len(lengths) > 1:
            self._lost("two_content_length", head)
            return None
        length = lengths.pop()
        if length > self._body_max:
            self._lost("body_too_long", head)
            return None
        return length

    def _lost(self, reason: str, head: bytes, status: int | None = 400) -> bool:
        self.error = RemoteProtocolError(reason, status)
        self.refused = head
        self._searched = self._whole = 0
        return False


def refusal(refused: bytes, source: Address, status: int) -> bytes | None:
    """Return the answer to the head of a message that could not be framed, when it names enough for one."""
    try:
        request = read_message(refused)
    except RemoteProtocolError:
        return None
    if not isinstance(request, Request) or not request.answerable or request.method == "ACK":
        return None
    request.source = source
    return respond(request, status, tag=stateless_tag(request))


def _lengths(head: bytes) -> list[str]:
    """Return every Content-Length, found as `read_message` finds it: the two must never differ."""
    text = head.decode("latin-1")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)
    found = []
    for line in text.split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon and (NAMES.get(name) or header_key(name)) == "content-length":
            found.append(value.strip() if len(line) <= LINE_OCTETS_MAX else "")
    return found
