# SPDX-License-Identifier: Apache-2.0
"""Payloads of the contract: bytes to facts, orders to bytes. Pure; what is wrong is told by name.

Every decoder raises `WireError(reason)` and nothing else. Unknown fields are left alone: OwnTracks and others
send more than we read.
"""

from typing import Annotated, Literal

import msgspec

from core.effects import OrderUnit
from core.events import (
    Ack,
    Datum,
    JunctionReported,
    Link,
    OrderAcked,
    UnitCalled,
    UnitLinked,
    UnitReported,
    UnitStatus,
)
from core.ids import CountyCode, OrderId, UnitId
from device_adapters import datum
from device_adapters.fixes import COURSE_TURN, Fix
from device_adapters.mqtt.payload import CriedEvent, CriedStatus, Reason, Said, WireError, read, read_or_save

SPEED_CM_S_MAX = 65_535
SPEED_KM_H_MAX = SPEED_CM_S_MAX * 0.036
DELAY_S_MAX = 3_600  # a longer wait is a closed road, and a desk closes roads
TST_MAX = 2**32 - 1
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
ACCURACY_M_MAX = 1_000_000  # a figure for "nowhere"
COURSE_DEG_MAX = 1e6  # so that no figure overflows; a course beyond is none


class PositionSaid(Said, kw_only=True, gc=False):
    """`…/position`, in OwnTracks' names."""

    lat: float
    lon: float
    tst: float
    vel: float | None = None
    cog: float | None = None
    acc: float | str | None = None
    "Metres; 0 and words mean nothing."
    seq: Seq = 0
    crs: str = "wgs84"


class StatusSaid(Said, kw_only=True, gc=False):
    """`…/status`."""

    status: UnitStatus
    tst: float = 0
    seq: Seq = 0


class EventSaid(Said, kw_only=True, gc=False):
    """`…/event`."""

    event: Literal["emergency", "man_down", "text", "check_in"]
    tst: float = 0
    seq: Seq = 0
    lat: float | None = None
    lon: float | None = None
    crs: str = "wgs84"
    text: str = ""
    prompt: Seq = 0
    "Of a `check_in`: the number of the question it answers."


class LinkSaid(Said, kw_only=True, gc=False):
    """`…/link`, when it comes as an object."""

    link: Literal["online", "offline"]


class AckSaid(Said, kw_only=True, gc=False):
    """`…/acks`."""

    order_id: str
    ack: Ack
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31)] = 1
    tst: float = 0
    seq: Seq = 0
    reason: str = ""


class JunctionSaid(Said, kw_only=True, gc=False):
    """`…/junctions/{id}/traffic`."""

    lat: float
    lon: float
    delay_s: float
    "How long whoever comes to the junction waits; 0 when there is nothing to wait for any more."
    tst: float = 0
    crs: str = "wgs84"


class OrderSays(msgspec.Struct, kw_only=True):
    """`…/orders` and `…/alerts`, fields in the contract's order; after `deadline` only what says something."""

    order_id: str
    incident_id: str
    version: int
    level: int
    category: str
    lat: float | None
    lon: float | None
    address: str
    text: str
    deadline: int
    cancelled: bool | msgspec.UnsetType = msgspec.UNSET
    crs: Literal["gcj02", "bd09"] | msgspec.UnsetType = msgspec.UNSET
    "Datum of `lat` and `lon` where the unit's source declares one (docs/decisions/0044); WGS-84 when it is not there."
    alert: int | msgspec.UnsetType = msgspec.UNSET
    "Nobody has signed: the same order told again, louder; counts up."
    supersedes: int | msgspec.UnsetType = msgspec.UNSET
    "The version of the same order that this one takes the place of."
    stacked: bool | msgspec.UnsetType = msgspec.UNSET
    "It waits its turn: sign it, and go on with the one before."


