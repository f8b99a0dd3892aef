# SPDX-License-Identifier: Apache-2.0
"""The four transaction machines, as tables.

INVITE server: RFC 3261 17.2.1 with the Accepted state of RFC 6026. Non-INVITE server: 17.2.2. Non-INVITE
client (our BYE, UPDATE, OPTIONS): 17.1.2. INVITE client (our re-INVITE): 17.1.1 with RFC 6026. A pair that is
not in a table cannot happen, or is our own mistake.
"""

from enum import Enum, auto
from typing import NamedTuple

from core.ids import Leg
from device_adapters.sip.errors import LocalProtocolError
from device_adapters.sip.events import Address
from device_adapters.sip.timers import Timer


class State(Enum):
    """Where a transaction stands."""

    __hash__ = object.__hash__  # members are single, and each step looks one up
    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class Heard(Enum):
    """What can befall it."""

    __hash__ = object.__hash__
    REQUEST = auto()
    "The same request again."
    ACK = auto()
    SEND_1XX = auto()
    SEND_2XX = auto()
    SEND_FAILURE = auto()
    GOT_1XX = auto()
    GOT_2XX = auto()
    GOT_FAILURE = auto()
    UNREACHABLE = auto()
    "The transport cannot carry our request there."
    TIMER_A = auto()
    TIMER_B = auto()
    TIMER_C = auto()
    TIMER_D = auto()
    TIMER_E = auto()
    TIMER_F = auto()
    TIMER_G = auto()
    TIMER_H = auto()
    TIMER_I = auto()
    TIMER_J = auto()
    TIMER_K = auto()
    TIMER_L = auto()
    TIMER_M = auto()


class Act(Enum):
    """What it asks of the layer."""

    NOTHING = auto()
    SEND = auto()
    "Send the last message, for the first time or again."
    TELL_OWNER = auto()
    "The far side answered our request, or never will."
    ACK = auto()
    "Confirm a refusal (17.1.1.3)."
    ACK_AND_TELL = auto()


class Purpose(Enum):
    """What we asked for."""

    BYE = auto()
    "The end of a leg."
    REFRESH = auto()
    "The session of a leg, once more (RFC 4028)."
    KEEP_ALIVE = auto()
    "Whether a trunk's address is there (RFC 3261 11)."


class Outcome(Enum):
    """What became of it."""

    PROVISIONAL = auto()
    FINAL = auto()
    TIMEOUT = auto()
    UNREACHABLE = auto()


S, H, A = State, Heard, Act
Table = dict[tuple[State, Heard], tuple[State, Act]]

