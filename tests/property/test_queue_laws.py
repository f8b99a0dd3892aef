# SPDX-License-Identifier: Apache-2.0
"""The queue is a list sorted by urgency that is faster: whatever happens, both say the same, and nobody vanishes."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.dispatch.queue import DispatchQueue, Pushed
from core.dispatch.urgency import Curve, as_table, counts_ms, overtaking_ms, plain, stretches
from core.kernels import heap, twins, waiting, warm

warm()

LEVELS = 3
MEMBERS = st.sampled_from([f"c{n}" for n in range(24)])
SECOND_MS = 1000

Move = tuple[str, str, int, int, bool, int]
"verb, member, level, how long it waits at that moment, protected, ms until the next move"


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    """Return a curve whose bends lie within ten seconds, so that histories of seconds meet them."""
    waited, counts = 0, draw(st.integers(0, 6))
    points = [(waited, counts)]
    for _ in range(draw(st.integers(0, 3))):
        step = draw(st.booleans()) and (len(points) < 2 or points[-2][0] != waited)
        waited += 0 if step else draw(st.integers(1, 4))
        counts += draw(st.integers(0, 4))
        points.append((waited, counts))
    return Curve(points=tuple(points), then_percent=draw(st.sampled_from([0, 50, 100, 100, 200])))


WAITED_MS = st.one_of(st.integers(-3, 12).map(lambda s: s * SECOND_MS), st.integers(-3_000, 15_000))
MOVES = st.tuples(
    st.sampled_from(["push", "push", "push", "reclassify", "remove", "pop"]),
    MEMBERS,
    st.integers(1, LEVELS),
    WAITED_MS,
    st.booleans(),
    st.one_of(st.just(0), st.integers(0, 4_000)),
)
HISTORIES = st.lists(MOVES, max_size=60)
POLICIES = st.lists(curves(), min_size=LEVELS, max_size=LEVELS).map(tuple)


@dataclass
class SlowQueue:
    """The truth: a list of (level, since, turn, member, protected), sorted whenever somebody looks."""

    capacity: int
    curves: tuple[Curve, ...]
    rows: list[tuple[int, int, int, str, bool]] = field(default_factory=list)
    turn: int = 0

    def sorted(self, now: int) -> list[tuple[int, int, int, str, bool]]:
        return sorted(
            self.rows, key=lambda row: (-counts_ms(self.curves[row[0] - 1], now - row[1]), row[1], row[2])
        )

    def push(self, member: str, level: int, since: int, now: int, protected: bool) -> Pushed:
        newcomer = (level, since, self.turn, member, protected)
        answer = Pushed("accepted")
        if len(self.rows) == self.capacity:
            last = next((row for row in reversed(self.sorted(now)) if not row[4]), None)
            self.rows.append(newcomer)
            order = self.sorted(now)
            if last is None or order.index(newcomer) > order.index(last):
                self.rows.remove(newcomer)
                return Pushed("refused", member)
            self.rows.remove(last)
            answer = Pushed("displaced", last[3])
        else:
            self.rows.append(newcomer)
        self.turn += 1
        return answer

    def reclassify(self, member: str, level: int, since: int) -> None:
        self.rows = [(level, since, *row[2:]) if row[3] == member else row for row in self.rows]

    def remove(self, member: str) -> bool:
        before = len(self.rows)
        self.rows = [row for row in self.rows if row[3] != member]
        return len(self.rows) < before

    def pop(self, now: int) -> str | None:
        if not self.rows:
            return None
        best = self.sorted(now)[0]
        self.rows.remove(best)
        return best[3]

    def __contains__(self, member: object) -> bool:
        return any(row[3] == member for row in self.rows)


def play(queue: Any, move: Move, now: int) -> object:
    """Do one move, where it makes sense, and return the answer."""
    verb, member, level, waited, protected, _ = move
    if verb == "push":
        return None if member in queue else queue.push(member, level, now - waited, now, protected)
    if verb == "reclassify":
        return queue.reclassify(member, level, now - waited) if member in queue else None
    return queue.pop(now) if verb == "pop" else queue.remove(member)


@given(HISTORIES, POLICIES, st.integers(1, 12))
@settings(deadline=None)
def test_the_queue_answers_like_a_list_sorted_by_urgency(
    moves: list[Move], policy: tuple[Curve, ...], capacity: int
) -> None:
    queue, slow, now = DispatchQueue(capacity, policy), SlowQueue(capacity, policy), 10**6

    for move in moves:
        assert play(queue, move, now) == play(slow, move, now)
        now += move[5]
        order = [row[3] for row in slow.sorted(now)]
        assert len(queue) == len(order) <= capacity
        assert queue.peek(now) == (order[0] if order else None)
        assert queue.first(now, 5) == order[:5]
        assert queue.first(now, 99) == order
        assert [queue.position(member, now) for member in order] == list(range(1, len(order) + 1))
        unprotected = [row[3] for row in slow.sorted(now) if not row[4]]
        assert queue.worst(now) == (unprotected[-1] if unprotected else None)
        assert queue.items() == [
            (row[3], row[0], row[1], row[4]) for row in sorted(slow.rows, key=lambda row: row[2])
        ]


@given(HISTORIES, POLICIES, st.integers(1, 6))
@settings(deadline=None)
def test_nobody_vanishes(moves: list[Move], policy: tuple[Curve, ...], capacity: int) -> None:
    queue, now = DispatchQueue(capacity, policy), 10**6
    inside: set[str] = set()

    for move in moves:
        verb, member = move[:2]
        answer = play(queue, move, now)
        now += move[5]
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
        assert inside == set(queue.first(now, len(queue)))


@given(st.lists(st.integers(0, 3), min_size=50, max_size=300))
@settings(deadline=None, max_examples=40)
def test_equals_are_served_in_the_order_they_came_also_while_memory_grows(since: list[int]) -> None:
    queue = DispatchQueue(1000, (plain(0),))

    for turn, came in enumerate(since):
        queue.push(f"{turn}", 1, came, 10)

    served = [int(str(queue.pop(10))) for _ in since]
    assert served == sorted(range(len(since)), key=lambda turn: (since[turn], turn))


@given(HISTORIES, HISTORIES, POLICIES, st.integers(1, 8))
@settings(deadline=None)
def test_a_queue_made_from_a_snapshot_decides_alike_ever_after(
    past: list[Move], future: list[Move], policy: tuple[Curve, ...], capacity: int
) -> None:
    queue, restored = DispatchQueue(capacity, policy), DispatchQueue(capacity, policy)
    now = 10**6
    for move in past:
        play(queue, move, now)
        now += move[5]

    for member, level, since_ms, protected in queue.items():
        restored.push(member, level, since_ms, since_ms, protected)

    for move in future:
        assert play(queue, move, now) == play(restored, move, now)
        now += move[5]
    assert queue.items() == restored.items()


@given(
    st.lists(st.tuples(st.integers(1, LEVELS), st.integers(0, 5_000), st.booleans()), max_size=60), POLICIES
)
@settings(deadline=None)
def test_nobody_is_passed_by_a_call_that_came_later_than_the_bound(
    visits: list[tuple[int, int, bool]], policy: tuple[Curve, ...]
) -> None:
    queue, came, now = DispatchQueue(100, policy), {}, 0
    for n, (level, passed_ms, served) in enumerate(visits):
        now += passed_ms
        came[f"{n}"] = level, now
        queue.push(f"{n}", level, now, now)
        if not served:
            continue
        by, later_ms = came.pop(str(queue.pop(now)))
        for level, since_ms in came.values():
            bound_ms = overtaking_ms(policy, level, by)
            assert bound_ms is None or later_ms - since_ms < max(1, bound_ms)


REACH_MS = 120_000
"Twice as long as the slowest of these curves needs to the highest bend of any."
EVERY_MS = np.arange(REACH_MS)


def urgencies(curve: Curve) -> NDArray[np.int64]:
    """Return as what each waiting from 0 on counts, point by point: no stretch, no kernel."""
    counts = np.empty(REACH_MS, np.int64)
    ends = [*curve.points[1:], None]
    for (waited, start), end in zip(curve.points, ends, strict=True):
        here = EVERY_MS >= waited * SECOND_MS
        more = EVERY_MS[here] - waited * SECOND_MS
        if end is None:
            counts[here] = start * SECOND_MS + more * curve.then_percent // 100
        elif end[0] > waited:
            counts[here] = start * SECOND_MS + more * (end[1] - start) // (end[0] - waited)
    return counts


@given(curves(), curves())
@settings(deadline=None, max_examples=60)
def test_the_bound_is_tight(level: Curve, by: Curve) -> None:
    bound_ms = overtaking_ms((level, by), 1, 2)

    ours, theirs = urgencies(level), urgencies(by)
    if bound_ms is None:
        assert counts_ms(by, 10**12) > counts_ms(level, 10**12 + 10**10), "ten days later, and it goes first"
        return
    theirs = theirs[theirs <= ours[-1]]
    below = np.searchsorted(ours, theirs)  # so long `level` counts as less
    most_ms = max(0, int((below - np.arange(len(theirs))).max()))
    assert bound_ms - 1 <= most_ms <= bound_ms


@given(curves(), st.integers(-20_000, 60_000))
@settings(deadline=None)
def test_a_curve_says_the_same_in_python_and_in_the_kernel(curve: Curve, waited_ms: int) -> None:
    table = waiting.empty_table(as_table((plain(0), curve)), 1, 1)

    said = counts_ms(curve, waited_ms)

    assert heap._counts(table, 2, waited_ms) == twins()["heap._counts"](table, 2, waited_ms) == said
    assert counts_ms(curve, waited_ms + 1) >= said, "urgency never falls"
    if 0 <= waited_ms:
        assert urgencies(curve)[waited_ms] == said
    assert stretches(curve)[0] == (0, curve.points[0][1] * SECOND_MS, 1, 1)


def as_moves(moves: list[Move]) -> NDArray[np.int64]:
    """Return moves for slots as `apply` takes them; members become slots, some of them those of earlier moves."""
    verbs = {
        "push": waiting.PUSH,
        "reclassify": waiting.RECLASSIFY,
        "remove": waiting.REMOVE,
        "pop": waiting.POP,
    }
    now, rows = 10**6, []
    for turn, (verb, member, level, waited, protected, passed) in enumerate(moves):
        slot = int(member[1:]) % 8
        who = -1 - slot if protected and slot < turn and moves[slot][0] == "push" else slot
        rows.append([verbs[verb], who, level, now - waited, now, protected])
        now += passed
    return np.array(rows, np.int64).reshape(-1, 6)


@given(HISTORIES, POLICIES, st.integers(1, 8))
@settings(deadline=None, max_examples=60)
def test_a_batch_is_its_operations_one_by_one_and_a_kernel_its_twin(
    history: list[Move], policy: tuple[Curve, ...], capacity: int
) -> None:
    slow = {name.removeprefix("heap."): twin for name, twin in twins().items() if name.startswith("heap.")}
    moves = as_moves(history)
    ours, theirs, single = (waiting.empty_table(as_table(policy), capacity, capacity) for _ in range(3))
    answers, same, one = (np.empty(len(moves), np.int64) for _ in range(3))

    heap.apply(ours, moves, answers)
    slow["apply"](theirs, moves, same)
    for turn in range(len(moves)):
        heap.apply(single, _alone(moves[turn : turn + 1], one), one[turn : turn + 1])

    assert answers.tolist() == same.tolist() == one.tolist()
    assert np.array_equal(ours, theirs)
    assert np.array_equal(ours, single)
    now = 10**6 + 20_000
    assert heap.worst(ours, now) == slow["worst"](theirs, now)
    assert heap.peek(ours, now) == slow["peek"](theirs, now)
    for slot in range(capacity):
        assert heap.ahead(ours, now, slot) == slow["ahead"](theirs, now, slot)


def _alone(move: NDArray[np.int64], answers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a move that names its slot, where it named an earlier move."""
    move = move.copy()
    if move[0, waiting.WHO] < 0:
        answer = int(answers[-1 - move[0, waiting.WHO]])
        slot = answer if answer >= waiting.NOBODY else -2 - answer
        move[0, waiting.WHO] = slot
        if slot == waiting.NOBODY and move[0, waiting.VERB] in (waiting.RECLASSIFY, waiting.REMOVE):
            move[0, waiting.WHO] = 10**6
    return move
