# SPDX-License-Identifier: Apache-2.0
"""What a foreign payload says, in our words, and how its source writes. Pure.

A codec is `read(payload, key, how, at_ns) -> list[Said]`. It raises `WireError` with a named reason and nothing else.
`key` is the id that the topic names, "" when the payload does. The `unit_id` of a fact in the list is that
foreign id, too; who is meant on our roster is found by device_adapters.mqtt.foreign.
"""

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import msgspec

from core.events import Datum, OrderAcked, UnitCalled, UnitLinked, UnitReported, UnitStatus
from device_adapters.fixes import Fix
from device_adapters.mqtt.payload import Reason

Code = UnitStatus | Literal["man_down", "ignored"]
"What a pre-coded status may stand for; `emergency` is the button."
CODES: frozenset[str] = frozenset((*get_args(UnitStatus), "man_down", "ignored"))


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a codec must be told of a source."""

    source: str
    crs: Datum = "wgs84"
    utc_offset_s: int = 0
    "Added to UTC where the source is: for times that name no zone."
    km_h: float = 1.0
    "In one unit of its speed."
    unit_field: tuple[str, ...] = ()
    "Path to the id inside the payload; () when the topic names it."
    codes: Mapping[int, str] = {}
    "{pre-coded status: Code}"
    future_s_max: int = 120


class Button(msgspec.Struct, frozen=True):
    """A button as each report shows it: held or not. A call only when it was not held before."""

    tst: int
    call: UnitCalled | None = None
    "None: nobody holds it."


class Passed(msgspec.Struct, frozen=True):
    """A message that is not for us, by a name out of a short list: counted, no more."""

    what: str


class Left(msgspec.Struct, frozen=True):
    """A part that could not be used."""

    reason: Reason
    mended: bool = False
    "The rest was worth taking without it: a cry for help."


What = Fix | UnitReported | UnitCalled | UnitLinked | OrderAcked | Button | Passed | Left
Said = tuple[str, What]
"(foreign id, what it says)"

Codec = Callable[[bytes, str, Reading, int], list[Said]]
