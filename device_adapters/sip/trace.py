# SPDX-License-Identifier: Apache-2.0
"""The last SIP messages of each leg: what went over the wire when a call went wrong.

Recording is a dict lookup and an append, for it happens to every message of every call. Nothing is parsed and
nothing is compressed: zlib would take an eighth of what a whole call costs, and a day of a city is 150 MB without it.
"""

from collections import OrderedDict, deque
from typing import NamedTuple

import msgspec

from device_adapters.sip.errors import SipError

MESSAGE_OCTETS_MAX = 4_096
"Kept of one message: an INVITE of IMS with its location is 3 kB; the whole INVITE is in `call.received`."
TRACE_OCTETS_MAX = 32_768
"Of one trace, the newest first: 24 messages of 1.3 kB. A journal line stays a line."
LEGS_MAX = 20_000
"Legs traced at once, as many as the default of `calls_max`; beyond, the leg begun first loses its trace."
PACKED_OCTETS_MAX = 2 * TRACE_OCTETS_MAX
"Read at most: the messages and 20 octets around each of 1,000."

Message = tuple[float, bool, bytes]
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(tuple[float, list[Message]])
LASTS_S_MAX = 1e9
"Times of a trace further apart than this were not written by us; NaN is not less, either."


class UnreadableTraceError(SipError):
    """These octets are no trace."""


class TraceLine(NamedTuple):
    """One message of a leg."""

    at_ms: int
    "Since the first message of the leg, whose time of day stands in its `call.received`."
    heard: bool
    "From the peer; else said by us."
    text: bytes
    "As it was on the wire, the first MESSAGE_OCTETS_MAX of it."


class _Ring(deque[Message]):
    """The last messages of one leg, and when it began."""

    began: float


class Traces:
    """A ring of messages for each leg from `begin` to `take`; what comes before or after is nobody's."""

    def __init__(self, messages_max: int, legs_max: int = LEGS_MAX) -> None:
        self._messages_max = messages_max
        self._legs_max = legs_max
        self._rings: OrderedDict[str, _Ring] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rings)

    def begin(self, leg: str, now: float) -> None:
        """Keep the messages of a leg from now on."""
        if not self._messages_max:
            return
        if len(self._rings) >= self._legs_max:
            self._rings.popitem(last=False)
        ring = self._rings[leg] = _Ring(maxlen=self._messages_max)
        ring.began = now

    def heard(self, leg: str, data: bytes, now: float) -> None:
        """Keep a message of the peer."""
        ring = self._rings.get(leg)
        if ring is not None:
            ring.append((now, True, data if len(data) <= MESSAGE_OCTETS_MAX else data[:MESSAGE_OCTETS_MAX]))

    def said(self, leg: str, data: bytes, now: float) -> None:
        """Keep a message of ours."""
        ring = self._rings.get(leg)
        if ring is not None:
            ring.append((now, False, data if len(data) <= MESSAGE_OCTETS_MAX else data[:MESSAGE_OCTETS_MAX]))

    def take(self, leg: str) -> bytes:
        """Return the trace of a leg that is over, packed, and keep no more of it; empty when there is none."""
        ring = self._rings.pop(leg, None)
        return _packed(ring) if ring else b""


def read_trace(data: bytes) -> list[TraceLine]:
    """Read what `Traces.take` returned, oldest message first; raise UnreadableTraceError when it is none."""
    if not data:
        return []
    if len(data) > PACKED_OCTETS_MAX:
        raise UnreadableTraceError("longer than any trace")
    try:
        began, lines = _DECODER.decode(data)
    except msgspec.DecodeError:
        raise UnreadableTraceError("not packed by us") from None
    return [TraceLine(_ms(at - began), heard, text) for at, heard, text in lines]


def _ms(seconds: float) -> int:
    return round(seconds * 1000) if abs(seconds) < LASTS_S_MAX else 0


def _packed(ring: _Ring) -> bytes:
    lines = list(ring)
    octets = sum([len(line[2]) for line in lines])
    while octets > TRACE_OCTETS_MAX:
        octets -= len(lines.pop(0)[2])
    return _ENCODER.encode((ring.began, lines))
