# SPDX-License-Identifier: Apache-2.0
"""Scenes of the queue; its laws stand in tests/property/test_queue_laws.py."""

import numpy as np
import pytest

from core.dispatch.queue import ACCEPTED, NOBODY, SLOTS_AT_FIRST, CallQueue, DispatchQueue, Pushed
from core.dispatch.urgency import Curve, plain
from core.kernels import waiting, warm

warm()

HEAD_STARTS = tuple(plain(head_start_s) for head_start_s in (3600, 900, 300, 0))
ONE_LEVEL = (plain(0),)
NOON_MS = 43_200_000


def queue_of(capacity: int, **since_ms: int) -> DispatchQueue:
    queue = DispatchQueue(capacity, ONE_LEVEL)
    for member, came_ms in since_ms.items():
        queue.push(member, 1, came_ms, NOON_MS)
    return queue


def test_an_empty_queue_says_so_without_a_fuss() -> None:
    queue = DispatchQueue(3, HEAD_STARTS)

    assert (len(queue), queue.pop(0), queue.peek(0), queue.first(0, 5), queue.items()) == (
        0,
        None,
        None,
        [],
        [],
    )
    assert (queue.worst(0), queue.position("c1", 0)) == (None, 0)
    assert not queue.remove("c1")


def test_a_graver_call_goes_before_one_that_came_earlier() -> None:
    queue = DispatchQueue(9, HEAD_STARTS)
    queue.push("theft", 3, 0, 0)
    queue.push("knife", 1, 60_000, 60_000)

    assert queue.first(60_000, 2) == ["knife", "theft"]
    assert (queue.peek(60_000), queue.worst(60_000)) == ("knife", "theft")


def test_a_call_that_waited_long_enough_goes_before_a_graver_one() -> None:
    queue = DispatchQueue(9, HEAD_STARTS)
    queue.push("noise", 4, 0, 0)
    queue.push("theft", 3, 300_001, 300_001)

    assert queue.pop(300_001) == "noise"


def test_of_two_equally_urgent_calls_the_one_that_has_waited_longer_goes_first() -> None:
    queue = DispatchQueue(9, HEAD_STARTS)
    queue.push("theft", 3, 300_000, 300_000)
    queue.push("noise", 4, 0, 300_000)

    assert queue.first(300_000, 2) == ["noise", "theft"]


def test_a_deadline_that_passes_moves_a_call_to_the_front_without_anybody_touching_it() -> None:
    promised = Curve(points=((0, 0), (1800, 1800), (1800, 9000)))
    queue = DispatchQueue(9, (*HEAD_STARTS[:3], promised))
    queue.push("noise", 4, 0, 0)
    queue.push("knife", 1, 1_790_000, 1_790_000)

    assert queue.first(1_799_999, 2) == ["knife", "noise"]
    assert queue.first(1_800_000, 2) == ["noise", "knife"]


def test_a_demoted_call_counts_as_having_come_later_than_now() -> None:
    queue = DispatchQueue(9, HEAD_STARTS)
    queue.push("insistent", 2, 900_000, 0)
    queue.push("other", 2, 60_000, 60_000)

    assert queue.first(60_000, 2) == ["other", "insistent"]
    assert queue.urgency_ms("insistent", 60_000) == 900_000 - 900_000


def test_a_full_queue_gives_the_room_of_the_least_urgent_to_a_more_urgent_newcomer() -> None:
    queue = queue_of(2, a=10, b=20)

    assert queue.push("c", 1, 15, NOON_MS) == Pushed("displaced", "b")
    assert queue.first(NOON_MS, 9) == ["a", "c"]
    assert "b" not in queue


def test_a_full_queue_refuses_a_newcomer_who_is_only_as_urgent() -> None:
    queue = queue_of(2, a=10, b=20)

    assert queue.push("c", 1, 20, NOON_MS) == Pushed("refused", "c")
    assert queue.first(NOON_MS, 9) == ["a", "b"]


