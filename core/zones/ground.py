# SPDX-License-Identifier: Apache-2.0
"""Whose the ground is under a place: one question, two answers, the special zone and the county."""

from typing import Final, NamedTuple

import numpy as np

from core.ids import CountyCode
from core.kernels import polygons
from core.kernels.layout import I32, I64
from core.zones.zone import COUNTY, Zone, area, corners

EDGES_PER_BAND = 8
"Guess: a question reads one band, and an edge stands in each band it touches."
COPIES_MAX = 4
"An edge may stand in so many bands on average; long edges want fewer bands."

Banded = tuple[I32, int, int, I64, I32]
"Box, bands, their height, how many edges in each, the edges band by band."


class Found(NamedTuple):
    """What a place belongs to."""

    special: Zone | None
    county: CountyCode
    "Empty when no county's polygon holds it."


class Ground:
    """All zones, ready to be asked. Special ones stand first, each kind with the weightiest and smallest first."""

    def __init__(self, zones: tuple[Zone, ...] = ()) -> None:
        self.zones: Final = zones
        "As they were loaded."
        self._named = {zone.name: zone for zone in reversed(zones) if zone.kind != COUNTY}
        order = sorted(zones, key=lambda zone: (zone.kind == COUNTY, -zone.precedence, area(zone)))
        self._zone_of = [zone for zone in order for _ in zone.polygons]
        pieces = [banded(rings) for zone in order for rings in zone.polygons]
        self._special = sum(zone.kind != COUNTY for zone in self._zone_of)
        self._boxes = np.array([piece[0] for piece in pieces], np.int32).reshape(-1, 4)
        self._bands, self._starts, self._edges = table(pieces)

    def find(self, lat: float, lon: float) -> Found:
        """Return what a place in degrees belongs to; on a border see core/kernels/polygons.py."""
        if not self._zone_of:
            return Found(None, CountyCode(""))
        lat_e7, lon_e7 = round(lat * 1e7), round(lon * 1e7)
        special = self._first(lat_e7, lon_e7, 0, self._special)
        county = self._first(lat_e7, lon_e7, self._special, len(self._zone_of))
        if special is not None and county is not None and special.precedence < county.precedence:
            special = None
        code = county.county if county is not None else ""
        if special is not None and special.county:
            code = special.county
        return Found(special, CountyCode(code))

    def named(self, name: str) -> Zone | None:
        """Return the special zone of that name."""
        return self._named.get(name)

    def _first(self, lat_e7: int, lon_e7: int, first: int, last: int) -> Zone | None:
        at = polygons.find(self._boxes, self._bands, self._starts, self._edges, lat_e7, lon_e7, first, last)
        return None if at == polygons.NOWHERE else self._zone_of[at]


def banded(rings: tuple[bytes, ...]) -> Banded:
    """Return one polygon's edges by bands of latitude. Level edges are left out: no line eastwards crosses one."""
    joined = [np.hstack((ring, np.roll(ring, -1, axis=0))) for ring in map(corners, rings)]
    edges: I32 = np.vstack(joined).astype(np.int32)
    low, high = edges[:, (0, 2)].min(1).astype(np.int64), edges[:, (0, 2)].max(1).astype(np.int64)
    box = np.array([low.min(), edges[:, (1, 3)].min(), high.max(), edges[:, (1, 3)].max()], np.int32)
    south, tall = int(low.min()), int(high.max() - low.min()) + 1
    edges, low, high = edges[low < high], low[low < high], high[low < high]
    many = max(1, edges.shape[0] // EDGES_PER_BAND)
    while True:
        height = -(-tall // many)
        first = (low - south) // height
        spans = (high - south) // height - first + 1
        if many == 1 or spans.sum() <= COPIES_MAX * edges.shape[0]:
            break
        many //= 2
    copy = np.repeat(np.arange(edges.shape[0]), spans)
    band = np.arange(copy.size) - np.repeat(np.cumsum(spans) - spans, spans) + first[copy]
    counts = np.bincount(band, minlength=many).astype(np.int64)
    return box, many, height, counts, edges[copy[np.argsort(band, kind="stable")]]


def table(pieces: list[Banded]) -> tuple[I64, I64, I32]:
    """Return all polygons' bands and edges as the kernels take them."""
    bands = np.zeros((len(pieces), 3), np.int64)
    firsts = np.cumsum([0, *(many for _, many, *_ in pieces)])
    for at, (_, many, height, _, _) in enumerate(pieces):
        bands[at] = firsts[at], many, height
    counts = [np.zeros(1, np.int64), *(counts for *_, counts, _ in pieces)]
    edges = [np.zeros((0, 4), np.int32), *(edges for *_, edges in pieces)]
    return bands, np.cumsum(np.concatenate(counts)), np.ascontiguousarray(np.vstack(edges))
