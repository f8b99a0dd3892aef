# SPDX-License-Identifier: Apache-2.0
"""Tables of nodes and arcs become roads, and what is wrong in them is told with its line."""

import zipfile
from pathlib import Path

import pytest

from gateway.errors import RoadSourceError
from gateway.roads import table
from gateway.roads.survey import KINDS, Survey
from tests.unit.roads_import.maps import driven, ms

NODES = "node,lat,lon\na,28.00,120.65\nb,28.00,120.66\nc,28.00,120.67\n"
ARCS = "from,to,length_m,speed_kmh\na,b,1000,36\nb,c,1000,36\n"
JEMSS_NODES = "nodes,,,\nindex,x,y,offRoadAccess,\n1.0,120.65,28.00,1.0\n2.0,120.66,28.00,1.0\n"
JEMSS_ARCS = (
    "miscData,,,\narcForm,numModes,\ndirected,2\n,\narcs,,,\nindex,fromNode,toNode,distance,mode_1,mode_2,\n"
    "1.0,1.0,2.0,1.0,0.0006944444444,0.0011574074074\n2.0,2.0,1.0,1.0,0.0006944444444,0.0023148148148\n"
)


def read(folder: Path, nodes: str = NODES, arcs: str = ARCS) -> Survey:
    (folder / "nodes.csv").write_text(nodes)
    (folder / "arcs.csv").write_text(arcs)
    return table.read(folder / "nodes.csv", folder / "arcs.csv")


def test_a_row_is_a_road_both_ways_unless_it_says_one(tmp_path: Path) -> None:
    arcs = "from,to,length_m,speed_kmh,oneway\na,b,1000,36,\nb,c,1000,36,yes\n"

    graph = driven(read(tmp_path, arcs=arcs)).graph

    assert ms(graph, "a", "b") == ms(graph, "b", "a") == 100_000
    assert ms(graph, "a", "c") == 200_000
    assert ms(graph, "c", "b") is None


def test_two_rows_there_and_back_are_one_road_with_two_lanes(tmp_path: Path) -> None:
    arcs = "from,to,length_m,speed_kmh,oneway\na,b,1000,36,1\nb,a,1000,36,1\n"

    graph = driven(read(tmp_path, arcs=arcs)).graph

    assert sorted(graph.twin.tolist()) == [0, 1]


def test_travel_times_of_the_table_stand_and_a_siren_is_faster_in_proportion(tmp_path: Path) -> None:
    survey = read(tmp_path, arcs="from,to,length_m,travel_s\na,b,1000,100.5\n")

    assert ms(driven(survey, "car").graph, "a", "b") == 100_500
    assert ms(driven(survey, "car_siren").graph, "a", "b") == pytest.approx(100_500 / 1.3, abs=1)


def test_the_class_is_the_one_named_or_the_one_that_is_so_fast(tmp_path: Path) -> None:
    arcs = "from,to,length_m,speed_kmh,kind\na,b,1000,100,\nb,c,1000,100,service\n"

    survey = read(tmp_path, arcs=arcs)

    assert [KINDS[kind] for kind in survey.kind] == ["motorway", "service"]


def test_jemss_counts_in_kilometres_and_days_and_tells_both_modes(tmp_path: Path) -> None:
    survey = read(tmp_path, JEMSS_NODES, JEMSS_ARCS)

    car, siren = driven(survey, "car").graph, driven(survey, "car_siren").graph
    assert (ms(car, "a", "b"), ms(car, "b", "a")) == (100_000, 200_000)
    assert ms(siren, "a", "b") == ms(siren, "b", "a") == 60_000
    assert car.length_mm.tolist() == [1_000_000, 1_000_000]


def test_a_siren_does_not_go_against_what_a_table_of_sirens_does_not_drive(tmp_path: Path) -> None:
    survey = read(tmp_path, JEMSS_NODES, "".join(JEMSS_ARCS.splitlines(keepends=True)[:-1]))

    assert ms(driven(survey, "car_siren").graph, "b", "a") is None