def test_of_equally_urgent_members_the_last_to_come_is_displaced() -> None:
    queue = queue_of(3, a=20, b=20, c=5)

    assert queue.push("d", 1, 1, NOON_MS).left_out == "b"


def test_a_protected_member_is_never_displaced() -> None:
    queue = DispatchQueue(2, ONE_LEVEL)
    queue.push("a", 1, 90, NOON_MS, protected=True)
    queue.push("b", 1, 20, NOON_MS)

    assert queue.push("c", 1, 10, NOON_MS) == Pushed("displaced", "b")
    assert queue.push("d", 1, 15, NOON_MS, protected=True) == Pushed("refused", "d")


def test_when_all_are_protected_a_newcomer_is_refused() -> None:
    queue = DispatchQueue(1, ONE_LEVEL)
    queue.push("a", 1, 90, NOON_MS, protected=True)

    assert queue.push("b", 1, -90, NOON_MS) == Pushed("refused", "b")
    assert queue.worst(NOON_MS) is None


def test_a_reclassified_member_keeps_its_turn_among_equals() -> None:
    queue = DispatchQueue(9, HEAD_STARTS)
    for member, level in (("a", 3), ("b", 2), ("c", 2)):
        queue.push(member, level, 10, NOON_MS)

    queue.reclassify("a", 2, 10)

    assert queue.first(NOON_MS, 3) == ["a", "b", "c"]
    assert [queue.position(member, NOON_MS) for member in "abc"] == [1, 2, 3]
    assert queue.items() == [("a", 2, 10, False), ("b", 2, 10, False), ("c", 2, 10, False)]


def test_a_slot_is_used_again_by_another_member() -> None:
    queue = queue_of(2, a=1, b=2)

    queue.remove("a")
    queue.push("c", 1, 3, NOON_MS)

    assert "a" not in queue
    assert queue.items() == [("b", 1, 2, False), ("c", 1, 3, False)]


def test_memory_starts_small_and_stops_at_the_capacity() -> None:
    queue = DispatchQueue(100, HEAD_STARTS)
    assert queue._queue._room == SLOTS_AT_FIRST

    for n in range(100):
        assert queue.push(f"{n}", n % 4 + 1, -n, NOON_MS) == ACCEPTED
    for n in range(100, 300):
        assert queue.push(f"{n}", 1, -(n**2), NOON_MS).outcome == "displaced"

    assert queue._queue._room == 100
    assert len(queue._members) == 100


def test_a_batch_may_speak_of_those_it_puts_in_itself() -> None:
    queue = CallQueue(9, HEAD_STARTS)
    moves = np.array(
        [
            [waiting.PUSH, 0, 3, 100, 100, 0],
            [waiting.PUSH, 0, 2, 100, 100, 0],
            [waiting.RECLASSIFY, -1, 1, 100, 0, 0],  # the first of this batch
            [waiting.REMOVE, -2, 0, 0, 0, 0],  # the second
            [waiting.POP, 0, 0, 0, 200, 0],
            [waiting.POP, 0, 0, 0, 200, 0],
        ],
        np.int64,
    )
    answers = np.empty(6, np.int64)

    queue.apply(moves, answers)

    assert answers[[0, 1, 3, 4, 5]].tolist() == [0, 1, 1, 0, NOBODY]
    assert len(queue) == 0


def test_a_member_waits_once() -> None:
    queue = queue_of(2, a=1)

    with pytest.raises(AssertionError, match="waits once"):
        queue.push("a", 1, 2, NOON_MS)


def test_a_level_nobody_knows_is_our_mistake() -> None:
    queue = queue_of(2, a=1)

    with pytest.raises(AssertionError, match="no such level"):
        queue.push("b", 2, 0, 0)
    with pytest.raises(AssertionError, match="no such level"):
        queue.reclassify("a", 0, 0)
