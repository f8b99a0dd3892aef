# SPDX-License-Identifier: Apache-2.0
"""So many a second and not one more; so many within the hour, and nobody is remembered for ever."""

import pytest

from device_adapters.sip.rates import COUNT_MAX, SLOT_S, Bucket, CallerCounts

HOUR_S = 3600.0


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    bucket = Bucket(2, 3)

    assert [bucket.take(5.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take(at) for at in (5.25, 5.5, 5.75, 6.0, 6.0)] == [False, True, False, True, False]


def test_a_pause_saves_up_no_more_than_the_burst() -> None:
    bucket = Bucket(10, 2)
    bucket.take(0.0)

    assert [bucket.take(1000.0) for _ in range(3)] == [True, True, False]


def test_looking_takes_nothing() -> None:
    bucket = Bucket(1, 1)

    assert [bucket.has(0.0) for _ in range(3)] == [True] * 3
    assert (bucket.take(0.0), bucket.has(0.0)) == (True, False)


def test_time_that_steps_back_gives_nothing() -> None:
    bucket = Bucket(1, 1)
    assert bucket.take(10.0)

    assert [bucket.take(at) for at in (1.0, 9.0, 10.5, 11.0)] == [False, False, False, True]


def test_the_calls_of_a_number_are_counted_and_looking_counts_nothing() -> None:
    counts = CallerCounts(10)

    assert counts.look("13800138000", 0.0) == 0
    assert [counts.add("13800138000", float(at)) for at in range(3)] == [1, 2, 3]
    assert (counts.look("13800138000", 3.0), counts.look("13800138001", 3.0)) == (3, 0)


def test_a_call_counts_for_an_hour() -> None:
    counts = CallerCounts(10)
    counts.add("57700001", 0.0)
    counts.add("57700001", 1000.0)

    assert [counts.look("57700001", at) for at in (3599.0, 3600.0, 4499.0, 4500.0, 9999.0)] == [2, 1, 1, 0, 0]
    assert counts.add("57700001", 10_000.0) == 1


@pytest.mark.parametrize(
    "caller", ["", "anonymous", "Anonymous", "UNAVAILABLE", "restricted", "sipp", "110", "0"]
)
def test_a_withheld_number_is_nobody(caller: str) -> None:
    counts = CallerCounts(10)

    assert [counts.add(caller, 0.0) for _ in range(3)] == [0, 0, 0]
    assert (counts.look(caller, 0.0), len(counts)) == (0, 0)


def test_the_longest_silent_is_forgotten_first() -> None:
    counts = CallerCounts(2)
    for caller in ("57700001", "57700002", "57700001", "57700003"):
        counts.add(caller, 0.0)

    assert [counts.look(f"5770000{n}", 0.0) for n in (1, 2, 3)] == [2, 0, 1]
    assert len(counts) == 2


def test_who_was_silent_for_an_hour_makes_room_for_the_next() -> None:
    counts = CallerCounts(1000)
    for number in range(100):
        counts.add(f"5770{number:04}", 0.0)

    for number in range(100):
        counts.add(f"5780{number:04}", 2 * HOUR_S)

    assert len(counts) == 100


def test_a_number_as_long_as_a_datagram_is_kept_short() -> None:
    counts = CallerCounts(10)

    counts.add("1" * 60_000, 0.0)

    assert counts.look("1" * 64, 0.0) == 1


def test_a_number_that_never_stops_is_still_counted() -> None:
    counts = CallerCounts(10)
    for _ in range(COUNT_MAX + 5):
        counts.add("57700001", 0.0)

    assert counts.look("57700001", 0.0) == COUNT_MAX
    assert counts.add("57700001", SLOT_S + 1.0) == COUNT_MAX + 1
    assert counts.look("57700001", HOUR_S) == 1
