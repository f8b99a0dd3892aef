# SPDX-License-Identifier: Apache-2.0
"""The track history: what is in its files, when they end, and what a bad disk costs."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from device_adapters.fixes import COURSE_TURN, Fix
from device_adapters.fixes.track import ROWS_MAX, TrackRows
from gateway.errors import StartError
from gateway.tracks import parquet, writer
from gateway.tracks.settings import TracksSettings
from gateway.tracks.shelf import Shelf
from gateway.tracks.writer import Tracks
from tests.waiting import until

pq = pytest.importorskip("pyarrow.parquet")

NOON_NS = 1_700_049_600 * 1_000_000_000  # 2023-11-15 12:00:00 UTC
DAY_NS = 86_400_000_000_000
UNITS = ["P1", "P2", "P3"]


class Standing:
    """A clock that stands."""

    def wall_ns(self) -> int:
        return NOON_NS

    def mono_s(self) -> float:
        return 0.0


@contextmanager
def history(folder: Path, **settings: object) -> Iterator[Tracks]:
    told = TracksSettings(folder=str(folder), **settings)  # type: ignore[arg-type]
    tracks = Tracks(told, Standing(), "one/1", lambda: UNITS)
    tracks.start()
    try:
        yield tracks
    finally:
        assert tracks.close(60), "a busy disk takes a while"


def row(track: TrackRows, index: int, second: int, verdict: str = "taken", **more: int) -> None:
    fix = Fix(
        281_234_567, 1_206_543_217, 0, 1_234, more.get("course", 9_050), 7, more.get("acc", 0), "native"
    )
    tst = NOON_NS // 10**9 + second
    track.add(index, fix, tst, NOON_NS + second * 10**9 + 250_000_000, verdict)


def parts(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*/*.parquet"))


def test_a_row_tells_who_when_where_and_what_became_of_it(tmp_path: Path) -> None:
    track = TrackRows()
    row(track, 1, 5, "late", acc=12)
    row(track, 0, 4, "jump", course=COURSE_TURN)
    row(track, 9, 3)

    with history(tmp_path) as tracks:
        tracks.take(track)

    (file,) = parts(tmp_path)
    found = pq.read_table(file).to_pylist()
    assert file.parent.name == "2023-11-15"
    assert [one["unit_id"] for one in found] == ["P1", "P2", "#9"]
    assert found[1] == {
        "unit_id": "P2",
        "device_at": datetime(2023, 11, 15, 12, 0, 5, tzinfo=UTC),
        "arrived_at": datetime(2023, 11, 15, 12, 0, 5, 250_000, tzinfo=UTC),
        "lat": 28.1234567,
        "lon": 120.6543217,
        "speed_m_s": pytest.approx(12.34),
        "course_deg": pytest.approx(90.5),
        "accuracy_m": 12,
        "seq": 7,
        "source": "native",
        "verdict": "late",
        "why": "late",
    }
    assert (found[0]["verdict"], found[0]["why"], found[0]["course_deg"]) == ("gated", "jump", None)
    assert (found[2]["verdict"], found[2]["accuracy_m"]) == ("accepted", None)


def test_a_file_is_compressed_and_sorted_by_unit_and_time(tmp_path: Path) -> None:
    track = TrackRows()
    for second in (3, 1, 2):
        for index in (2, 0, 1):
            row(track, index, second)

    with history(tmp_path) as tracks:
        tracks.take(track)

    (file,) = parts(tmp_path)
    found = pq.read_table(file, columns=["unit_id", "device_at"]).to_pylist()
    assert found == sorted(found, key=lambda one: (one["unit_id"], one["device_at"]))
    assert pq.ParquetFile(file).metadata.row_group(0).column(0).compression == "ZSTD"


async def test_a_part_ends_when_it_is_due_or_large_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PART_BYTES_MAX", 100)  # three rows
    track = TrackRows()

    with history(tmp_path) as tracks:
        for second in range(7):
            row(track, 0, second)
            tracks.take(track)
        await until(lambda: tracks.parts == 2)

    assert [pq.read_metadata(part).num_rows for part in parts(tmp_path)] == [3, 3, 1]
    assert tracks.statistics()["rows_written"] == 7
    assert tracks.statistics()["backlog_rows"] == 0


def test_midnight_begins_a_new_folder(tmp_path: Path) -> None:
    track = TrackRows()
    row(track, 0, 12 * 3_600 - 1)
    row(track, 0, 12 * 3_600)

    with history(tmp_path) as tracks:
        tracks.take(track)

    assert [part.parent.name for part in parts(tmp_path)] == ["2023-11-15", "2023-11-16"]


def test_old_days_go_and_what_is_not_ours_stays(tmp_path: Path) -> None:
    for day in ("2023-10-15", "2023-10-16", "2023-11-15", "notes"):
        (tmp_path / day).mkdir()
        (tmp_path / day / "one_1-5.parquet").write_bytes(b"")
    (tmp_path / "2023-10-15" / "mine.txt").write_text("a note")
    (tmp_path / "2023-11-15" / "one_1-9.parquet.tmp").write_bytes(b"half")
    (tmp_path / "2023-11-15" / "two-9.parquet.tmp").write_bytes(b"another node is at it")

    with history(tmp_path, days_kept=30):
        pass

    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*"))
    assert left == [
        "2023-10-15/mine.txt",
        "2023-10-16/one_1-5.parquet",
        "2023-11-15/one_1-5.parquet",
        "2023-11-15/two-9.parquet.tmp",
        "notes/one_1-5.parquet",
    ]


def test_a_day_past_keeping_goes_whole(tmp_path: Path) -> None:
    (tmp_path / "2023-01-01").mkdir()
    (tmp_path / "2023-01-01" / "one-1.parquet").write_bytes(b"")

    assert Shelf(tmp_path, "one", 30).tidy("2023-11-15") == 1
    assert list(tmp_path.iterdir()) == []


def test_what_another_gateway_is_writing_is_not_ours_to_delete(tmp_path: Path) -> None:
    folder = tmp_path / "2023-11-15"
    folder.mkdir()
    ours, theirs = folder / "gw-17.parquet.tmp", folder / "gw-2-17.parquet.tmp"
    ours.touch()
    theirs.touch()

    Shelf(tmp_path, "gw", 30).tidy("2023-11-15")

    assert list(folder.iterdir()) == [theirs]


def test_a_history_is_kept_where_a_thread_may_not_step_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # SystemCallFilter=~@resources

    monkeypatch.setattr("os.setpriority", forbidden)
    track = TrackRows()
    row(track, 0, 1)

    with history(tmp_path) as tracks:
        tracks.take(track)

    assert (tracks.rows_written, tracks.rows_dropped) == (1, 0)


def test_a_slow_disk_costs_rows_and_never_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = threading.Event()
    real = parquet.write

    def slow(path: Path, data: bytes, unit_ids: Sequence[str], sources: Sequence[str]) -> int:
        assert disk.wait(30), "the test lets it go"
        return real(path, data, unit_ids, sources)

    monkeypatch.setattr(parquet, "write", slow)
    monkeypatch.setattr(writer, "PART_BYTES_MAX", 40)
    monkeypatch.setattr(writer, "BACKLOG_BYTES_MAX", 400)
    track = TrackRows()

    with history(tmp_path) as tracks:
        for second in range(25):
            row(track, 0, second)
            tracks.take(track)
        dropped, backlog = tracks.rows_dropped, tracks.statistics()["backlog_rows"]
        disk.set()

    assert (dropped, backlog) == (15, 10)
    assert tracks.rows_written == 10


async def test_a_disk_that_refuses_is_told_once_and_once_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PART_BYTES_MAX", 40)
    track, folder = TrackRows(), tmp_path / "tracks"
    folder.write_text("a file where the folder should be")

    with capture_logs() as said, history(folder) as tracks:
        for second in range(2):
            row(track, 0, second)
            tracks.take(track)
        await until(lambda: tracks.rows_lost == 2)
        folder.unlink()
        row(track, 0, 5)
        tracks.take(track)

    assert [one["event"] for one in said] == ["tracks_not_written", "tracks_written_again"]
    assert (tracks.rows_lost, tracks.rows_written) == (2, 1)


def test_rows_that_nobody_takes_are_bounded_and_counted() -> None:
    track = TrackRows()
    for second in range(ROWS_MAX + 5):
        row(track, 0, second % 1_000)

    assert track.dropped == 5
    assert len(track.take()) == 40 * ROWS_MAX


def test_without_pyarrow_a_folder_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)

    with pytest.raises(StartError, match=r"^\[tracks\] folder is set .*gateway110\[tracks\]'$"):
        parquet.need()
