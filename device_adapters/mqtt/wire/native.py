# SPDX-License-Identifier: Apache-2.0
"""The contract's own payloads under another topic: a fleet that speaks our JSON through its own tree. Pure.

What a message is, its fields tell: `event`, `ack`, `status`, `link`, else a position.
"""

from typing import Any

import msgspec

from core.events import UnitCalled, UnitReported
from core.ids import UnitId
from device_adapters.mqtt import codec
from device_adapters.mqtt.payload import Reason, WireError, mended
from device_adapters.mqtt.wire.fields import key_of, object_of, written_key
from device_adapters.mqtt.wire.said import Left, Reading, Said

UNIT_FIELD = ("unit_id",)
CRIES = ("emergency", "man_down")
"An event of another name does not hide the status `emergency` beside it."


class _Which(msgspec.Struct, gc=False):
    """Enough to tell one payload from another, mended where it has to be: a cry is heard through it."""

    event: Any = None
    ack: Any = None
    status: Any = None
    link: Any = None
    crs: Any = None
    unit_id: Any = None


_WHICH = msgspec.json.Decoder(_Which)


def read(payload: bytes, key: str, how: Reading, at_ns: int) -> list[Said]:
    """Return what the one message says."""
    which = _which(payload)
    if not key:
        at_top = how.unit_field == UNIT_FIELD
        key = written_key(which.unit_id) if at_top else key_of(object_of(payload, mend=True), key, how)
    unit_id = UnitId(key)
    cried = which.status == "emergency" and which.event not in CRIES
    if which.event is not None and not cried:
        return _event(payload, unit_id, how, at_ns, shift=which.crs is None)
    if which.ack is not None and not cried:
        return [(key, codec.decode_ack(payload, unit_id, at_ns, how.future_s_max))]
    if which.status is not None:
        return _with_what_was_left_out(
            unit_id, *codec.decode_status(payload, unit_id, at_ns, how.future_s_max)
        )
    if which.link is not None:
        return [(key, codec.decode_link(payload, unit_id, at_ns))]
    crs = how.crs if which.crs is None else ""
    fix = codec.decode_position(payload, unit_id, at_ns, how.future_s_max, crs)
    fix.source = how.source
    return [(key, fix)]


def _which(payload: bytes) -> _Which:
    try:
        return _WHICH.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _WHICH.decode(mended(payload))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("unreadable") from None


def _event(payload: bytes, unit_id: UnitId, how: Reading, at_ns: int, *, shift: bool) -> list[Said]:
    called, left_out = codec.decode_event(payload, unit_id, at_ns, how.future_s_max)
    if shift and called.lat is not None and called.lon is not None:
        lat, lon = codec.place_of(called.lat, called.lon, how.crs)
        called = msgspec.structs.replace(called, lat=lat, lon=lon)
    return _with_what_was_left_out(unit_id, called, left_out)


def _with_what_was_left_out(
    unit_id: UnitId, fact: UnitReported | UnitCalled, why: Reason | None
) -> list[Said]:
    said: list[Said] = [(unit_id, fact)]
    if why is not None:
        said.append((unit_id, Left(why, mended=True)))
    return said
