# SPDX-License-Identifier: Apache-2.0
"""What an order may become. Acks may skip stages (a radio that was away) but never go back.

An ack of an earlier stage is late: it changes nothing. Anything else outside the table is out of turn.
"""

from typing import Literal

from core.effects import OrderState
from core.errors import OutOfTurnError
from core.events import Ack

OrderHeard = Ack | Literal["expired", "cancelled"]

STAGES: tuple[OrderState, ...] = ("issued", "delivered", "signed", "enroute", "on_scene", "clear")
FINAL: frozenset[OrderState] = frozenset({"declined", "clear", "expired", "cancelled"})

_ACK_STAGES: tuple[Literal["delivered", "signed", "enroute", "on_scene", "clear"], ...] = (
    "delivered",
    "signed",
    "enroute",
    "on_scene",
    "clear",
)

NEXT: dict[tuple[OrderState, OrderHeard], OrderState] = {
    **{
        (now, heard): heard
        for now in STAGES[:-1]
        for heard in _ACK_STAGES
        if STAGES.index(heard) > STAGES.index(now)
    },
    ("issued", "declined"): "declined",
    ("delivered", "declined"): "declined",
    ("signed", "declined"): "declined",  # a puncture on the way out
    ("enroute", "declined"): "declined",
    ("issued", "expired"): "expired",
    ("delivered", "expired"): "expired",
    ("issued", "cancelled"): "cancelled",
    ("delivered", "cancelled"): "cancelled",
    ("signed", "cancelled"): "cancelled",
    ("enroute", "cancelled"): "cancelled",
    ("on_scene", "cancelled"): "cancelled",
}


def step(state: OrderState, heard: OrderHeard) -> OrderState:
    """Return what the order becomes; the same state for a late or doubled ack.

    Raises OutOfTurnError when the table does not foresee it.
    """
    if (state, heard) in NEXT:
        return NEXT[state, heard]
    if heard == state or (state in STAGES and heard in STAGES[: STAGES.index(state)]):
        return state
    raise OutOfTurnError(f"order {heard} while {state}")