_POSITION = msgspec.json.Decoder(PositionSaid)
_STATUS = msgspec.json.Decoder(StatusSaid)
_EVENT = msgspec.json.Decoder(EventSaid)
_CRIED_EVENT = msgspec.json.Decoder(CriedEvent)
_CRIED_STATUS = msgspec.json.Decoder(CriedStatus)
_LINK = msgspec.json.Decoder(LinkSaid)
_ACK = msgspec.json.Decoder(AckSaid)
_JUNCTION = msgspec.json.Decoder(JunctionSaid)
_ENCODER = msgspec.json.Encoder()
_BARE_LINKS: dict[bytes, Link] = {
    b"online": "online",
    b'"online"': "online",
    b"offline": "offline",
    b'"offline"': "offline",
}


def decode_position(payload: bytes, unit_id: UnitId, at_ns: int, future_s_max: int, crs: str = "") -> Fix:
    """Return the fix, in WGS-84; `crs` is the datum whatever the payload says, "" leaves it to the payload."""
    said = read(_POSITION, payload, unit_id)
    tst = time_of(said.tst, at_ns, future_s_max)
    lat, lon = place_of(said.lat, said.lon, crs or said.crs)
    return Fix(
        round(lat * 1e7),
        round(lon * 1e7),
        tst,
        speed_cm_s(said.vel),
        course_cdeg(said.cog),
        said.seq,
        accuracy_m(said.acc),
    )


def decode_status(
    payload: bytes, unit_id: UnitId, at_ns: int, future_s_max: int
) -> tuple[UnitReported, Reason | None]:
    """Return what the unit says it is doing and, when part of it had to be left out, why.

    `emergency` is never refused for its time or a broken field beside it; every other status is.
    """
    said, broken_why = read_or_save(_STATUS, _CRIED_STATUS, payload, unit_id)
    tst, late_why = _time_or_none(said.tst, at_ns, future_s_max, must=said.status == "emergency")
    fact = UnitReported(at_ns=at_ns, unit_id=unit_id, status=said.status, tst=tst, seq=said.seq)
    return fact, broken_why or late_why


def decode_event(
    payload: bytes, unit_id: UnitId, at_ns: int, future_s_max: int
) -> tuple[UnitCalled, Reason | None]:
    """Return the event and, when part of it had to be left out, why.

    An emergency, a man-down or the answer to a safety check is never refused for its time, its place or a broken
    field beside it: a half-understood call is still a call. A text is.
    """
    said, broken_why = read_or_save(_EVENT, _CRIED_EVENT, payload, unit_id)
    must = said.event != "text"
    tst, late_why = _time_or_none(said.tst, at_ns, future_s_max, must=must)
    place, place_why = _place_or_none(said, must=must)
    lat, lon = place or (None, None)
    fact = UnitCalled(
        at_ns=at_ns,
        unit_id=unit_id,
        event=said.event,
        tst=tst,
        seq=said.seq,
        lat=lat,
        lon=lon,
        text=said.text,
        prompt=said.prompt,
    )
    return fact, broken_why or late_why or place_why


def decode_link(payload: bytes, unit_id: UnitId, at_ns: int) -> UnitLinked:
    """Return whether the unit is on the air: `online`, `"online"` or `{"link": "online"}`."""
    link = _BARE_LINKS.get(bytes(payload)) or read(_LINK, payload, unit_id).link
    return UnitLinked(at_ns=at_ns, unit_id=unit_id, link=link)


def decode_ack(payload: bytes, unit_id: UnitId, at_ns: int, future_s_max: int) -> OrderAcked:
    """Return the unit's answer to an order."""
    said = read(_ACK, payload, unit_id)
    return OrderAcked(
        at_ns=at_ns,
        unit_id=unit_id,
        order_id=OrderId(said.order_id),
        version=said.version,
        ack=said.ack,
        tst=time_of(said.tst, at_ns, future_s_max),
        seq=said.seq,
        reason=said.reason,
    )


