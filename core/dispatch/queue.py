# SPDX-License-Identifier: Apache-2.0
"""Who waits, in which order, and what happens when no more fit.

Each level has a curve of urgency (core/dispatch/urgency.py); the most urgent of all at the moment of asking goes first,
then who waits longer, then who came first. Within a level nobody is passed by; between levels nobody by a call that
came later than `overtaking_ms` says. So nobody starves.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
import numpy as np

from core.dispatch.urgency import LEVELS_MAX, Curve, as_table, counts_as_since
from core.kernels import heap, waiting
from core.kernels.waiting import I64

SLOTS_AT_FIRST = 64
"Room at the start, 10 kB with four levels; it doubles as needed up to the capacity. A desk holds 0–500 waiting calls."
NOBODY: Final = waiting.NOBODY

Outcome = Literal["accepted", "displaced", "refused"]


class Pushed(msgspec.Struct, frozen=True):
    """What became of a newcomer. Nobody vanishes: whoever has no place in the queue is named."""

    outcome: Outcome
    left_out: str | None = None
    "Who has no place now: the member that was displaced, or the newcomer that was refused."


ACCEPTED: Final = Pushed("accepted")
"There was room."


class CallQueue:
    """A bounded queue of slots: small whole numbers it gives out and takes back.

    Every call is O(levels + log n), but for `worst`, `ahead` and an overflow, which are O(n).
    """

    def __init__(self, capacity: int, curves: Sequence[Curve]) -> None:
        """`capacity` is how many may wait; `curves` are those of levels 1, 2, … Memory grows with those who wait."""
        assert capacity >= 1, "a queue without room is no queue"
        assert 1 <= len(curves) <= LEVELS_MAX, "a queue has one to eight levels"
        self.capacity = capacity
        self.curves = tuple(curves)
        self._room = min(SLOTS_AT_FIRST, capacity)
        self._table = waiting.empty_table(as_table(self.curves), self._room, capacity)

    def __len__(self) -> int:
        return int(self._table[waiting.WAITING])

    def push(self, level: int, since_ms: int, now_ms: int, protected: bool = False) -> tuple[int, Outcome]:
        """Put in someone who waits since `since_ms`; return their slot and what became of them.

        When full, a newcomer more urgent than the least urgent unprotected member displaces it: the slot that was that
        one's is the newcomer's. Refused: the slot is NOBODY. A protected member is never displaced; being protected
        gives a newcomer no room of its own.
        """
        slot = heap.push(self._table, level, since_ms, now_ms, protected)
        if slot >= 0:
            return slot, "accepted"
        if slot == waiting.CRAMPED:
            self._make_room(1)
            return self.push(level, since_ms, now_ms, protected)
        return (NOBODY, "refused") if slot == NOBODY else (-2 - slot, "displaced")

    def reclassify(self, slot: int, level: int, since_ms: int) -> bool:
        """Give a member another level, or another time to have come; among equals it keeps the turn of its arrival."""
        return heap.reclassify(self._table, slot, level, since_ms) != NOBODY

    def remove(self, slot: int) -> bool:
        """Take a member out; False when it was not in."""
        return heap.remove(self._table, slot) != NOBODY

    def pop(self, now_ms: int) -> int:
        """Take the most urgent out and return its slot, or NOBODY."""
        return heap.pop(self._table, now_ms)

    def peek(self, now_ms: int) -> int:
        """Return the most urgent, or NOBODY."""
        return heap.peek(self._table, now_ms)

    def worst(self, now_ms: int) -> int:
        """Return the least urgent who is not protected, or NOBODY."""
        return heap.worst(self._table, now_ms)

    def ahead(self, slot: int, now_ms: int) -> int:
        """Return how many go before a member, or NOBODY when it is not in."""
        return heap.ahead(self._table, now_ms, slot)

    def first(self, now_ms: int, k: int) -> list[int]:
        """Return the k most urgent in order (fewer when fewer wait); they stay in."""
        k = max(0, min(k, len(self)))
        room = min(len(self.curves) + 3 * k, len(self))
        slots, edge = np.empty(k, np.int64), waiting.empty_table(as_table(self.curves), room, room)
        heap.first(self._table, now_ms, slots, edge)
        told: list[int] = slots.tolist()
        return told

    def apply(self, moves: I64, answers: I64) -> None:
        """Do many operations in one go (core/kernels/waiting.py: VERB and what follows); write down each answer.

        A push answers with a slot, with -2 - slot when it displaced somebody, or with NOBODY; a pop with a slot, the
        others with something from 0 on, or with NOBODY when there was nobody.
        """
        if heap.apply(self._table, moves, answers) == waiting.CRAMPED:
            self._make_room(len(moves))
            heap.apply(self._table, moves, answers)

    def where(self, slot: int) -> tuple[int, int, bool]:
        """Return level, since when it waits (ms) and whether it is protected, of a member that is in."""
        table = self._table
        place, level = divmod(int(table[table[waiting.PLACES] + slot]), 1 << waiting.LEVEL_BITS)
        assert place, "only who waits is somewhere"
        since_ms = table[table[waiting.HEAPS] + level * table[waiting.STRIDE] + 2 * place + waiting.SINCE]
        return level, int(since_ms), bool(table[table[waiting.MARKS] + slot])

    def slots(self) -> list[int]:
        """Return all members in the order they came."""
        table, came = self._table, []
        for level in range(1, len(self.curves) + 1):
            first = table[waiting.HEAPS] + level * table[waiting.STRIDE] + 2
            came.append(table[first + waiting.ORDER : first + 2 * table[waiting.SIZES + level] : 2])
        order: list[int] = (np.sort(np.concatenate(came)) & ((1 << waiting.SLOT_BITS) - 1)).tolist()
        return order

    def _make_room(self, more: int) -> None:
        slots = self._room
        while slots < min(self.capacity, len(self) + more):
            slots = min(2 * slots, self.capacity)
        if slots > self._room:
            self._table = waiting.roomier(self._table, slots)
            self._room = slots


class DispatchQueue:
    """A queue of ids: CallQueue with names for the slots.

    heapq with lazy deletion takes less per operation while few wait (python -m bench.compare queue): this one is here
    for first come first served after a change of mind, urgency that changes pace, removal, bound, place and snapshot,
    together.
    """

    def __init__(self, capacity: int, curves: Sequence[Curve]) -> None:
        """As CallQueue."""
        self._queue = CallQueue(capacity, curves)
        self._slots: dict[str, int] = {}
        self._members: list[str] = []
        "By slot; a free slot keeps its last member's name until it is used again."

    @property
    def capacity(self) -> int:
        """How many may wait."""
        return self._queue.capacity

    @property
    def curves(self) -> tuple[Curve, ...]:
        """The curves of urgency of levels 1, 2, …"""
        return self._queue.curves

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, member: object) -> bool:
        return member in self._slots

    def push(self, member: str, level: int, since_ms: int, now_ms: int, protected: bool = False) -> Pushed:
        """Put a newcomer in and say what became of it, as CallQueue does."""
        assert member not in self._slots, "a member waits once"
        assert 1 <= level <= len(self.curves), "there is no such level"
        slot, outcome = self._queue.push(level, since_ms, now_ms, protected)
        if outcome == "refused":
            return Pushed("refused", member)
        self._slots[member] = slot
        if slot == len(self._members):
            self._members.append(member)
            return ACCEPTED
        before, self._members[slot] = self._members[slot], member
        if outcome == "accepted":
            return ACCEPTED
        del self._slots[before]
        return Pushed("displaced", before)

    def reclassify(self, member: str, level: int, since_ms: int) -> None:
        """Give a member another level, or another time to have come; among equals it keeps the turn of its arrival."""
        assert member in self._slots, "only who waits can be reclassified"
        assert 1 <= level <= len(self.curves), "there is no such level"
        self._queue.reclassify(self._slots[member], level, since_ms)

    def remove(self, member: str) -> bool:
        """Take a member out; False when it was not in."""
        slot = self._slots.pop(member, NOBODY)
        return slot != NOBODY and self._queue.remove(slot)

    def pop(self, now_ms: int) -> str | None:
        """Take the most urgent out and return it; None when nobody waits."""
        slot = self._queue.pop(now_ms)
        if slot == NOBODY:
            return None
        member = self._members[slot]
        del self._slots[member]
        return member

    def peek(self, now_ms: int) -> str | None:
        """Return the most urgent; None when nobody waits."""
        slot = self._queue.peek(now_ms)
        return None if slot == NOBODY else self._members[slot]

    def worst(self, now_ms: int) -> str | None:
        """Return the least urgent who is not protected; None when there is none."""
        slot = self._queue.worst(now_ms)
        return None if slot == NOBODY else self._members[slot]

    def first(self, now_ms: int, k: int) -> list[str]:
        """Return the k most urgent in order (fewer when fewer wait); they stay in."""
        return [self._members[slot] for slot in self._queue.first(now_ms, k)]

    def position(self, member: str, now_ms: int) -> int:
        """Return a member's place, from 1; 0 when it is not in. O(n)."""
        slot = self._slots.get(member)
        return 0 if slot is None else self._queue.ahead(slot, now_ms) + 1

    def urgency_ms(self, member: str, now_ms: int) -> int:
        """Return since when a member counts as waiting now; lower is sooner. Raises KeyError when it is not in."""
        level, since_ms, _ = self._queue.where(self._slots[member])
        return counts_as_since(self.curves[level - 1], since_ms, now_ms)

    def items(self) -> list[tuple[str, int, int, bool]]:
        """Return (member, level, since when it waits, protected) of all in the order they came.

        Pushing them in this order into an empty queue gives one that decides alike ever after: ties go by arrival, also
        those that a later `reclassify` makes.
        """
        return [(self._members[slot], *self._queue.where(slot)) for slot in self._queue.slots()]
