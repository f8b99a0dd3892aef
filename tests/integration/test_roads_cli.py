# SPDX-License-Identifier: Apache-2.0
"""`gateway roads` as an operator meets it: a map becomes a file, a file a picture, and wrong ones one line."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from gateway.cli import main
from gateway.roads import file
from tests.integration.house import run_gateway
from tests.unit.roads_import.maps import STREET, draw

AUCKLAND = Path("../shared/data/roads/auckland_roads.zip")
PORTO_ALEGRE = Path("../shared/data/roads/poa.osm.pbf")
NODES = "node,lat,lon\na,28.00,120.65\nb,28.00,120.66\n"
ARCS = "from,to,length_m,speed_kmh\na,b,1000,36\n"


def test_a_map_is_built_inspected_and_drawn(tmp_path: Path) -> None:
    street = "abcdefghijtsrqponmlkuvwxyz"
    map_of = draw(tmp_path / "map.osm", [(street, STREET), ("ak", {"highway": "primary", "oneway": "yes"})])
    out, sheet = tmp_path / "city.roads", tmp_path / "city.svg"

    built = run_gateway("roads", "build", "--osm", str(map_of), "--profiles", "car,foot", "--out", str(out))
    words = ("--picture", str(sheet), "--from", "28.0,120.65", "--minutes", "9")
    seen = run_gateway("roads", "inspect", str(out), *words)

    assert (built.returncode, seen.returncode) == (0, 0), built.stderr + seen.stderr
    assert "26 nodes" in built.stderr
    assert f"digest    {file.read(out).digest}" in seen.stdout
    assert "agree with Dijkstra's algorithm: car, foot" in seen.stdout
    assert "in 9 minutes by car" in seen.stdout
    assert ET.parse(sheet).getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("build",), "required: --out"),
        (("inspect",), "required: FILE"),
        (("build", "--nodes", "n.csv", "--out", "x"), "--nodes and --arcs come together"),
        (("build", "--out", "x"), "nothing to build from: give --osm"),
        (("build", "--lattice", "0", "--out", "x"), "0 is not a number above zero"),
        (("build", "--fragment", "-1", "--out", "x"), "-1 is not a number from 0 to 999"),
        (("build", "--straighten", "nan", "--out", "x"), "nan is not a number from 0 to 999"),
        (("inspect", "x.roads", "--from", "120.6"), "120.6 is not LAT,LON"),
        (("inspect", "x.roads", "--from", "120.6,28.0"), "not on the earth: latitude comes first"),
    ],
)
def test_wrong_usage_exits_2(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["roads", *words])
    except SystemExit as left:
        code = int(str(left.code))

    assert code == 2
    assert said in _one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("build", "--osm", "nowhere.pbf", "--out", "x.roads"), "nowhere.pbf is not a file"),
        (("build", "--osm", "broken.osm.pbf", "--out", "x.roads"), "not a whole OpenStreetMap file"),
        (("build", "--zip", "broken.osm.pbf", "--out", "x.roads"), "is not a whole zip"),
        (
            ("build", "--nodes", "nodes.csv", "--arcs", "nodes.csv", "--out", "x"),
            "no line names the columns from,to",
        ),
        (
            ("build", "--nodes", "nodes.csv", "--arcs", "arcs.csv", "--fragment", "9", "--out", "x"),
            "km of lanes, and those below",
        ),
        (("build", "--osm", "m.osm", "--profiles", "tank", "--out", "x"), "no profile tank: there are car"),
        (("build", "--water", "nodes.csv", "--out", "x"), "nodes.csv is not GeoJSON"),
        (("inspect", "nowhere.roads"), "nowhere.roads cannot be read"),
        (("inspect", "nodes.csv"), "nodes.csv is no road file"),
    ],
)
def test_what_cannot_be_used_exits_1_with_one_line(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gateway.roads.build.warm", dict)  # none of these comes so far as to need it
    (tmp_path / "broken.osm.pbf").write_bytes(b"not a map at all, but long enough to be one")
    (tmp_path / "nodes.csv").write_text(NODES)
    (tmp_path / "arcs.csv").write_text(ARCS)

    code = main(["roads", *words])

    assert code == 1
    assert said in _one_line(capsys.readouterr().err)
    assert not list(tmp_path.glob("*.roads")), "nothing half made is left"


@pytest.mark.skipif(not PORTO_ALEGRE.exists(), reason="the map of Porto Alegre is not on this machine")
def test_porto_alegre_hangs_together() -> None:
    from gateway.roads import osm
    from gateway.roads.network import network
    from gateway.roads.profiles import PROFILES

    survey = osm.read(PORTO_ALEGRE)

    for profile in ("car", "car_siren", "foot"):
        found = network(survey, PROFILES[profile])
        assert found.main_percent > 98, profile
        assert 30_000 < found.graph.nodes < 43_000


@pytest.mark.skipif(not AUCKLAND.exists(), reason="the roads of Auckland are not on this machine")
def test_auckland_is_what_its_makers_say() -> None:
    from gateway.roads import table
    from gateway.roads.network import network
    from gateway.roads.profiles import PROFILES

    survey = table.read_zip(AUCKLAND)

    found = network(survey, PROFILES["car_siren"])
    assert (found.graph.nodes, found.graph.lanes) == (
        54_370,
        90_638,
    )  # the 90,639th runs from a node to itself
    assert found.islands == 1
    assert (network(survey, PROFILES["car"]).graph.base_ms > found.graph.base_ms).all()


def _one_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line]
    assert len(lines) == 1, text
    return lines[0]
