# SPDX-License-Identifier: Apache-2.0
"""One position as every source tells it, whatever its payload looked like."""

import msgspec

COURSE_TURN = 36_000
"0.01° in a turn; as a course: the device gave none."


class Fix(msgspec.Struct, gc=False):
    """One position in the units of the 20-byte record, WGS-84. `gc=False`: thousands a second, none in a cycle."""

    lat_e7: int
    lon_e7: int
    tst: int
    "Device time, s since 1970."
    speed_cm_s: int
    "0 when standing or not told."
    course_cdeg: int
    seq: int
    "The device's own count; 0 when it has none."
    accuracy_m: int = 0
    "0 when not told: devices that write `acc: 0` mean the same."
    source: str = "native"
    "Name of the source it came by."
