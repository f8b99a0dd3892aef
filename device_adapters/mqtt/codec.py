# SPDX-License-Identifier: Apache-2.0
"""Payloads of the contract: bytes to facts, orders to bytes. Pure; what is wrong is told by name.

Every decoder raises `WireError(reason)` and nothing else. Unknown fields are left alone: OwnTracks and others
send more than we read.
"""

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec

from core.effects import OrderUnit
from core.events import (
    Ack,
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

Reason = Literal[
    "bad_topic",
    "too_large",
    "unknown_unit",
    "wrong_county",
    "unreadable",
    "wrong_unit",
    "unknown_crs",
    "not_finite",
    "out_of_range",
    "null_island",
    "future",
    "too_often",
]
SPEED_CM_S_MAX = 65_535
COURSE_TURN = 36_000
"0.01° in a turn; as a course: the device gave none. Who draws it draws north, who matches roads asks for no course."
DELAY_S_MAX = 3_600  # a longer wait is a closed road, and a desk closes roads
TST_MAX = 2**32 - 1
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Json = TypeVar("Json", bound="_Said")
_DATUMS: dict[str, Callable[[float, float], tuple[float, float]]] = {
    "gcj02": datum.wgs84_from_gcj02,
    "bd09": datum.wgs84_from_bd09,
}


class WireError(Exception):
    """A message cannot be used; `reason` says why. Caught in one place: device_adapters.mqtt.intake."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Fix(NamedTuple):
    """One position in the units of the 20-byte record, WGS-84."""

    lat_e7: int
    lon_e7: int
    tst: int
    speed_cm_s: int
    course_cdeg: int
    seq: int


class _Said(msgspec.Struct, kw_only=True, gc=False):
    unit: str | int | None = None
    unit_id: str | int | None = None


class PositionSaid(_Said, kw_only=True, gc=False):
    """`…/position`, in OwnTracks' names."""

    lat: float
    lon: float
    tst: float
    vel: float | None = None
    cog: float | None = None
    seq: Seq = 0
    crs: str = "wgs84"


class StatusSaid(_Said, kw_only=True, gc=False):
    """`…/status`."""

    status: UnitStatus
    tst: float = 0
    seq: Seq = 0


class EventSaid(_Said, kw_only=True, gc=False):
    """`…/event`."""

    event: Literal["emergency", "man_down", "text"]
    tst: float = 0
    seq: Seq = 0
    lat: float | None = None
    lon: float | None = None
    crs: str = "wgs84"
    text: str = ""


class CrySaid(_Said, kw_only=True, gc=False):
    """What must be left of an event when nothing else of it can be read."""

    event: Literal["emergency", "man_down"]


class LinkSaid(_Said, kw_only=True, gc=False):
    """`…/link`, when it comes as an object."""

    link: Literal["online", "offline"]


class AckSaid(_Said, kw_only=True, gc=False):
    """`…/acks`."""

    order_id: str
    ack: Ack
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31)] = 1
    tst: float = 0
    seq: Seq = 0
    reason: str = ""


class JunctionSaid(_Said, kw_only=True, gc=False):
    """`…/junctions/{id}/traffic`."""

    lat: float
    lon: float
    delay_s: float
    "How long whoever comes to the junction waits; 0 when there is nothing to wait for any more."
    tst: float = 0
    crs: str = "wgs84"


class OrderSays(msgspec.Struct, kw_only=True):
    """`…/orders`, fields in the contract's order; `cancelled` only when it is true."""

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


_POSITION = msgspec.json.Decoder(PositionSaid)
_STATUS = msgspec.json.Decoder(StatusSaid)
_EVENT = msgspec.json.Decoder(EventSaid)
_CRY = msgspec.json.Decoder(CrySaid)
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


def decode_position(payload: bytes, unit_id: UnitId, at_ns: int, future_s_max: int) -> Fix:
    """Return the fix, in WGS-84."""
    said = _read(_POSITION, payload, unit_id)
    tst = _time(said.tst, at_ns, future_s_max)
    lat, lon = _place(said.lat, said.lon, said.crs)
    return Fix(
        round(lat * 1e7), round(lon * 1e7), tst, _speed_cm_s(said.vel), _course_cdeg(said.cog), said.seq
    )


def decode_status(payload: bytes, unit_id: UnitId, at_ns: int, future_s_max: int) -> UnitReported:
    """Return what the unit says it is doing."""
    said = _read(_STATUS, payload, unit_id)
    tst = _time(said.tst, at_ns, future_s_max)
    return UnitReported(at_ns=at_ns, unit_id=unit_id, status=said.status, tst=tst, seq=said.seq)