INVITE_SERVER: Table = {
    (S.PROCEEDING, H.REQUEST): (S.PROCEEDING, A.SEND),
    (S.PROCEEDING, H.SEND_1XX): (S.PROCEEDING, A.SEND),
    (S.PROCEEDING, H.SEND_2XX): (S.ACCEPTED, A.SEND),
    (S.PROCEEDING, H.SEND_FAILURE): (S.COMPLETED, A.SEND),
    (S.PROCEEDING, H.ACK): (S.PROCEEDING, A.NOTHING),  # confirms nothing we said
    (S.COMPLETED, H.REQUEST): (S.COMPLETED, A.SEND),
    (S.COMPLETED, H.TIMER_G): (S.COMPLETED, A.SEND),
    (S.COMPLETED, H.ACK): (S.CONFIRMED, A.NOTHING),
    (S.COMPLETED, H.TIMER_H): (S.TERMINATED, A.NOTHING),
    (S.CONFIRMED, H.REQUEST): (S.CONFIRMED, A.NOTHING),
    (S.CONFIRMED, H.ACK): (S.CONFIRMED, A.NOTHING),
    (S.CONFIRMED, H.TIMER_I): (S.TERMINATED, A.NOTHING),
    # RFC 6026 absorbs the INVITE here; one 200 more harms nobody and finds a caller after our restart
    (S.ACCEPTED, H.REQUEST): (S.ACCEPTED, A.SEND),
    (S.ACCEPTED, H.SEND_2XX): (S.ACCEPTED, A.SEND),
    (S.ACCEPTED, H.ACK): (S.ACCEPTED, A.NOTHING),  # the dialog hears it
    (S.ACCEPTED, H.TIMER_L): (S.TERMINATED, A.NOTHING),
}
OTHER_SERVER: Table = {
    (S.TRYING, H.REQUEST): (S.TRYING, A.NOTHING),
    (S.TRYING, H.SEND_2XX): (S.COMPLETED, A.SEND),
    (S.TRYING, H.SEND_FAILURE): (S.COMPLETED, A.SEND),
    (S.COMPLETED, H.REQUEST): (S.COMPLETED, A.SEND),
    (S.COMPLETED, H.TIMER_J): (S.TERMINATED, A.NOTHING),
}
INVITE_CLIENT: Table = {
    (S.CALLING, H.TIMER_A): (S.CALLING, A.SEND),
    (S.CALLING, H.TIMER_B): (S.TERMINATED, A.TELL_OWNER),
    (S.CALLING, H.UNREACHABLE): (S.TERMINATED, A.TELL_OWNER),
    (S.CALLING, H.GOT_1XX): (S.PROCEEDING, A.TELL_OWNER),
    (S.CALLING, H.GOT_2XX): (S.ACCEPTED, A.TELL_OWNER),
    (S.CALLING, H.GOT_FAILURE): (S.COMPLETED, A.ACK_AND_TELL),
    (S.PROCEEDING, H.GOT_1XX): (S.PROCEEDING, A.TELL_OWNER),
    (S.PROCEEDING, H.GOT_2XX): (S.ACCEPTED, A.TELL_OWNER),
    (S.PROCEEDING, H.GOT_FAILURE): (S.COMPLETED, A.ACK_AND_TELL),
    (S.PROCEEDING, H.TIMER_C): (S.TERMINATED, A.TELL_OWNER),
    (S.PROCEEDING, H.UNREACHABLE): (S.TERMINATED, A.TELL_OWNER),
    (S.COMPLETED, H.GOT_1XX): (S.COMPLETED, A.NOTHING),
    (S.COMPLETED, H.GOT_2XX): (S.COMPLETED, A.NOTHING),
    (S.COMPLETED, H.GOT_FAILURE): (S.COMPLETED, A.ACK),
    (S.COMPLETED, H.TIMER_D): (S.TERMINATED, A.NOTHING),
    (S.COMPLETED, H.UNREACHABLE): (S.TERMINATED, A.NOTHING),
    (S.ACCEPTED, H.GOT_1XX): (S.ACCEPTED, A.NOTHING),
    (S.ACCEPTED, H.GOT_2XX): (S.ACCEPTED, A.TELL_OWNER),  # RFC 6026 7.2: each gets its ACK from the dialog
    (S.ACCEPTED, H.GOT_FAILURE): (S.ACCEPTED, A.NOTHING),
    (S.ACCEPTED, H.TIMER_M): (S.TERMINATED, A.NOTHING),
    (S.ACCEPTED, H.UNREACHABLE): (S.ACCEPTED, A.NOTHING),
}
OTHER_CLIENT: Table = {
    (S.TRYING, H.TIMER_E): (S.TRYING, A.SEND),
    (S.TRYING, H.TIMER_F): (S.TERMINATED, A.TELL_OWNER),
    (S.TRYING, H.UNREACHABLE): (S.TERMINATED, A.TELL_OWNER),
    (S.TRYING, H.GOT_1XX): (S.PROCEEDING, A.TELL_OWNER),
    (S.TRYING, H.GOT_2XX): (S.COMPLETED, A.TELL_OWNER),
    (S.TRYING, H.GOT_FAILURE): (S.COMPLETED, A.TELL_OWNER),
    (S.PROCEEDING, H.TIMER_E): (S.PROCEEDING, A.SEND),
    (S.PROCEEDING, H.TIMER_F): (S.TERMINATED, A.TELL_OWNER),
    (S.PROCEEDING, H.UNREACHABLE): (S.TERMINATED, A.TELL_OWNER),
    (S.PROCEEDING, H.GOT_1XX): (S.PROCEEDING, A.TELL_OWNER),
    (S.PROCEEDING, H.GOT_2XX): (S.COMPLETED, A.TELL_OWNER),
    (S.PROCEEDING, H.GOT_FAILURE): (S.COMPLETED, A.TELL_OWNER),
    (S.COMPLETED, H.GOT_1XX): (S.COMPLETED, A.NOTHING),
    (S.COMPLETED, H.GOT_2XX): (S.COMPLETED, A.NOTHING),
    (S.COMPLETED, H.GOT_FAILURE): (S.COMPLETED, A.NOTHING),
    (S.COMPLETED, H.TIMER_K): (S.TERMINATED, A.NOTHING),
    (S.COMPLETED, H.UNREACHABLE): (S.COMPLETED, A.NOTHING),
}


