# SPDX-License-Identifier: Apache-2.0
"""How urgent waiting makes a call of each level, and how long anybody can be passed by those who came later.

Urgency is a time: as how much waiting it counts to have waited so long. A curve may start ahead, go faster, slower or
not at all for a while, and step up at a deadline; it never falls. So within a level whoever came first stays first.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Annotated

import msgspec
import numpy as np

from core.kernels.waiting import COUNTS, I64, NEVER, RISE

LEVELS_MAX = 8
POINTS_MAX = 16
"Guess: a curve a person drew has three or four."
SECONDS_MAX = 1_000_000
"Eleven days. The product of two such in ms fits an int64, eight times over."
CURVES_KEPT = 64
"A policy has four; the others are those of the last runs a replay goes through."

Seconds = Annotated[int, msgspec.Meta(ge=0, le=SECONDS_MAX)]
Stretch = tuple[int, int, int, int]


class Curve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one level: points (waited, counts as) in s, joined by straight lines."""

    points: Annotated[tuple[tuple[Seconds, Seconds], ...], msgspec.Meta(min_length=1, max_length=POINTS_MAX)]
    "The first is of waiting 0. Two of the same waiting are a step: the later counts from that moment on."
    then_percent: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 100
    "After the last point: 100 rises second by second, 50 half as fast, 0 no more."
    before_all: bool = False
    "Calls of this level may go before lesser ones for ever, however long those wait. Otherwise that is refused."

    def __post_init__(self) -> None:
        """Refuse a curve that is none, with a sentence."""
        if self.points[0][0] != 0:
            raise ValueError(f"the first point is of waiting 0 s, not of {self.points[0][0]}")
        for before, after in zip(self.points, self.points[1:], strict=False):
            if after[0] < before[0]:
                raise ValueError(f"the point of {after[0]} s stands behind that of {before[0]} s")
            if after[1] < before[1]:
                raise ValueError(f"urgency falls from {before[1]} to {after[1]} s at {after[0]} s of waiting")
        for first, third in zip(self.points, self.points[2:], strict=False):
            if first[0] == third[0]:
                raise ValueError(f"more than two points of {first[0]} s: a step has two")


def plain(head_start_s: int) -> Curve:
    """Return the curve of someone who counts as having waited so much longer than they have."""
    return Curve(points=((0, head_start_s),))


@lru_cache(CURVES_KEPT)
def stretches(curve: Curve) -> tuple[Stretch, ...]:
    """Return the curve as (from, counts as, rise, over) in ms; the first is for those who wait less than 0.

    A demoted call counts as having come later, perhaps later than now: before its time it rises second by second.
    """
    found = [(0, curve.points[0][1] * 1000, 1, 1)]
    for (waited, counts), (until, counts_then) in zip(curve.points, curve.points[1:], strict=False):
        if until > waited:  # else a step, and the next stretch begins here
            found.append(
                (waited * 1000, counts * 1000, (counts_then - counts) * 1000, (until - waited) * 1000)
            )
    waited, counts = curve.points[-1]
    return (*found, (waited * 1000, counts * 1000, curve.then_percent, 100))


def counts_ms(curve: Curve, waited_ms: int) -> int:
    """Return as how much waiting it counts to have waited so long; the kernel's twin."""
    before, *parts = stretches(curve)
    start, counts, rise, over = next((one for one in reversed(parts) if one[0] <= waited_ms), before)
    return counts + (waited_ms - start) * rise // over


def counts_as_since(curve: Curve, since_ms: int, now_ms: int) -> int:
    """Return since when it counts as waiting now, who waits since `since_ms`: what is published as its urgency."""
    return now_ms - counts_ms(curve, now_ms - since_ms)


@lru_cache(CURVES_KEPT)
def as_table(curves: tuple[Curve, ...]) -> I64:
    """Return the curves as the kernels read them: (levels, stretches, 4), those not used never reached."""
    rows = [stretches(curve) for curve in curves]
    table = np.empty((len(rows), max(map(len, rows)), 4), np.int64)
    table[:] = NEVER, 0, 1, 1
    for level, row in enumerate(rows):
        table[level, : len(row)] = row
    return table


def overtaking_ms(curves: Sequence[Curve], level: int, by: int) -> int | None:
    """Return how much later a call of level `by` must come so that it never goes before one of `level`, ms.

    Exact to the millisecond: one that comes 2 ms sooner than that can go before it. 0: it must have come earlier. None:
    however much later it comes.

    A call goes first while it counts as more. One of `level` counts as less than a height until it has reached it; so
    the difference between when it does and when `by` does is how much later `by` may have come. Between two heights at
    which one of the curves bends it changes along a straight line, so the greatest is at such a height, or 1 ms above
    it where a curve has been flat. Heights below what `by` counts as on arrival say nothing.
    """
    ours, theirs = stretches(curves[level - 1]), stretches(curves[by - 1])
    if _outruns(ours[-1], theirs[-1]):
        return None
    bends = {counts for _, counts, _, _ in (*ours, *theirs)}
    bends |= {counts + rise for _, counts, rise, _ in (*ours[1:-1], *theirs[1:-1])}
    latest = Fraction(0)
    for height in bends | {bend + 1 for bend in bends}:
        if height < theirs[1][COUNTS]:
            continue
        soonest, stayed = _reached(theirs, height), _reached(ours, height)
        if soonest is not None and stayed is not None:
            latest = max(latest, stayed - soonest)
    return -(-latest.numerator // latest.denominator)


def check(curves: Sequence[Curve]) -> None:
    """Raise ValueError when calls of a level could wait for ever behind later ones, unless that is declared."""
    for level in range(1, len(curves) + 1):
        for by in range(1, len(curves) + 1):
            if overtaking_ms(curves, level, by) is not None:
                continue
            if by > level:
                raise ValueError(
                    f"calls of level {level} could wait for ever behind later ones of level {by}, which are lesser"
                )
            if not curves[by - 1].before_all:
                raise ValueError(
                    f"calls of level {level} could wait for ever behind later ones of level {by}: let level {level} "
                    f"rise as fast in the end, or say before_all = true for level {by}"
                )


def _outruns(ours: Stretch, theirs: Stretch) -> bool:
    """Whether in the end they are ahead by more and more, or stay above where we stop."""
    if ours[RISE] == 0:
        return theirs[RISE] > 0 or theirs[COUNTS] > ours[COUNTS]
    return theirs[RISE] > ours[RISE]


def _reached(parts: Sequence[Stretch], height: int) -> Fraction | None:
    """Return after how much waiting (ms) it counts as `height` or more; None when it never does."""
    before, *parts = parts
    if height <= before[COUNTS]:
        return Fraction(height - before[COUNTS])
    for start, counts, rise, over in parts[:-1]:
        if height <= counts + rise:
            return start + max(Fraction(0), Fraction((height - counts) * over, rise or 1))
    start, counts, rise, over = parts[-1]
    if height > counts and not rise:
        return None
    return start + max(Fraction(0), Fraction((height - counts) * over, rise or 1))
