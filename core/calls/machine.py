# SPDX-License-Identifier: Apache-2.0
"""What a call may become. What is not in the table is out of turn."""

from typing import Literal

from core.effects import CallState
from core.errors import OutOfTurnError

CallHeard = Literal["answered", "abandoned", "ended"]

NEXT: dict[tuple[CallState, CallHeard], CallState] = {
    ("ringing", "answered"): "answered",
    ("ringing", "abandoned"): "abandoned",  # someone must ring back
    ("answered", "ended"): "ended",
    ("ringing", "ended"): "ended",  # we gave it up: its far side has gone without a word
}


def step(state: CallState, heard: CallHeard) -> CallState:
    """Return what the call becomes; raise OutOfTurnError when the table does not foresee it."""
    try:
        return NEXT[state, heard]
    except KeyError:
        raise OutOfTurnError(f"call {heard} while {state}") from None
