# SPDX-License-Identifier: Apache-2.0
"""A ring that is said until it is heard: one leg's reliable provisional responses (RFC 3262), as a table.

A missing PRACK never costs a caller the call: the RFC would refuse the INVITE, we go on ringing as before.
"""

from enum import Enum, auto
from zlib import crc32

from device_adapters.sip.message import Request


class State(Enum):
    """Where the last reliable response stands."""

    __hash__ = object.__hash__

    FREE = auto()
    "None is outstanding; the next may be sent."
    UNHEARD = auto()
    "Said, and said again, until the PRACK."
    OVERTAKEN = auto()
    "The final response left first: not said again, but a PRACK is still taken (3)."
    DEAF = auto()
    "Never confirmed: this peer gets plain ones from now on."


class Heard(Enum):
    """What can befall it."""

    __hash__ = object.__hash__

    SAID = auto()
    PRACK = auto()
    GIVE_UP = auto()
    FINAL = auto()


S, H = State, Heard
NEXT: dict[tuple[State, Heard], State] = {
    (S.FREE, H.SAID): S.UNHEARD,
    (S.FREE, H.FINAL): S.FREE,
    (S.UNHEARD, H.PRACK): S.FREE,
    (S.UNHEARD, H.GIVE_UP): S.DEAF,
    (S.UNHEARD, H.FINAL): S.OVERTAKEN,
    (S.OVERTAKEN, H.PRACK): S.FREE,
    (S.OVERTAKEN, H.FINAL): S.OVERTAKEN,
    (S.DEAF, H.PRACK): S.DEAF,  # late, but heard: it is answered
    (S.DEAF, H.FINAL): S.DEAF,
}
RSEQ_MASK = 0x3FFF_FFFF
"Begin in the lower half of what RFC 3262 3 allows, so that counting on never wraps."


class Reliable:
    """One leg's reliable responses: at most one is outstanding (RFC 3262 3)."""

    __slots__ = ("data", "give_up_at", "interval_s", "owes_answer", "rseq", "state", "unsaid", "wish")

    def __init__(self, leg: str, *, wish: str) -> None:
        self.wish = wish
        "`required`, `supported`, or empty: plain responses will do, by their word or by our settings."
        self.state = State.FREE
        self.rseq = crc32(leg.encode()) & RSEQ_MASK
        self.data = b""
        "What is said again."
        self.interval_s = 0.0
        self.give_up_at = 0.0
        self.owes_answer = False
        "It held our offer, so the PRACK holds the answer, and the 200 waits for it (5)."
        self.unsaid = False
        "Something newer waits for the PRACK: to whoever requires 100rel nothing is said unreliably (3)."

    @property
    def may_be_said(self) -> bool:
        """Tell whether the next 18x goes out reliably."""
        return bool(self.wish) and self.state is State.FREE

    @property
    def must_wait(self) -> bool:
        """Tell whether the next 18x waits for the PRACK of the last."""
        return self.wish == "required" and self.state is State.UNHEARD

    def hear(self, heard: Heard) -> None:
        """Move on; what is not in the table changes nothing."""
        self.state = NEXT.get((self.state, heard), self.state)

    def confirms(self, prack: Request, cseq: int) -> bool:
        """Tell whether a PRACK names our last reliable response (RFC 3262 7.2)."""
        words = prack.get("rack").split()
        return self.state is not State.FREE and words == [str(self.rseq), str(cseq), "INVITE"]
