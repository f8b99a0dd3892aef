# SPDX-License-Identifier: Apache-2.0
"""What is thought of a line on which nobody is heard. What is not in the table changes nothing.

There is no step to an end: a silent caller may be someone who cannot speak, and is never hung up on for it.
"""

from typing import Literal

from core.effects import Silence

SilenceHeard = Literal["silent", "asked", "key", "due"]

NEXT: dict[tuple[Silence, SilenceHeard], Silence] = {
    ("", "silent"): "suspected",
    ("suspected", "asked"): "challenged",
    ("suspected", "due"): "unheard",  # nobody is to be asked: told at once
    ("challenged", "due"): "unheard",  # no key came: a desk listens on
    ("", "key"): "vouched",  # also without having been asked
    ("suspected", "key"): "vouched",
    ("challenged", "key"): "vouched",
    ("unheard", "key"): "vouched",  # late is not too late
}


def step(silence: Silence, heard: SilenceHeard) -> Silence:
    """Return what it becomes; the same for what the table does not foresee: repeated, or no longer of interest."""
    return NEXT.get((silence, heard), silence)
