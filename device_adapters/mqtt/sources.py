# SPDX-License-Identifier: Apache-2.0
"""What the operator may say about a foreign source: `[[mqtt.sources]]`. Pure; what cannot work is told by name.

A source is a topic filter, how its payloads are written, and which unit each of its ids stands for.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from core.events import Datum
from device_adapters.mqtt import topics
from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire import CODECS, CodecName, Dialect, SpeedUnit
from device_adapters.mqtt.wire.fields import written_key
from device_adapters.mqtt.wire.said import CODES
from device_adapters.mqtt.wire.tetra import code_of

SOURCES_MAX = 64  # a province's fleets, a guess; each costs a look at every topic heard for the first time
TOPIC_BYTES_MAX = 65_535  # MQTT 5, 1.5.4
OFFSET_S_MAX = 50_400  # UTC+14
LineName = Literal["positions", "events"]

_NAME = re.compile(r"[a-z0-9_]{1,32}")
_PREFIX = re.compile(r"[A-Za-z0-9_-]{0,31}")
_UNIT = re.compile(r"[A-Za-z0-9_-]{1,32}")
_COUNTY = re.compile(r"[0-9]{6}")
_UNIT_FROM = re.compile(r"level:(?P<level>[1-9][0-9]?)|field:(?P<path>[^.\s]+(\.[^.\s]+){0,7})|")


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fleet that speaks in its own way."""

    name: str
    "Lower case; names its counters."
    filter: str
    "Topic filter of MQTT: `+` is one level, `#` at the end is all the rest."
    codec: CodecName
    unit_from: str = ""
    """Where the foreign id stands: "level:3" of the topic, or "field:device.uniqueId" of the payload; "" as the codec
    has it."""
    units: dict[str, str] = {}
    "{foreign id: unit id}."
    units_file: str = ""
    "... or a CSV file with the columns foreign_id,unit_id. Read again on SIGHUP."
    prefix: str = ""
    "... or what stands before the foreign id in the unit id. With none of the three, the foreign id is the unit id."
    county: str = ""
    'Only units of this county may speak by this source; "" any.'
    crs: Datum = "wgs84"
    "Datum of its coordinates, in and out."
    utc_offset_s: int = 28_800
    "Of times that name no zone; Beijing's."
    speed_unit: SpeedUnit = ""
    '"" as the codec has it.'
    codes: dict[str, str] = {}
    "{pre-coded status: what it means}, for tetra; 0 is an emergency unless it says otherwise."
    line: Literal["", "positions", "events"] = ""
    'Connection it comes by: "positions" (QoS 0) or "events" (QoS 1, kept while we are away); "" as the codec has it.'
    orders: str = ""
    'Topic its units get their orders on, with {id} for the foreign id; "" the contract\'s.'

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"mqtt.sources.name must match {_NAME.pattern}, not {self.name!r}")
        for problem in self._problems():
            raise ValueError(f"mqtt.sources {self.name!r}: {problem}")

    def _problems(self) -> Iterator[str]:
        if why := _wrong_filter(self.filter):
            yield f"filter {self.filter!r} {why}"
        if not _UNIT_FROM.fullmatch(self.unit_from):
            yield f"unit_from must be level:N or field:NAME, not {self.unit_from!r}"
        levels = self.filter.split("/")
        if self.level > len(levels) and levels[-1] != "#":
            yield f"unit_from names level {self.level}, and filter has {len(levels)}"
        if len(list(filter(None, (self.units, self.units_file, self.prefix)))) > 1:
            yield "give one of units, units_file and prefix"
        if not _PREFIX.fullmatch(self.prefix):
            yield f"prefix must match {_PREFIX.pattern}, not {self.prefix!r}"
        yield from wrong_units(self.units)
        if self.county and not _COUNTY.fullmatch(self.county):
            yield f"county must be six digits, not {self.county!r}"
        if not -OFFSET_S_MAX <= self.utc_offset_s <= OFFSET_S_MAX:
            yield f"utc_offset_s must be from -{OFFSET_S_MAX} to {OFFSET_S_MAX}"
        yield from self._wrong_codes()
        yield from self._wrong_orders()

    def _wrong_codes(self) -> Iterator[str]:
        if self.codes and self.codec != "tetra":
            yield "codes are for codec tetra"
        for code, meaning in self.codes.items():
            try:
                code_of(code)
            except WireError:
                yield f"codes: {code!r} is no status of 16 bits"
            if meaning not in CODES:
                yield f"codes: {meaning!r} must be one of {', '.join(sorted(CODES))}"

    def _wrong_orders(self) -> Iterator[str]:
        if not self.orders:
            return
        if why := _wrong_filter(self.orders):
            yield f"orders {self.orders!r} {why}"
        if "{id}" not in self.orders or "+" in self.orders or "#" in self.orders:
            yield "orders must hold {id}, and no wildcard"
        if not (self.units or self.units_file or self.prefix):
            yield "orders need units, units_file or prefix: else nobody knows which units it reaches"
        for foreign in self.units:
            if "+" in foreign or "#" in foreign:
                yield f"no order can be sent to the id {foreign!r}: its topic would hold a wildcard"
        if overlap(self.orders.replace("{id}", "+"), self.filter):
            yield "orders would be heard by its own filter"

    @property
    def dialect(self) -> Dialect:
        """Its codec and what that takes for granted."""
        return CODECS[self.codec]

    @property
    def level(self) -> int:
        """The level of the topic that names the unit, from 1; 0 when the payload does."""
        match = _UNIT_FROM.fullmatch(self.unit_from or self.dialect.unit_from)
        return int(match["level"] or 0) if match is not None else 0

    @property
    def path(self) -> tuple[str, ...]:
        """The path to the unit's id in the payload; () when the topic names it, or the codec finds it."""
        match = _UNIT_FROM.fullmatch(self.unit_from or self.dialect.unit_from)
        return tuple(match["path"].split(".")) if match is not None and match["path"] else ()

    @property
    def comes_by(self) -> LineName:
        """The connection it is heard on."""
        return self.line or ("events" if self.dialect.calls else "positions")


