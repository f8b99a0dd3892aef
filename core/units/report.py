# SPDX-License-Identifier: Apache-2.0
"""One word about what a unit does, as it is kept in the unit's history."""

import msgspec

from core.effects import StatusSource
from core.events import UnitStatus


class Report(msgspec.Struct, array_like=True, gc=False):
    """Kept newest last (core/units/history.py). Its age is for the reader to reckon, from either of its two times."""

    status: UnitStatus
    source: StatusSource
    at_s: int
    "Its place in the unit's own time, s since 1970; without a device time that of the newest report before it."
    seq: int
    "... and within the second."
    heard_ns: int
    "When it came, by our clock."
    tst: int = 0
    "Device time as it was said; 0 when not given."
    out_of_turn: bool = False
    "The table does not foresee it after the one before."
    late: bool = False
    "A newer one was known already."
    held: bool = False
    "Said by the unit while its cry for help stood: it changed nothing."

    @property
    def event_us(self) -> int:
        """Return when it was so: by the device's clock where it has one, else when it came."""
        return self.at_s * 1_000_000 if self.tst else self.heard_ns // 1000
