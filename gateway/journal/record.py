# SPDX-License-Identifier: Apache-2.0
"""What one line of the journal is, and the chain that shows if anything was changed."""

import hashlib
from collections.abc import Sequence

import msgspec

from core.effects import Decision
from core.events import (
    AnyFact,
    CallerFound,
    CallReceived,
    CommandGiven,
    Fact,
    JunctionReported,
    OrderAcked,
    RoadsLoaded,
    RoadsRebuilt,
    TimerFired,
    UnitCalled,
    UnitReported,
)
from core.ids import CountyCode

FACT_ENCODER = msgspec.msgpack.Encoder()
FACT_DECODER: msgspec.msgpack.Decoder[AnyFact] = msgspec.msgpack.Decoder(AnyFact)
DECISION_ENCODER = msgspec.json.Encoder()
CHAIN_START = bytes(32)
SENT_AGAIN = (
    CallerFound,
    CommandGiven,
    JunctionReported,
    OrderAcked,
    RoadsLoaded,
    RoadsRebuilt,
    TimerFired,
    UnitCalled,
    UnitReported,
)


class Numbered(msgspec.Struct, frozen=True, gc=False):
    """A decision with its number, as it is recorded and published: bytes that never change again."""

    n: int
    seq: int
    county: CountyCode
    type: str
    data: bytes
    "JSON of the decision: the contract with every reader."


class Record(msgspec.Struct, frozen=True, gc=False):
    """A fact with its place in the order of things, and the decisions it caused."""

    seq: int
    at_ns: int
    mono_ns: int
    type: str
    data: bytes
    "The fact, as msgpack."
    decisions: tuple[Numbered, ...]


def tag_of(message: Fact | Decision) -> str:
    """Return the type under which it is recorded and published."""
    return str(message.__struct_config__.tag)


def key_of(fact: Fact) -> str:
    """Return what makes a fact the same one when the world sends it again, whenever that is.

    What only happens, and is not sent again, is the same only at the same time.
    """
    if isinstance(fact, CallReceived):
        return f"call {fact.sip_call_id}"
    named = msgspec.structs.replace(fact, at_ns=0) if isinstance(fact, SENT_AGAIN) else fact
    return f"{tag_of(fact)} {hashlib.sha256(FACT_ENCODER.encode(named)).hexdigest()[:16]}"


def number(decisions: Sequence[Decision], *, seq: int, first: int) -> tuple[Numbered, ...]:
    """Number decisions from `first` and fix their bytes."""
    return tuple(
        Numbered(
            n=first + i,
            seq=seq,
            county=decision.county,
            type=tag_of(decision),
            data=DECISION_ENCODER.encode(decision),
        )
        for i, decision in enumerate(decisions)
    )


def link(before: bytes, seq: int, at_ns: int, fact: bytes, decisions: Sequence[bytes]) -> bytes:
    """Return the chain value after this record: SHA-256 over the one before and everything recorded."""
    digest = hashlib.sha256(before)
    digest.update(b"%d %d %d %d\n" % (seq, at_ns, len(fact), len(decisions)))
    digest.update(fact)
    for data in decisions:
        digest.update(b"%d\n" % len(data))
        digest.update(data)
    return digest.digest()
