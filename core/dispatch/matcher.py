# SPDX-License-Identifier: Apache-2.0
"""Which units could go to an incident, what each would cost in seconds, and why the others could not.

Cost is additive: the way, a position grown stale, a unit borrowed from another county. Every part is a whole
number of milliseconds, so the reasons a person reads add up to the cost the machine compared.
"""

import math
from collections.abc import Collection, Sequence
from typing import Final

import msgspec
import numpy as np

from core import geodesy
from core.effects import Candidate, Reason
from core.ids import CountyCode, UnitId
from core.kernels import rank
from core.kernels.layout import FREE
from core.settings import Settings
from core.units.columns import Barred, UnitColumns

EXCLUDED: Final[dict[int, str]] = {
    **{barred.value: barred.name.lower() for barred in Barred if barred is not Barred.FREE},
    rank.CAPABILITY: "capability",
    rank.NAMED: "named",
    rank.NO_POSITION: "no_position",
    rank.POSITION_LOST: "position_lost",
    rank.OUT_OF_REACH: "out_of_reach",
}
"{kernel code: published reason}; of several that hold, the first in this order is counted."

_NOBODY_NAMED: Final = np.empty(0, np.int64)


class Ranked(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One unit that could go. `cost_ms` is the sum of `travel_ms`, `stale_ms` and `county_ms`."""

    row: int
    cost_ms: int
    travel_ms: int
    "The way; the constant for an unknown place when the incident has none."
    distance_m: float | None
    "In a straight line, to the millimetre; None when nobody knows where the incident is."
    age_s: float | None
    "Of the position, 0 when the device's clock is ahead; None when there is none."
    county: int
    "Index of the unit's own county."
    stale_ms: int
    county_ms: int


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """The best units, and a count for every other: `considered` + all of `excluded` = all rows."""

    located: bool
    candidates: tuple[Ranked, ...]
    "At most `candidates_max`, by (cost_ms, row)."
    excluded: dict[str, int]
    considered: int


def rank_units(
    columns: UnitColumns,
    settings: Settings,
    *,
    lat: float | None,
    lon: float | None,
    county_index: int,
    need_mask: int,
    now_ms: int,
    excluded_rows: Collection[int] = (),
) -> Ranking:
    """Rank all units for one incident, in one kernel call.

    `lat`, `lon` in degrees WGS-84, both None when unknown: then positions play no part and the way costs
    `unlocated_cost_s`. `county_index` is the incident's county, -1 when unknown: then nobody pays for being
    from another. `need_mask` holds the capability bits; bit 0 (free) is always asked. `excluded_rows` are
    counted as `named`.
    """
    located = lat is not None and lon is not None
    best = np.empty((settings.candidates_max, rank.KEPT), np.int64)
    counts = np.zeros(rank.COUNTED, np.int64)
    considered = rank.nearest(
        columns.narrow,
        columns.wide,
        np.array(_asked(columns.rows, settings, located, county_index, need_mask, now_ms), np.int64),
        np.array(_shaped(settings, lat, lon), np.float64),
        np.array(sorted(set(excluded_rows)), np.int64) if excluded_rows else _NOBODY_NAMED,
        best,
        counts,
    )
    counted = counts.tolist()
    assert counted[Barred.FREE] == 0, "a unit is free, or barred for a reason"
    return Ranking(
        located=located,
        candidates=tuple(_ranked(columns, kept, located, now_ms) for kept in best[:considered].tolist()),
        excluded={reason: counted[code] for code, reason in EXCLUDED.items() if counted[code]},
        considered=int(considered),
    )


def to_candidates(
    ranking: Ranking,
    unit_ids: Sequence[UnitId],
    county_names: Sequence[CountyCode],
    settings: Settings,
) -> tuple[Candidate, ...]:
    """Return the candidates with their reasons, as they are published."""
    return tuple(
        Candidate(
            unit_id=unit_ids[ranked.row],
            eta_s=ranked.travel_ms / 1000 if ranking.located else None,
            distance_m=ranked.distance_m,
            position_age_s=ranked.age_s,
            cost_s=ranked.cost_ms / 1000,
            reasons=_reasons(ranked, county_names[ranked.county], settings),
        )
        for ranked in ranking.candidates
    )


def _reasons(ranked: Ranked, county: CountyCode, settings: Settings) -> tuple[Reason, ...]:
    """Return the way always, the rest when it costs something."""
    if ranked.distance_m is None:
        reasons = [Reason(kind="no_location", seconds=ranked.travel_ms / 1000)]
    else:
        reasons = [
            Reason(
                kind="travel",
                seconds=ranked.travel_ms / 1000,
                distance_m=ranked.distance_m,
                speed_kmh=float(settings.speed_kmh),
                detour=settings.detour_percent / 100,
            )
        ]
    if ranked.stale_ms:
        reasons.append(Reason(kind="position_age", seconds=ranked.stale_ms / 1000, age_s=ranked.age_s))
    if ranked.county_ms:
        reasons.append(Reason(kind="other_county", seconds=ranked.county_ms / 1000, county=county))
    return tuple(reasons)


def _asked(
    rows: int, settings: Settings, located: bool, county: int, need: int, now_ms: int
) -> tuple[int, ...]:
    """Return the integers of the question, in the order of core/kernels/rank.py."""
    return (
        rows,
        need | FREE,
        now_ms,
        county,
        located,
        settings.stale_s * 1000,
        settings.stale_cost_per_s,
        settings.lost_s * 1000,
        settings.other_county_cost_s * 1000,
        settings.unlocated_cost_s * 1000,
        settings.reach_m,
    )


def _shaped(settings: Settings, lat: float | None, lon: float | None) -> tuple[float, ...]:
    """Return the floats of the question, in the order of core/kernels/rank.py."""
    if lat is None or lon is None:
        return (math.nan,) * rank.SHAPED
    ms_per_m = settings.detour_percent * 36 / settings.speed_kmh  # detour · 3.6 km/h per m/s · 1000 ms / 100
    return (lat * 1e7, lon * 1e7, *geodesy.radii_near(lat), ms_per_m)


def _ranked(columns: UnitColumns, kept: list[int], located: bool, now_ms: int) -> Ranked:
    row = kept[rank.ROW]
    fix_s = int(columns.fix_s[row])
    return Ranked(
        row=row,
        cost_ms=kept[rank.COST],
        travel_ms=kept[rank.TRAVEL],
        distance_m=kept[rank.DISTANCE_MM] / 1000 if located else None,
        age_s=max(0, now_ms - fix_s * 1000) / 1000 if fix_s else None,
        county=int(columns.county[row]),
        stale_ms=kept[rank.STALE],
        county_ms=kept[rank.ABROAD],
    )
