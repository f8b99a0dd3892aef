# SPDX-License-Identifier: Apache-2.0
"""An INVITE that knows where the caller is."""

import pytest

from core.events import Location
from device_adapters.pidf import PIDF_BYTES_MAX, Place, UnreadableLocationError, read_pidf
from device_adapters.sip.events import Invited
from tests.unit.sip.peer import SDP, Peer, endpoint

POINT = '<gml:Point srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>27.9949 120.6994</gml:pos></gml:Point>'
CIRCLE = (
    '<gs:Circle srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>27.9949 120.6994</gml:pos>'
    '<gs:radius uom="urn:ogc:def:uom:EPSG::9001">850.24</gs:radius></gs:Circle>'
)
ELLIPSE = (
    '<gs:Ellipse srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>27.5 120.5</gml:pos>'
    "<gs:semiMajorAxis>77.5</gs:semiMajorAxis><gs:semiMinorAxis>3</gs:semiMinorAxis></gs:Ellipse>"
)
SQUARE = (
    '<gml:Polygon srsName="urn:ogc:def:crs:EPSG::4326"><gml:exterior><gml:LinearRing><gml:posList>'
    "27.99 120.69 27.99 120.71 28.01 120.71 28.01 120.69 27.99 120.69"
    "</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"
)
CIVIC = (
    "<ca:civicAddress><ca:country>CN</ca:country><ca:A1>浙江</ca:A1><ca:RD>府学巷</ca:RD>"
    "<ca:A3>鹿城</ca:A3><ca:HNO>2</ca:HNO></ca:civicAddress>"
)


def pidf(inside: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" '
        'xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:gs="http://www.opengis.net/pidflo/1.0" '
        'xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" entity="sip:a@x"><tuple id="t"><status>'
        f"<gp:geopriv><gp:location-info>{inside}</gp:location-info></gp:geopriv></status></tuple></presence>"
    ).encode()


def at(lat: float, lon: float, uncertainty_m: float = 0.0, address: str = "") -> Place:
    location = Location(lat=lat, lon=lon, uncertainty_m=uncertainty_m, source="pidf-lo", address=address)
    return Place(location, address)


@pytest.mark.parametrize(
    ("inside", "place"),
    [
        (POINT, at(27.9949, 120.6994)),
        (CIRCLE, at(27.9949, 120.6994, 850.24)),
        (ELLIPSE, at(27.5, 120.5, 77.5)),
        (CIVIC, Place(None, "CN 浙江 鹿城 府学巷 2")),
        (CIVIC + POINT, at(27.9949, 120.6994, address="CN 浙江 鹿城 府学巷 2")),
    ],
)
def test_a_location_is_read(inside: str, place: Place) -> None:
    assert read_pidf(pidf(inside)) == place


def test_a_polygon_becomes_the_circle_that_holds_it() -> None:
    location = read_pidf(pidf(SQUARE)).location

    assert location is not None
    assert location.lat == pytest.approx(28.0)
    assert location.lon == pytest.approx(120.7)
    assert location.uncertainty_m == pytest.approx(1485, abs=5)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not xml",
        pidf(""),
        pidf("<gml:Point><gml:pos>nan 1</gml:pos></gml:Point>"),
        pidf("<gml:Point><gml:pos>91 1</gml:pos></gml:Point>"),
        pidf("<gml:Point><gml:pos>1</gml:pos></gml:Point>"),
        pidf("<gml:Point><gml:pos>north east</gml:pos></gml:Point>"),
        pidf('<gml:Point srsName="urn:ogc:def:crs:EPSG::3857"><gml:pos>1 1</gml:pos></gml:Point>'),
        pidf(CIRCLE.replace("850.24", "-1")),
        pidf(SQUARE.replace("27.99 120.71 28.01 120.71 28.01 120.69", "")),
        b'<!DOCTYPE presence [<!ENTITY a "aaaa">]>' + pidf(POINT),
        b"<!doctype presence>" + pidf(POINT),
        pidf(POINT).decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        pidf(POINT).replace(b"UTF-8", b"no-such-charset"),
        pidf(POINT + " " * PIDF_BYTES_MAX),
    ],
)
def test_what_cannot_be_read_is_no_location(document: bytes) -> None:
    with pytest.raises(UnreadableLocationError):
        read_pidf(document)


def multipart(*parts: tuple[str, str, bytes]) -> str:
    body = b"".join(
        f"--b1\r\nContent-Type: {kind}\r\nContent-ID: <{cid}>\r\n\r\n".encode() + content + b"\r\n"
        for kind, cid, content in parts
    )
    return (body + b"--b1--\r\n").decode("latin-1")


