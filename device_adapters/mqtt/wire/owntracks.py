# SPDX-License-Identifier: Apache-2.0
"""OwnTracks as its apps send it: `owntracks/{user}/{device}` (owntracks.org, booklet, "JSON"). Pure.

`_type` says what a message is. A `location` is a fix; a `lwt`, the phone's will, says that it left the air. The rest is
counted by name. `acc` may be missing or 0: neither is a reason to drop a fix.
"""

from core.events import UnitLinked
from core.ids import UnitId
from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire.fields import fix_of, key_of, number, object_of
from device_adapters.mqtt.wire.said import Passed, Reading, Said

IGNORED = frozenset(
    "beacon card cmd configuration dump request status steps transition waypoint waypoints".split()
)


def read(payload: bytes, key: str, how: Reading, at_ns: int) -> list[Said]:
    """Return the fix, or that the phone is gone."""
    said = object_of(payload)
    kind = said.get("_type", "location")
    if kind == "encrypted":
        raise WireError("encrypted")
    if kind == "lwt":
        key = key_of(said, key, how)
        return [(key, UnitLinked(at_ns=at_ns, unit_id=UnitId(key), link="offline"))]
    if kind != "location":
        return [(key, Passed(kind if isinstance(kind, str) and kind in IGNORED else "other"))]
    tst = number(said, "tst")
    if tst is None:
        raise WireError("no_time")
    fix = fix_of(
        how,
        at_ns,
        lat=number(said, "lat"),
        lon=number(said, "lon"),
        tst=tst,
        speed=number(said, "vel"),
        course=number(said, "cog"),
        accuracy=number(said, "acc"),
    )
    return [(key_of(said, key, how), fix)]