def wrong_units(units: Mapping[str, str]) -> Iterator[str]:
    """Tell what is wrong with a table {foreign id: unit id}."""
    by_unit: dict[str, str] = {}
    for foreign, unit in units.items():
        try:
            written_key(foreign)
        except WireError:
            yield f"no payload can name the id {foreign!r}"
        if not _UNIT.fullmatch(unit):
            yield f"unit id {unit!r} must match {_UNIT.pattern}"
        if unit in by_unit:
            yield f"unit {unit!r} stands for two ids, {by_unit[unit]!r} and {foreign!r}"
        by_unit[unit] = foreign


def check_together(sources: tuple[Source, ...]) -> None:
    """Refuse sources that cannot stand side by side. Raises ValueError."""
    if len(sources) > SOURCES_MAX:
        raise ValueError(f"mqtt.sources: {len(sources)} are listed, {SOURCES_MAX} fit")
    for at, source in enumerate(sources):
        if overlap(source.filter, f"{topics.ROOT}/+/+/+/#"):
            raise ValueError(f"mqtt.sources {source.name!r}: filter covers the contract's own topics")
        for other in sources[:at]:
            both = f"mqtt.sources {other.name!r} and {source.name!r}"
            if source.name == other.name:
                raise ValueError(f"{both} have one name")
            if overlap(source.filter, other.filter):
                raise ValueError(f"{both} overlap: one message would be two")
            if unit := _ordered_twice(source, other):
                raise ValueError(f"{both} both have orders for unit {unit!r}")


def filters(sources: Iterable[Source], line: LineName) -> tuple[str, ...]:
    """Return what one connection subscribes to for them."""
    return tuple(source.filter for source in sources if source.comes_by == line)


def overlap(one: str, other: str) -> bool:
    """Return whether a topic could match both filters."""
    left, right = one.split("/"), other.split("/")
    for a, b in zip(left, right, strict=False):
        if "#" in (a, b):
            return True
        if "+" not in (a, b) and a != b:
            return False
    # `a/#` takes `a` itself, too (MQTT 5, 4.7.1.2)
    longer, shorter = (left, right) if len(left) > len(right) else (right, left)
    return len(left) == len(right) or (len(longer) == len(shorter) + 1 and longer[-1] == "#")


def _wrong_filter(text: str) -> str:
    """Return why it is no topic filter we may use, "" when it is one (MQTT 5, 4.7)."""
    levels = text.split("/")
    if not text or "\0" in text or len(text.encode("utf-8", "replace")) > TOPIC_BYTES_MAX:
        return "is empty, too long or holds NUL"
    if text.startswith("$"):
        return "begins with $: those topics are the broker's, and a share breaks a unit's order"
    if any("#" in level for level in levels[:-1]) or (levels[-1] != "#" and "#" in levels[-1]):
        return "has a # that is not the whole last level"
    if any("+" in level and level != "+" for level in levels):
        return "has a + that is not a whole level"
    return ""


def _ordered_twice(one: Source, other: Source) -> str:
    """Return a unit that both would bring its orders, "" when there is none."""
    if not (one.orders and other.orders):
        return ""
    for a, b in ((one, other), (other, one)):
        theirs = set(b.units.values())
        for unit in a.units.values():
            if unit in theirs or (b.prefix and unit.startswith(b.prefix)):
                return unit
        if a.prefix and b.prefix and a.prefix.startswith(b.prefix):
            return f"{a.prefix}…"
    return ""
