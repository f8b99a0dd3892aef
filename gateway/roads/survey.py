# SPDX-License-Identifier: Apache-2.0
"""What a source says about the roads, before it is known who drives on them.

A *place* is a point of the map. A *piece* is a straight bit of road between two places; what is driven both
ways is one piece. Every source (OpenStreetMap, tables, water) is read into these columns, and `network.py`
makes one graph for each profile of them.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.geodesy import A_M, E2

I8 = NDArray[np.int8]
I32 = NDArray[np.int32]
F64 = NDArray[np.float64]

KINDS: Final = (
    "motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary",
    "secondary_link", "tertiary", "tertiary_link", "unclassified", "residential", "living_street", "service",
    "track", "busway", "pedestrian", "cycleway", "footway", "path", "steps", "waterway", "water",
)  # fmt: skip
"Classes of road as OpenStreetMap's key `highway` names them, then the two of the water. A graph keeps the index."

CAR, MOTORCYCLE, FOOT, BOAT, SIREN = 1, 2, 4, 8, 16
"Bits of who may pass. A car with its siren on is SIREN: what is closed to all but emergencies is open to it."
NOBODY = 0
EVERYBODY_ON_LAND = CAR | MOTORCYCLE | FOOT | SIREN

BOTH_WAYS, ONE_WAY, ONE_WAY_ALWAYS = 0, 1, 2
"The last one (motorways, roundabouts) is not driven against even with a siren."

PLACES_MAX: Final = 6_000_000
"Places a source may have: at 200 bytes each while reading about 1.2 GB (guess: three provinces' junctions)."
BYTES_MAX: Final = 4 << 30
"Size a source file may have: four times all of China in OpenStreetMap's own format (guess)."


class Turn(NamedTuple):
    """A turn restriction: who comes along a way must (`only`) or must not go on along another."""

    only: bool
    from_way: int
    via: int
    "The place where the ways meet."
    to_way: int
    around: bool
    "It is about turning round: it means the very road one came along."
    free: int
    "Bits of those it does not bind."


@dataclass(frozen=True, eq=False, kw_only=True)
class Survey:
    """The roads of one source, or of several laid together."""

    lat_e7: I32
    "(places,)"
    lon_e7: I32
    barred: I8
    "(places,) Bits of those who cannot pass here: a bollard, a block."
    signal: I8
    "(places,) 1 where lights stop the traffic."

    begin: I32
    "(pieces,) The place it leads from; one-way pieces lead the way they are driven."
    end: I32
    length_mm: I32
    kind: I8
    "(pieces,) Index into KINDS."
    kmh: F64
    "(pieces,) The speed a car makes there, when the source tells; else 0."
    open_to: I8
    "(pieces,) Bits of those it is open to."
    one_way: I8
    way: I32
    "(pieces,) The source's own road it is a part of; restrictions speak of those."

    told_ms: dict[str, I32] = field(default_factory=dict)
    "{profile: (2, pieces) travel times from the source itself, there and back; 0 where it does not tell}"
    turns: tuple[Turn, ...] = ()
    notes: Counter[str] = field(default_factory=Counter)
    "{what was left out or set right: how often}, told at the end."

    @property
    def places(self) -> int:
        """How many places."""
        return len(self.lat_e7)

    @property
    def pieces(self) -> int:
        """How many pieces."""
        return len(self.begin)


def lay_together(surveys: list[Survey]) -> Survey:
    """Return one survey of several that touch nowhere: the land and the water."""
    if len(surveys) == 1:
        return surveys[0]
    shifts = np.cumsum([0, *(survey.places for survey in surveys)])
    ways = np.cumsum([0, *(int(survey.way.max(initial=-1)) + 1 for survey in surveys)])
    joined: dict[str, I32] = {}
    for name in sorted({name for survey in surveys for name in survey.told_ms}):
        blocks = [survey.told_ms.get(name, np.zeros((2, survey.pieces), np.int32)) for survey in surveys]
        joined[name] = np.ascontiguousarray(np.concatenate(blocks, axis=1))
    return Survey(
        lat_e7=np.concatenate([survey.lat_e7 for survey in surveys]),
        lon_e7=np.concatenate([survey.lon_e7 for survey in surveys]),
        barred=np.concatenate([survey.barred for survey in surveys]),
        signal=np.concatenate([survey.signal for survey in surveys]),
        begin=_shifted([survey.begin for survey in surveys], shifts),
        end=_shifted([survey.end for survey in surveys], shifts),
        length_mm=np.concatenate([survey.length_mm for survey in surveys]),
        kind=np.concatenate([survey.kind for survey in surveys]),
        kmh=np.concatenate([survey.kmh for survey in surveys]),
        open_to=np.concatenate([survey.open_to for survey in surveys]),
        one_way=np.concatenate([survey.one_way for survey in surveys]),
        way=_shifted([survey.way for survey in surveys], ways),
        told_ms=joined,
        turns=tuple(
            turn._replace(
                via=turn.via + int(shift), from_way=turn.from_way + int(way), to_way=turn.to_way + int(way)
            )
            for survey, shift, way in zip(surveys, shifts, ways, strict=False)
            for turn in survey.turns
        ),
        notes=sum((survey.notes for survey in surveys), Counter()),
    )


def with_pieces(survey: Survey, more: Survey) -> Survey:
    """Return a survey with more pieces between the places it has."""
    untold = np.zeros((2, more.pieces), np.int32)
    return replace(
        survey,
        begin=np.concatenate((survey.begin, more.begin)),
        end=np.concatenate((survey.end, more.end)),
        length_mm=np.concatenate((survey.length_mm, more.length_mm)),
        kind=np.concatenate((survey.kind, more.kind)),
        kmh=np.concatenate((survey.kmh, more.kmh)),
        open_to=np.concatenate((survey.open_to, more.open_to)),
        one_way=np.concatenate((survey.one_way, more.one_way)),
        way=np.concatenate((survey.way, more.way)),
        told_ms={name: np.concatenate((ms, untold), axis=1) for name, ms in survey.told_ms.items()},
    )


def _shifted(columns: list[I32], shifts: NDArray[np.int64]) -> I32:
    moved = [column + int(shift) for column, shift in zip(columns, shifts, strict=False)]
    return np.concatenate(moved).astype(np.int32)


def lengths_mm(lat_e7: I32, lon_e7: I32, begin: I32, end: I32) -> I32:
    """Return the length of straight pieces on the ellipsoid, at least 1 (core/geodesy.py, whole columns at once)."""
    lat1, lat2 = lat_e7[begin] / 1e7, lat_e7[end] / 1e7
    east_deg = np.remainder(lon_e7[end] / 1e7 - lon_e7[begin] / 1e7 + 180.0, 360.0) - 180.0
    middle = np.radians((lat1 + lat2) / 2)
    w = 1 - E2 * np.sin(middle) ** 2
    north_m = np.radians(lat2 - lat1) * A_M * (1 - E2) / w**1.5
    east_m = np.radians(east_deg) * A_M / np.sqrt(w) * np.cos(middle)
    length_mm: I32 = np.maximum(np.rint(np.hypot(north_m, east_m) * 1000), 1).astype(np.int32)
    return length_mm
