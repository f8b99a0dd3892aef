# SPDX-License-Identifier: Apache-2.0
"""Scenes of the queue; its laws stand in tests/property/test_queue_laws.py."""

import pytest

from core.dispatch.queue import ACCEPTED, SLOTS_AT_FIRST, DispatchQueue, Pushed, urgency_key
from core.kernels import warm

warm()

HEAD_START_S = (3600, 900, 300, 0)


def queue_of(capacity: int, **keys: int) -> DispatchQueue:
    queue = DispatchQueue(capacity)
    for member, key in keys.items():
        queue.push(member, key)
    return queue


def test_an_empty_queue_says_so_without_a_fuss() -> None:
    queue = DispatchQueue(3)

    assert (len(queue), queue.pop(), queue.peek(), queue.first(5), queue.items()) == (0, None, None, [], [])
    assert queue.position("c1") == 0
    assert not queue.remove("c1")


def test_a_graver_call_goes_before_one_that_came_earlier() -> None:
    queue = DispatchQueue(9)
    queue.push("theft", urgency_key(3, 0, HEAD_START_S))
    queue.push("knife", urgency_key(1, 60_000, HEAD_START_S))

    assert queue.first(2) == ["knife", "theft"]


def test_a_call_that_waited_long_enough_goes_before_a_graver_one() -> None:
    queue = DispatchQueue(9)
    queue.push("noise", urgency_key(4, 0, HEAD_START_S))
    queue.push("theft", urgency_key(3, 300_001, HEAD_START_S))

    assert queue.pop() == "noise"


def test_a_full_queue_gives_the_room_of_the_least_urgent_to_a_more_urgent_newcomer() -> None:
    queue = queue_of(2, a=10, b=20)

    assert queue.push("c", 15) == Pushed("displaced", "b")
    assert queue.first(9) == ["a", "c"]


def test_a_full_queue_refuses_a_newcomer_who_is_only_as_urgent() -> None:
    queue = queue_of(2, a=10, b=20)

    assert queue.push("c", 20) == Pushed("refused", "c")
    assert queue.first(9) == ["a", "b"]


def test_of_equally_urgent_members_the_last_to_come_is_displaced() -> None:
    queue = queue_of(3, a=20, b=20, c=5)

    assert queue.push("d", 1).left_out == "b"


def test_a_protected_member_is_never_displaced() -> None:
    queue = DispatchQueue(2)
    queue.push("a", 90, protected=True)
    queue.push("b", 20)

    assert queue.push("c", 10) == Pushed("displaced", "b")
    assert queue.push("d", 15, protected=True) == Pushed("refused", "d")


def test_when_all_are_protected_a_newcomer_is_refused() -> None:
    queue = DispatchQueue(1)
    queue.push("a", 90, protected=True)

    assert queue.push("b", -90) == Pushed("refused", "b")


def test_a_raised_member_keeps_its_turn_among_equals() -> None:
    queue = queue_of(3, a=30, b=10, c=10)

    queue.raise_to("a", 10)

    assert queue.first(3) == ["a", "b", "c"]
    assert [queue.position(member) for member in "abc"] == [1, 2, 3]
    assert queue.key_ms("a") == 10


def test_a_slot_is_used_again_by_another_member() -> None:
    queue = queue_of(2, a=1, b=2)

    queue.remove("a")
    queue.push("c", 3)

    assert "a" not in queue
    assert queue.items() == [("b", 2, False), ("c", 3, False)]


def test_memory_starts_small_and_stops_at_the_capacity() -> None:
    queue = DispatchQueue(100)
    assert queue._heap.shape[0] == SLOTS_AT_FIRST + 1

    for n in range(100):
        assert queue.push(f"{n}", -n) == ACCEPTED
    for n in range(100, 300):
        assert queue.push(f"{n}", -n).outcome == "displaced"

    assert queue._heap.shape[0] == 101
    assert len(queue._members) == 100


def test_a_member_waits_once() -> None:
    queue = queue_of(2, a=1)

    with pytest.raises(AssertionError, match="waits once"):
        queue.push("a", 2)


def test_a_level_nobody_knows_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="no such level"):
        urgency_key(5, 0, HEAD_START_S)
