# SPDX-License-Identifier: Apache-2.0
"""The topic tree `g110/v1/{county}/units/{unit}/{leaf}`: read, made, subscribed to. Pure.

Beside the units, `g110/v1/{county}/junctions/{id}/traffic`: what traffic lights or their house say of a junction.

`county` is the GB/T 2260 code, six digits; `unit` is `[A-Za-z0-9_-]{1,32}`, so that no unit's name can hold a
level or a wildcard of its own.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from core.ids import CountyCode, UnitId

ROOT = "g110/v1"
POSITION = "position"
EVENT_LEAVES = ("status", "event", "link", "acks")
"What must not be lost: QoS 1, acknowledged when it is on the disk."
TOPICS_REMEMBERED = 65_536  # five leaves of a fleet of 13,000; a guess, some 20 MB at most

_UPWARD = re.compile(
    rf"{ROOT}/(?P<county>[0-9]{{6}})/units/(?P<unit>[A-Za-z0-9_-]{{1,32}})/(?P<leaf>position|status|event|link|acks)"
)


_JUNCTION = re.compile(
    rf"{ROOT}/(?P<county>[0-9]{{6}})/junctions/(?P<junction>[A-Za-z0-9_-]{{1,32}})/traffic"
)


class Junction(NamedTuple):
    """Which junction is spoken of."""

    county: CountyCode
    junction: str


class Topic(NamedTuple):
    """Who speaks, from where, about what."""

    county: CountyCode
    unit_id: UnitId
    leaf: str


@lru_cache(maxsize=TOPICS_REMEMBERED)
def parse(topic: str) -> Topic | None:
    """Return what the topic says, or None when it is not one a unit may write."""
    match = _UPWARD.fullmatch(topic)
    if match is None:
        return None
    return Topic(CountyCode(match["county"]), UnitId(match["unit"]), match["leaf"])


@lru_cache(maxsize=TOPICS_REMEMBERED)
def parse_junction(topic: str) -> Junction | None:
    """Return the junction a topic is about, or None when it is about none."""
    match = _JUNCTION.fullmatch(topic)
    return None if match is None else Junction(CountyCode(match["county"]), match["junction"])


def orders(county: CountyCode, unit_id: UnitId) -> str:
    """Return where a unit listens for orders."""
    return f"{ROOT}/{county}/units/{unit_id}/orders"


def alerts(county: CountyCode, unit_id: UnitId) -> str:
    """Return a unit's second channel: orders that nobody signed, told again to whatever else listens for it."""
    return f"{ROOT}/{county}/units/{unit_id}/alerts"


def prompts(county: CountyCode, unit_id: UnitId) -> str:
    """Return where an officer on scene is asked whether they are well."""
    return f"{ROOT}/{county}/units/{unit_id}/prompts"


def event(county: CountyCode, unit_id: UnitId) -> str:
    """Return where they answer, and call for help."""
    return f"{ROOT}/{county}/units/{unit_id}/event"


def acks(county: CountyCode, unit_id: UnitId) -> str:
    """Return where a unit answers them."""
    return f"{ROOT}/{county}/units/{unit_id}/acks"


def presence(county: CountyCode, node: str) -> str:
    """Return where this gateway says `online` (retained), and its last will says `offline`."""
    return f"{ROOT}/{county}/sys/{node}"


def position_filters(counties: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the subscriptions of the positions connection; no county named means every county."""
    return tuple(f"{ROOT}/{county}/units/+/{POSITION}" for county in _or_all(counties))


def junction_filters(counties: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the subscriptions to junctions."""
    return tuple(f"{ROOT}/{county}/junctions/+/traffic" for county in _or_all(counties))


def event_filters(counties: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the subscriptions of the events connection."""
    return tuple(f"{ROOT}/{county}/units/+/{leaf}" for county in _or_all(counties) for leaf in EVENT_LEAVES)


def _or_all(counties: Iterable[str]) -> tuple[str, ...]:
    return tuple(counties) or ("+",)
