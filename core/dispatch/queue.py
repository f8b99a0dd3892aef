# SPDX-License-Identifier: Apache-2.0
"""Who waits, in which order, and what happens when no more fit.

Waiting makes everyone more urgent at the same rate, so two members never change places by waiting alone, and
the order is that of a number fixed at arrival: the moment they would have arrived had they had no head start
(`urgency_key`). So nobody starves: whoever has waited longer than another by more than the difference of
their head starts goes first, whatever the level.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np

from core.kernels import heap

SLOTS_AT_FIRST = 64
"Room at the start, 2.6 kB; it doubles as needed up to the capacity. A desk holds 0–500 waiting calls."


class Pushed(msgspec.Struct, frozen=True):
    """What became of a newcomer. Nobody vanishes: whoever has no place in the queue is named."""

    outcome: Literal["accepted", "displaced", "refused"]
    left_out: str | None = None
    "Who has no place now: the member that was displaced, or the newcomer that was refused."


ACCEPTED: Final = Pushed("accepted")
"There was room."


def urgency_key(level: int, since_ms: int, head_start_s: Sequence[int]) -> int:
    """Return the virtual arrival in ms, lower is sooner; `head_start_s` holds those of levels 1, 2, …

    Kleinrock's accumulating priority with one slope for all.
    """
    assert 1 <= level <= len(head_start_s), "there is no such level"
    return since_ms - head_start_s[level - 1] * 1000


class DispatchQueue:
    """A bounded stable priority queue of ids.

    Every call is O(log n), but for `position`, `first`, `items` and an overflow, which are O(n) (10–30 µs at
    10,000 once warm, some ms before). heapq with lazy deletion takes half the time per operation
    (bench/test_queue_bench.py): this one is here for first come first served after a change of key, removal,
    bound, place and snapshot, together.
    """

    def __init__(self, capacity: int) -> None:
        """`capacity` is how many may wait; memory grows with those who do, and does not shrink."""
        assert capacity >= 1, "a queue without room is no queue"
        self.capacity = capacity
        self._heap = heap.empty_heap(min(SLOTS_AT_FIRST, capacity))
        self._slots: dict[str, int] = {}
        self._members: list[str] = []
        "By slot; a free slot keeps its last member's name until it is used again."
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, member: object) -> bool:
        return member in self._slots

    def push(self, member: str, key_ms: int, protected: bool = False) -> Pushed:
        """Put a newcomer in, behind all with the same key, and say what became of it.

        When full, a newcomer more urgent than the least urgent unprotected member takes its room. A protected
        member is never displaced; being protected gives a newcomer no room of its own.
        """
        assert member not in self._slots, "a member waits once"
        answer = ACCEPTED
        if len(self._slots) == self.capacity:
            slot = int(heap.worst(self._heap))
            if slot == heap.NOBODY or key_ms >= self._key(slot):
                return Pushed("refused", member)
            answer = Pushed("displaced", self._members[slot])
            self.remove(self._members[slot])
        slot = self._slot_for(member)  # first: it may put a roomier table in place
        heap.push(self._heap, slot, key_ms, int(protected))
        return answer

    def raise_to(self, member: str, key_ms: int) -> None:
        """Give a member another key, sooner or later; among equals it keeps the turn of its arrival."""
        assert member in self._slots, "only who waits can be raised"
        heap.update(self._heap, self._slots[member], key_ms)

    def remove(self, member: str) -> bool:
        """Take a member out; False when it was not in."""
        slot = self._slots.pop(member, heap.NOBODY)
        if slot == heap.NOBODY:
            return False
        heap.remove(self._heap, slot)
        self._free.append(slot)
        return True

    def pop(self) -> str | None:
        """Take the most urgent out and return it; None when nobody waits."""
        if not self._slots:
            return None
        slot = heap.pop(self._heap)
        self._free.append(slot)
        member = self._members[slot]
        del self._slots[member]
        return member

    def peek(self) -> str | None:
        """Return the most urgent; None when nobody waits."""
        return self._members[self._heap[1, heap.SLOT]] if self._slots else None

    def first(self, k: int) -> list[str]:
        """Return the k most urgent in order (fewer when fewer wait); they stay in."""
        slots = np.empty(max(0, min(k, len(self._slots))), np.int64)
        heap.first_k(self._heap, slots)
        return [self._members[slot] for slot in slots.tolist()]

    def position(self, member: str) -> int:
        """Return a member's place, from 1; 0 when it is not in. O(n)."""
        slot = self._slots.get(member)
        return 0 if slot is None else int(heap.ahead(self._heap, slot)) + 1

    def key_ms(self, member: str) -> int:
        """Return a member's key. Raises KeyError when it is not in."""
        return self._key(self._slots[member])

    def items(self) -> list[tuple[str, int, bool]]:
        """Return (member, key, protected) of all in the order they came.

        Pushing them in this order into an empty queue gives one that decides alike ever after: ties go by
        arrival, also those that a later `raise_to` makes.
        """
        rows = self._heap[1 : len(self._slots) + 1]
        rows = rows[np.argsort(rows[:, heap.SEQ])]
        return [(self._members[slot], key, mark != 0) for key, _, slot, mark, _ in rows.tolist()]

    def _key(self, slot: int) -> int:
        return int(self._heap[self._heap[slot + 1, heap.PLACE], heap.KEY])

    def _slot_for(self, member: str) -> int:
        if self._free:
            slot = self._free.pop()
            self._members[slot] = member
        else:
            slot = len(self._members)
            self._members.append(member)
            if slot + 1 == self._heap.shape[0]:
                roomier = heap.empty_heap(min(2 * slot, self.capacity))
                roomier[: slot + 1] = self._heap
                self._heap = roomier
        self._slots[member] = slot
        return slot
