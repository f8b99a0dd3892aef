# SPDX-License-Identifier: Apache-2.0
"""What the decision streams have said, call by call and order by order, and what they said twice. Pure."""

from typing import Literal

import msgspec

Told = Literal["", "decided", "abandoned", "seen"]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a decision that an outsider needs; those of other types keep their defaults."""

    at_us: int = 0
    county: str = ""
    call_id: str = ""
    sip_call_id: str = ""
    incident_id: str = ""
    revision: int = 0
    order_id: str = ""
    version: int = 0
    state: str = ""
    silence: str = ""
    demoted: bool = False
    caller_name: str = ""
    kind: str = ""
    subject: str = ""


class OrderTimes(msgspec.Struct, kw_only=True):
    """When each step of an order became readable; 0 when it has not."""

    issued: float = 0.0
    signed: float = 0.0
    closed: float = 0.0
    "Nothing more will come before somebody acts: signed, declined, expired, cancelled, clear."


OPEN_STATES = ("issued", "delivered")


class Ledger:
    """Reads entries in stream order and keeps the times."""

    def __init__(self) -> None:
        self.entries = self.unreadable = 0
        self.by_type: dict[str, int] = {}
        self.duplicates: list[str] = []
        "What was said twice, in words."
        self.recommended: dict[str, float] = {}
        "SIP Call-ID -> first recommendation that names it."
        self.orders: dict[str, OrderTimes] = {}
        self._calls: dict[str, str] = {}
        "SIP Call-ID -> newest call state."
        self._incident_of: dict[str, str] = {}
        self._ranked: set[str] = set()
        self._ids: dict[str, tuple[int, int]] = {}
        self._said: set[tuple[str, ...]] = set()
        self._decoder = msgspec.json.Decoder(Line)

    def read(self, stream: str, entry_id: str, fields: dict[bytes, bytes], now: float) -> Line | None:
        """Take one entry; None when it was unreadable or a repetition."""
        self.entries += 1
        try:
            kind = fields[b"type"].decode()
            line = self._decoder.decode(fields[b"data"])
        except (KeyError, UnicodeDecodeError, msgspec.MsgspecError):
            self.unreadable += 1
            return None
        self.by_type[kind] = self.by_type.get(kind, 0) + 1
        if not (self._in_turn(stream, entry_id) and self._once(stream, kind, line)):
            return None
        if kind.startswith("call."):
            self._call(kind, line)
        elif kind == "recommendation.made":
            self._recommendation(line, now)
        elif kind in ("order.issued", "order.updated"):
            self._order(line, now)
        return line

    def told(self, sip_call_id: str) -> Told:
        """Return what is known of a call: decided when units were named for its incident."""
        if sip_call_id in self.recommended or self._incident_of.get(sip_call_id) in self._ranked:
            return "decided"
        state = self._calls.get(sip_call_id)
        if state is None:
            return ""
        return "abandoned" if state == "call.abandoned" else "seen"

    def abandoned(self, sip_call_id: str) -> bool:
        """Return whether the streams say that this caller left before the answer."""
        return self._calls.get(sip_call_id) == "call.abandoned"

    @property
    def orders_open(self) -> int:
        """Return how many orders wait for a signature."""
        return sum(1 for order in self.orders.values() if not order.closed)

    def _in_turn(self, stream: str, entry_id: str) -> bool:
        """A decision's number rises, whoever leads: the same number under a new epoch is a repetition."""
        epoch, _, number = entry_id.partition("-")
        before = self._ids.get(stream)
        now = (int(epoch), int(number))
        if before is not None and (now <= before or now[1] <= before[1]):
            self.duplicates.append(f"{stream} {entry_id} after {before[0]}-{before[1]}")
            return False
        self._ids[stream] = now
        return True

    def _once(self, stream: str, kind: str, line: Line) -> bool:
        keys: dict[str, tuple[str, ...]] = {
            # said again when more is known of the caller; the same twice is once too often
            "call.answered": (stream, kind, line.call_id, line.silence, str(line.demoted), line.caller_name),
            "call.abandoned": (stream, kind, line.call_id),
            "recommendation.made": (stream, kind, line.incident_id, str(line.revision)),
            "order.issued": (stream, kind, line.order_id, str(line.version)),
        }
        key = keys.get(kind)
        if key is None:
            return True
        if key in self._said:
            self.duplicates.append(" ".join(key))
            return False
        self._said.add(key)
        return True

    def _call(self, kind: str, line: Line) -> None:
        before = self._calls.get(line.sip_call_id)
        if before != "call.abandoned":
            self._calls[line.sip_call_id] = kind
        if line.incident_id:
            self._incident_of[line.sip_call_id] = line.incident_id

    def _recommendation(self, line: Line, now: float) -> None:
        self._ranked.add(line.incident_id)
        if line.sip_call_id:
            self.recommended.setdefault(line.sip_call_id, now)

    def _order(self, line: Line, now: float) -> None:
        order = self.orders.setdefault(line.order_id, OrderTimes())
        if line.state == "issued":
            order.issued = order.issued or now
            return
        if line.state == "signed":
            order.signed = order.signed or now
        if line.state not in OPEN_STATES:
            order.closed = order.closed or now
