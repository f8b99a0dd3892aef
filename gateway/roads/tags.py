# SPDX-License-Identifier: Apache-2.0
"""What OpenStreetMap's tags mean to someone who has to get there.

Police go where a visitor may not: `private`, `destination`, `customers`, `permit` and the like are open to them
(most addresses lie behind such a gate); only `no` is closed. Source of the order of keys and of the values: the
OSM wiki, Key:access.
"""

import re
from collections.abc import Mapping
from typing import Final

from gateway.roads.survey import (
    BOAT,
    BOTH_WAYS,
    CAR,
    EVERYBODY_ON_LAND,
    FOOT,
    KINDS,
    MOTORCYCLE,
    NOBODY,
    ONE_WAY,
    ONE_WAY_ALWAYS,
    SIREN,
)

SIGN_PERCENT: Final = 80
"What a car makes of the speed on the sign, on the average. Source: OSRM, car.lua, speed_reduction."

_ACCESS: Final = (
    (CAR, ("motorcar", "motor_vehicle", "vehicle", "access")),
    (SIREN, ("emergency", "motorcar", "motor_vehicle", "vehicle", "access")),
    (MOTORCYCLE, ("motorcycle", "motor_vehicle", "vehicle", "access")),
    (FOOT, ("foot", "access")),
)
"Who looks at which keys; the first one that is there decides."
_FORWARD: Final = frozenset({"yes", "true", "1"})
_BACKWARD: Final = frozenset({"-1", "reverse"})
_CHANGING: Final = frozenset({"reversible", "alternating"})
_KINDS: Final = {kind: index for index, kind in enumerate(KINDS) if kind not in ("waterway", "water")} | {
    "road": KINDS.index("unclassified"),
    "bridleway": KINDS.index("path"),
}
_WATERWAYS: Final = frozenset({"river", "canal", "fairway"})
_BLOCKS: Final = frozenset({"bollard", "block", "jersey_barrier", "log", "debris", "planter", "spikes"})
"Barriers a car does not pass; who walks or rides does."
_STILES: Final = frozenset({"stile", "turnstile", "full-height_turnstile", "kissing_gate", "cycle_barrier"})
"Barriers that only feet pass."
_WALLS: Final = frozenset({"wall", "fence", "city_wall"})
_SPEED: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(mph|km/h|kmh|kph|knots)?\s*(?:;.*)?$")
_KMH: Final = {None: 1.0, "km/h": 1.0, "kmh": 1.0, "kph": 1.0, "mph": 1.609344, "knots": 1.852}
_FREE: Final = {
    "motorcar": CAR,
    "motor_vehicle": CAR | MOTORCYCLE,
    "motorcycle": MOTORCYCLE,
    "emergency": SIREN,
}
"{who an exception is for: bits}"

Tags = Mapping[str, str]


def kind(tags: Tags) -> int | None:
    """Return the class of road or waterway, an index into KINDS; None when nobody drives here."""
    if tags.get("area") == "yes":
        return None
    if "highway" in tags:
        return _KINDS.get(tags["highway"])
    if tags.get("waterway") in _WATERWAYS or tags.get("route") == "ferry":
        return KINDS.index("waterway")
    return None


def open_to(tags: Tags) -> int:
    """Return the bits of those a road or waterway is open to."""
    if "highway" not in tags:
        return NOBODY if tags.get("boat", tags.get("access")) == "no" else BOAT
    return _let_through(tags, EVERYBODY_ON_LAND)


def one_way(tags: Tags) -> tuple[int, bool] | None:
    """Return (how strictly one-way, along it and not against it); None when its direction changes by the hour."""
    said = tags.get("oneway", "")
    strict = tags.get("junction") in ("roundabout", "circular") or tags.get("highway") == "motorway"
    if said in _CHANGING:
        return None
    if said in _BACKWARD:
        return (ONE_WAY_ALWAYS if strict else ONE_WAY), False
    if said in _FORWARD or (strict and said != "no"):
        return (ONE_WAY_ALWAYS if strict else ONE_WAY), True
    return BOTH_WAYS, True


def kmh(tags: Tags) -> float:
    """Return the speed a car makes under the sign; 0 without a sign that is understood."""
    found = _SPEED.match(tags.get("maxspeed", ""))
    if found is None:
        return 0.0
    limit = float(found[1]) * _KMH[found[2]]
    return limit * SIGN_PERCENT / 100 if 5 <= limit <= 200 else 0.0


def barred(tags: Tags) -> int:
    """Return the bits of those who cannot pass a point of the road."""
    barrier = tags.get("barrier")
    if barrier in _WALLS:
        through = NOBODY
    elif barrier in _STILES:
        through = FOOT
    elif barrier in _BLOCKS:
        through = FOOT | MOTORCYCLE
    else:
        through = EVERYBODY_ON_LAND
    return EVERYBODY_ON_LAND & ~_let_through(tags, through)


def free_of(exceptions: str) -> int:
    """Return the bits of those a turn restriction does not bind, from its tag `except`."""
    bits = 0
    for who in exceptions.split(";"):
        bits |= _FREE.get(who.strip(), 0)
    return bits


def _let_through(tags: Tags, by_itself: int) -> int:
    bits = by_itself
    for who, keys in _ACCESS:
        said = next((tags[key] for key in keys if key in tags), None)
        if said == "no" or (said == "emergency" and who != SIREN):
            bits &= ~who
        elif said not in (None, "unknown"):
            bits |= who
    return bits