class Machine(NamedTuple):
    """A table, where it begins, and the timers that run while it is in a state."""

    table: Table
    first: State
    runs: dict[State, tuple[Timer, ...]]


INVITE = Machine(
    INVITE_SERVER,
    S.PROCEEDING,
    {S.COMPLETED: (Timer.G, Timer.H), S.CONFIRMED: (Timer.I,), S.ACCEPTED: (Timer.L,)},
)
OTHER = Machine(OTHER_SERVER, S.TRYING, {S.COMPLETED: (Timer.J,)})
REINVITE = Machine(
    INVITE_CLIENT,
    S.CALLING,
    {
        S.CALLING: (Timer.A, Timer.B),
        S.PROCEEDING: (Timer.C,),
        S.COMPLETED: (Timer.D,),
        S.ACCEPTED: (Timer.M,),
    },
)
CLIENT = Machine(
    OTHER_CLIENT,
    S.TRYING,
    {S.TRYING: (Timer.E, Timer.F), S.PROCEEDING: (Timer.E, Timer.F), S.COMPLETED: (Timer.K,)},
)

HEARD = {timer: H[f"TIMER_{timer.name}"] for timer in Timer if f"TIMER_{timer.name}" in H.__members__}
"What a transaction hears when its timer fires."
REPEATING = frozenset({Timer.A, Timer.E, Timer.G})
"They fire again, each time after twice as long; A without limit, E and G up to T2."
UNRELIABLE_ONLY = REPEATING
"Over TCP and TLS nothing is said twice ..."
WAITS_FOR_STRAYS = frozenset({Timer.D, Timer.I, Timer.J, Timer.K})
"... and nothing waited for that may come twice (RFC 3261 17.1.1.2, 17.1.2.2, 17.2.1, 17.2.2)."
OUTCOME = {
    H.GOT_1XX: Outcome.PROVISIONAL,
    H.GOT_2XX: Outcome.FINAL,
    H.GOT_FAILURE: Outcome.FINAL,
    H.UNREACHABLE: Outcome.UNREACHABLE,
    H.TIMER_B: Outcome.TIMEOUT,
    H.TIMER_C: Outcome.UNREACHABLE,  # somebody was there, and kept us waiting
    H.TIMER_F: Outcome.TIMEOUT,
}
"What its owner is told."


class Transaction:
    """One request and what was said about it."""

    __slots__ = (
        "interval_s",
        "key",
        "last",
        "leg",
        "machine",
        "merge_key",
        "peer",
        "purpose",
        "state",
        "stranger",
    )

    def __init__(
        self,
        machine: Machine,
        key: tuple[str, ...],
        peer: Address,
        leg: Leg,
        purpose: Purpose | None = None,
    ) -> None:
        self.machine = machine
        self.key = key
        self.peer = peer
        "Where `last` goes; for a keep-alive, whom it was for."
        self.leg = leg
        "The leg it belongs to; empty for a keep-alive."
        self.purpose = purpose
        "What we asked for; None where the peer asked."
        self.state = machine.first
        self.last = b""
        "The last thing we sent."
        self.interval_s = 0.0
        "Of the repeating timer."
        self.stranger = False
        "It takes of the strangers' room (admission.py)."
        self.merge_key: tuple[str, ...] = ()
        "What a copy of this INVITE over another way would share with it (RFC 3261 8.2.2.2)."

    def step(self, heard: Heard) -> Act:
        """Move on and return what to do; raise LocalProtocolError for what the table does not hold."""
        try:
            self.state, act = self.machine.table[self.state, heard]
        except KeyError:
            raise LocalProtocolError(f"{heard.name} while {self.state.name}") from None
        return act
