# SPDX-License-Identifier: Apache-2.0
"""A road file is what was written, to the octet, or it is refused by name."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.roads import labels
from gateway.errors import RoadFileError
from gateway.roads import file
from gateway.roads.survey import KINDS
from tests.unit.roads_import.maps import STREET, drawn, driven


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write(tmp_path, tmp_path / "city.roads")
    return tmp_path / "city.roads"


def write(folder: Path, path: Path) -> file.Imprint:
    survey = drawn(folder, [("abcdefklm", STREET), ("bl", {"highway": "primary", "oneway": "yes"})])
    made, told, lost = {}, {}, {}
    for profile in ("car", "foot"):
        found = driven(survey, profile)
        made[profile] = found.graph, labels.build(found.graph, found.graph.base_ms)
        told[profile] = file.Built(
            nodes=found.graph.nodes,
            arcs=found.graph.arcs,
            lanes=found.graph.lanes,
            islands=found.islands,
            main_percent=found.main_percent,
            fragments=found.fragments,
            fragment_lanes=found.fragment_lanes,
            splits=found.splits,
        )
        lost[profile] = found.lost_mm
    return file.write(path, file.Imprint(files=("map.osm",), kinds=KINDS, profiles=told), made, lost)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    imprint = write(tmp_path, tmp_path / "city.roads")

    roads = file.read(tmp_path / "city.roads")

    assert roads.digest == imprint.content
    assert list(roads.profiles) == ["car", "foot"]
    graph, found = roads.profiles["car"]
    anew = labels.build(graph, graph.base_ms)
    for name, column in anew.arrays().items():
        assert np.array_equal(found.arrays()[name], column), name
    assert file.read_imprint(tmp_path / "city.roads") == imprint


def test_the_same_roads_make_the_same_file(tmp_path: Path) -> None:
    write(tmp_path, tmp_path / "one.roads")
    write(tmp_path, tmp_path / "other.roads")

    assert (tmp_path / "one.roads").read_bytes() == (tmp_path / "other.roads").read_bytes()
    assert not list(tmp_path.glob(".*")), "nothing half written is left"


def test_a_file_cut_anywhere_is_refused(written: Path) -> None:
    whole = written.read_bytes()

    for length in range(0, len(whole), max(1, len(whole) // 40)):
        written.write_bytes(whole[:length])
        with pytest.raises(RoadFileError, match="cut short"):
            file.read(written)


def test_an_octet_turned_over_is_found(written: Path) -> None:
    whole = written.read_bytes()

    for place in range(200, len(whole), max(1, len(whole) // 60)):
        turned = bytearray(whole)
        turned[place] ^= 0x40
        written.write_bytes(turned)
        try:
            roads = file.read(written)
        except RoadFileError:
            continue
        again = {name: graph.base_ms.tobytes() for name, (graph, _) in roads.profiles.items()}
        written.write_bytes(whole)
        truth = {name: graph.base_ms.tobytes() for name, (graph, _) in file.read(written).profiles.items()}
        assert again == truth, "what was turned over was the zip's own order, not what is in it"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda header: header.replace(b'"version": 1', b'"version": 2'),
            "has version 2 and this gateway reads 1",
        ),
        (
            lambda header: header.replace(b"gateway110.roads", b"something.else!!"),
            "is no road file: its format is",
        ),
        (
            lambda header: header.replace(b'"version": 1', b'"version": "x"'),
            "its header cannot be understood",
        ),
        (lambda header: header[: len(header) // 2], "its header cannot be understood"),
        (
            lambda header: header.replace(b'"content": "', b'"content": "0'),
            "have another digest|has another digest",
        ),
    ],
)
def test_a_header_that_says_otherwise_is_believed_to_be_wrong(
    written: Path, change: Callable[[bytes], bytes], said: str
) -> None:
    rewrite(written, "header.json", change)

    with pytest.raises(RoadFileError, match=said):
        file.read(written)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (np.array([{"a": 1}], dtype=object), "damaged|none of ours"),
        (np.zeros(5, np.float64), "none of ours"),
        (np.zeros(5, np.int32), "another digest"),
    ],
)
def test_a_foreign_column_is_refused_and_never_run(written: Path, column: np.ndarray, said: str) -> None:
    foreign = written.with_name("foreign.npy")
    np.save(foreign, column, allow_pickle=True)
    rewrite(written, "car/graph/base_ms.npy", lambda _: foreign.read_bytes())

    with pytest.raises(RoadFileError, match=said):
        file.read(written)


def test_a_column_or_profile_that_is_missing_is_missed(tmp_path: Path, written: Path) -> None:
    graph_of_car = tmp_path / "car.roads"
    graph_of_car.write_bytes(written.read_bytes())
    rewrite(written, "car/graph/base_ms.npy", lambda _: None)
    rewrite(graph_of_car, "header.json", lambda header: header.replace(b'"foot"', b'"hoof"'))

    with pytest.raises(RoadFileError, match="another digest"):
        file.read(written)
    with pytest.raises(RoadFileError, match="names other profiles"):
        file.read(graph_of_car)


def test_what_is_no_road_file_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.roads").write_text("hello")
    with zipfile.ZipFile(tmp_path / "zip.roads", "w") as archive:
        archive.writestr("readme.txt", "")

    with pytest.raises(RoadFileError, match="no road file"):
        file.read(tmp_path / "text.roads")
    with pytest.raises(RoadFileError, match="is a zip but no road file"):
        file.read(tmp_path / "zip.roads")
    with pytest.raises(RoadFileError, match="cannot be read: No such file"):
        file.read(tmp_path / "nowhere.roads")
    with pytest.raises(RoadFileError, match="cannot be written"):
        write(tmp_path, tmp_path / "no folder" / "city.roads")


def rewrite(path: Path, name: str, change: Callable[[bytes], bytes | None]) -> None:
    """Write the zip again with one member changed, or without it."""
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    changed = change(members[name])
    assert changed != members[name], "the test changes something"
    with zipfile.ZipFile(path, "w") as archive:
        for member, octets in members.items():
            if member != name:
                archive.writestr(member, octets)
            elif changed is not None:
                archive.writestr(member, changed)
