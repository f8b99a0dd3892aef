# SPDX-License-Identifier: Apache-2.0
"""What goes wrong between a receiver and the air, each fault with its truth: what must be shown of it. Pure, seeded.

A habit is what one device does with every fix it measures. Shares and lengths are guesses, larger than life: a run
of a minute must meet every fault many times.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from device_adapters.datum import gcj02_from_wgs84
from device_adapters.simulated.streets import Place, offset

Must = Literal["shown", "hidden"]
Kind = Literal[
    "clean",
    "outliers",
    "gaps",
    "backlogs",
    "duplicates",
    "ahead",
    "future",
    "behind",
    "rollover",
    "gcj02",
    "undeclared",
]

SETTLED = 5
"Fixes of a device that has just been switched on are good: nobody can tell a jump from nothing."
OUTLIER_SHARE, RUN_SHARE, RUN_MAX = 0.01, 0.3, 5
"As in findings on real tracks: one fix of a hundred, three of ten in runs of two to five."
OUTLIER_M = (5_000.0, 50_000.0)
QUIET_EVERY, QUIET = 60, (5, 20)
"Fixes between two gaps on average, and fixes that fall into one."
STORED_MAX = 100
DUPLICATE_SHARE = 0.1
AHEAD_S, FUTURE_S, BEHIND_S = 60, 3_600, 600
"A receiver takes up to 120 s ahead; an hour ahead it refuses; behind is old, and shown as old."
ROLLOVER_S = 1024 * 7 * 86_400
"GPS counts weeks in ten bits."


class Truth(msgspec.Struct, frozen=True, gc=False):
    """What must come of one position that was sent."""

    unit_id: str
    lat_e7: int
    "Where it is shown, if it is shown; of a datum nobody declared that is not where the unit is."
    lon_e7: int
    tst: int
    "When it was measured by a right clock, s since 1970."
    tst_said: int
    must: Must
    fault: str
    true_lat_e7: int
    true_lon_e7: int


class Measured(NamedTuple):
    """What the receiver found, WGS-84 and by a right clock."""

    lat: float
    lon: float
    speed_ms: float
    course: float
    tst: int
    seq: int


class Spoken(NamedTuple):
    """What the radio says of it. `shown` is where a right receiver shows it."""

    measured: Measured
    lat: float
    lon: float
    tst: int
    shown: Place
    must: Must = "shown"
    fault: str = ""
    crs: str = ""


Habit = Callable[[Measured, np.random.Generator], list[Spoken]]


def habit(kind: Kind) -> Habit:
    """Return a device of this kind, newly switched on."""
    return HABITS[kind]()


def kinds(words: Sequence[str]) -> tuple[Kind, ...]:
    """Return the kinds these words name; `all` is every one. Raises ValueError that names those there are."""
    named = tuple(HABITS) if tuple(words) == ("all",) else tuple(words)
    unknown = [word for word in named if word not in HABITS]
    if unknown or not named:
        raise ValueError(f"{', '.join(unknown) or 'nothing'} is no kind; there are all, {', '.join(HABITS)}")
    return tuple(kind for kind in HABITS if kind in named)


def _as_it_is(here: Measured, fault: str = "", must: Must = "shown") -> Spoken:
    return Spoken(here, here.lat, here.lon, here.tst, (here.lat, here.lon), must, fault)


class _Clean:
    def __call__(self, here: Measured, _: np.random.Generator) -> list[Spoken]:
        return [_as_it_is(here)]


class _Outliers:
    """Far away now and then, each time somewhere else: no three of them agree."""

    def __init__(self) -> None:
        self._said = self._left = 0

    def __call__(self, here: Measured, rng: np.random.Generator) -> list[Spoken]:
        self._said += 1
        if not self._left and self._said > SETTLED and rng.random() < OUTLIER_SHARE:
            self._left = int(rng.integers(2, RUN_MAX + 1)) if rng.random() < RUN_SHARE else 1
            self._said = 0
        if not self._left:
            return [_as_it_is(here)]
        self._left -= 1
        away, course = float(rng.uniform(*OUTLIER_M)), float(rng.uniform(0, 2 * math.pi))
        lat, lon = offset((here.lat, here.lon), away * math.cos(course), away * math.sin(course))
        return [Spoken(here, lat, lon, here.tst, (lat, lon), "hidden", "outlier")]


class _Gaps:
    """Silent in a tunnel; with a store, what was measured there follows the first fix behind it."""

    def __init__(self, *, stores: bool) -> None:
        self._stores = stores
        self._quiet = 0
        self._stored: deque[Measured] = deque(maxlen=STORED_MAX)

    def __call__(self, here: Measured, rng: np.random.Generator) -> list[Spoken]:
        if not self._quiet and not self._stored and rng.random() < 1 / QUIET_EVERY:
            self._quiet = int(rng.integers(*QUIET))
        if self._quiet:
            self._quiet -= 1
            if self._stores:
                self._stored.append(here)
            return []
        late = [_as_it_is(stored, "stored", "hidden") for stored in self._stored]
        self._stored.clear()
        return [_as_it_is(here), *late]


class _Duplicates:
    def __call__(self, here: Measured, rng: np.random.Generator) -> list[Spoken]:
        said = [_as_it_is(here)]
        return [*said, _as_it_is(here, "duplicate", "hidden")] if rng.random() < DUPLICATE_SHARE else said


class _WrongClock:
    def __init__(self, off_s: int, fault: str, must: Must = "shown") -> None:
        self._off_s, self._fault, self._must = off_s, fault, must

    def __call__(self, here: Measured, _: np.random.Generator) -> list[Spoken]:
        return [_as_it_is(here, self._fault, self._must)._replace(tst=here.tst + self._off_s)]


class _WrongDatum:
    """Shifted as Chinese maps are; who does not say so is shown beside the street."""

    def __init__(self, *, declared: bool) -> None:
        self._declared = declared

    def __call__(self, here: Measured, _: np.random.Generator) -> list[Spoken]:
        lat, lon = gcj02_from_wgs84(here.lat, here.lon)
        if self._declared:
            return [Spoken(here, lat, lon, here.tst, (here.lat, here.lon), crs="gcj02")]
        return [Spoken(here, lat, lon, here.tst, (lat, lon), "shown", "undeclared datum")]


HABITS: dict[Kind, Callable[[], Habit]] = {
    "clean": _Clean,
    "outliers": _Outliers,
    "gaps": lambda: _Gaps(stores=False),
    "backlogs": lambda: _Gaps(stores=True),
    "duplicates": _Duplicates,
    "ahead": lambda: _WrongClock(AHEAD_S, "clock ahead"),
    "future": lambda: _WrongClock(FUTURE_S, "clock an hour ahead", "hidden"),
    "behind": lambda: _WrongClock(-BEHIND_S, "clock behind"),
    "rollover": lambda: _WrongClock(-ROLLOVER_S, "week rollover"),
    "gcj02": lambda: _WrongDatum(declared=True),
    "undeclared": lambda: _WrongDatum(declared=False),
}
"Each kind of device."
