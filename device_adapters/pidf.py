# SPDX-License-Identifier: Apache-2.0
"""Reading a PIDF-LO, wherever it came from (RFC 4119, RFC 5491, RFC 5139, RFC 6848). Pure.

XML comes from strangers: no document type, no entities, a size cap, a cap on tags, and only then the parser.
A document may hold several places: of the device, of the network, of a person. The most precise one is taken,
and the civic address beside it, else the first there is.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple
from xml.etree import ElementTree

from core.events import Location
from device_adapters.shapes import SHAPES, Circle, name_of
from device_adapters.shapes import UnreadableLocationError as UnreadableLocationError

PIDF_BYTES_MAX = 32_768
"A long civic address with a polygon is 4 kB."
TAGS_MAX = 1_000
"Opening and closing together; a polygon of shapes.POINTS_MAX with a civic address has some 250."
SHAPES_MAX = 8
"Read of one document. Two is usual: the device's and the network's."
ADDRESS_CHARS_MAX = 500
"Of the address line; a full one has some 60 (guess)."
TIMESTAMP_CHARS_MAX = 40
"RFC 3339 with nanoseconds has 35."
POINT_M = 100.0
"What a point that names no uncertainty is worth when another shape names its own (guess); never told."

CIVIC_ORDER = (
    *"country A1 A2 A3 A4 A5 A6 PRM PRD STP RD RDSEC RDBR RDSUBBR STS POD POM HNP HNO HNS MP PN LMKP LMK".split(),
    *"LOC NAM BLD UNIT FLR ROOM SEAT PLC".split(),  # codespell:ignore
)
"RFC 5139 3 and RFC 6848 5: from the land to the seat; what is not here stands behind."


class Place(NamedTuple):
    """What a PIDF-LO said: coordinates, a civic address, or both."""

    location: Location | None
    address: str
    unread: int = 0
    "Shapes that were there and could not be read."


class _Found(NamedTuple):
    circle: Circle
    at_ms: int
    address: str


def read_pidf(document: bytes, source: str = "pidf-lo") -> Place:
    """Read one PIDF-LO; raise UnreadableLocationError when it holds no place we understand."""
    root = _parsed(document)
    found: list[_Found] = []
    addresses: list[str] = []
    unread = 0
    left = SHAPES_MAX
    for said in _sayings(root):
        address = next(filter(None, map(_civic, _named(said, "civicAddress"))), "")
        addresses.append(address)
        at_ms = _at_ms(next((stamp.text for stamp in _named(said, "timestamp")), None))
        for shape in islice(_shapes(said), left):
            left -= 1
            try:
                found.append(_Found(SHAPES[name_of(shape)](shape), at_ms, address))
            except UnreadableLocationError:
                unread += 1
    address = next(filter(None, addresses), "")
    if not found:
        if not address:
            raise UnreadableLocationError("no shape and no civic address")
        return Place(None, address, unread)
    best = min(found, key=lambda one: one.circle.radius_m or POINT_M)
    address = best.address or address
    lat, lon, radius_m = best.circle
    location = Location(
        lat=lat, lon=lon, uncertainty_m=radius_m, source=source, address=address, at_ms=best.at_ms
    )
    return Place(location, address, unread)


def _parsed(document: bytes) -> ElementTree.Element:
    if len(document) > PIDF_BYTES_MAX:
        raise UnreadableLocationError("too long")
    if document.count(b"<") > TAGS_MAX:
        raise UnreadableLocationError("too many tags")
    if b"\0" in document or b"<!doctype" in (folded := document.lower()) or b"<!entity" in folded:
        raise UnreadableLocationError("declarations or UTF-16")
    try:
        return ElementTree.fromstring(document.strip())  # noqa: S314 - no declarations, so nothing to expand
    except (ElementTree.ParseError, ValueError, LookupError) as wrong:
        raise UnreadableLocationError("not XML") from wrong


def _sayings(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """Return what places stand in: tuple, device, person (RFC 5491 3); the whole when there is no presence."""
    presence = next(_named(root, "presence"), None)  # a HELD answer wraps it (RFC 5985 6.6)
    return iter((root,) if presence is None else presence)


def _shapes(root: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """Return the shapes in order, not those that others are made of: a prism's base is no place of its own."""
    ahead = [root]
    while ahead:
        element = ahead.pop()
        if name_of(element) in SHAPES:
            yield element
        else:
            ahead += reversed(element)


def _named(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (element for element in root.iter() if name_of(element) == name)


def _civic(civic: ElementTree.Element) -> str:
    given = {name_of(child): " ".join((child.text or "").split()) for child in civic}
    order = [*CIVIC_ORDER, *sorted(set(given) - set(CIVIC_ORDER))]
    return " ".join(given[name] for name in order if given.get(name))[:ADDRESS_CHARS_MAX]


def _at_ms(stamp: str | None) -> int:
    """Return a timestamp as ms since 1970; 0 when it is none, or says no zone (RFC 3863 4.1.7)."""
    text = (stamp or "").strip()
    if not text or len(text) > TIMESTAMP_CHARS_MAX:
        return 0
    try:
        at = datetime.fromisoformat(text)
        return max(0, int(at.timestamp() * 1000)) if at.tzinfo is not None else 0
    except (ValueError, OverflowError):
        return 0
