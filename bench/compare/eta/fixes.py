# SPDX-License-Identifier: Apache-2.0
"""Ours from coordinates: fixes that come for the first time are put on roads, then the labels are asked."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.compare.eta.cities import UNITS, City, Question
from core.kernels.layout import LAT_E7, LON_E7
from core.roads.network import Network
from core.roads.times import RoadTimes, weights_of
from core.settings import Settings
from core.units.columns import UnitColumns

OFF_M = 12.0
"A fix lies this far from the junction it belongs to: two lanes and what a receiver errs."

Place = tuple[float, float]


def places(city: City, question: Question) -> tuple[Place, list[Place]]:
    """Return the coordinates (lat, lon) of the call and of the units, all a little beside their junctions."""
    graph = city.graph
    found = []
    for nth, node in enumerate([question.call, *question.units.tolist()]):
        lat, lon = float(graph.lat_e7[node]) / 1e7, float(graph.lon_e7[node]) / 1e7
        north, east = math.cos(nth) * OFF_M / 111_000, math.sin(nth) * OFF_M / 111_000
        found.append((round(lat + north, 6), round(lon + east / math.cos(math.radians(lat)), 6)))
    return found[0], found[1:]


def from_coordinates(city: City) -> Callable[[Place, Sequence[Place]], NDArray[np.float64]]:
    """Return what answers in seconds; positions are written into the columns within the time."""
    network = Network.of(city.graph, city.labels)
    network.make_ready()
    settings = Settings()
    roads = RoadTimes(network, weights_of(network, city.graph.base_ms), city.labels, settings.snap_m_max)
    columns = UnitColumns()
    rows = np.array([columns.add() for _ in range(UNITS)], np.int64)

    def answer(call: Place, units: Sequence[Place]) -> NDArray[np.float64]:
        fixes = np.rint(np.array(units) * 1e7).astype(np.int32)
        columns.narrow[LAT_E7, : len(rows)] = fixes[:, 0]
        columns.narrow[LON_E7, : len(rows)] = fixes[:, 1]
        lat_e7, lon_e7 = (round(each * 1e7) for each in call)
        ms, _ = roads.ways(lat_e7, lon_e7, rows, columns, settings)
        seconds: NDArray[np.float64] = ms / 1000
        return seconds

    return answer
