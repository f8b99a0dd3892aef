# SPDX-License-Identifier: Apache-2.0
"""The books of positions sent and shown."""

import struct

import pytest

from device_adapters.simulated.faults import Must, Truth
from device_adapters.simulated.shown import KEPT_S, RECORD, Entry, Shown

NOW = 1_700_000_000_000


def truth(lat: int = 1, unit: str = "u1", must: Must = "shown", fault: str = "") -> Truth:
    return Truth(unit, lat, 2, 1_700_000_000, 1_700_000_000, must, fault, lat, 2)


def entry(at_ms: int, *lats: int, unit: int = 0) -> Entry:
    record = struct.Struct("<IiiIHH")
    return Entry("330302", at_ms, b"".join(record.pack(unit, lat, 2, 0, 0, 36_000) for lat in lats))


@pytest.fixture
def books() -> Shown:
    one = Shown()
    one.name({0: "u1", 1: "u2"})
    return one


def test_the_record_is_the_contracts_twenty_octets() -> None:
    assert RECORD.itemsize == struct.calcsize("<IiiIHH") == 20


def test_an_age_is_counted_to_the_matcher_and_to_the_reader(books: Shown) -> None:
    books.sent(truth(), NOW + 20)

    assert books.take(entry(NOW + 100, 1), NOW + 130)

    report = books.report()
    assert (report.sent, report.shown) == (1, 1)
    assert report.in_matcher_ms.p50 == pytest.approx(80, abs=0.2)
    assert report.readable_ms.p99 == pytest.approx(110, abs=0.2)
    assert (report.over_tick_share, report.missed_tick_share) == (0, 0)


def test_who_misses_a_batch_that_could_have_held_it_is_late(books: Shown) -> None:
    books.sent(truth(1), NOW + 89)
    books.sent(truth(1, unit="u2"), NOW + 95)

    books.take(entry(NOW + 100, unit=9), NOW + 101)
    both = entry(NOW + 200, 1).data + entry(NOW + 200, 1, unit=1).data
    books.take(Entry("330302", NOW + 200, both), NOW + 201)

    report = books.report()
    assert report.over_tick_share == 1.0
    assert report.missed_tick_share == 0.5


def test_what_must_not_be_shown_and_is_stands_under_its_fault(books: Shown) -> None:
    books.sent(truth(5, must="hidden", fault="outlier"), NOW)
    books.sent(truth(6, must="hidden", fault="stored"), NOW)

    books.take(entry(NOW + 50, 5), NOW + 51)
    books.take(entry(NOW + 1_000, 5), NOW + 1_001)

    report = books.report()
    assert report.wrongly_shown == {"outlier": 1}
    assert report.strangers + report.repeated == 1
    assert report.never_shown == {}


def test_what_must_be_shown_and_is_not_is_missed_once_the_next_batches_are_out(books: Shown) -> None:
    books.sent(truth(1, fault="clock behind"), NOW)
    books.take(entry(NOW + 100), NOW + 101)
    assert books.report().never_shown == {}

    books.take(entry(NOW + 300), NOW + 301)
    assert books.report().never_shown == {"clock behind": 1}


def test_a_fix_that_another_followed_within_the_tick_need_not_be_shown(books: Shown) -> None:
    books.sent(truth(1), NOW)
    books.sent(truth(2), NOW + 60)
    books.take(entry(NOW + 100, 2), NOW + 101)
    books.take(entry(NOW + 900), NOW + 901)

    report = books.report()
    assert (report.shown, report.never_shown) == (1, {})


def test_of_a_burst_on_a_slow_way_nobody_misses_what_was_newest_for_a_moment(books: Shown) -> None:
    books.sent(truth(1), NOW + 60)
    books.sent(truth(2), NOW + 95)

    books.take(entry(NOW + 100, unit=9), NOW + 101)
    books.take(entry(NOW + 200, 2), NOW + 201)
    books.take(entry(NOW + 500, unit=9), NOW + 501)

    assert books.report().never_shown == {}


def test_a_radio_that_speaks_more_often_than_each_tick_is_missed_all_the_same(books: Shown) -> None:
    for n in range(1, 101):
        books.sent(truth(n), NOW + 90 * n)
        books.take(entry(NOW + 90 * n + 20, *([n] if n % 10 == 0 else [])), NOW + 90 * n + 21)

    report = books.report()
    assert report.shown == 10
    assert sum(report.never_shown.values()) > 70


def test_a_fix_that_a_batch_left_out_is_not_excused_by_a_newer_one(books: Shown) -> None:
    books.sent(truth(1), NOW)
    books.take(entry(NOW + 100, unit=1), NOW + 101)
    books.sent(truth(2), NOW + 120)
    books.take(entry(NOW + 200, 2), NOW + 201)
    books.take(entry(NOW + 900), NOW + 901)

    assert books.report().never_shown == {"": 1}


def test_what_was_sent_before_the_count_began_counts_for_nothing(books: Shown) -> None:
    books.sent(truth(1), NOW)
    books.sent(truth(2, unit="u2"), NOW)
    books.begin()
    books.sent(truth(3), NOW + 50)
    books.take(entry(NOW + 100, 1, 3), NOW + 101)
    books.take(entry(NOW + 900), NOW + 901)

    report = books.report()
    assert (report.sent, report.shown, report.strangers, report.never_shown) == (1, 1, 0, {})


def test_shown_twice_is_told_and_a_duplicate_on_the_air_is_not_a_second_one(books: Shown) -> None:
    books.sent(truth(1), NOW)
    books.sent(truth(1, must="hidden", fault="duplicate"), NOW + 1)
    books.take(entry(NOW + 100, 1), NOW + 101)
    assert books.report().wrongly_shown == {}

    books.take(entry(NOW + 150, 1), NOW + 151)
    assert books.report().repeated == 1


def test_a_datum_there_and_back_may_cost_the_last_digit(books: Shown) -> None:
    books.sent(truth(1_000), NOW)
    books.take(entry(NOW + 50, 1_001), NOW + 51)

    assert books.report().shown == 1


def test_who_is_on_nobodys_list_is_a_stranger_and_the_index_is_asked_for_again(books: Shown) -> None:
    assert not books.take(entry(NOW, 1, unit=7), NOW)
    assert books.report().strangers == 1


def test_memory_ends_ten_seconds_back(books: Shown) -> None:
    for second in range(1, 30):
        books.sent(truth(second), NOW + 1_000 * second)
    assert len(books._flights) <= KEPT_S + 1
    books.take(entry(NOW + 29_000, 3), NOW + 29_000)

    report = books.report()
    assert (report.strangers, report.never_shown) == (1, {"": 28})
