# SPDX-License-Identifier: Apache-2.0
"""A boat goes where there is water, round what is land, and from the sea up a river."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.roads.graph import INFINITE, RoadGraph
from gateway.errors import RoadSourceError
from gateway.roads import outlines, water
from gateway.roads.network import network
from gateway.roads.outlines import Polygon
from gateway.roads.profiles import PROFILES
from gateway.roads.reach import start_near, times_from
from gateway.roads.survey import Survey
from tests.unit.roads_import.maps import draw, drawn

LAND = Path("../shared/data/map/wz_land_osm_100m.geojson")
Ring = list[tuple[float, float]]

SOUTH, WEST = 28.0, 120.6
BOX: Ring = [(0, 0), (20, 0), (20, 20), (0, 20)]
"Kilometres east and north of the corner."


def shore(path: Path, *polygons: list[Ring]) -> Path:
    """Write polygons given in kilometres as GeoJSON."""
    coordinates = [
        [
            [[WEST + east / 98.3, SOUTH + north / 110.8] for east, north in [*ring, ring[0]]]
            for ring in polygon
        ]
        for polygon in polygons
    ]
    path.write_text(
        json.dumps({"type": "Feature", "geometry": {"type": "MultiPolygon", "coordinates": coordinates}})
    )
    return path


def sea(folder: Path, *polygons: list[Ring], lattice_m: int = 500) -> Survey:
    survey = water.with_water(None, shore(folder / "water.geojson", *polygons), None, None, lattice_m)
    assert survey is not None
    return survey


def sailed_km(survey: Survey, begin: tuple[float, float], end: tuple[float, float]) -> float | None:
    """Return how long the way is between two places in kilometres from the corner, at 40 km/h."""
    graph: RoadGraph = network(survey, PROFILES["boat"], fragment_km=0).graph
    nodes = [
        start_near(graph, SOUTH + north / 110.8, WEST + east / 98.3).node for east, north in (begin, end)
    ]
    ms = int(times_from(graph, nodes[0])[nodes[1]])
    return ms / 3_600_000 * 40 if ms < INFINITE else None


def test_open_water_is_crossed_nearly_straight(tmp_path: Path) -> None:
    survey = sea(tmp_path, [BOX])

    for begin, end in (
        ((1, 1), (18, 1)),
        ((1, 1), (18, 18)),
        ((1, 18), (18, 1)),
        ((1, 1), (18, 8)),
        ((5, 1), (1, 18)),
    ):
        straight = float(np.hypot(end[0] - begin[0], end[1] - begin[1]))
        found = sailed_km(survey, begin, end)
        assert found is not None
        assert straight - 1.5 <= found <= straight * 1.09 + 1.5, end


def test_land_in_the_way_is_sailed_round(tmp_path: Path) -> None:
    spit: Ring = [(9, -1), (11, -1), (11, 16), (9, 16)]

    found = sailed_km(sea(tmp_path, [BOX, spit]), (3.0, 2.0), (17.0, 2.0))

    assert found is not None
    assert found > 2 * 14


def test_a_bar_of_land_parts_the_water(tmp_path: Path) -> None:
    bar: Ring = [(9, -1), (11, -1), (11, 21), (9, 21)]

    assert sailed_km(sea(tmp_path, [BOX, bar]), (3.0, 2.0), (17.0, 2.0)) is None


def test_open_water_takes_few_cells_and_the_shore_many(tmp_path: Path) -> None:
    survey = sea(tmp_path, [BOX])

    assert survey.places < 40 * 40 / 4
    assert survey.places >= 10 * 10


def test_the_sea_is_what_no_land_covers_within_the_map(tmp_path: Path) -> None:
    land = shore(
        tmp_path / "land.geojson",
        [[(0, 0), (8, 0), (8, 20), (0, 20)]],
        [[(18, 0), (20, 0), (20, 20), (18, 20)]],
    )

    survey = water.with_water(None, None, land, None, 500)

    assert survey is not None
    east_km = (survey.lon_e7 / 1e7 - WEST) * 98.3
    assert (east_km > 8).all()
    assert (east_km < 18).all()
    assert east_km.min() < 9.1, "the middle of the first cell of the open sea"
    assert east_km.max() > 17.4


def test_a_river_is_tied_to_the_water_it_runs_into(tmp_path: Path) -> None:
    river = drawn(tmp_path, [("abcdef", {"waterway": "river"})])
    lake = shore(tmp_path / "lake.geojson", [[(9, -5), (20, -5), (20, 5), (9, 5)]])

    survey = water.with_water(river, lake, None, None, 500)

    assert survey is not None
    graph = network(survey, PROFILES["boat"], fragment_km=0).graph
    up, down = start_near(graph, 28.0, 120.65), start_near(graph, SOUTH, WEST + 17 / 98.3)
    assert up.away_m < 1
    ms = int(times_from(graph, up.node)[down.node])
    assert ms < 60 * 60_000, "4 km up the river at 20 km/h and 8 km over the lake at 40"


def test_without_water_there_is_nothing_to_add(tmp_path: Path) -> None:
    roads = drawn(tmp_path, [("ab", {"highway": "residential"})])

    assert water.with_water(roads, None, None, None, 500) is roads
    assert water.with_water(roads, None, None, tmp_path / "map.osm", 500) is roads


def test_a_lake_drawn_as_an_area_is_read(tmp_path: Path) -> None:
    (lake,) = outlines.from_osm(draw(tmp_path / "map.osm", [("acwua", {"natural": "water"})]))

    assert len(lake) == 1
    assert len(lake[0]) == 5


@pytest.mark.parametrize("seed", range(5))
def test_inside_is_what_the_slow_way_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turns = np.sort(rng.uniform(0, 2 * np.pi, 12))
    radii = rng.uniform(2, 9, 12)
    star = np.stack((10 + radii * np.cos(turns), 10 + radii * np.sin(turns)), axis=1)
    hole = np.array([(9.5, 9.5), (10.6, 9.4), (10.3, 10.7)])
    polygon: Polygon = [star, hole]
    grid = outlines.Grid(0.013, 0.017, 0.5, 0.5, 41, 41)

    found = outlines.inside([polygon], grid)

    for row in range(grid.rows):
        for column in range(grid.columns):
            lat, lon = grid.south + row * grid.lat_step, grid.west + column * grid.lon_step
            assert found[row, column] == (_odd(star, lat, lon) != _odd(hole, lat, lon))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not GeoJSON"),
        ("{", "is not GeoJSON"),
        ("[]", "has no polygons in it"),
        ('{"type": "Point", "coordinates": [1, 2]}', "has no polygons in it"),
        ('{"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}', "fewer than four corners"),
        (
            '{"type": "Polygon", "coordinates": [[[1, 2], [3, "x"], [5, 6], [1, 2]]]}',
            "not a list of longitude",
        ),
        (
            '{"type": "Polygon", "coordinates": [[[500000, 3100000], [1, 2], [5, 6], [500000, 3100000]]]}',
            "not degrees",
        ),
        ('{"type": "Polygon", "coordinates": 7}', "has no polygons in it"),
    ],
)
def test_outlines_that_are_none_are_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "water.geojson").write_text(text)

    with pytest.raises(RoadSourceError, match=said) as refused:
        outlines.from_geojson(tmp_path / "water.geojson")

    assert "\n" not in str(refused.value)


def test_a_lattice_too_fine_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    shore(tmp_path / "water.geojson", [[(0, 0), (250, 0), (250, 250), (0, 250)]])

    with pytest.raises(RoadSourceError, match="take a wider --lattice"):
        water.with_water(None, tmp_path / "water.geojson", None, None, 30)
    with pytest.raises(RoadSourceError, match="cells on this water"):
        water.with_water(None, tmp_path / "water.geojson", None, None, 250)


@pytest.mark.skipif(not LAND.exists(), reason="the outline of Wenzhou is not on this machine")
def test_the_sea_off_wenzhou_hangs_together() -> None:
    survey = water.with_water(None, None, LAND, None, 1000)

    assert survey is not None
    found = network(survey, PROFILES["boat"])
    assert found.main_percent > 98
    east = found.graph.lon_e7 / 1e7
    assert east.min() > 120, "there is no sea where the map was cut off inland"


def _odd(ring: np.ndarray, lat: float, lon: float) -> bool:
    """Whether a ray to the west meets the ring an odd number of times."""
    odd = False
    for (lon1, lat1), (lon2, lat2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if (lat1 <= lat) != (lat2 <= lat) and lon1 + (lat - lat1) / (lat2 - lat1) * (lon2 - lon1) < lon:
            odd = not odd
    return odd
