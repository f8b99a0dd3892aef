# SPDX-License-Identifier: Apache-2.0
"""The road file beside the journal, and the one who builds labels beside the loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.effects import Decision, Effect, RebuildRoads
from core.engine import Engine
from core.events import Fact, NeighbourBack, NeighbourGone, RoadsLoaded, RoadsRebuilt
from core.kernels import warm
from core.roads.atlas import Atlas, Rebuilt
from core.roads.traffic import Frozen
from gateway.clock import SystemClock
from gateway.errors import JournalBrokenError, JournalFolderError, RoadFileError
from gateway.roads import file
from gateway.roads.file import StoredRoads
from gateway.roads.keeper import RoadKeeper
from gateway.roads.shelf import Shelf
from tests.play import call, command, moved, place, roster, starts
from tests.river import MID_BRIDGE, closes, river_town, road_file
from tests.waiting import until

warm()


class Door:
    """An engine, and everything that came to it."""

    def __init__(self, shelf: Shelf) -> None:
        self.engine = Engine(shelf)
        self.facts: list[Fact] = []
        self.effects: list[Effect] = []
        self.keeper: RoadKeeper | None = None
        self.feed(starts(0))

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        made = self.engine.handle(fact)
        self.effects += made
        for effect in made:
            if isinstance(effect, RebuildRoads) and self.keeper is not None:
                self.keeper.send(effect)
        return self.engine.seq

    def when_durable(self, seq: int, then: object) -> None:
        raise AssertionError("nobody asks")

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def roads(self) -> Atlas:
        assert self.engine.state.roads is not None
        return self.engine.state.roads


@asynccontextmanager
async def keeping(door: Door, shelf: Shelf, file: str) -> AsyncIterator[RoadKeeper]:
    keeper = RoadKeeper(file, shelf, SystemClock(), lambda: door.engine.state.roads)
    door.keeper = keeper
    serving = asyncio.ensure_future(keeper.run(door))
    try:
        yield keeper
        assert not serving.done() or serving.exception() is None
    finally:
        keeper.stop()
        await asyncio.wait((serving,))
        door.keeper = None


def is_copied(path: Path, to: Path) -> bool:
    return path.read_bytes() == to.read_bytes()


def cut_short(path: Path, to: Path) -> None:
    to.write_bytes(path.read_bytes()[:5_000])


@pytest.fixture
def town(tmp_path: Path) -> Path:
    path = tmp_path / "town.roads"
    road_file(path, river_town(siren=True))
    return path


async def test_the_roads_of_the_file_come_into_force_and_are_kept_beside_the_journal(
    tmp_path: Path, town: Path
) -> None:
    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)

    async with keeping(door, shelf, str(town)) as keeper:
        await until(lambda: door.engine.state.roads is not None)
        (loaded,) = door.of(RoadsLoaded)

    assert isinstance(loaded, RoadsLoaded)
    assert door.roads.profiles == ("car", "car_siren")
    assert is_copied(town, tmp_path / "data" / "roads" / f"{loaded.digest}.roads")
    assert list(shelf) == [loaded.digest]
    assert keeper.statistics()["labelled"] == 1


async def test_the_same_file_again_is_no_news_and_another_one_is(tmp_path: Path, town: Path) -> None:
    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)
    async with keeping(door, shelf, str(town)) as keeper:
        await until(lambda: door.engine.state.roads is not None)
        first = door.roads.digest

        keeper.reload(str(town))
        road_file(tmp_path / "other.roads", river_town())
        keeper.reload(str(tmp_path / "other.roads"))
        await until(lambda: len(door.of(RoadsLoaded)) == 2)

        assert door.roads.digest != first
        keeper.reload("")
        await until(lambda: door.engine.state.roads is None)


async def test_a_file_that_cannot_be_used_is_told_and_the_roads_in_force_stay(
    tmp_path: Path, town: Path
) -> None:
    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)
    async with keeping(door, shelf, str(town)) as keeper:
        await until(lambda: door.engine.state.roads is not None)
        cut_short(town, tmp_path / "half.roads")

        keeper.reload(str(tmp_path / "half.roads"))
        await until(lambda: door.of(NeighbourGone))
        keeper.reload(str(town))
        await until(lambda: door.of(NeighbourBack))

    (gone,) = door.of(NeighbourGone)
    assert isinstance(gone, NeighbourGone)
    assert (gone.name, "half.roads" in gone.reason) == ("roads", True)
    assert len(door.of(RoadsLoaded)) == 1
    assert keeper.statistics()["refused"] == 1


async def test_a_closure_gets_labels_of_its_own(tmp_path: Path, town: Path) -> None:
    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)
    async with keeping(door, shelf, str(town)) as keeper:
        await until(lambda: door.engine.state.roads is not None)

        door.feed(closes(2))
        assert door.roads.live
        await until(lambda: not door.roads.live)

    (rebuilt,) = door.of(RoadsRebuilt)
    assert isinstance(rebuilt, RoadsRebuilt)
    assert door.roads.unlabelled() is None
    assert keeper.statistics()["rebuilds"] == 1


async def test_closures_while_labels_are_built_end_in_labels_that_know_all(
    tmp_path: Path, town: Path
) -> None:
    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)
    async with keeping(door, shelf, str(town)):
        await until(lambda: door.engine.state.roads is not None)

        for spot in (MID_BRIDGE, (250, 0), (-250, -500), (0, 750)):
            door.feed(closes(2, spot))
        await until(lambda: not door.roads.live)

    assert len(door.roads.in_force.closed) == 8


async def test_after_a_restart_labels_are_made_for_the_weights_in_force(tmp_path: Path, town: Path) -> None:
    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)
    async with keeping(door, shelf, str(town)):
        await until(lambda: door.engine.state.roads is not None)
        door.feed(closes(2))
        await until(lambda: not door.roads.live)
    again = Door(Shelf(tmp_path / "data"))
    for fact in door.facts[1:]:
        again.feed(fact)
    assert again.roads.unlabelled() is not None

    async with keeping(again, Shelf(tmp_path / "data"), str(town)) as keeper:
        await until(lambda: again.roads.unlabelled() is None)

    assert len(again.of(RoadsRebuilt)) == 1, "nobody waited for these"
    assert keeper.statistics()["labelled"] == 1


async def test_labels_that_cannot_be_built_stop_no_telephone(
    tmp_path: Path, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(atlas: Atlas, frozen: Frozen) -> Rebuilt:
        raise MemoryError("no room")

    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)
    async with keeping(door, shelf, str(town)) as keeper:
        await until(lambda: door.engine.state.roads is not None)
        monkeypatch.setattr(Atlas, "rebuild", fail)

        door.feed(closes(2))
        await until(lambda: keeper.statistics().get("rebuilds_failed"))
        door.feed(roster("u1"))
        door.feed(moved(3, (0, 1500, 500)))
        door.feed(call("a", 4))

    assert door.roads.live
    assert "recommendation.made" in [effect.__struct_config__.tag for effect in door.effects]


async def test_labels_that_could_not_be_built_are_tried_again_when_the_engine_asks_again(
    tmp_path: Path, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(atlas: Atlas, frozen: Frozen) -> Rebuilt:
        raise MemoryError("no room")

    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)
    async with keeping(door, shelf, str(town)) as keeper:
        await until(lambda: door.engine.state.roads is not None)
        with monkeypatch.context() as short_of_memory:
            short_of_memory.setattr(Atlas, "rebuild", fail)
            door.feed(closes(2))
            await until(lambda: keeper.statistics().get("rebuilds_failed"))

        assert door.roads.pending is not None
        keeper.send(RebuildRoads(of_seq=door.roads.pending.of_seq))  # as the timer does
        await until(lambda: not door.roads.live)

    assert keeper.statistics()["rebuilds_failed"] == 1


async def test_a_file_that_nobody_foresaw_stops_no_telephone(
    tmp_path: Path, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(shelf: Shelf, path: Path) -> object:
        raise MemoryError("no room")

    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)
    monkeypatch.setattr(Shelf, "take_in", fail)

    async with keeping(door, shelf, str(town)) as keeper:
        await until(lambda: door.of(NeighbourGone))
        keeper.reload("")
        await until(lambda: door.of(NeighbourBack))

    assert door.engine.state.roads is None
    assert keeper.statistics()["refused"] == 1


def test_a_file_with_roads_for_nobody_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.roads"
    road_file(empty, {})

    with pytest.raises(RoadFileError, match="for nobody"):
        Shelf(tmp_path / "data").take_in(empty)


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"PK")], ids=["lost", "spoilt"])
def test_roads_the_journal_has_lost_are_taken_from_the_file_that_is_served(
    tmp_path: Path, town: Path, spoil: Callable[[Path], object]
) -> None:
    digest, _ = Shelf(tmp_path / "data").take_in(town)
    kept = tmp_path / "data" / "roads" / f"{digest}.roads"
    spoil(kept)

    assert list(Shelf(tmp_path / "data", str(town))[digest]) == ["car", "car_siren"]

    assert is_copied(town, kept)


def test_a_spoilt_copy_is_replaced_when_the_file_is_read_again(tmp_path: Path, town: Path) -> None:
    digest, _ = Shelf(tmp_path / "data").take_in(town)
    kept = tmp_path / "data" / "roads" / f"{digest}.roads"
    cut_short(town, kept)

    Shelf(tmp_path / "data").take_in(town)

    assert is_copied(town, kept)


def test_what_is_kept_is_what_was_read_though_the_file_is_made_anew_meanwhile(
    tmp_path: Path, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.roads"
    road_file(other, river_town())

    def read_late(path: Path) -> StoredRoads:
        stored = file.read(path)
        other.replace(town)
        return stored

    monkeypatch.setattr("gateway.roads.shelf.read", read_late)
    shelf = Shelf(tmp_path / "data")
    digest, networks = shelf.take_in(town)
    monkeypatch.undo()

    assert list(Shelf(tmp_path / "data")[digest]) == list(networks)


async def test_a_stop_does_not_wait_for_what_a_thread_does(
    tmp_path: Path, town: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    slow = Shelf.take_in

    def take_in(shelf: Shelf, path: Path) -> object:
        let_go.wait(20)
        return slow(shelf, path)

    monkeypatch.setattr(Shelf, "take_in", take_in)
    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)

    async with keeping(door, shelf, str(town)):
        await asyncio.sleep(0)

    assert door.engine.state.roads is None
    let_go.set()


def test_a_journal_whose_roads_are_lost_says_what_to_put_back(tmp_path: Path, town: Path) -> None:
    shelf = Shelf(tmp_path / "data")
    digest, networks = shelf.take_in(town)
    shelf.open(digest, networks)
    engine = Engine(shelf)
    engine.handle(starts(0))
    engine.handle(RoadsLoaded(at_ns=starts(1).at_ns, digest=digest))
    (tmp_path / "data" / "roads" / f"{digest}.roads").unlink()

    again = Engine(Shelf(tmp_path / "data"))
    again.handle(starts(0))

    with pytest.raises(JournalBrokenError, match="put that road file there again"):
        again.handle(RoadsLoaded(at_ns=starts(1).at_ns, digest=digest))


def test_a_file_under_a_wrong_name_is_not_taken_for_another(tmp_path: Path, town: Path) -> None:
    shelf = Shelf(tmp_path / "data")
    digest, _ = shelf.take_in(town)
    folder = tmp_path / "data" / "roads"
    (folder / f"{digest}.roads").rename(folder / "f00d.roads")

    with pytest.raises(JournalBrokenError, match="other roads than its name"):
        shelf["f00d"]


def test_what_is_no_road_file_or_cannot_be_kept_is_named(tmp_path: Path, town: Path) -> None:
    with pytest.raises(RoadFileError):
        Shelf(tmp_path / "data").take_in(tmp_path / "none.roads")
    (tmp_path / "blocked").write_text("")

    with pytest.raises(JournalFolderError, match="cannot be kept"):
        Shelf(tmp_path / "blocked").take_in(town)


def test_other_roads_than_before_carry_the_closures_over(tmp_path: Path, town: Path) -> None:
    other = tmp_path / "other.roads"
    road_file(other, river_town())
    shelf = Shelf(tmp_path / "data")
    door = Door(shelf)
    for path in (town, other):
        digest, networks = shelf.take_in(path)
        shelf.open(digest, networks)
        door.feed(RoadsLoaded(at_ns=starts(1).at_ns, digest=digest))
        if path == town:
            lat, lon = place(*MID_BRIDGE)
            door.feed(command("road.close", 2, lat=lat, lon=lon))

    assert door.roads.profiles == ("car",)
    assert [closure.road_id for closure in door.roads.closures.values()] == ["r3"]
    assert door.roads.live
    assert not [
        made for made in door.effects if isinstance(made, Decision) and "lost" in getattr(made, "kind", "")
    ]
