# SPDX-License-Identifier: Apache-2.0
"""The queue is a sorted list that is faster: whatever happens, both say the same, and nobody vanishes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dispatch.queue import DispatchQueue, Pushed, urgency_key
from core.kernels import heap, twins, warm

warm()

MEMBERS = st.sampled_from([f"c{n}" for n in range(24)])
KEYS = st.one_of(st.integers(0, 6), st.integers(-(2**62), 2**62))
MOVES = st.one_of(
    st.tuples(st.just("push"), MEMBERS, KEYS, st.booleans()),
    st.tuples(st.just("push"), MEMBERS, KEYS, st.booleans()),
    st.tuples(st.just("raise"), MEMBERS, KEYS, st.booleans()),
    st.tuples(st.sampled_from(["remove", "pop"]), MEMBERS, st.just(0), st.just(False)),
)
HISTORIES = st.lists(MOVES, max_size=80)


@dataclass
class SlowQueue:
    """The truth: a list of (key, turn, member, protected), sorted whenever somebody looks."""

    capacity: int
    rows: list[tuple[int, int, str, bool]] = field(default_factory=list)
    turn: int = 0

    def push(self, member: str, key: int, protected: bool) -> Pushed:
        answer = Pushed("accepted")
        if len(self.rows) == self.capacity:
            open_rows = sorted(row for row in self.rows if not row[3])
            if not open_rows or key >= open_rows[-1][0]:
                return Pushed("refused", member)
            answer = Pushed("displaced", open_rows[-1][2])
            self.rows.remove(open_rows[-1])
        self.rows.append((key, self.turn, member, protected))
        self.turn += 1
        return answer

    def raise_to(self, member: str, key: int) -> None:
        self.rows = [(key, *row[1:]) if row[2] == member else row for row in self.rows]

    def remove(self, member: str) -> bool:
        before = len(self.rows)
        self.rows = [row for row in self.rows if row[2] != member]
        return len(self.rows) < before

    def pop(self) -> str | None:
        return self.rows.pop(self.rows.index(min(self.rows)))[2] if self.rows else None

    def order(self) -> list[str]:
        return [row[2] for row in sorted(self.rows)]


def play(queue: Any, move: tuple[str, str, int, bool]) -> object:
    """Do one move, where it makes sense, and return the answer."""
    verb, member, key, protected = move
    inside = member in (queue.order() if isinstance(queue, SlowQueue) else queue)
    if verb == "push":
        return None if inside else queue.push(member, key, protected)
    if verb == "raise":
        return queue.raise_to(member, key) if inside else None
    return queue.pop() if verb == "pop" else queue.remove(member)


@given(HISTORIES, st.integers(1, 12))
@settings(deadline=None)
def test_the_queue_answers_like_a_sorted_list(moves: list[tuple[str, str, int, bool]], capacity: int) -> None:
    queue, slow = DispatchQueue(capacity), SlowQueue(capacity)

    for move in moves:
        assert play(queue, move) == play(slow, move)
        order = slow.order()
        assert len(queue) == len(order) <= capacity
        assert queue.peek() == (order[0] if order else None)
        assert queue.first(5) == order[:5]
        assert [queue.position(member) for member in order] == list(range(1, len(order) + 1))
        assert queue.items() == [
            (row[2], row[0], row[3]) for row in sorted(slow.rows, key=lambda row: row[1])
        ]


@given(HISTORIES, st.integers(1, 6))
@settings(deadline=None)
def test_nobody_vanishes(moves: list[tuple[str, str, int, bool]], capacity: int) -> None:
    queue = DispatchQueue(capacity)
    inside: set[str] = set()

    for move in moves:
        verb, member, _, _ = move
        answer = play(queue, move)
        if verb == "push" and isinstance(answer, Pushed):
            inside.add(member)
            if answer.left_out is not None:
                assert (answer.outcome == "refused") == (answer.left_out == member)
                inside.remove(answer.left_out)
        elif verb == "pop" and answer is not None:
            inside.remove(str(answer))
        elif verb == "remove":
            assert (member in inside) == answer
            inside.discard(member)
        assert inside == set(queue.first(len(queue)))


@given(st.lists(st.integers(0, 3), min_size=50, max_size=300))
@settings(deadline=None, max_examples=40)
def test_equals_are_served_in_the_order_they_came_also_while_memory_grows(keys: list[int]) -> None:
    queue = DispatchQueue(1000)

    for turn, key in enumerate(keys):
        queue.push(f"{turn}", key)

    served = [int(str(queue.pop())) for _ in keys]
    assert served == sorted(range(len(keys)), key=lambda turn: (keys[turn], turn))


@given(HISTORIES, HISTORIES, st.integers(1, 8))
@settings(deadline=None)
def test_a_queue_made_from_a_snapshot_decides_alike_ever_after(
    past: list[tuple[str, str, int, bool]], future: list[tuple[str, str, int, bool]], capacity: int
) -> None:
    queue, restored = DispatchQueue(capacity), DispatchQueue(capacity)
    for move in past:
        play(queue, move)

    for member, key, protected in queue.items():
        restored.push(member, key, protected)

    assert [play(queue, move) for move in future] == [play(restored, move) for move in future]
    assert queue.items() == restored.items()


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 10**7)), min_size=1, max_size=60))
@settings(deadline=None)
def test_nobody_waits_longer_than_the_difference_of_head_starts(calls: list[tuple[int, int]]) -> None:
    head_start_s = (3600, 900, 300, 0)
    queue = DispatchQueue(100)
    for n, (level, since_ms) in enumerate(calls):
        queue.push(f"{n}", urgency_key(level, since_ms, head_start_s))

    served = [calls[int(str(queue.pop()))] for _ in calls]

    for place, (level, since_ms) in enumerate(served):
        for later_level, later_ms in served[place + 1 :]:
            assert since_ms - later_ms <= (head_start_s[level - 1] - head_start_s[later_level - 1]) * 1000


@given(
    st.lists(
        st.tuples(st.sampled_from(["push", "update", "remove", "pop"]), st.integers(0, 15), KEYS), max_size=60
    )
)
@settings(deadline=None, max_examples=60)
def test_a_heap_kernel_and_its_twin_leave_the_same_table(moves: list[tuple[str, int, int]]) -> None:
    slow = {name.removeprefix("heap."): twin for name, twin in twins().items() if name.startswith("heap.")}
    ours, theirs = heap.empty_heap(16), heap.empty_heap(16)

    for verb, slot, key in moves:
        if verb == "push" and ours[slot + 1, heap.PLACE] == 0:
            assert heap.push(ours, slot, key, key & 1) == slow["push"](theirs, slot, key, key & 1)
        elif verb == "update":
            assert heap.update(ours, slot, key) == slow["update"](theirs, slot, key)
        elif verb == "remove":
            assert heap.remove(ours, slot) == slow["remove"](theirs, slot)
        elif verb == "pop":
            assert heap.pop(ours) == slow["pop"](theirs)
        assert np.array_equal(ours, theirs)
        assert heap.worst(ours) == slow["worst"](theirs)
        assert heap.ahead(ours, slot) == slow["ahead"](theirs, slot)
        some, same = np.zeros(7, np.int64), np.zeros(7, np.int64)
        assert heap.first_k(ours, some) == slow["first_k"](theirs, same)
        assert np.array_equal(some, same)
