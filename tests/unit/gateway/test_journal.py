# SPDX-License-Identifier: Apache-2.0
"""The journal: in order, without gaps, readable while it grows, and honest when somebody touches it."""

from pathlib import Path

import apsw
import pytest

from core.effects import ServiceRestored
from core.events import CallAnswered, Fact
from core.ids import CountyCode, Leg
from gateway.errors import JournalBrokenError, JournalBusyError, JournalFolderError
from gateway.journal import files, reader
from gateway.journal.cat import line
from gateway.journal.record import CHAIN_START, FACT_ENCODER, Record, number, tag_of
from gateway.journal.writer import Journal
from tests.waiting import until

DAY_NS = 86_400_000_000_000
START_NS = 1_760_000_000_000_000_000
COUNTY = CountyCode("330302")


class Watcher:
    """Hears of the disk."""

    def __init__(self) -> None:
        self.seq = 0
        self.troubles: list[str] = []
        self.broke: list[BaseException] = []

    def durable(self, seq: int) -> None:
        self.seq = seq

    def disk_refuses(self, why: str) -> None:
        self.troubles.append(why)

    def writer_broke(self, error: BaseException) -> None:
        self.broke.append(error)


def record(seq: int, at_ns: int = START_NS) -> Record:
    fact: Fact = CallAnswered(at_ns=at_ns, leg=Leg(f"l{seq}"), sip_call_id=f"{seq}@x")
    told = [ServiceRestored(at_us=at_ns // 1000, county=COUNTY, name="x")] * (seq % 3)
    return Record(
        seq, at_ns, 0, tag_of(fact), FACT_ENCODER.encode(fact), number(told, seq=seq, first=10 * seq)
    )


async def write(folder: Path, *records: Record, after: int = 0, chain: bytes = CHAIN_START) -> Watcher:
    journal, watcher = Journal(folder), Watcher()
    journal.lock()
    journal.start("j1", after, chain, watcher)
    for made in records:
        journal.append(made)
        if made.at_ns != START_NS:  # a page is turned between two commits, never within one
            await until(lambda made=made: watcher.seq == made.seq or watcher.broke)  # type: ignore[misc]
    await until(lambda: watcher.seq == records[-1].seq or watcher.broke)
    journal.close(5)
    return watcher


def last_chain(folder: Path) -> bytes:
    return [*reader.entries(folder)][-1].chain


async def test_what_was_written_is_read_in_order_with_its_decisions(tmp_path: Path) -> None:
    await write(tmp_path, *(record(seq) for seq in range(1, 1201)))

    assert [entry.seq for entry in reader.entries(tmp_path)] == [*range(1, 1201)]
    assert [made.seq for made in reader.decisions(tmp_path)] == [
        seq for seq in range(1, 1201) for _ in range(seq % 3)
    ]
    assert [entry.seq for entry in reader.entries(tmp_path, 1198)] == [1199, 1200]
    assert reader.newest(tmp_path) == ("j1", {COUNTY: 11_991})
    assert reader.verify(tmp_path) == (1200, "")


async def test_a_new_day_is_a_new_file_and_the_chain_goes_through(tmp_path: Path) -> None:
    days = (record(1, START_NS + 1), record(2, START_NS + DAY_NS), record(3, START_NS + 2 * DAY_NS))

    await write(tmp_path, *days)

    assert [path.name for path in files.files_in(tmp_path)] == [
        "journal-2025-10-09.db",
        "journal-2025-10-10.db",
        "journal-2025-10-11.db",
    ]
    assert reader.verify(tmp_path) == (3, "")


async def test_a_clock_set_back_over_midnight_does_not_turn_the_page_back(tmp_path: Path) -> None:
    await write(tmp_path, record(1, START_NS + 1), record(2, START_NS + DAY_NS))

    watcher = await write(tmp_path, record(3), after=2, chain=last_chain(tmp_path))

    assert not watcher.broke
    assert reader.verify(tmp_path) == (3, "")
    assert len(files.files_in(tmp_path)) == 2


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("UPDATE fact SET data = zeroblob(8) WHERE seq = 3", "record 3 "),
        ("UPDATE decision SET data = x'7b7d' WHERE seq = 4", "record 4 "),
        ("UPDATE fact SET at_ns = at_ns + 1 WHERE seq = 2", "record 2 "),
        ("DELETE FROM decision WHERE seq = 5", "record 5 "),
        ("DELETE FROM fact WHERE seq = 4", "record 4 is missing"),
    ],
)
async def test_whatever_is_changed_is_found(tmp_path: Path, change: str, wrong: str) -> None:
    await write(tmp_path, *(record(seq) for seq in range(1, 8)))
    with apsw.Connection(str(files.files_in(tmp_path)[0])) as db:
        db.execute(change)

    _, found = reader.verify(tmp_path)

    assert found.startswith(wrong)