def dialled(content_type: str, body: str, extra: str = "") -> tuple[Peer, Invited]:
    caller = Peer(endpoint())
    text = caller.text("INVITE", extra=extra, body=body).replace("application/sdp", content_type, 1)
    assert caller.say(text) == [100]
    told = caller.sip.next_event()
    assert isinstance(told, Invited)
    return caller, told


def test_a_call_with_sdp_and_location_in_one_body_is_placed_and_answered() -> None:
    body = multipart(("application/sdp", "s", SDP.encode()), ("application/pidf+xml", "p@x", pidf(CIRCLE)))

    caller, told = dialled("multipart/mixed; boundary=b1", body)
    caller.sip.answer(told.leg, 0.0)
    caller.heard()

    assert told.location is not None
    assert told.location.uncertainty_m == 850.24
    assert b"RTP/AVP 8 101" in caller.last[0].body


def test_geolocation_names_the_part_that_counts() -> None:
    body = multipart(
        ("application/pidf+xml", "old@x", pidf(ELLIPSE)), ("application/pidf+xml", "new@x", pidf(POINT))
    )

    _, told = dialled('multipart/mixed;boundary="b1"', body, "Geolocation: <https://x>, <cid:new@x>\r\n")

    assert told.location is not None
    assert told.location.lat == 27.9949


def test_coordinates_of_one_document_take_the_address_of_another() -> None:
    body = multipart(
        ("application/pidf+xml", "bad@x", b"<broken"),
        ("application/pidf+xml", "net@x", pidf(CIVIC)),
        ("application/pidf+xml", "dev@x", pidf(POINT)),
    )

    caller, told = dialled('multipart/mixed;boundary="b1"', body, "Geolocation: <cid:net@x>, <cid:dev@x>\r\n")

    assert told.location is not None
    assert (told.location.lat, told.address) == (27.9949, "CN 浙江 鹿城 府学巷 2")
    assert caller.sip.statistics()["anomaly_location_unreadable"] == 1


@pytest.mark.parametrize(
    ("geolocation", "kept"),
    [
        ("<https://lis.example.com/a?b=c>;x=y", ("https://lis.example.com/a?b=c",)),
        ("<cid:p@x>, <HTTP://a/>, <sips:loc@b>", ("HTTP://a/", "sips:loc@b")),
        ("https://a/", ("https://a/",)),
        ("<https://a/>, <https://a/>", ("https://a/",)),
        (", ".join(f"<https://a/{n}>" for n in range(9)), tuple(f"https://a/{n}" for n in range(4))),
        (f"<https://a/{'x' * 512}>", ()),
        ("<file:///etc/passwd>, <ftp://a/>, <javascript:x>, <>, ,", ()),
        ("<https://a/b c>, <https://a/\xe9>", ()),
    ],
)
def test_where_a_place_can_be_fetched_is_kept(geolocation: str, kept: tuple[str, ...]) -> None:
    caller = Peer(endpoint())
    caller.invite(extra=f"Geolocation: {geolocation}\r\nGeolocation-Routing: no\r\n")

    told = caller.sip.next_event()

    assert isinstance(told, Invited)
    assert told.locate_at == kept


def test_a_location_alone_is_a_body_too_and_we_make_the_offer() -> None:
    caller, told = dialled("application/pidf+xml", pidf(CIVIC).decode("latin-1"))
    caller.sip.answer(told.leg, 0.0)
    caller.heard()

    assert (told.location, told.address) == (None, "CN 浙江 鹿城 府学巷 2")
    assert b"RTP/AVP 8 0 101" in caller.last[0].body


@pytest.mark.parametrize("kind", ["application/pidf+xml", "multipart/mixed", "multipart/mixed;boundary=b1"])
def test_an_unreadable_location_costs_nobody_the_call(kind: str) -> None:
    caller, told = dialled(kind, "--b1\r\nContent-Type: application/pidf+xml\r\n\r\n<broken")

    assert told.location is None
    assert caller.sip.statistics().get("anomaly_location_unreadable", 0) == (
        "boundary" in kind or "pidf" in kind
    )


@pytest.mark.parametrize(
    ("kind", "extra", "status"),
    [
        ("application/unknownformat", "", 415),
        ("application/unknownformat", "Content-Disposition: x; handling=optional\r\n", 100),
        ("application/resource-lists+xml", "", 100),
        ("text/plain", "", 100),
    ],
)
def test_only_a_body_that_must_be_understood_is_refused(kind: str, extra: str, status: int) -> None:
    caller = Peer(endpoint())

    assert caller.say(caller.text("INVITE", extra=extra, body="x").replace("application/sdp", kind, 1)) == [
        status
    ]


def test_a_document_of_nothing_but_tags_is_not_parsed() -> None:
    with pytest.raises(UnreadableLocationError, match="too many tags"):
        read_pidf(b"<a>" * 5_000)
