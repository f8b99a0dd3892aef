# SPDX-License-Identifier: Apache-2.0
"""A fleet in a city, calls to decide on, and one tick of positions before each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.compare.eta.cities import READERS, made_up
from core.geodesy import distance_m
from core.ids import UnitId
from core.kernels import snap
from core.kernels.layout import I64
from core.roads.atlas import Atlas
from core.roads.graph import I32, RoadGraph
from core.roads.labels import build
from core.roads.network import Network
from core.roads.times import RoadTimes
from core.settings import Settings
from core.units.columns import FIX_DTYPE, Barred, UnitColumns
from gateway.errors import GatewayError
from gateway.roads.components import components

NOW_S = 1_790_000_000
NEED = 1 << 1
FREE_SHARE, ABLE_SHARE = 0.4, 0.5
MOVED = 30
"Units that have moved since the decision before: their tree, and their place on the road, are old."
WAITING = 100
"Calls in the queue beside the one decided on."
APART_M = 300
"""Nobody stands nearer to a call than this: on the same piece of road the neighbours, who only know junctions, would
send the unit around the block."""
CITY = "auckland"


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """All that a contender may lay out beforehand."""

    name: str
    columns: UnitColumns
    ids: Sequence[UnitId]
    places: Sequence[tuple[float, float]]
    "Of the calls, in degrees."
    ticks: Sequence[bytes]
    "Positions that come in before each of them."
    atlas: Atlas | None
    eyes: RoadTimes | None
    "Roads beside those of `atlas`, to look for the neighbours: ours must not find its units seated already."
    sources: I32
    "(units, 4) where each unit first comes to a junction, and in how many ms: the neighbours are told."
    targets: Sequence[I32]
    "(ends, 2) for each call."

    def move(self, call: int) -> None:
        """Let the positions before a call come in."""
        fixes = self.ticks[call]
        self.columns.apply_fixes(fixes)
        rows = np.frombuffer(fixes, FIX_DTYPE)["unit"].astype(np.int64)
        if self.eyes is not None:
            self.sources[rows] = _sources(self.eyes, self.columns, rows)


def city() -> tuple[str, RoadGraph]:
    """Return a real city where its data is, else the one made up."""
    if Path("../shared/data/roads").is_dir():
        try:
            return CITY, READERS[CITY]()
        except (GatewayError, OSError):
            pass
    return "made up", made_up()


def atlas_of(graph: RoadGraph) -> Atlas:
    """Return the roads as the gateway serves them, for one kind of vehicle."""
    network = Network.of(graph, build(graph, graph.base_ms))
    return Atlas("bench", {"car": network}, Settings(), alone=True)


def town(name: str, units: int, calls: int, seed: int, atlas: Atlas | None) -> Town:
    """Return a fleet at the city's junctions, or in a box of 40 km, and calls at others."""
    chance = np.random.default_rng(seed)
    spots = _spots(atlas, chance)
    columns = UnitColumns()
    columns.police_types.append("patrol")
    homes = spots[chance.integers(0, len(spots), units)]
    for row in range(units):
        columns.add()
        columns.describe(
            row, county=0, capabilities=NEED if chance.random() < ABLE_SHARE else 0, police_type=1, crew=2
        )
        columns.set_barred(row, Barred.FREE if chance.random() < FREE_SHARE else Barred.BUSY)
    columns.apply_fixes(_fixes(np.arange(units), homes))
    able = homes[(columns.mask & (1 | NEED)) == (1 | NEED)] / 1e7
    eyes = None
    if atlas is not None:
        times = atlas.times["car"]
        eyes = RoadTimes(times.network, times.weights, times.labels, Settings().snap_m_max)
    places: list[tuple[float, float]] = []
    while len(places) < calls:
        lat, lon = (spots[chance.integers(0, len(spots))] / 1e7).tolist()
        if min(distance_m(lat, lon, *there) for there in able.tolist()) >= APART_M:
            places.append((lat, lon))
    moved = [chance.choice(units, min(MOVED, units), replace=False) for _ in places]
    return Town(
        name=name,
        columns=columns,
        ids=[UnitId(f"u{row}") for row in range(units)],
        places=places,
        ticks=[_fixes(rows, homes[rows] + chance.integers(-3, 4, (len(rows), 2))) for rows in moved],
        atlas=atlas,
        eyes=eyes,
        sources=_sources(eyes, columns, np.arange(units)),
        targets=[] if eyes is None else [_targets(eyes, *place) for place in places],
    )


def _spots(atlas: Atlas | None, chance: np.random.Generator) -> I64:
    """Return places in 1e-7°, (n, 2)."""
    if atlas is None:
        return np.column_stack(
            (
                chance.integers(278_000_000, 282_000_000, 50_000),
                chance.integers(1_204_000_000, 1_209_000_000, 50_000),
            )
        )
    graph = atlas.networks["car"].graph
    part = components(graph.nodes, graph.tail, graph.head)
    whole = np.flatnonzero(part == np.bincount(part).argmax())
    return np.column_stack((graph.lat_e7[whole], graph.lon_e7[whole])).astype(np.int64)


def _fixes(rows: NDArray[np.int64], places: I64) -> bytes:
    records = np.zeros(len(rows), FIX_DTYPE)
    records["unit"], records["lat_e7"], records["lon_e7"] = rows, places[:, 0], places[:, 1]
    records["fix_s"] = NOW_S
    return records.tobytes()


def _sources(eyes: RoadTimes | None, columns: UnitColumns, rows: I64) -> I32:
    """Return where these units first come to a junction."""
    sources = np.zeros((len(rows), 4), np.int32)
    if eyes is not None:
        eyes.snapper.seat(columns.narrow, rows)
        snap.leave(
            eyes.snapper.seats,
            rows,
            eyes.network.graph.lane_head,
            eyes.weights.open_ms,
            Settings().off_road_kmh,
            sources,
        )
    return sources


def _targets(eyes: RoadTimes, lat: float, lon: float) -> I32:
    """Return the junctions a call is reached from."""
    return eyes.ends_at(eyes.snapper.place(round(lat * 1e7), round(lon * 1e7)), Settings().off_road_kmh)
