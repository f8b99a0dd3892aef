# SPDX-License-Identifier: Apache-2.0
"""What a call-back may become. What is not in the table is out of turn."""

from typing import Literal

from core.effects import CallbackState
from core.errors import OutOfTurnError

CallbackHeard = Literal[
    "abandoned", "rang", "answered", "tried", "reached", "unreached", "expired", "displaced"
]

NEXT: dict[tuple[CallbackState, CallbackHeard], CallbackState] = {
    ("open", "abandoned"): "open",  # the same number again: the age of the first ring stays
    ("open", "rang"): "returned",
    ("open", "answered"): "reached",  # on another line that already rang
    ("open", "tried"): "open",
    ("open", "reached"): "reached",
    ("open", "unreached"): "given_up",
    ("open", "expired"): "given_up",
    ("open", "displaced"): "displaced",
    ("returned", "abandoned"): "open",  # given up again: the same task goes on
    ("returned", "rang"): "returned",
    ("returned", "answered"): "reached",
    ("returned", "tried"): "returned",
    ("returned", "reached"): "reached",
    ("returned", "unreached"): "given_up",
    ("returned", "displaced"): "displaced",
}

ENDED: frozenset[CallbackState] = frozenset({"reached", "given_up", "displaced"})


def step(state: CallbackState, heard: CallbackHeard) -> CallbackState:
    """Return what the call-back becomes; raise OutOfTurnError when the table does not foresee it."""
    try:
        return NEXT[state, heard]
    except KeyError:
        raise OutOfTurnError(f"call-back {heard} while {state}") from None
