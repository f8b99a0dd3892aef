# SPDX-License-Identifier: Apache-2.0
"""What everything costs, as the kernels are asked it: whole milliseconds, and what a metre takes at least.

Cost is additive (docs/decisions/0013): the way, a position grown stale, a unit borrowed from another county, of
another kind than is preferred, from outside a special zone, short of crew, near the end of its shift, leaving a
place nobody else covers, taken from another incident.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from core import geodesy
from core.kernels import rank
from core.kernels.layout import F64, FREE, I64
from core.roads.atlas import Roads
from core.settings import Settings

CAR: Final = "car"
SIREN: Final = "_siren"
FASTER: Final = 1.01
"Bounds allow for a road this much faster than the fastest: metres and milliseconds are rounded."
_NOBODY_APART: Final = np.empty((2, 0), np.int64)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Who could go? All that decides about the answer, beside the units, the settings and the roads."""

    lat: float | None
    "Degrees WGS-84; both None when unknown: positions play no part, the way costs `unlocated_cost_s`."
    lon: float | None
    now_ms: int
    county: int = -1
    "Index of the county whose ground it is; -1 when unknown: then nobody pays for being from another."
    need_mask: int = 0
    "Capability bits; bit 0 (free) is asked always."
    level: int = 2
    police_type: int = 0
    "Index of the only kind of unit that may go; 0 is any."
    preferred: tuple[int, ...] = ()
    "Indices of the kinds that should go; others cost `prefer_cost_s`. Empty: no preference."
    zone: str = ""
    "Name of the special zone it is in; units that are neither of its organ nor of its kind pay `zone_cost_s`."
    zone_organ: int = 0
    zone_type: int = 0
    excluded_rows: Collection[int] = ()
    "Counted as `named`."
    divertible: Mapping[int, int] = {}
    "{row of a unit under way to something lesser: what taking it from there costs, ms}: it may go as if free."

    @property
    def located(self) -> bool:
        """True when there is a place to go to."""
        return self.lat is not None and self.lon is not None


def profiles(
    police_types: Sequence[str], question: Question, settings: Settings, roads: Roads | None
) -> list[str]:
    """Return the road profile of each kind of police; empty where the straight line is all there is."""
    if roads is None:
        return [""] * len(police_types)
    siren = question.level <= settings.siren_level_max
    return [_profile(settings.road_profiles.get(name, CAR), siren, roads.profiles) for name in police_types]


def asked(rows: int, kinds: int, question: Question, settings: Settings, *, by_road: bool = False) -> I64:
    """Return the integers of the question, in the order of core/kernels/rank.py.

    `by_road`: roads will be asked, so that the pass over everybody needs only bounds.
    """
    spared = question.level == 1
    zoned = question.zone and (question.zone_organ or question.zone_type)
    preferred = question.preferred
    return np.array(
        (
            rows,
            question.need_mask | FREE,
            question.now_ms,
            question.county,
            question.located,
            settings.stale_s * 1000,
            settings.stale_cost_per_s,
            settings.lost_s * 1000,
            settings.other_county_cost_s * 1000,
            settings.unlocated_cost_s * 1000,
            settings.reach_m,
            question.police_type,
            settings.zone_cost_s * 1000 if zoned else 0,
            question.zone_organ,
            question.zone_type,
            settings.crew_min,
            settings.crew_cost_s * 1000,
            (question.now_ms // 1000 + settings.utc_offset_s) // 60 % rank.DAY_MIN,
            settings.shift_end_s // 60,
            settings.shift_cost_s * 1000,
            settings.coverage_m,
            0 if spared else settings.coverage_cost_s * 1000,
            settings.no_road_cost_s * 1000,
            settings.silent_s * 1000,
            settings.silent_cost_per_s,
            settings.reckon_s_max * 1000,
            by_road,
            *(
                settings.prefer_cost_s * 1000 if preferred and kind not in preferred else 0
                for kind in range(kinds)
            ),
        ),
        np.int64,
    )


def shaped(question: Question, settings: Settings, of: Sequence[str], roads: Roads | None) -> F64:
    """Return the floats of the question, in the order of core/kernels/rank.py; `of` is what `profiles` returned."""
    lat, lon = question.lat, question.lon
    if lat is None or lon is None:
        return np.full(rank.SHAPED + 1, math.nan)
    straight = settings.detour_percent * 36 / settings.speed_kmh  # detour · 3.6 km/h per m/s · 1000 ms / 100
    least = {"": straight}
    for profile in dict.fromkeys(of):
        if profile and roads is not None:
            least[profile] = 1000 / (roads.fastest_mps(profile, settings) * FASTER)
    return np.array(
        (lat * 1e7, lon * 1e7, *geodesy.radii_near(lat), straight, *(least[profile] for profile in of)),
        np.float64,
    )


def apart(question: Question) -> I64:
    """Return the units treated apart: those that may not be offered, and those that may be diverted."""
    if not question.excluded_rows and not question.divertible:
        return _NOBODY_APART
    told = {**question.divertible, **dict.fromkeys(question.excluded_rows, -1)}
    return np.array(sorted(told.items()), np.int64).T.copy()


def _profile(name: str, siren: bool, known: Collection[str]) -> str:
    """Return the profile a unit drives by, as far as the road file knows it."""
    if siren and name + SIREN in known:
        return name + SIREN
    return name if name in known else ""
