# SPDX-License-Identifier: Apache-2.0
"""A map of zones is read whole, or refused with one line that says what is wrong and where."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.zones.ground import Ground
from core.zones.zone import corners
from gateway.config import Config, ZonesSettings
from gateway.errors import ZonesError
from gateway.zones import CORNERS_MAX, FILE_BYTES_MAX, read_zones

SQUARE = [[120.0, 28.0], [120.1, 28.0], [120.1, 28.1], [120.0, 28.1], [120.0, 28.0]]
LUCHENG = {"kind": "county", "county": "330302", "name": "鹿城"}


def feature(properties: Any = None, coordinates: Any = None, kind: str = "Polygon") -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": LUCHENG if properties is None else properties,
        "geometry": {"type": kind, "coordinates": [SQUARE] if coordinates is None else coordinates},
    }


def written(folder: Path, *features: Any, **more: Any) -> Path:
    path = folder / "zones.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features), **more}))
    return path


def refused(path: Path) -> str:
    with pytest.raises(ZonesError) as told:
        read_zones(path)
    text = str(told.value)
    assert "\n" not in text
    assert "zones.geojson" in text
    return text


def test_counties_and_special_zones_are_read_with_what_they_say(tmp_path: Path) -> None:
    hole = [[120.04, 28.04], [120.06, 28.04], [120.06, 28.06], [120.04, 28.04]]
    airport = {
        "kind": "airport",
        "name": "永强",
        "organ": "330300430000",
        "police_type": "airport",
        "iata": "WNZ",
    }
    path = written(
        tmp_path,
        feature({**LUCHENG, "county": 330302}, [SQUARE, hole]),
        feature(
            {**airport, "precedence": 7},
            [[SQUARE], [[[lon + 1, lat, 3.5] for lon, lat in SQUARE]]],
            "MultiPolygon",
        ),
    )

    county, special = read_zones(path).zones

    assert (county.county, county.name, county.precedence) == ("330302", "鹿城", 0)
    assert [len(corners(ring)) for ring in county.polygons[0]] == [4, 3]
    assert corners(county.polygons[0][0])[1].tolist() == [280_000_000, 1_201_000_000]
    assert (special.organ, special.police_type, special.precedence) == ("330300430000", "airport", 7)
    assert len(special.polygons) == 2
    assert Ground((county, special)).find(28.05, 121.05).special == special


def test_one_feature_alone_is_a_map(tmp_path: Path) -> None:
    path = tmp_path / "zones.geojson"
    path.write_text("\ufeff" + json.dumps(feature({"kind": "sea", "name": "east"})))

    (zone,), doubts = read_zones(path)

    assert (zone.kind, zone.precedence, doubts) == ("sea", 100, ())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("lat,lon\n28,120\n", "is not JSON: line 1, column 1"),
        ('{"type": "FeatureCollection",\n "features": [}', "line 2, column 15"),
        ("[]", "its type is None"),
        ('{"type": "Topology"}', "its type is 'Topology'"),
        ('{"type": "FeatureCollection"}', "no list of features"),
        ('{"type": "FeatureCollection", "features": []}', "not one feature"),
        ('{"type": "FeatureCollection", "features": [5]}', "feature 1 is not a Feature"),
        ('{"type": "Feature", "properties": NaN}', "NaN is no number"),
        ("[" * 100_000, "too deep"),
        ("[" + "9" * 5_000 + "]", "a number in it cannot be read"),
        (
            '{"type": "FeatureCollection", "features": [], "crs": {"properties": {"name": "EPSG:3857"}}}',
            "WGS-84 degrees, not",
        ),
        ('{"type": "FeatureCollection", "crs": "\\ud800"}', r"not '\ud800'"),
    ],
)
def test_what_is_no_geojson_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "zones.geojson"
    path.write_text(text)

    assert said in refused(path)


def test_a_file_that_is_missing_or_not_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "zones.geojson"
    assert "cannot be read: No such file" in refused(path)

    path.write_bytes(b'{"type": "\xff"}')

    assert "not UTF-8: byte 10" in refused(path)


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({}, "missing required field `kind`"),
        ([], "feature 2, properties"),
        ({"kind": 5}, "Expected `str`, got `int` - at `$.kind`"),
        ({"kind": "county", "county": "33030"}, "'33030' must be a six-digit"),
        ({"kind": "county", "name": "somewhere"}, "a county needs its code"),
        ({"kind": "airport"}, "a special one a name"),
        ({"kind": ""}, "a zone needs a kind"),
        ({"kind": "sea", "name": "x", "precedence": 1.5}, "$.precedence"),
        ({"kind": "sea", "name": "x", "precedence": 10**30}, "$.precedence"),
        ({"kind": "sea", "name": "a\nb"}, "cannot be printed"),
        ({"kind": "sea", "name": "\ud800"}, "cannot be printed"),
        ({"kind": "sea", "name": "x" * 129}, "too long"),
    ],
)
def test_what_a_feature_says_of_itself_is_checked(tmp_path: Path, properties: Any, said: str) -> None:
    text = refused(written(tmp_path, feature(), feature(properties)))

    assert "feature 2" in text
    assert said in text


@pytest.mark.parametrize(
    ("coordinates", "said"),
    [
        (None, "polygon 1: it has no rings"),
        ([], "polygon 1: it has no rings"),
        ([[]], "ring 1: a ring has at least four"),
        ([SQUARE[:3]], "at least four positions"),
        ([SQUARE[:-1]], "the ring is not closed"),
        ([SQUARE, [[120.0, 28.0]] * 4], "ring 2: the ring has no inside"),
        ([[*SQUARE[:2], [120.1], *SQUARE[3:]]], "position 3 is not [longitude, latitude]"),
        ([[*SQUARE[:2], ["120", 28.1], *SQUARE[3:]]], "position 3: '120' is no number"),
        ([[*SQUARE[:2], [120, None], *SQUARE[3:]]], "position 3: None is no number"),
        ([[[40_480_000.0, 3_100_000.0], *SQUARE[1:]]], "they look projected"),
        ([[[28.0, 120.0], *SQUARE[1:]]], "longitude comes first"),
        ([SQUARE, [[lon - 100, lat] for lon, lat in SQUARE]], "wider than 90°"),
        ([[[-170.0, 28.0], [170.0, 28.0], [170.0, 29.0], [-170.0, 28.0]]], "cut it at the date line"),
    ],
)
def test_what_is_wrong_with_a_border_is_told_with_its_position(
    tmp_path: Path, coordinates: Any, said: str
) -> None:
    wrong = feature()
    wrong["geometry"]["coordinates"] = coordinates

    text = refused(written(tmp_path, wrong))

    assert "feature 1 (鹿城)" in text
    assert said in text


def test_infinity_a_point_and_no_geometry_are_no_ground(tmp_path: Path) -> None:
    path = written(tmp_path, feature({"kind": "sea", "name": "x"}))
    path.write_text(path.read_text().replace("120.0", "1e999"))
    assert "projected" in refused(path)

    assert "its geometry is 'Point'" in refused(written(tmp_path, feature(None, [120.0, 28.0], "Point")))
    assert "it has no coordinates" in refused(written(tmp_path, feature(None, [], "MultiPolygon")))
    assert "its geometry is None" in refused(written(tmp_path, {**feature(), "geometry": None}))


def test_two_special_zones_of_one_name_and_maps_beyond_the_limits_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sea = {"kind": "sea", "name": "east"}
    assert "another special zone has this name" in refused(written(tmp_path, feature(sea), feature(sea)))

    path = written(tmp_path, feature(), feature())
    assert len(read_zones(path).zones) == 2  # a county may come in parts
    for limit, said in (
        ("ZONES_MAX", "2 zones; 1"),
        ("CORNERS_MAX", "4 corners; 1"),
        ("FILE_BYTES_MAX", "bytes; 1"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(f"gateway.zones.{limit}", 1)
            assert said in refused(path)
    assert CORNERS_MAX * 40 <= FILE_BYTES_MAX


def test_a_border_that_crosses_itself_is_taken_with_a_doubt(tmp_path: Path) -> None:
    bow = [[120.0, 28.0], [120.1, 28.1], [120.1, 28.0], [120.0, 28.1], [120.0, 28.0]]

    zones, doubts = read_zones(written(tmp_path, feature(), feature(None, [bow])))

    assert len(zones) == 2
    assert len(doubts) == 1
    assert "feature 2 (鹿城), polygon 1: its border crosses itself near 28.0" in doubts[0]


def test_a_ring_all_on_one_latitude_is_read_and_holds_nothing(tmp_path: Path) -> None:
    flat = [[120.0, 28.0], [120.1, 28.0], [120.2, 28.0], [120.0, 28.0]]

    zones, doubts = read_zones(written(tmp_path, feature(None, [flat])))

    assert doubts == ()
    assert Ground(zones).find(28.0, 120.1).county == ""


def test_rings_that_touch_in_a_corner_are_in_order(tmp_path: Path) -> None:
    hole = [[120.0, 28.0], [120.05, 28.02], [120.05, 28.05], [120.0, 28.0]]

    assert read_zones(written(tmp_path, feature(None, [SQUARE, hole]))).doubts == ()


def test_the_table_has_a_file_and_nothing_else() -> None:
    assert Config().zones == ZonesSettings(file="")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"zones": {"path": "x"}}, Config)
