# SPDX-License-Identifier: Apache-2.0
"""Every shape of RFC 5491 5.2 as the circle that holds it, against circles computed by hand.

At latitude 30 one degree north is 111,195 m on our ball, one degree east 96,298 m.
"""

import math

import pytest

from device_adapters.pidf import ADDRESS_CHARS_MAX, SHAPES_MAX, UnreadableLocationError, read_pidf

NORTH_M = 6_371_008.8 * math.pi / 180
EAST_M = NORTH_M * math.cos(math.radians(30))
DIAGONAL_M = 0.01 * math.hypot(NORTH_M, EAST_M)
FLAT = 'srsName="urn:ogc:def:crs:EPSG::4326"'
SOLID = 'srsName="urn:ogc:def:crs:EPSG::4979"'
SQUARE = "29.99 119.99 29.99 120.01 30.01 120.01 30.01 119.99 29.99 119.99"
RING = f"<gml:exterior><gml:LinearRing><gml:posList>{SQUARE}</gml:posList></gml:LinearRing></gml:exterior>"
HIGH = " ".join(f"{pair} 12.5" for pair in ("30 120", "30 120.02", "30.02 120.01", "30 120"))
SINGLE = "".join(
    f"<gml:pos>{pair}</gml:pos>" for pair in ("30 120", "30 120.02", "30.02 120.02", "30.02 120")
)
AXES = "<gs:semiMajorAxis>50</gs:semiMajorAxis><gs:semiMinorAxis>80</gs:semiMinorAxis>"


def document(*sayings: str) -> bytes:
    return (
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:gs="http://www.opengis.net/pidflo/1.0" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        'xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" '
        'xmlns:cae="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr:ext" '
        f'entity="pres:a@x">{"".join(sayings)}</presence>'
    ).encode()


def said(inside: str, timestamp: str = "", kind: str = "tuple") -> str:
    stamp = f"<timestamp>{timestamp}</timestamp>" if timestamp else ""
    return f"<{kind}><gp:geopriv><gp:location-info>{inside}</gp:location-info></gp:geopriv>{stamp}</{kind}>"


def arc(inner: float, outer: float, start: float, opening: float) -> str:
    return (
        f"<gs:ArcBand {FLAT}><gml:pos>30 120</gml:pos><gs:innerRadius>{inner}</gs:innerRadius>"
        f"<gs:outerRadius>{outer}</gs:outerRadius><gs:startAngle>{start}</gs:startAngle>"
        f"<gs:openingAngle>{opening}</gs:openingAngle></gs:ArcBand>"
    )


@pytest.mark.parametrize(
    ("shape", "north_m", "east_m", "radius_m"),
    [
        (f"<gml:Point {FLAT}><gml:pos>30 120</gml:pos></gml:Point>", 0, 0, 0),
        (f"<gml:Point {SOLID}><gml:pos>30 120 17</gml:pos></gml:Point>", 0, 0, 0),
        (f"<gs:Circle {FLAT}><gml:pos>30 120</gml:pos><gs:radius>30.5</gs:radius></gs:Circle>", 0, 0, 30.5),
        (f"<gs:Sphere {SOLID}><gml:pos>30 120 9</gml:pos><gs:radius>8</gs:radius></gs:Sphere>", 0, 0, 8),
        (f"<gs:Ellipse {FLAT}><gml:pos>30 120</gml:pos>{AXES}</gs:Ellipse>", 0, 0, 80),
        (f"<gs:Ellipsoid {SOLID}><gml:pos>30 120 9</gml:pos>{AXES}</gs:Ellipsoid>", 0, 0, 80),
        # half of 0.02 degrees each way
        (f"<gml:Polygon {FLAT}>{RING}</gml:Polygon>", 0, 0, DIAGONAL_M),
        (f"<gml:Polygon {FLAT}>{SINGLE}</gml:Polygon>", NORTH_M / 100, EAST_M / 100, DIAGONAL_M),
        # the mean of three corners: a third of the height; the farthest is the top
        (
            f"<gs:Prism {SOLID}><gs:base><gml:Polygon><gml:posList>{HIGH}</gml:posList></gml:Polygon></gs:base>"
            "<gs:height>30</gs:height></gs:Prism>",
            0.02 / 3 * NORTH_M,
            0.01 * EAST_M,
            0.02 * 2 / 3 * NORTH_M,
        ),
        # a whole ring, half a ring: the outer circle
        (arc(500, 1000, 0, 360), 0, 0, 1000),
        (arc(500, 1000, 90, 180), 0, 0, 1000),
        # a quarter to the north: through both ends of the outer arc, 1000 cos 45 away
        (arc(500, 1000, 315, 90), 1000 * math.sqrt(0.5), 0, 1000 * math.sqrt(0.5)),
        # sixty degrees to the east, thin: all four ends on it, (550 + 1100) / (2 cos 30) = 952.6 away, radius 550
        (arc(550, 1100, 60, 60), 0, 1650 / math.sqrt(3), 550),
        # the same, but deep: the ends of the inner arc are the far ones, 1200 / (2 cos 30) = 692.8 away
        (arc(200, 1000, 60, 60), 0, 1200 / math.sqrt(3), math.sqrt(280_000)),
        # no angle at all: the piece of a ray between both arcs
        (arc(400, 1000, 180, 0), -700, 0, 300),
    ],
)  # fmt: skip
def test_a_shape_becomes_the_circle_that_holds_it(
    shape: str, north_m: float, east_m: float, radius_m: float
) -> None:
    place = read_pidf(document(said(shape)))

    assert place.location is not None
    assert (place.location.lat - 30) * NORTH_M == pytest.approx(north_m, abs=0.5)
    assert (place.location.lon - 120) * EAST_M == pytest.approx(east_m, abs=0.5)
    assert place.location.uncertainty_m == pytest.approx(radius_m, rel=0.002, abs=0.01)
    assert place.unread == 0


