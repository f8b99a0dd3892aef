# SPDX-License-Identifier: Apache-2.0
"""The three fields (三字段): number, name, address. How numbers are spelt alike, lines and answers read. Pure."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from core.events import Location
from device_adapters.datum import WGS84_FROM
from device_adapters.lookup.settings import NUMBER
from device_adapters.lookup.table import (
    ADDRESS_OCTETS_MAX,
    RADIUS_M_MAX,
    BadLineError,
    Row,
    coordinates,
    on_earth,
    radius,
)

NEEDED = frozenset({"number"})
DIGITS_MAX = 18
"E.164 has 15, an international prefix two; 18 fit a 64-bit key with a one before them."
LOCAL_DIGITS = (7, 8)
"Of a number that names no area."
TEXT_CHARS_MAX = ADDRESS_OCTETS_MAX // 3
"Of a name or an address that a service gives."
BRACKETS_MAX = 32
"In an answer; one object has one. Depth is what a parser may not be given."
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_VISUAL = str.maketrans("", "", "-.() /\t")


class Subscriber(NamedTuple):
    """Whose number it is, and where it is registered."""

    name: str
    address: str
    location: Location | None


class UnreadableAnswerError(Exception):
    """A service answered something that is no answer."""


class _Answer(msgspec.Struct):
    """What a service says; unknown fields are read over."""

    name: str | None = None
    address: str | None = None
    lat: float | None = None
    lon: float | None = None
    uncertainty_m: float | None = None
    crs: str | None = None


_ANSWERS = msgspec.json.Decoder(_Answer, strict=False)


def spelt(number: str, area_code: str) -> str:
    """Return a number as it is dialled within the country, `00…` for one of another; empty when it is none."""
    bare = number.translate(_VISUAL)
    plus = bare.startswith("+")
    digits = bare.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return ""
    if plus:
        digits = "00" + digits
    if digits.startswith("0086"):
        digits = digits[4:]
        digits = digits if _MOBILE.fullmatch(digits) else "0" + digits.removeprefix("0")
    elif _MOBILE.fullmatch(bare_mobile := digits.removeprefix("86")) or _MOBILE.fullmatch(
        bare_mobile := digits.removeprefix("0")
    ):
        digits = (
            bare_mobile  # as trunks write it that leave out the plus, or write it as a long-distance call
        )
    if len(digits) in LOCAL_DIGITS and digits[0] not in "01":
        digits = area_code + digits
    return digits if 2 < len(digits) <= DIGITS_MAX else ""


def number_key(number: str) -> int:
    """Return the key of a number as `spelt` spells it: zeros at its beginning count."""
    return int("1" + number)


def row_of(cells: Mapping[str, str], area_code: str) -> Row:
    """Read one line of the table; raise BadLineError when it is of no use."""
    number = spelt(cells.get("number", "").strip(), area_code)
    if not number:
        raise BadLineError("no number")
    lat, lon = coordinates(cells)
    name, address = (" ".join(cells.get(field, "").split()) for field in ("name", "address"))
    if not (name or address) and lat is None:
        raise BadLineError("nothing but a number")
    if "\ufffd" in name or "\ufffd" in address:
        raise BadLineError("neither UTF-8 nor GBK")
    return Row(number_key(number), name, address, lat, lon, radius(cells, "uncertainty_m"))


def subscriber_of(row: Row, datum: str) -> Subscriber:
    """Return what a line of the table says."""
    return Subscriber(row.name, row.address, place(row, datum, "lookup"))


def place(row: Row, datum: str, source: str) -> Location | None:
    """Return a line's coordinates in WGS-84."""
    if row.lat is None or row.lon is None:
        return None
    lat, lon = WGS84_FROM[datum](row.lat, row.lon)
    located = Location(lat=lat, lon=lon, uncertainty_m=row.radius_m, source=source, address=row.address)
    return msgspec.structs.replace(located, datum=datum)


def target(path: str, number: str) -> str:
    """Return what the service is asked."""
    return path.replace(NUMBER, quote(number, safe=""))


def read_answer(data: bytes, datum: str) -> Subscriber | None:
    """Read a service's answer; None when it says that it knows nothing.

    Raises UnreadableAnswerError when it is no JSON object of ours, or names a place that is none.
    """
    if data.count(b"{") + data.count(b"[") > BRACKETS_MAX:
        raise UnreadableAnswerError("too many brackets")
    try:
        answer = _ANSWERS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableAnswerError("not the JSON we know") from None
    name, address = (
        " ".join((text or "").split())[:TEXT_CHARS_MAX] for text in (answer.name, answer.address)
    )
    crs = (answer.crs or datum).lower()
    if crs not in WGS84_FROM:
        raise UnreadableAnswerError("unknown datum")
    lat = lon = None
    if answer.lat is not None and answer.lon is not None:
        try:
            lat, lon = on_earth(answer.lat, answer.lon)
        except BadLineError:
            raise UnreadableAnswerError("no place on Earth") from None
    given_m = answer.uncertainty_m or 0.0
    uncertainty_m = given_m if 0 <= given_m <= RADIUS_M_MAX else 0.0
    if not (name or address) and lat is None:
        return None
    row = Row(0, name, address, lat, lon, uncertainty_m)
    return Subscriber(name, address, place(row, crs, "lookup"))
