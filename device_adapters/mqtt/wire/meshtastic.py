# SPDX-License-Identifier: Apache-2.0
"""Meshtastic's JSON over MQTT (`msh/{region}/2/json/{channel}/{gateway}`). Pure.

`from` is the node that moves, a number; its id is `!` and eight hexadecimal digits, as the apps show it. `sender` is
only the gateway that heard it. `payload.latitude_i` is 1e-7 degrees, `ground_track` 1e-5 degrees, `ground_speed` km/h
from the firmware (its protocol file says m/s: set `speed_unit`).
"""

from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire.fields import fix_of, key_of, number, object_of, part, seconds
from device_adapters.mqtt.wire.said import Passed, Reading, Said

IGNORED = frozenset(
    "detectionsensor mapreport neighborinfo nodeinfo remotehw telemetry text traceroute waypoint".split()
)
NODES = 2**32
UNIT_FIELD = ("from",)


def read(payload: bytes, key: str, how: Reading, at_ns: int) -> list[Said]:
    """Return the fix of the node."""
    said = object_of(payload)
    kind = said.get("type")
    if kind != "position":
        return [(key, Passed(kind if isinstance(kind, str) and kind in IGNORED else "other"))]
    if not key:
        node = said.get("from")
        if how.unit_field == UNIT_FIELD and isinstance(node, int) and -NODES < node < NODES:
            key = f"!{node % NODES:08x}"
        else:
            key = key_of(said, key, how)
    place = part(said, "payload")
    lat, lon = number(place, "latitude_i"), number(place, "longitude_i")
    if lat is None or lon is None:
        raise WireError("no_fix")
    track = number(place, "ground_track")
    when = place.get("timestamp") or place.get("time") or said.get("timestamp")
    fix = fix_of(
        how,
        at_ns,
        lat=lat / 1e7,
        lon=lon / 1e7,
        tst=seconds(when, how),
        speed=number(place, "ground_speed"),
        course=None if track is None else track / 1e5,
    )
    return [(key, fix)]