@pytest.mark.parametrize(
    "shape",
    [
        arc(500, 1000, 400, 90),
        arc(-1, 1000, 0, 90),
        arc(500, float("inf"), 0, 90),
        f"<gml:Polygon {FLAT}><gml:posList>30 120 30 121 31</gml:posList></gml:Polygon>",
        f"<gml:Polygon {FLAT}><gml:posList>30 120 30 121 91 120</gml:posList></gml:Polygon>",
        f'<gs:Prism {SOLID}><gml:Polygon srsName="urn:ogc:def:crs:EPSG::3857"><gml:posList>{HIGH}</gml:posList>'
        "</gml:Polygon></gs:Prism>",
        f"<gs:Circle {FLAT}><gml:pos>30 120</gml:pos><gs:radius>1e300</gs:radius></gs:Circle>",
        f"<gs:Circle {FLAT}><gml:pos>30 120</gml:pos></gs:Circle>",
        "<gml:Point srsName='urn:ogc:def:crs:OGC::CRS84'><gml:pos>120 30</gml:pos></gml:Point>",
    ],
)
def test_a_shape_that_cannot_be_is_no_location(shape: str) -> None:
    with pytest.raises(UnreadableLocationError):
        read_pidf(document(said(shape)))


def circle(lat: float, radius_m: float) -> str:
    return f"<gs:Circle {FLAT}><gml:pos>{lat} 120</gml:pos><gs:radius>{radius_m}</gs:radius></gs:Circle>"


POINT = f"<gml:Point {FLAT}><gml:pos>33 120</gml:pos></gml:Point>"


@pytest.mark.parametrize(
    ("shapes", "lat"),
    [
        ([circle(31, 900), circle(32, 20)], 32),
        ([circle(31, 20), circle(32, 900)], 31),
        ([circle(31, 50), circle(32, 50)], 31),
        ([circle(31, 900), POINT], 33),
        ([POINT, circle(31, 20)], 31),
        ([circle(91, 1), circle(31, 900)], 31),
    ],
)
def test_of_several_places_the_most_precise_counts(shapes: list[str], lat: float) -> None:
    place = read_pidf(document(*map(said, shapes)))

    assert place.location is not None
    assert place.location.lat == lat


def test_a_shape_that_cannot_be_read_beside_one_that_can_is_told() -> None:
    assert read_pidf(document(said(circle(91, 1)), said(circle(31, 9)))).unread == 1


def test_the_device_s_coordinates_take_the_network_s_address() -> None:
    civic = "<ca:civicAddress><ca:country>CN</ca:country><ca:A1>浙江省</ca:A1></ca:civicAddress>"

    place = read_pidf(document(said(circle(31, 9), kind="dm:device"), said(civic)))

    assert place.location is not None
    assert (place.location.lat, place.location.address, place.address) == (31, "CN 浙江省", "CN 浙江省")


@pytest.mark.parametrize(
    ("stamp", "at_ms"),
    [
        ("2026-07-01T08:00:00Z", 1_782_892_800_000),
        ("2026-07-01T16:00:00.250+08:00", 1_782_892_800_250),
        ("2026-07-01T08:00:00", 0),
        ("yesterday", 0),
        ("0001-01-01T00:00:00+14:00", 0),
        ("2026-07-01T08:00:00Z" + " " * 50 + "x", 0),
        ("", 0),
    ],
)
def test_a_place_knows_when_it_was_true(stamp: str, at_ms: int) -> None:
    place = read_pidf(document(said(POINT, timestamp=stamp)))

    assert place.location is not None
    assert place.location.at_ms == at_ms


def test_a_civic_address_is_one_line_from_the_land_to_the_seat() -> None:
    civic = (
        "<ca:civicAddress><ca:NAM>新南站</ca:NAM>"  # codespell:ignore
        "<ca:HNO>2</ca:HNO><ca:ROOM>301</ca:ROOM><ca:A3>鹿城区</ca:A3>"
        "<cae:PN>K12</cae:PN><cae:MP>12.5</cae:MP><ca:country>CN</ca:country><ca:RD> 府学\n 巷 </ca:RD>"
        "<ca:A1>浙江省</ca:A1><ca:PC>325000</ca:PC><ca:A2>温州市</ca:A2><cae:STP>老</cae:STP><ca:FLR/></ca:civicAddress>"
    )

    assert (
        read_pidf(document(said(civic))).address
        == "CN 浙江省 温州市 鹿城区 老 府学 巷 2 12.5 K12 新南站 301 325000"
    )


def test_an_endless_address_is_cut() -> None:
    civic = f"<ca:civicAddress><ca:RD>{'路' * 2_000}</ca:RD></ca:civicAddress>"

    assert len(read_pidf(document(said(civic))).address) == ADDRESS_CHARS_MAX


def test_no_more_shapes_are_read_than_are_paid_for() -> None:
    shapes = [circle(31, 900)] * SHAPES_MAX + [circle(32, 1)]

    place = read_pidf(document(*map(said, shapes)))

    assert place.location is not None
    assert place.location.lat == 31


def test_a_source_is_told_as_it_was_asked() -> None:
    place = read_pidf(document(said(POINT)), "held")

    assert place.location is not None
    assert place.location.source == "held"