def test_a_zip_holds_the_same(tmp_path: Path) -> None:
    loose = read(tmp_path)
    with zipfile.ZipFile(tmp_path / "roads.zip", "w") as archive:
        archive.writestr("nodes.csv", NODES)
        archive.writestr("arcs.csv", ARCS)

    zipped = table.read_zip(tmp_path / "roads.zip")

    assert zipped.begin.tolist() == loose.begin.tolist()
    assert zipped.length_mm.tolist() == loose.length_mm.tolist()


def test_a_road_from_a_node_to_itself_is_counted_and_left_out(tmp_path: Path) -> None:
    survey = read(tmp_path, arcs=ARCS + "c,c,10,30\n")

    assert survey.pieces == 2
    assert sum(survey.notes.values()) == 1


@pytest.mark.parametrize(
    ("nodes", "arcs", "said"),
    [
        ("", ARCS, "nodes.csv is no table of roads"),
        ("node,lat,lon\n", ARCS, "nodes.csv has no nodes in it"),
        (NODES + "d,nan,1\n", ARCS, "nodes.csv, line 5: lat is nan"),
        (NODES + "d,x,1\n", ARCS, "nodes.csv, line 5: lat 'x' is not a number"),
        (
            NODES + "d,3100000,500000\n",
            ARCS,
            "line 5: lat 3.1e.06, lon 500000 are not degrees; project the map",
        ),
        (NODES + "a,1,1\n", ARCS, "line 5: node a is listed twice"),
        (NODES + "d,1\n", ARCS, "line 5: 2 cells for 3 columns"),
        (NODES, "", "arcs.csv is no table of roads"),
        (NODES, "from,to,length_m,speed_kmh\n", "arcs.csv has no roads in it"),
        (NODES, "from,to,length_m\na,b,1\n", "tells neither speed_kmh nor travel_s"),
        (NODES, ARCS + "c,z,1000,36\n", "arcs.csv, line 4: to is node 'z'"),
        (NODES, ARCS + "c,a,1000,0\n", "line 4: speed_kmh is 0; it must be above 0"),
        (NODES, ARCS + "c,a,-5,36\n", "line 4: length_m is -5; it must be above 0"),
        (NODES, ARCS + "c,a,inf,36\n", "line 4: length_m is inf"),
        (NODES, ARCS + "c,a,9e9,36\n", "line 4: length_m is 9e.09; the most that fits"),
        (NODES, "from,to,length_m,travel_s\na,b,1000,-1\n", "line 2: travel_s is -1"),
        (NODES, "from,to,length_m,speed_kmh,oneway\na,b,1,30,-1\n", "line 2: oneway '-1' is neither 1 nor 0"),
        (NODES, "from,to,length_m,speed_kmh,kind\na,b,1,30,road\n", "kind 'road' is none of motorway"),
        (JEMSS_NODES, JEMSS_ARCS.replace("mode_2", "mode_3"), "lacks mode_2"),
    ],
)
def test_what_is_wrong_in_a_table_is_told_with_its_line(
    tmp_path: Path, nodes: str, arcs: str, said: str
) -> None:
    with pytest.raises(RoadSourceError, match=said) as refused:
        read(tmp_path, nodes, arcs)

    assert "\n" not in str(refused.value)


def test_files_that_cannot_be_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_bytes(b"node,lat,lon\n\xff\xfe")
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "")

    with pytest.raises(RoadSourceError, match="not text in UTF-8"):
        table.read(tmp_path / "nodes.csv", tmp_path / "nodes.csv")
    with pytest.raises(RoadSourceError, match="cannot be read: No such file"):
        table.read(tmp_path / "nowhere.csv", tmp_path / "nodes.csv")
    with pytest.raises(RoadSourceError, match="not a whole zip"):
        table.read_zip(tmp_path / "cut.zip")
    with pytest.raises(RoadSourceError, match=r"must hold nodes\.csv and arcs\.csv"):
        table.read_zip(tmp_path / "other.zip")
