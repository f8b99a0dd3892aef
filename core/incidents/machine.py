# SPDX-License-Identifier: Apache-2.0
"""What an incident may become. What is not in the table is out of turn."""

from typing import Literal

from core.effects import IncidentState
from core.errors import OutOfTurnError

IncidentHeard = Literal["located", "ranked", "ordered", "withdrawn", "closed"]

NEXT: dict[tuple[IncidentState, IncidentHeard], IncidentState] = {
    ("opened", "located"): "located",
    ("opened", "ranked"): "opened",  # ranked without a place: the reasons say so
    ("opened", "ordered"): "ordered",  # a desk may send a unit before the place is known
    ("opened", "closed"): "closed",
    ("located", "located"): "located",
    ("located", "ranked"): "ranked",
    ("located", "ordered"): "ordered",
    ("located", "closed"): "closed",
    ("ranked", "located"): "located",
    ("ranked", "ranked"): "ranked",
    ("ranked", "ordered"): "ordered",
    ("ranked", "closed"): "closed",
    ("ordered", "located"): "ordered",
    ("ordered", "ranked"): "ordered",
    ("ordered", "ordered"): "ordered",
    ("ordered", "withdrawn"): "opened",  # the last order fell through: it waits again, at its old age
    ("ordered", "closed"): "closed",
}


def step(state: IncidentState, heard: IncidentHeard) -> IncidentState:
    """Return what the incident becomes; raise OutOfTurnError when the table does not foresee it."""
    try:
        return NEXT[state, heard]
    except KeyError:
        raise OutOfTurnError(f"incident {heard} while {state}") from None
