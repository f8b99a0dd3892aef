# SPDX-License-Identifier: Apache-2.0
"""GeoJSON (RFC 7946): a Feature with a Point, or a FeatureCollection of them. Pure.

Longitude stands first. The time is one of `tst`, `time`, `timestamp` among the properties (s, ms or ISO 8601), speed
is `speed`, course `course` or `heading`, `accuracy` in metres.
"""

from collections.abc import Iterable
from typing import Any

from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire.fields import (
    Object,
    fix_of,
    items,
    key_of,
    number,
    object_of,
    part,
    seconds,
    seq_of,
)
from device_adapters.mqtt.wire.said import Left, Passed, Reading, Said

TIMES = ("tst", "time", "timestamp")
COURSES = ("course", "heading")


def read(payload: bytes, key: str, how: Reading, at_ns: int) -> list[Said]:
    """Return the fix of each Feature."""
    said = object_of(payload)
    if said.get("type") == "Feature":
        return [_feature(said, key, how, at_ns)]
    if said.get("type") != "FeatureCollection":
        return [(key, Passed("other"))]
    heard: list[Said] = []
    for feature in items(said, "features"):
        try:
            heard.append(_feature(feature, key, how, at_ns))
        except WireError as wrong:  # one of several: the others are as good as ever
            heard.append(("", Left(wrong.reason)))
    return heard


def _feature(feature: Object, key: str, how: Reading, at_ns: int) -> Said:
    geometry, properties = part(feature, "geometry"), part(feature, "properties")
    if geometry.get("type") != "Point":
        return (key, Passed("no_point"))
    lon, lat = _pair(geometry.get("coordinates"))
    fix = fix_of(
        how,
        at_ns,
        lat=lat,
        lon=lon,
        tst=seconds(_first(properties, TIMES), how),
        speed=number(properties, "speed"),
        course=number({"course": _first(properties, COURSES)}, "course"),
        accuracy=number(properties, "accuracy"),
        seq=seq_of(properties, "seq"),
    )
    return (key_of(feature, key, how), fix)


def _pair(coordinates: Any) -> tuple[float | None, float | None]:  # noqa: ANN401  what JSON may hold
    if not isinstance(coordinates, list) or len(coordinates) < 2:
        raise WireError("unreadable")
    named = {"lon": coordinates[0], "lat": coordinates[1]}
    return number(named, "lon"), number(named, "lat")


def _first(properties: Object, names: Iterable[str]) -> object:
    return next((properties[name] for name in names if properties.get(name) is not None), None)
