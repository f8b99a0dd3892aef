# SPDX-License-Identifier: Apache-2.0
"""How far one gets from a node: Dijkstra's algorithm in plain Python, the slow truth the labels are held against."""

import heapq
from typing import NamedTuple

import numpy as np

from core.geodesy import distance_m
from core.roads.graph import I32, INFINITE, RoadGraph


class Start(NamedTuple):
    """The node where a journey begins, and how far it is from the place that was asked for."""

    node: int
    away_m: float


def start_near(graph: RoadGraph, lat: float, lon: float) -> Start:
    """Return the nearest node that a lane leaves; of several at one place the lowest."""
    leaving = np.unique(graph.tail)
    north = graph.lat_e7[leaving] / 1e7 - lat
    east = (np.remainder(graph.lon_e7[leaving] / 1e7 - lon + 180, 360) - 180) * np.cos(np.radians(lat))
    node = int(leaving[np.argmin(north**2 + east**2)])
    return Start(node, distance_m(lat, lon, graph.lat_e7[node] / 1e7, graph.lon_e7[node] / 1e7))


def times_from(graph: RoadGraph, node: int) -> I32:
    """Return the ms from a node to every node; INFINITE where there is no way."""
    first, heads = graph.first_out.tolist(), graph.head.tolist()
    weights = graph.ms_of_arcs(graph.base_ms).tolist()
    times = [INFINITE] * graph.nodes
    times[node] = 0
    waiting = [(0, node)]
    while waiting:
        now, here = heapq.heappop(waiting)
        if now > times[here]:
            continue
        for arc in range(first[here], first[here + 1]):
            then = now + weights[arc]
            if then < times[heads[arc]]:
                times[heads[arc]] = then
                heapq.heappush(waiting, (then, heads[arc]))
    return np.array(times, np.int32)
