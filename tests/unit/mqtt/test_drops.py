# SPDX-License-Identifier: Apache-2.0
"""What the broker says it dropped is counted from when we first heard of it."""

import pytest

from device_adapters.mqtt.drops import QUIET_S_MIN, DropWatch


def test_what_was_dropped_before_we_came_is_not_counted() -> None:
    watch = DropWatch()

    assert watch.hear(b"5000", 0.0) == 0
    assert (watch.dropped, watch.dropping) == (0, False)


def test_each_rise_is_counted_and_the_same_word_again_is_not() -> None:
    watch = DropWatch()
    watch.hear(b"5", 0.0)

    assert [watch.hear(said, 1.0) for said in (b"7", b"7", b"17")] == [2, 0, 10]
    assert watch.dropped == 12


def test_a_broker_that_began_anew_counts_from_nothing() -> None:
    watch = DropWatch()
    watch.hear(b"500", 0.0)

    assert watch.hear(b"0", 1.0) == 0
    assert watch.hear(b"3", 2.0) == 3
    assert watch.hear(b"2", 3.0) == 2


def test_it_is_over_once_after_a_quiet_while() -> None:
    watch = DropWatch()
    watch.hear(b"0", 0.0)
    watch.hear(b"1", 10.0)
    watch.hear(b"2", 20.0)

    assert not watch.over(20.0 + QUIET_S_MIN - 0.1)
    assert watch.dropping
    assert watch.over(20.0 + QUIET_S_MIN)
    assert not watch.over(200.0)
    assert not watch.dropping


@pytest.mark.parametrize("said", [b"", b"-1", b"many", b"1.5", b"9" * 21, "٣".encode(), b"\xff"])
def test_what_is_no_number_says_nothing(said: bytes) -> None:
    watch = DropWatch()
    watch.hear(b"1", 0.0)

    assert watch.hear(said, 1.0) == 0
    assert watch.hear(b"2", 1.0) == 1
