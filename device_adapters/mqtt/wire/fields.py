# SPDX-License-Identifier: Apache-2.0
"""Reading fields out of payloads whose makers promise little. Pure; what is wrong is a WireError."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec

from device_adapters.fixes import Fix
from device_adapters.mqtt.codec import (
    accuracy_m,
    course_cdeg,
    place_of,
    speed_cm_s,
    time_of,
)
from device_adapters.mqtt.payload import WireError, holds_nan, mended
from device_adapters.mqtt.wire.said import Reading

KEY_CHARS_MAX = 64  # a GB/T 28181 id has 20, an IMEI 15, a UUID 36
TIME_CHARS_MAX = 40  # RFC 3339 with nanoseconds has 35
SEQ_MAX = 2**53
MILLIS_FROM = 100_000_000_000
"A time from here on is in ms: as seconds it is the year 5138, as milliseconds 1973."

Object = Mapping[str, Any]

_KEY = re.compile(r"[!-~]+")
_NOTHING: Object = {}


def object_of(payload: bytes, *, mend: bool = False) -> Object:
    """Return the JSON object; with `mend` the nearest to one, for a cry for help is not refused over a figure."""
    try:
        said = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if not mend:
            raise WireError("not_finite" if holds_nan(payload) else "unreadable") from None
        said = _mended_object(payload)
    if not isinstance(said, dict):
        raise WireError("unreadable")
    return said


def _mended_object(payload: bytes) -> object:
    try:
        return msgspec.json.decode(mended(payload))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("unreadable") from None


def part(said: Object, name: str) -> Object:
    """Return the object inside the object; an empty one when there is none."""
    inner = said.get(name)
    return inner if isinstance(inner, dict) else _NOTHING


def items(said: Object, name: str) -> list[Object]:
    """Return the objects of a list inside the object."""
    inner = said.get(name)
    return [each for each in inner if isinstance(each, dict)] if isinstance(inner, list) else []


def number(said: Object, name: str) -> float | None:
    """Return a figure, None when it is not there. Raises WireError when it is something else."""
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError("unreadable")
    try:
        return float(value)
    except OverflowError:
        raise WireError("out_of_range") from None


def whole(said: Object, name: str) -> int:
    """Return a whole figure from 0 on; 0 when it is not there or is something else."""
    value = said.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def seq_of(said: Object, name: str) -> int:
    """Return the device's own count; 0 when it has none that fits."""
    count = whole(said, name)
    return count if count <= SEQ_MAX else 0


def key_of(said: Object, key: str, how: Reading) -> str:
    """Return the foreign id: the topic's, or the one at the path the source names."""
    if key:
        return key
    at: Any = said
    for name in how.unit_field:
        at = at.get(name) if isinstance(at, dict) else None
    return written_key(at)


def written_key(value: object) -> str:
    """Return an id as text. Raises WireError `no_unit` when it cannot be one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WireError("no_unit")
    if isinstance(value, int) and abs(value) > SEQ_MAX:
        raise WireError("no_unit")  # and str() of a number of a thousand digits would raise
    text = str(value)
    if len(text) > KEY_CHARS_MAX or not _KEY.fullmatch(text):
        raise WireError("no_unit")
    return text


def seconds(value: object, how: Reading) -> float:
    """Return a time in s since 1970: a number (s or ms), or ISO 8601. Raises WireError `no_time`."""
    if isinstance(value, str):
        return iso_seconds(value, how.utc_offset_s)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -SEQ_MAX <= value <= SEQ_MAX:
        raise WireError("no_time")
    return value / 1_000.0 if value >= MILLIS_FROM else float(value)


def iso_seconds(text: str, utc_offset_s: int) -> float:
    """Return s since 1970 of a time such as 2026-07-01T08:00:00+08:00; one that names no zone is the source's."""
    try:
        if len(text) > TIME_CHARS_MAX:
            raise WireError("no_time")
        stamp = datetime.fromisoformat(text.strip())
        if stamp.tzinfo is None:
            stamp = stamp.replace(tzinfo=timezone(timedelta(seconds=utc_offset_s)))
        return (stamp - _EPOCH).total_seconds()
    except (ValueError, OverflowError):
        raise WireError("no_time") from None


def fix_of(
    how: Reading,
    at_ns: int,
    *,
    lat: float | None,
    lon: float | None,
    tst: float,
    speed: float | None = None,
    course: float | None = None,
    accuracy: float | None = None,
    seq: int = 0,
) -> Fix:
    """Return the fix in WGS-84; speed in the source's unit."""
    if lat is None or lon is None:
        raise WireError("no_fix")
    when = time_of(tst, at_ns, how.future_s_max)
    north, east = place_of(lat, lon, how.crs)
    return Fix(
        round(north * 1e7),
        round(east * 1e7),
        when,
        speed_cm_s(None if speed is None else speed * how.km_h),
        course_cdeg(course),
        seq,
        accuracy_m(accuracy),
        how.source,
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
