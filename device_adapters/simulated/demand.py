# SPDX-License-Identifier: Apache-2.0
"""Who calls, when, where and about what: a Poisson process with a day, hot spots, repeat calls. Pure, seeded.

Figures from records: 19 % of accidents are reported again within 10 min and 300 m; 15-23 % of callers leave
before the answer. The rest are guesses that look like a city.
"""

import heapq
import itertools
import math
from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from core.events import Location
from core.ids import CountyCode
from device_adapters.simulated.counties import County, shares
from device_adapters.simulated.streets import Place, offset, towns

DAY: tuple[float, ...] = (
    0.55, 0.40, 0.32, 0.28, 0.28, 0.35, 0.55, 0.90, 1.15, 1.20, 1.22, 1.20,
    1.12, 1.12, 1.18, 1.22, 1.28, 1.42, 1.48, 1.50, 1.52, 1.48, 1.25, 0.85,
)  # fmt: skip
"Calls of each hour against the mean hour: quiet before dawn, busiest in the evening. Guess."
KINDS: tuple[tuple[str, float, int], ...] = (
    ("traffic_accident", 0.27, 3),
    ("dispute", 0.20, 3),
    ("theft", 0.12, 3),
    ("fight", 0.09, 2),
    ("fraud", 0.09, 3),
    ("help", 0.13, 4),
    ("robbery", 0.02, 1),
    ("fire", 0.02, 1),
    ("missing_person", 0.03, 2),
    ("nuisance", 0.03, 4),
)
"Category, share, level (1 is the gravest)."
REPEAT_SHARE, REPEAT_S_MAX, REPEAT_M_MAX = 0.20, 600.0, 300.0
HOT_SPOTS, HOT_SHARE, HOT_SIGMA_M = 8, 0.6, 120.0
LOCATED_SHARE, CIRCLE_SHARE, WITHHELD_SHARE = 0.85, 0.6, 0.03
RING_MEDIAN_S, RING_SIGMA = 9.0, 0.7
"Patience of those who hang up while it rings. Guess."


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How callers behave; one object, so that a scenario can be written down."""

    compress: float = 20.0
    "Repeat calls follow this many times sooner than in life."
    abandon_share: float = 0.19
    hang_up_at_once: bool = True
    "True when the callee answers at once: whoever gives up then does so the moment he hears anything."
    talk_s: float = 3.0
    "Median seconds of a conversation."
    even_talk: bool = False
    "Every conversation lasts exactly `talk_s`."


class PlannedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call that will be placed."""

    at_s: float
    sip_call_id: str
    caller: str
    "Cannot exist: no subscriber number in China begins with 0."
    withheld: bool
    county: CountyCode
    kind: str
    level: int
    place: Place
    "Where it truly is."
    location: Location | None
    "What the network says about it."
    abandon_after_s: float | None
    talk_s: float
    repeats: str = ""
    "Call-ID of the first call about the same accident."


def poisson(rng: np.random.Generator, calls_per_s: float, day_s: float = 0.0) -> Iterator[float]:
    """Yield times of a Poisson process; `day_s` is how long a day is, 0 for an even rate (thinning)."""
    peak, mean = (max(DAY), sum(DAY) / len(DAY)) if day_s else (1.0, 1.0)
    t = 0.0
    while True:
        t += float(rng.exponential(mean / (calls_per_s * peak)))
        if not day_s or rng.random() * peak < DAY[int(t % day_s / day_s * len(DAY)) % len(DAY)]:
            yield t


def even(calls_per_s: float) -> Iterator[float]:
    """Yield times at exact intervals."""
    return (n / calls_per_s for n in itertools.count())


