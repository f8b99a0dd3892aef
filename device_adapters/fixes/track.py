# SPDX-License-Identifier: Apache-2.0
"""Rows for the track history: every fix that was understood, with what became of it, 40 bytes each. Pure."""

import struct
from typing import Final, Literal

import numpy as np

from device_adapters.fixes.fix import Fix

ROW = struct.Struct("<qQIIiiHHHBB")
"As ROW_DTYPE. Packed on the spot: a row that waits as an object costs its memory four times."
ROW_DTYPE: Final = np.dtype(
    [
        ("at_ns", "<i8"),
        ("seq", "<u8"),
        ("unit", "<u4"),
        ("tst", "<u4"),
        ("lat_e7", "<i4"),
        ("lon_e7", "<i4"),
        ("speed_cm_s", "<u2"),
        ("course_cdeg", "<u2"),
        ("accuracy_m", "<u2"),
        ("source", "u1"),
        ("why", "u1"),
    ]
)
ROWS_MAX = 100_000  # 4 MB: what a tick that comes 20 s late holds of 5,000 fixes a second
SOURCES_MAX = 255
ACCURACY_M_MAX = 65_535

Became = Literal["accepted", "late", "gated"]
BECAME: Final[dict[str, Became]] = {
    "taken": "accepted",
    "still": "accepted",
    "reanchored": "accepted",
    "returned": "accepted",
    "late": "late",
    "jump": "gated",
    "coarse": "gated",
}
"{verdict: what became of the fix}; a row's `why` is the verdict's place here. What is not here has no row."
VERDICTS: Final = tuple(BECAME)
_NUMBERS: Final = {verdict: number for number, verdict in enumerate(VERDICTS)}


class TrackRows:
    """The rows since the last `take`."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        "Names by number. Only ever grows, so whoever reads rows later may keep it."
        self.dropped = 0
        self._numbers: dict[str, int] = {}
        self._rows = bytearray()

    def add(self, index: int, fix: Fix, tst: int, at_ns: int, verdict: str) -> None:
        """Keep one fix; `tst` is the time that counts for it."""
        if len(self._rows) >= ROWS_MAX * ROW.size:
            self.dropped += 1
            return
        self._rows += ROW.pack(
            at_ns,
            fix.seq,
            index,
            tst,
            fix.lat_e7,
            fix.lon_e7,
            fix.speed_cm_s,
            fix.course_cdeg,
            min(fix.accuracy_m, ACCURACY_M_MAX),
            self._number_of(fix.source),
            _NUMBERS[verdict],
        )

    def take(self) -> bytes:
        """Return the rows and begin anew."""
        rows = bytes(self._rows)
        self._rows.clear()
        return rows

    def _number_of(self, source: str) -> int:
        number = self._numbers.get(source)
        if number is None:
            number = min(len(self.sources), SOURCES_MAX)
            if number == len(self.sources):
                self.sources.append(source if number < SOURCES_MAX else "other")
            self._numbers[source] = number
        return number