async def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    journal, watcher = Journal(tmp_path), Watcher()
    journal.lock()
    journal.start("j1", 0, CHAIN_START, watcher)
    journal.append(record(1))
    await until(lambda: watcher.seq == 1)

    assert [entry.seq for entry in reader.entries(tmp_path)] == [1]
    journal.append(record(2))
    await until(lambda: watcher.seq == 2)
    assert [entry.seq for entry in reader.entries(tmp_path, 1)] == [2]
    journal.close(5)


async def test_the_snapshot_is_kept_with_its_chain_and_only_the_newest(tmp_path: Path) -> None:
    journal, watcher = Journal(tmp_path), Watcher()
    journal.lock()
    journal.start("j1", 0, CHAIN_START, watcher)
    for seq in (1, 2, 3):
        journal.append(record(seq))
        journal.keep_snapshot(seq, b"memory after %d" % seq)
        await until(lambda seq=seq: watcher.seq == seq)  # type: ignore[misc]
    journal.close(5)

    assert reader.last_snapshot(tmp_path) == (3, b"memory after 3", last_chain(tmp_path))


async def test_a_file_that_fails_is_given_up_and_nothing_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_write, failures = files.WritableFile.write, [True, True]

    def write_or_fail(self: files.WritableFile, records: list[Record]) -> None:
        if records[0].seq > 2 and failures:
            failures.pop()
            raise apsw.IOError("disk I/O error")
        true_write(self, records)

    monkeypatch.setattr(files.WritableFile, "write", write_or_fail)
    await write(tmp_path, record(1), record(2))
    watcher = await write(tmp_path, record(3), record(4), after=2, chain=last_chain(tmp_path))

    assert len(watcher.troubles) == 2
    assert reader.verify(tmp_path) == (4, "")
    assert len(files.files_in(tmp_path)) > 1


async def test_a_file_that_was_never_begun_is_no_file(tmp_path: Path) -> None:
    await write(tmp_path, record(1))
    (tmp_path / "journal-2025-10-09-01.db").touch()

    assert [entry.seq for entry in reader.entries(tmp_path)] == [1]


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal-2025-10-09.db").write_bytes(
        b"not a database at all, but long enough to be looked at" * 20
    )

    with pytest.raises(JournalBrokenError, match=r"journal-2025-10-09\.db"):
        [*reader.entries(tmp_path)]


def test_two_gateways_never_share_a_folder(tmp_path: Path) -> None:
    first, second = Journal(tmp_path), Journal(tmp_path)
    first.lock()

    with pytest.raises(JournalBusyError, match="another gateway is using"):
        second.lock()
    first.close(1)
    second.lock()
    second.close(1)


def test_a_folder_that_cannot_be_written_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(JournalFolderError, match="cannot be written"):
        Journal(tmp_path / "file" / "data").lock()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalFolderError, match="no journal folder"):
        [*reader.entries(tmp_path / "nowhere")]


async def test_a_writer_that_is_wrong_says_so_and_does_not_pretend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: files.WritableFile, records: list[Record]) -> None:
        raise AssertionError("we are wrong")

    monkeypatch.setattr(files.WritableFile, "write", broken)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    journal, watcher = Journal(tmp_path), Watcher()
    journal.lock()
    journal.start("j1", 0, CHAIN_START, watcher)
    journal.append(record(1))

    await until(lambda: watcher.broke)

    assert not journal.close(1)


async def test_a_line_of_the_journal_is_json_with_its_time(tmp_path: Path) -> None:
    await write(tmp_path, record(1, START_NS + 5))

    told = line(next(reader.entries(tmp_path))).decode()

    assert '"at":"2025-10-09T08:53:20.000000005Z","type":"call.answered"' in told
    assert told.endswith("\n")


async def test_the_disk_is_asked_to_be_sure(tmp_path: Path) -> None:
    """FULL and WAL: what was acknowledged survives a power cut."""
    await write(tmp_path, record(1))
    file = files.WritableFile(files.files_in(tmp_path)[0], first_seq=1, chain=b"", journal_id="")

    assert file._db.pragma("synchronous") == 2
    assert file._db.pragma("journal_mode") == "wal"
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)
    file.close()
