# SPDX-License-Identifier: Apache-2.0
"""Why a unit stands where it stands: every second of its cost with what it is for."""

from collections.abc import Mapping, Sequence

from core.dispatch.matcher import Ranked, Ranking
from core.effects import Candidate, Reason
from core.ids import CountyCode, IncidentId, UnitId
from core.kernels import rank
from core.settings import Settings


def to_candidates(
    ranking: Ranking,
    unit_ids: Sequence[UnitId],
    county_names: Sequence[CountyCode],
    settings: Settings,
    diverts: Mapping[int, IncidentId] | None = None,
) -> tuple[Candidate, ...]:
    """Return the candidates with their reasons, as they are published; `diverts` says what a row is taken from."""
    whence = diverts or {}
    return tuple(
        [
            Candidate(
                unit_id=unit_ids[ranked.row],
                eta_s=ranked.travel_ms / 1000 if ranking.located and ranked.reachable else None,
                distance_m=ranked.distance_m,
                position_age_s=ranked.age_s,
                cost_s=ranked.cost_ms / 1000,
                reasons=_reasons(ranked, county_names[ranked.county], ranking.zone, settings, whence),
                reachable=ranked.reachable,
                diverts=whence.get(ranked.row, IncidentId("")),
            )
            for ranked in ranking.candidates
        ]
    )


def _reasons(
    ranked: Ranked, county: CountyCode, zone: str, settings: Settings, diverts: Mapping[int, IncidentId]
) -> tuple[Reason, ...]:
    """Return the way always, the rest when it costs something."""
    reasons = [_way(ranked, settings)]
    if not ranked.reachable:
        reasons.append(
            Reason(kind="no_road", seconds=ranked.no_road_ms / 1000, profile=ranked.profile or None)
        )
    if ranked.stale_ms and ranked.age_s is not None:
        uncertainty_m = round(ranked.age_s * ranked.speed_cms / 100, 1)
        most_m = settings.uncertainty_m_max
        reasons.append(
            Reason(
                kind="position_age",
                seconds=ranked.stale_ms / 1000,
                age_s=ranked.age_s,
                uncertainty_m=min(uncertainty_m, float(most_m)) if most_m else uncertainty_m,
            )
        )
    if ranked.county_ms:
        reasons.append(Reason(kind="other_county", seconds=ranked.county_ms / 1000, county=county))
    if ranked.cost_ms > ranked.travel_ms + ranked.stale_ms + ranked.county_ms + ranked.no_road_ms:
        reasons += _further(ranked, zone, diverts)
    return tuple(reasons)


def _way(ranked: Ranked, settings: Settings) -> Reason:
    """Return what the way is counted as."""
    seconds, reckoned_m = ranked.travel_ms / 1000, ranked.driven_m or None
    if ranked.distance_m is None:
        return Reason(kind="no_location", seconds=seconds)
    if ranked.way in (rank.LABELS, rank.LIVE):
        return Reason(
            kind="road",
            seconds=seconds,
            distance_m=ranked.distance_m,
            profile=ranked.profile,
            live=ranked.way == rank.LIVE,
            reckoned_m=reckoned_m,
        )
    return Reason(
        kind="off_road" if ranked.way == rank.OFF_ROAD else "travel",
        seconds=seconds,
        distance_m=ranked.distance_m,
        speed_kmh=float(settings.speed_kmh),
        detour=settings.detour_percent / 100,
        reckoned_m=reckoned_m,
    )


def _further(ranked: Ranked, zone: str, diverts: Mapping[int, IncidentId]) -> list[Reason]:
    """Return what few units pay, as far as this one does."""
    reasons = []
    if ranked.type_ms:
        reasons.append(
            Reason(kind="police_type", seconds=ranked.type_ms / 1000, police_type=ranked.police_type)
        )
    if ranked.zone_ms:
        reasons.append(Reason(kind="zone", seconds=ranked.zone_ms / 1000, zone=zone))
    if ranked.crew_ms:
        reasons.append(Reason(kind="crew", seconds=ranked.crew_ms / 1000, crew=ranked.crew))
    if ranked.shift_ms:
        reasons.append(
            Reason(kind="shift_end", seconds=ranked.shift_ms / 1000, shift_end=_clock(ranked.shift_end_min))
        )
    if ranked.coverage_ms:
        reasons.append(Reason(kind="coverage", seconds=ranked.coverage_ms / 1000, units=ranked.covered))
    if ranked.switch_ms:
        reasons.append(
            Reason(kind="switching", seconds=ranked.switch_ms / 1000, incident_id=diverts.get(ranked.row))
        )
    return reasons


def _clock(minute: int) -> str:
    return f"{minute // 60 % 24:02}:{minute % 60:02}"
