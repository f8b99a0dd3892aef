# SPDX-License-Identifier: Apache-2.0
"""One tick's positions."""

from device_adapters.mqtt.codec import Fix
from device_adapters.mqtt.fixes import RECORD, TickBuffer


def fix(tst: int, seq: int = 0, lat_e7: int = 280_000_000) -> Fix:
    return Fix(lat_e7, 1_207_000_000, tst, 1_000, 9_000, seq)


def test_the_newest_fix_of_each_unit_is_in_the_batch_once() -> None:
    batch = TickBuffer(10)

    verdicts = [batch.put(3, fix(100)), batch.put(7, fix(50)), batch.put(3, fix(101, lat_e7=290_000_000))]
    n, data = batch.take()

    assert verdicts == ["taken", "taken", "taken"]
    assert n == 2
    assert list(RECORD.iter_unpack(data)) == [
        (3, 290_000_000, 1_207_000_000, 101, 1_000, 9_000),
        (7, 280_000_000, 1_207_000_000, 50, 1_000, 9_000),
    ]


def test_a_record_has_20_bytes() -> None:
    batch = TickBuffer(1)
    batch.put(0, fix(1))

    assert len(batch.take()[1]) == 20


def test_a_late_fix_is_not_in_the_batch_even_after_the_tick() -> None:
    batch = TickBuffer(10)
    batch.put(3, fix(100))
    batch.take()

    assert batch.put(3, fix(99, seq=9)) == "late"
    assert batch.take() == (0, b"")


def test_the_same_time_needs_a_higher_seq() -> None:
    batch = TickBuffer(10)

    assert batch.put(3, fix(100, seq=5)) == "taken"
    assert batch.put(3, fix(100, seq=5)) == "duplicate"
    assert batch.put(3, fix(100, seq=4)) == "duplicate"
    assert batch.put(3, fix(100, seq=6)) == "taken"
    assert batch.take()[0] == 1


def test_a_reloaded_roster_may_be_longer() -> None:
    batch = TickBuffer(1)
    batch.put(0, fix(100))

    assert batch.put(40, fix(100)) == "taken"
    assert batch.put(0, fix(99)) == "late"
    n, data = batch.take()
    assert [row[0] for row in RECORD.iter_unpack(data)] == [0, 40]
    assert n == 2


def test_a_new_tick_begins_empty() -> None:
    batch = TickBuffer(2)
    batch.put(1, fix(1))
    batch.take()

    assert len(batch) == 0
    assert batch.take() == (0, b"")