def decode_event(
    payload: bytes, unit_id: UnitId, at_ns: int, future_s_max: int
) -> tuple[UnitCalled, Reason | None]:
    """Return the event and, when part of it had to be left out, why.

    An emergency or man-down is never refused for its time, its place or a broken field beside it: a
    half-understood call is still a call. A text is.
    """
    try:
        said = _read(_EVENT, payload, unit_id)
    except WireError as wrong:
        if wrong.reason == "wrong_unit":
            raise
        cry = _read(_CRY, _without_nan(payload), unit_id)
        return UnitCalled(at_ns=at_ns, unit_id=unit_id, event=cry.event), wrong.reason
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
    )
    return fact, late_why or place_why


def decode_link(payload: bytes, unit_id: UnitId, at_ns: int) -> UnitLinked:
    """Return whether the unit is on the air: `online`, `"online"` or `{"link": "online"}`."""
    link = _BARE_LINKS.get(bytes(payload)) or _read(_LINK, payload, unit_id).link
    return UnitLinked(at_ns=at_ns, unit_id=unit_id, link=link)


def decode_ack(payload: bytes, unit_id: UnitId, at_ns: int, future_s_max: int) -> OrderAcked:
    """Return the unit's answer to an order."""
    said = _read(_ACK, payload, unit_id)
    return OrderAcked(
        at_ns=at_ns,
        unit_id=unit_id,
        order_id=OrderId(said.order_id),
        version=said.version,
        ack=said.ack,
        tst=_time(said.tst, at_ns, future_s_max),
        seq=said.seq,
        reason=said.reason,
    )


def decode_junction(
    payload: bytes, county: CountyCode, junction: str, at_ns: int, future_s_max: int
) -> JunctionReported:
    """Return how long vehicles wait at a junction, in whole seconds."""
    said = _read(_JUNCTION, payload, UnitId(junction))
    if not 0 <= said.delay_s <= DELAY_S_MAX:
        raise WireError("out_of_range")
    tst = _time(said.tst, at_ns, future_s_max)
    lat, lon = _place(said.lat, said.lon, said.crs)
    return JunctionReported(
        at_ns=at_ns,
        lat=lat,
        lon=lon,
        delay_s=round(said.delay_s),
        junction=junction,
        county=county,
        tst=tst,
    )


def encode_order(order: OrderUnit) -> bytes:
    """Return the order as the unit reads it."""
    return _ENCODER.encode(
        OrderSays(
            order_id=order.order_id,
            incident_id=order.incident_id,
            version=order.version,
            level=order.level,
            category=order.category,
            lat=order.lat,
            lon=order.lon,
            address=order.address,
            text=order.text,
            deadline=order.deadline,
            cancelled=True if order.cancelled else msgspec.UNSET,
        )
    )


def _read(decoder: msgspec.json.Decoder[Json], payload: bytes, unit_id: UnitId) -> Json:
    try:
        said = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("not_finite" if _holds_nan(payload) else "unreadable") from None
    for name in (said.unit, said.unit_id):
        if name is not None and str(name) != unit_id:
            raise WireError("wrong_unit")
    return said


def _without_nan(payload: bytes) -> bytes:
    """Return what many a library should have written instead of NaN and Infinity."""
    return payload.replace(b"NaN", b"null").replace(b"-Infinity", b"null").replace(b"Infinity", b"null")


def _holds_nan(payload: bytes) -> bool:
    """Return whether it would be JSON but for NaN or Infinity."""
    mended = _without_nan(payload)
    try:
        msgspec.json.decode(mended)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return mended != payload


def _time(tst: float, at_ns: int, future_s_max: int) -> int:
    if tst * 1_000_000_000 > at_ns + future_s_max * 1_000_000_000:
        raise WireError("future")
    if not 0 <= tst <= TST_MAX:
        raise WireError("out_of_range")
    return int(tst)


def _time_or_none(tst: float, at_ns: int, future_s_max: int, *, must: bool) -> tuple[int, Reason | None]:
    try:
        return _time(tst, at_ns, future_s_max), None
    except WireError as wrong:
        if not must:
            raise
        return 0, wrong.reason


def _place(lat: float, lon: float, crs: str) -> tuple[float, float]:
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        raise WireError("out_of_range")
    if lat == 0.0 and lon == 0.0:
        raise WireError("null_island")
    if crs == "wgs84":
        return lat, lon
    shift = _DATUMS.get(crs)
    if shift is None:
        raise WireError("unknown_crs")
    return shift(lat, lon)


def _place_or_none(said: EventSaid, *, must: bool) -> tuple[tuple[float, float] | None, Reason | None]:
    if said.lat is None or said.lon is None:
        return None, None
    try:
        return _place(said.lat, said.lon, said.crs), None
    except WireError as wrong:
        if not must:
            raise
        return None, wrong.reason


def _speed_cm_s(vel_km_h: float | None) -> int:
    if vel_km_h is None or not vel_km_h > 0.0:
        return 0
    return min(SPEED_CM_S_MAX, round(min(vel_km_h, 1e6) / 0.036))


def _course_cdeg(cog: float | None) -> int:
    return COURSE_TURN if cog is None else round(cog * 100.0) % COURSE_TURN
