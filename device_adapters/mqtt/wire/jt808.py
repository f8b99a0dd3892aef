# SPDX-License-Identifier: Apache-2.0
"""JT/T 808 as EMQX's gateway writes it in JSON (its documentation, "JT/T 808 Gateway Data Exchange Format"). Pure.

Up: 0x0200 a position, 0x0201 the answer to a query, 0x0704 a backlog. Latitude and longitude are whole 1e-6 degrees,
with south and west in the status; speed is 0.1 km/h; time is YYMMDDhhmmss, Beijing's. Alarm bit 0 is the officer's
button and stays set until the platform has seen to it. Down: 0x8300, a text.

Status bit 5 says that a secrecy plug-in has changed the coordinates. Into what, the source must say: such a place is
taken only from one that declares a datum other than WGS-84.
"""

from datetime import datetime, timedelta, timezone

import msgspec

from device_adapters.fixes import Fix
from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire.alarms import Cry, reported
from device_adapters.mqtt.wire.fields import (
    Object,
    fix_of,
    items,
    key_of,
    number,
    object_of,
    part,
    seq_of,
    whole,
)
from device_adapters.mqtt.wire.said import Passed, Reading, Said

POSITION, ANSWER, BACKLOG, TEXT = 0x0200, 0x0201, 0x0704, 0x8300
IGNORED = {
    0x0001: "ack",
    0x0002: "heartbeat",
    0x0003: "logout",
    0x0100: "registration",
    0x0102: "authentication",
    0x0104: "parameters",
    0x0302: "answer",
}
SOS = 1 << 0
FIXED, SOUTH, WEST, CHANGED = 1 << 1, 1 << 2, 1 << 3, 1 << 5
SHOW, READ_ALOUD, URGENT = 1 << 2, 1 << 3, 1 << 0
"Flags of a text (JT/T 808-2013, table 46)."
TEXT_BYTES_MAX = 1_024  # in GBK, as the terminal gets it (JT/T 808-2013, 8.18)


def read(payload: bytes, key: str, how: Reading, at_ns: int) -> list[Said]:
    """Return the button as each report shows it, and its fix."""
    said = object_of(payload, mend=True)
    header, body = part(said, "header"), part(said, "body")
    kind = header.get("msg_id")
    if kind == POSITION:
        reports = [body]
    elif kind == ANSWER:
        reports = [part(body, "params")]
    elif kind == BACKLOG:
        reports = items(body, "location")
    else:
        return [(key, Passed(IGNORED.get(kind, "other") if isinstance(kind, int) else "other"))]
    key = key_of(said, key, how)
    seq = seq_of(header, "msg_sn")
    heard: list[Said] = []
    for report in reports:
        heard += _report(report, key, how, at_ns, seq)
    return heard


def text_of(text: str, *, urgent: bool) -> bytes:
    """Return a text message for the terminal's screen and loudspeaker."""
    cut = text.encode("gbk", errors="replace")[:TEXT_BYTES_MAX].decode("gbk", errors="ignore")
    flag = SHOW | READ_ALOUD | (URGENT if urgent else 0)
    return msgspec.json.encode({"header": {"msg_id": TEXT}, "body": {"flag": flag, "text": cut}})


def _report(report: Object, key: str, how: Reading, at_ns: int, seq: int) -> list[Said]:
    cry: Cry | None = "emergency" if whole(report, "alarm") & SOS else None
    return reported(
        key,
        how,
        at_ns,
        cry=cry,
        when=lambda: _seconds(report.get("time"), how),
        seq=seq,
        fix=lambda: _fix(report, how, at_ns, seq),
    )


def _fix(report: Object, how: Reading, at_ns: int, seq: int) -> Fix:
    status = whole(report, "status")
    if not status & FIXED:
        raise WireError("no_fix")
    if status & CHANGED and how.crs == "wgs84":
        raise WireError("encrypted")
    lat, lon = number(report, "latitude"), number(report, "longitude")
    if lat is None or lon is None:
        raise WireError("no_fix")
    return fix_of(
        how,
        at_ns,
        lat=lat / (-1e6 if status & SOUTH else 1e6),
        lon=lon / (-1e6 if status & WEST else 1e6),
        tst=_seconds(report.get("time"), how),
        speed=number(report, "speed"),
        course=number(report, "direction"),
        seq=seq,
    )


def _seconds(stamp: object, how: Reading) -> float:
    if not (isinstance(stamp, str) and len(stamp) == 12 and stamp.isascii() and stamp.isdigit()):
        raise WireError("no_time")
    year, month, day, hour, minute, second = (int(stamp[at : at + 2]) for at in range(0, 12, 2))
    zone = timezone(timedelta(seconds=how.utc_offset_s))
    try:
        return datetime(2000 + year, month, day, hour, minute, second, tzinfo=zone).timestamp()
    except ValueError:
        raise WireError("no_time") from None
