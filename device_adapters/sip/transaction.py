# SPDX-License-Identifier: Apache-2.0
"""The three transaction machines a user agent server needs, as tables.

INVITE server: RFC 3261 17.2.1 with the Accepted state of RFC 6026. Non-INVITE server: 17.2.2. Non-INVITE
client (our BYE): 17.1.2. A pair that is not in a table cannot happen, or is our own mistake.
"""

from enum import Enum, auto
from typing import NamedTuple

from core.ids import Leg
from device_adapters.sip.errors import LocalProtocolError
from device_adapters.sip.events import Address
from device_adapters.sip.timers import Timer


class State(Enum):
    """Where a transaction stands."""

    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class Heard(Enum):
    """What can befall it."""

    REQUEST = auto()
    "The same request again."
    ACK = auto()
    SEND_1XX = auto()
    SEND_2XX = auto()
    SEND_FAILURE = auto()
    GOT_1XX = auto()
    GOT_FINAL = auto()
    TIMER_E = auto()
    TIMER_F = auto()
    TIMER_G = auto()
    TIMER_H = auto()
    TIMER_I = auto()
    TIMER_J = auto()
    TIMER_K = auto()
    TIMER_L = auto()


class Act(Enum):
    """What it asks of the layer."""

    NOTHING = auto()
    SEND = auto()
    "Send the last message, for the first time or again."
    TELL_USER = auto()
    "The far side answered our request, or never will."


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
OTHER_CLIENT: Table = {
    (S.TRYING, H.TIMER_E): (S.TRYING, A.SEND),
    (S.TRYING, H.TIMER_F): (S.TERMINATED, A.TELL_USER),
    (S.TRYING, H.GOT_1XX): (S.PROCEEDING, A.NOTHING),
    (S.TRYING, H.GOT_FINAL): (S.COMPLETED, A.TELL_USER),
    (S.PROCEEDING, H.TIMER_E): (S.PROCEEDING, A.SEND),
    (S.PROCEEDING, H.TIMER_F): (S.TERMINATED, A.TELL_USER),
    (S.PROCEEDING, H.GOT_1XX): (S.PROCEEDING, A.NOTHING),
    (S.PROCEEDING, H.GOT_FINAL): (S.COMPLETED, A.TELL_USER),
    (S.COMPLETED, H.GOT_1XX): (S.COMPLETED, A.NOTHING),
    (S.COMPLETED, H.GOT_FINAL): (S.COMPLETED, A.NOTHING),
    (S.COMPLETED, H.TIMER_K): (S.TERMINATED, A.NOTHING),
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
CLIENT = Machine(
    OTHER_CLIENT,
    S.TRYING,
    {S.TRYING: (Timer.E, Timer.F), S.PROCEEDING: (Timer.E, Timer.F), S.COMPLETED: (Timer.K,)},
)

HEARD = {
    Timer.E: H.TIMER_E,
    Timer.F: H.TIMER_F,
    Timer.G: H.TIMER_G,
    Timer.H: H.TIMER_H,
    Timer.I: H.TIMER_I,
    Timer.J: H.TIMER_J,
    Timer.K: H.TIMER_K,
    Timer.L: H.TIMER_L,
}
"What a transaction hears when its timer fires."
REPEATING = frozenset({Timer.E, Timer.G})
"They fire again, each time after twice as long, up to T2."


class Transaction:
    """One request and what was said about it."""

    __slots__ = ("interval_s", "key", "last", "leg", "machine", "merge_key", "peer", "state")

    def __init__(self, machine: Machine, key: tuple[str, ...], peer: Address, leg: Leg) -> None:
        self.machine = machine
        self.key = key
        self.peer = peer
        "Where `last` goes."
        self.leg = leg
        "The leg it belongs to."
        self.state = machine.first
        self.last = b""
        "The last thing we sent."
        self.interval_s = 0.0
        "Of the repeating timer."
        self.merge_key: tuple[str, ...] = ()
        "What a copy of this INVITE over another way would share with it (RFC 3261 8.2.2.2)."

    def step(self, heard: Heard) -> Act:
        """Move on and return what to do; raise LocalProtocolError for what the table does not hold."""
        try:
            self.state, act = self.machine.table[self.state, heard]
        except KeyError:
            raise LocalProtocolError(f"{heard.name} while {self.state.name}") from None
        return act