def decode_junction(
    payload: bytes, county: CountyCode, junction: str, at_ns: int, future_s_max: int
) -> JunctionReported:
    """Return how long vehicles wait at a junction, in whole seconds."""
    said = read(_JUNCTION, payload, UnitId(junction))
    if not 0 <= said.delay_s <= DELAY_S_MAX:
        raise WireError("out_of_range")
    tst = time_of(said.tst, at_ns, future_s_max)
    lat, lon = place_of(said.lat, said.lon, said.crs)
    return JunctionReported(
        at_ns=at_ns,
        lat=lat,
        lon=lon,
        delay_s=round(said.delay_s),
        junction=junction,
        county=county,
        tst=tst,
    )


def encode_order(order: OrderUnit, crs: Datum = "wgs84") -> bytes:
    """Return the order as the unit reads it, its place in the datum the unit's source declares."""
    lat, lon = order.lat, order.lon
    if lat is not None and lon is not None:
        lat, lon = place_out(lat, lon, crs)
    return _ENCODER.encode(
        OrderSays(
            order_id=order.order_id,
            incident_id=order.incident_id,
            version=order.version,
            level=order.level,
            category=order.category,
            lat=lat,
            lon=lon,
            address=order.address,
            text=order.text,
            deadline=order.deadline,
            cancelled=True if order.cancelled else msgspec.UNSET,
            alert=order.alert or msgspec.UNSET,
            supersedes=order.supersedes or msgspec.UNSET,
            stacked=order.stacked or msgspec.UNSET,
            crs=msgspec.UNSET if crs == "wgs84" else crs,
        )
    )


def time_of(tst: float, at_ns: int, future_s_max: int) -> int:
    """Return whole seconds since 1970. Raises WireError: `future`, `out_of_range`."""
    if tst * 1_000_000_000 > at_ns + future_s_max * 1_000_000_000:
        raise WireError("future")
    if not 0 <= tst <= TST_MAX:
        raise WireError("out_of_range")
    return int(tst)


def _time_or_none(tst: float, at_ns: int, future_s_max: int, *, must: bool) -> tuple[int, Reason | None]:
    try:
        return time_of(tst, at_ns, future_s_max), None
    except WireError as wrong:
        if not must:
            raise
        return 0, wrong.reason


def place_of(lat: float, lon: float, crs: str) -> tuple[float, float]:
    """Return (latitude, longitude) in WGS-84. Raises WireError: `out_of_range`, `null_island`, `unknown_crs`."""
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        raise WireError("out_of_range")
    if lat == 0.0 and lon == 0.0:
        raise WireError("null_island")
    if crs == "wgs84":
        return lat, lon
    shift = datum.WGS84_FROM.get(crs)
    if shift is None:
        raise WireError("unknown_crs")
    return shift(lat, lon)


def place_out(lat: float, lon: float, crs: Datum) -> tuple[float, float]:
    """Return (latitude, longitude) of a WGS-84 place in another datum."""
    return datum.FROM_WGS84[crs](lat, lon)


def _place_or_none(said: EventSaid, *, must: bool) -> tuple[tuple[float, float] | None, Reason | None]:
    if said.lat is None or said.lon is None:
        return None, None
    try:
        return place_of(said.lat, said.lon, said.crs), None
    except WireError as wrong:
        if not must:
            raise
        return None, wrong.reason


def speed_cm_s(vel_km_h: float | None) -> int:
    """Return cm/s for the record; none, negative and NaN are 0."""
    if vel_km_h is None or not vel_km_h > 0.0:
        return 0
    return round(vel_km_h / 0.036) if vel_km_h < SPEED_KM_H_MAX else SPEED_CM_S_MAX


def course_cdeg(cog: float | None) -> int:
    """Return 0.01°, or COURSE_TURN when there is no course."""
    if cog is None or not -COURSE_DEG_MAX <= cog <= COURSE_DEG_MAX:
        return COURSE_TURN
    return round(cog * 100.0) % COURSE_TURN


def accuracy_m(acc: float | str | None) -> int:
    """Return metres, or 0 when nothing was said: some devices write 0 for it, some below 0, some a word."""
    if acc is None or isinstance(acc, str) or not acc > 0.0:
        return 0
    return (round(acc) or 1) if acc < ACCURACY_M_MAX else ACCURACY_M_MAX
