# SPDX-License-Identifier: Apache-2.0
"""The contenders, each as its users would write it. All are told the same and must pop the same members.

`ours` is told slots, which it gave out itself; `ours with names` keeps ids of a call by slot, as the gateway does. The
neighbours are told members as whole numbers: their fastest way.
"""

import gc
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from bench.compare.queue.history import CURVES, POP, PUSH, RECLASSIFY, History, Operation
from bench.compare.result import OURS
from bench.peers import LazyHeap, SortedQueue
from core.dispatch.queue import CallQueue, DispatchQueue

Run = Callable[[History], tuple[float, list[int | None]]]
"Play a history; return the seconds of CPU per operation (others on the machine do not count) and who was popped."
BATCH = 64
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Contender:
    """Someone who keeps a queue."""

    name: str
    package: str
    run: Run


def ours(history: History) -> tuple[float, list[int | None]]:
    """Slots, one operation at a time."""
    queue = _filled(history)
    push, reclassify, remove, pop = queue.push, queue.reclassify, queue.remove, queue.pop
    popped = []
    told = _afresh([(one.verb, one.slot, one.level, one.since_ms, one.now_ms) for one in history.operations])
    with _quiet():
        began = time.thread_time()
        for verb, slot, level, since_ms, now_ms in told:
            if verb == PUSH:
                push(level, since_ms, now_ms)
            elif verb == POP:
                popped.append(pop(now_ms))
            elif verb == RECLASSIFY:
                reclassify(slot, level, since_ms)
            else:
                remove(slot)
        took = time.thread_time() - began
    return took / len(told), _members(history, popped)


def ours_with_names(history: History) -> tuple[float, list[int | None]]:
    """Ids, one operation at a time."""
    queue = DispatchQueue(2 * history.size + 64, CURVES)
    for one in history.start:
        queue.push(f"c{one.member}", one.level, one.since_ms, one.now_ms)
    push, reclassify, remove, pop = queue.push, queue.reclassify, queue.remove, queue.pop
    popped = []
    told = _afresh(
        [(one.verb, f"c{one.member}", one.level, one.since_ms, one.now_ms) for one in history.operations]
    )
    with _quiet():
        began = time.thread_time()
        for verb, member, level, since_ms, now_ms in told:
            if verb == PUSH:
                push(member, level, since_ms, now_ms)
            elif verb == POP:
                popped.append(pop(now_ms))
            elif verb == RECLASSIFY:
                reclassify(member, level, since_ms)
            else:
                remove(member)
        took = time.thread_time() - began
    return took / len(told), [None if member is None else int(member[1:]) for member in popped]


def ours_in_batches(history: History) -> tuple[float, list[int | None]]:
    """Slots, BATCH operations in one call; they lie in an array already, as after one decode of a burst."""
    queue = _filled(history)
    moves = np.array([_move(one) for one in history.operations], np.int64)
    answers = np.empty(len(moves), np.int64)
    batches = [slice(at, at + BATCH) for at in range(0, len(moves), BATCH)]
    with _quiet():
        began = time.thread_time()
        for batch in batches:
            queue.apply(moves[batch], answers[batch])
        took = time.thread_time() - began
    return took / len(moves), _members(history, answers[moves[:, 0] == POP].tolist())


def _neighbour(make: Callable[[], LazyHeap[int] | SortedQueue[int]]) -> Run:
    def run(history: History) -> tuple[float, list[int | None]]:
        queue = make()
        for one in history.start:
            queue.push(one.member, one.key)
        push, raise_to, remove, pop = queue.push, queue.raise_to, queue.remove, queue.pop
        popped: list[int | None] = []
        told = _afresh([(one.verb, one.member, one.key) for one in history.operations])
        with _quiet():
            began = time.thread_time()
            for verb, member, key in told:
                if verb == PUSH:
                    push(member, key)
                elif verb == POP:
                    popped.append(pop())
                elif verb == RECLASSIFY:
                    raise_to(member, key)
                else:
                    remove(member)
            took = time.thread_time() - began
        return took / len(told), popped

    return run


ONE_BY_ONE = (
    Contender(OURS, "", ours),
    Contender("ours with names", "", ours_with_names),
    Contender("heapq", "", _neighbour(LazyHeap)),
    Contender("sortedcontainers", "sortedcontainers", _neighbour(SortedQueue)),
)
IN_BATCHES = (Contender(OURS, "", ours_in_batches), *ONE_BY_ONE[2:])


def _afresh(told: list[T]) -> list[T]:
    """Return the same, laid out in memory in the order in which it is told: as if each had come just now."""
    again: list[T] = pickle.loads(pickle.dumps(told))
    return again


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the collector out of a measurement."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _filled(history: History) -> CallQueue:
    queue = CallQueue(2 * history.size + 64, CURVES)
    for one in history.start:
        queue.push(one.level, one.since_ms, one.now_ms)
    return queue


def _move(one: Operation) -> tuple[int, int, int, int, int, int]:
    return one.verb, one.slot, one.level, one.since_ms, one.now_ms, 0


def _members(history: History, slots: list[int]) -> list[int | None]:
    """Return who was in each slot when it was popped; None where another slot should have been."""
    pops = [one for one in history.operations if one.verb == POP]
    return [one.member if one.slot == slot else None for one, slot in zip(pops, slots, strict=True)]
