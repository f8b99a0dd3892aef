# SPDX-License-Identifier: Apache-2.0
"""Times of day as a roster writes them."""

import re

CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def minute_of_day(clock: str) -> int:
    """Return 1 (00:01) to 1,440 (00:00, the end of the day) of "HH:MM"; 0 when it is no time of day."""
    found = CLOCK.fullmatch(clock)
    return (int(found[1]) * 60 + int(found[2])) or 1_440 if found is not None else 0
