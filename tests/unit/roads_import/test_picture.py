# SPDX-License-Identifier: Apache-2.0
"""The picture shows every road once, in its place, and says what is wrong with the network."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.roads import labels
from gateway.roads import file
from gateway.roads.looks import APART, BANDS, LOOKS, LOST
from gateway.roads.network import network
from gateway.roads.picture import Isochrone, picture
from gateway.roads.profiles import PROFILES
from gateway.roads.reach import start_near, times_from
from gateway.roads.strokes import Piece, path
from gateway.roads.survey import KINDS
from tests.unit.roads_import.maps import STREET, Way, drawn

SVG = "{http://www.w3.org/2000/svg}"


def stored(folder: Path, ways: Sequence[Way], fragment_km: float = 0) -> file.StoredRoads:
    found = network(drawn(folder, ways), PROFILES["car"], fragment_km)
    graph = found.graph
    told = file.Built(
        nodes=graph.nodes,
        arcs=graph.arcs,
        lanes=graph.lanes,
        islands=found.islands,
        main_percent=found.main_percent,
        fragments=found.fragments,
        fragment_lanes=found.fragment_lanes,
        splits=found.splits,
    )
    return file.StoredRoads(
        digest="d" * 64,
        profiles={"car": (graph, labels.build(graph, graph.base_ms))},
        imprint=file.Imprint(content="d" * 64, files=("<map>.osm",), kinds=KINDS, profiles={"car": told}),
        lost={"car": found.lost_mm},
    )


def strokes(drawing: str) -> dict[str, list[Piece]]:
    """Return the pieces drawn in each colour, read back from the paths of the map."""
    found: dict[str, list[Piece]] = {}
    group = ET.fromstring(drawing).find(f"{SVG}g")
    assert group is not None
    for element in group.iter(f"{SVG}path"):
        found[element.attrib["stroke"]] = drawn_by(element.attrib["d"])
    return found


def drawn_by(d: str) -> list[Piece]:
    pieces = []
    for line in re.findall(r"M([^M]+)", d):
        start, _, steps = line.partition("l")
        x, y = (int(number) for number in start.split())
        numbers = [int(number) for number in re.findall(r"-?\d+", steps)]
        for east, south in zip(numbers[::2], numbers[1::2], strict=True):
            pieces.append(((x, y), (x + east, y + south)))
            x, y = x + east, y + south
    return pieces


def test_each_class_has_its_colour_and_each_road_is_drawn_once(tmp_path: Path) -> None:
    roads = stored(tmp_path, [("abc", STREET), ("cd", {"highway": "primary"})])

    found = strokes(picture(roads, "car", "city", None))

    colour = {kind: look.colour for look in LOOKS for kind in look.kinds}
    assert len(found[colour["residential"]]) == 2
    assert len(found[colour["primary"]]) == 1
    assert set(found) == {colour["residential"], colour["primary"]}


def test_north_is_up_and_east_is_right(tmp_path: Path) -> None:
    roads = stored(tmp_path, [("abm", STREET), ("ma", {"highway": "primary"})])

    found = strokes(picture(roads, "car", "city", None))
    ((x1, y1), (x2, y2)) = next(iter(found[LOOKS[-3].colour]))

    assert x1 != x2
    assert (y2 < y1) == (x2 > x1), "the road from m to a runs down and to the left"


def test_what_is_not_joined_and_what_was_left_out_is_seen(tmp_path: Path) -> None:
    ways: list[Way] = [("abcdef", STREET), ("klmn", STREET), ("xy", STREET)]

    found = strokes(picture(stored(tmp_path, ways, fragment_km=2.5), "car", "city", None))
    whole = strokes(picture(stored(tmp_path, ways[:1]), "car", "city", None))

    assert len(found[APART]) == 3
    assert APART not in whole
    assert LOST not in whole


def test_the_isochrone_ends_where_the_minutes_end(tmp_path: Path) -> None:
    roads = stored(tmp_path, [("abcdefghij", STREET)])
    graph, _ = roads.profiles["car"]
    start = start_near(graph, 28.0, 120.65)

    found = strokes(picture(roads, "car", "city", Isochrone(start.node, times_from(graph, start.node), 9)))

    street = found[next(look.colour for look in LOOKS if "residential" in look.kinds)]
    whole = max(x for piece in street for x, _ in piece) - min(x for piece in street for x, _ in piece)
    for minutes, colour in zip((3, 6, 9), BANDS, strict=True):
        band = [x for piece in found[colour] for x, _ in piece]
        share = minutes * 25 / 60 / (9 * 0.9831)
        assert (max(band) - min(band)) / whole == pytest.approx(share, abs=0.005)


def test_names_from_outside_are_written_as_text(tmp_path: Path) -> None:
    drawing = picture(stored(tmp_path, [("ab", STREET)]), "car", "<script>&", None)

    assert "<script>" not in drawing
    assert ET.fromstring(drawing).findtext(f"{SVG}title") == "<script>&, car"


def test_a_path_draws_every_piece_once_whichever_way_it_came() -> None:
    rng = np.random.default_rng(110)
    corners = [(int(x), int(y)) for x, y in rng.integers(0, 12, (60, 2))]
    pieces = [(corners[one], corners[other]) for one, other in rng.integers(0, 60, (300, 2))]

    found = drawn_by(path(pieces))

    wanted = {frozenset(piece) for piece in pieces if piece[0] != piece[1]}
    assert sorted(map(sorted, map(frozenset, found))) == sorted(map(sorted, wanted))
