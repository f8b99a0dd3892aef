# SPDX-License-Identifier: Apache-2.0
"""GB/T 28181 MobilePosition: the MANSCDP XML of body cameras and vehicles, as a SIP platform hands it on. Pure.

`Notify` with CmdType MobilePosition: DeviceID (or TargetID: who moves, when one device speaks for another), Time
without a zone, Longitude and Latitude in degrees, Speed in km/h, Direction. XML comes from strangers: no document
type, no entities, a cap on tags, and only then the parser. It is often GB2312, which the parser does not know: it is
decoded here.
"""

import re
from xml.etree import ElementTree

from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire.fields import fix_of, iso_seconds, written_key
from device_adapters.mqtt.wire.said import Passed, Reading, Said

TAGS_MAX = 200  # opening and closing together; a position has some 24
HEAD_BYTES = 200  # in which the XML declaration ends
IGNORED = frozenset(
    "Alarm Broadcast Catalog ConfigDownload DeviceInfo DeviceStatus Keepalive MediaStatus".split()
)
IDS = ("TargetID", "DeviceID")

_ENCODING = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([A-Za-z0-9_.-]{1,20})[\"']")
_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")


def read(payload: bytes, key: str, how: Reading, at_ns: int) -> list[Said]:
    """Return the fix of one notification."""
    root = _parsed(payload)
    fields = {_name(child): (child.text or "").strip() for child in root}
    kind = fields.get("CmdType", "")
    if _name(root) != "Notify" or kind != "MobilePosition":
        return [(key, Passed(kind if kind in IGNORED else "other"))]
    fix = fix_of(
        how,
        at_ns,
        lat=_figure(fields, "Latitude"),
        lon=_figure(fields, "Longitude"),
        tst=iso_seconds(fields.get("Time", ""), how.utc_offset_s),
        speed=_figure(fields, "Speed"),
        course=_figure(fields, "Direction"),
    )
    ids = how.unit_field or IDS
    return [(key or written_key(next((fields[each] for each in ids if fields.get(each)), None)), fix)]


def _name(element: ElementTree.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _parsed(document: bytes) -> ElementTree.Element:
    folded = document.lower()
    if (
        document.count(b"<") > TAGS_MAX
        or b"\0" in document
        or b"<!doctype" in folded
        or b"<!entity" in folded
    ):
        raise WireError("unreadable")
    try:
        return ElementTree.fromstring(_DECLARATION.sub("", _text(document), count=1))  # noqa: S314 - nothing to expand
    except (ElementTree.ParseError, ValueError):
        raise WireError("unreadable") from None


def _text(document: bytes) -> str:
    """Return it decoded; a name we cannot read becomes question marks, ids and figures are ASCII."""
    declared = _ENCODING.match(document.lstrip()[:HEAD_BYTES])
    if declared is None or declared[1].lower() in (b"utf-8", b"utf8"):
        try:
            return document.decode("utf-8-sig")
        except UnicodeDecodeError:  # it says UTF-8, or nothing, and is neither
            pass
    return document.decode("gb18030", errors="replace")


def _figure(fields: dict[str, str], name: str) -> float | None:
    text = fields.get(name, "")
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise WireError("unreadable") from None