class Demand:
    """The callers of some counties."""

    def __init__(self, seed: int, counties: tuple[County, ...], manner: Manner, run_id: str = "") -> None:
        self._manner = manner
        self._counties = counties
        self._shares = np.cumsum(shares(counties))
        self._rng = np.random.default_rng([seed, 3])
        self._run_id = run_id or f"seed{seed}"
        self._serial = 0
        self._kind_shares = np.cumsum([kind[1] for kind in KINDS])
        self._streets = [
            towns(county, np.random.default_rng([seed, int(county.code), 2])) for county in counties
        ]
        self._hot = [self._rng.integers(len(net.lat), size=HOT_SPOTS) for net in self._streets]

    def calls(self, times: Iterable[float]) -> Iterator[PlannedCall]:
        """Yield the calls in the order of their times, repeat calls among them, without end."""
        waiting: list[tuple[float, int, PlannedCall]] = []
        for at_s in times:
            while waiting and waiting[0][0] <= at_s:
                yield heapq.heappop(waiting)[2]
            call = self._first(at_s)
            for repeat in self._repeats(call):
                heapq.heappush(waiting, (repeat.at_s, self._serial, repeat))
            yield call

    def poisson(self, calls_per_s: float, day_s: float, *, at_once: bool = False) -> Iterator[PlannedCall]:
        """Yield calls of which so many come per second, the repeat calls counted; `at_once`: one more at 0 s."""
        times = poisson(self._rng, calls_per_s / calls_per_incident(), day_s)
        return self.calls(itertools.chain((0.0,), times) if at_once else times)

    def _first(self, at_s: float) -> PlannedCall:
        rng = self._rng
        row = min(int(np.searchsorted(self._shares, rng.random())), len(self._counties) - 1)
        kind, _, level = KINDS[min(int(np.searchsorted(self._kind_shares, rng.random())), len(KINDS) - 1)]
        return self._call(at_s, self._counties[row].code, kind, level, self._somewhere(row))

    def _repeats(self, first: PlannedCall) -> list[PlannedCall]:
        rng = self._rng
        if first.kind != "traffic_accident" or rng.random() >= REPEAT_SHARE:
            return []
        angle, reach = rng.uniform(0, 2 * math.pi), REPEAT_M_MAX * math.sqrt(rng.random())
        place = offset(first.place, reach * math.cos(angle), reach * math.sin(angle))
        delay = rng.uniform(0, REPEAT_S_MAX) / self._manner.compress
        again = self._call(first.at_s + float(delay), first.county, first.kind, first.level, place)
        return [msgspec.structs.replace(again, repeats=first.sip_call_id)]

    def _call(self, at_s: float, county: CountyCode, kind: str, level: int, place: Place) -> PlannedCall:
        rng, manner = self._rng, self._manner
        self._serial += 1
        return PlannedCall(
            at_s=at_s,
            sip_call_id=f"{self._run_id}-{self._serial:06d}-{int(rng.integers(1 << 32)):08x}@city.invalid",
            caller=f"+865770{int(rng.integers(10**7)):07d}",
            withheld=bool(rng.random() < WITHHELD_SHARE),
            county=county,
            kind=kind,
            level=level,
            place=place,
            location=self._located(place),
            abandon_after_s=self._patience() if rng.random() < manner.abandon_share else None,
            talk_s=manner.talk_s * (1.0 if manner.even_talk else math.exp(float(rng.normal(0.0, 0.4)))),
        )

    def _somewhere(self, row: int) -> Place:
        rng, net = self._rng, self._streets[row]
        hot = rng.random() < HOT_SHARE
        corner = int(rng.choice(self._hot[row])) if hot else int(rng.integers(len(net.lat)))
        north, east = rng.normal(0.0, HOT_SIGMA_M, 2)
        return offset((float(net.lat[corner]), float(net.lon[corner])), float(north), float(east))

    def _located(self, place: Place) -> Location | None:
        rng = self._rng
        if rng.random() >= LOCATED_SHARE:
            return None
        radius = round(float(rng.uniform(15, 120))) if rng.random() < CIRCLE_SHARE else 0
        seen = offset(place, *(float(metres) for metres in rng.normal(0.0, max(radius, 5) / 2.5, 2)))
        return Location(
            lat=round(seen[0], 6), lon=round(seen[1], 6), uncertainty_m=float(radius), source="pidf-lo"
        )

    def _patience(self) -> float:
        if self._manner.hang_up_at_once:
            return 0.0
        return RING_MEDIAN_S * math.exp(float(self._rng.normal(0.0, RING_SIGMA)))


def calls_per_incident() -> float:
    """Return how many calls come for one incident, repeat calls counted."""
    return 1.0 + KINDS[0][1] * REPEAT_SHARE
