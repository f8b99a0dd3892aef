# SPDX-License-Identifier: Apache-2.0
"""A seeded history of a queue at a steady size, with the answers it must give.

35 % push, 20 % change of level, 15 % removal, 30 % pop, on eight levels with head starts (all others would need other
keys at every moment; heapq and sortedcontainers have one for all). Calls come an hour's worth at a time, whatever the
size; no two keys are alike, so there is one right answer to every pop.
"""

import random
from dataclasses import dataclass

from bench.peers import LazyHeap
from core.dispatch.queue import NOBODY, CallQueue
from core.dispatch.urgency import Curve, plain

HEAD_START_S = (1800, 900, 600, 300, 180, 120, 60, 0)
CURVES: tuple[Curve, ...] = tuple(plain(head_start_s) for head_start_s in HEAD_START_S)
HOUR_MS = 3_600_000
PUSH, RECLASSIFY, REMOVE, POP = range(4)
SHARES = (35, 20, 15, 30)
DRIFT = 0.1
"The size stays within a tenth of what it should be."


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, as each contender needs it to be told."""

    verb: int
    member: int
    slot: int
    "Where ours has put that member."
    level: int
    since_ms: int
    now_ms: int
    key: int
    "The moment since which it counts as waiting: what the neighbours sort by."


@dataclass(frozen=True, slots=True)
class History:
    """Who waits at the start, what happens, and who is popped."""

    size: int
    start: list[Operation]
    operations: list[Operation]
    popped: list[int]


class _City:
    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.chance = random.Random(seed)
        self.truth: LazyHeap[int] = LazyHeap()
        self.ours = CallQueue(2 * size + 64, CURVES)
        self.living: list[int] = []
        self.place: dict[int, int] = {}
        self.came: dict[int, tuple[int, int, int]] = {}
        "{member: slot, level, since}"
        self.used: set[int] = set()
        self.members = 0
        self.now_ms = 0

    def push(self) -> Operation:
        self.now_ms += self.chance.randrange(1, 2 * max(1, HOUR_MS // self.size))
        member, level, key = self.members, self.chance.randrange(1, 9), 0
        self.members += 1
        while (key := self.now_ms - HEAD_START_S[level - 1] * 1000) in self.used:
            self.now_ms += 1
        self.used.add(key)
        slot, _ = self.ours.push(level, self.now_ms, self.now_ms)
        self.truth.push(member, key)
        self.place[member] = len(self.living)
        self.living.append(member)
        self.came[member] = slot, level, self.now_ms
        return Operation(PUSH, member, slot, level, self.now_ms, self.now_ms, key)

    def reclassify(self) -> Operation | None:
        member = self.chance.choice(self.living)
        slot, before, since_ms = self.came[member]
        level = max(1, before - 1) if self.chance.random() < 0.5 else min(8, before + 1)
        key = since_ms - HEAD_START_S[level - 1] * 1000
        if key in self.used:
            return None
        self.used.add(key)
        self.ours.reclassify(slot, level, since_ms)
        self.truth.raise_to(member, key)
        self.came[member] = slot, level, since_ms
        return Operation(RECLASSIFY, member, slot, level, since_ms, self.now_ms, key)

    def remove(self) -> Operation:
        member = self.chance.choice(self.living)
        slot, level, since_ms = self.came[member]
        self.ours.remove(slot)
        self.truth.remove(member)
        self._gone(member)
        return Operation(REMOVE, member, slot, level, since_ms, self.now_ms, 0)

    def pop(self) -> Operation:
        member, slot = self.truth.pop(), self.ours.pop(self.now_ms)
        assert member is not None, "somebody waits"
        assert slot == self.came[member][0] != NOBODY, "the two queues must agree before anything is measured"
        self._gone(member)
        return Operation(POP, member, slot, 0, 0, self.now_ms, 0)

    def _gone(self, member: int) -> None:
        last, place = self.living.pop(), self.place.pop(member)
        if last != member:
            self.living[place], self.place[last] = last, place


def history(size: int, operations: int, seed: int) -> History:
    """Return the same history for the same arguments."""
    city = _City(size, seed)
    start = [city.push() for _ in range(size)]
    done: list[Operation] = []
    while len(done) < operations:
        (verb,) = city.chance.choices((PUSH, RECLASSIFY, REMOVE, POP), SHARES)
        if verb == PUSH and len(city.living) > (1 + DRIFT) * size:
            verb = POP
        elif verb in (REMOVE, POP) and len(city.living) < (1 - DRIFT) * size:
            verb = PUSH
        act = (city.push, city.reclassify, city.remove, city.pop)[verb]
        if (operation := act()) is not None:
            done.append(operation)
    return History(size, start, done, [one.member for one in done if one.verb == POP])
