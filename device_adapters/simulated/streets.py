# SPDX-License-Identifier: Apache-2.0
"""A plausible street pattern per county: a slightly turned grid around each town, a road between the towns.

A net is five columns and a CSR adjacency. A route is what one driver does along it; where the driver is at
time t is read off the route. Pure: the only chance is the generator handed in.
"""

import heapq
import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_adapters.simulated.counties import County, TownCentre

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Place = tuple[float, float]

M_PER_DEG = 111_320.0
"Metres in a degree of latitude, near enough for a simulated street."
LINES = 13
"Streets each way in a town: 13 at 350 m is a town of about four kilometres."
BLOCK_M = 350.0
ARTERIAL_EVERY = 3
KMH = 1 / 3.6
ARTERIAL_MS, MINOR_MS, ROAD_MS, LANE_MS, OFF_ROAD_MS = 50 * KMH, 30 * KMH, 70 * KMH, 35 * KMH, 30 * KMH


@dataclass(frozen=True, slots=True)
class Fix:
    """Where someone is, how fast (m/s) and which way (degrees from north)."""

    lat: float
    lon: float
    speed_ms: float
    course: float


@dataclass(frozen=True, slots=True)
class Route:
    """One way through the net: when each corner is passed (s from the start), and where it is."""

    at_s: F64
    lat: F64
    lon: F64

    @property
    def seconds(self) -> float:
        """Return how long the whole way takes."""
        return float(self.at_s[-1])

    @property
    def end(self) -> Place:
        """Return where it leads."""
        return float(self.lat[-1]), float(self.lon[-1])

    @property
    def fastest_m_s(self) -> float:
        """Return the speed on its fastest street."""
        return max((self.fix(float(t)).speed_ms for t in self.at_s[:-1]), default=0.0)

    def fix(self, t: float) -> Fix:
        """Return where the driver is t seconds after the start; at the end he stands."""
        if t >= self.at_s[-1]:
            return Fix(*self.end, 0.0, 0.0)
        leg = max(1, int(np.searchsorted(self.at_s, t, side="right")))
        lat0, lon0, lat1, lon1 = self.lat[leg - 1], self.lon[leg - 1], self.lat[leg], self.lon[leg]
        whole = float(self.at_s[leg] - self.at_s[leg - 1])
        part = max(0.0, t - float(self.at_s[leg - 1])) / whole
        north, east = (lat1 - lat0), (lon1 - lon0) * math.cos(math.radians(lat0))
        return Fix(
            float(lat0 + part * (lat1 - lat0)),
            float(lon0 + part * (lon1 - lon0)),
            math.hypot(north, east) * M_PER_DEG / whole,
            math.degrees(math.atan2(east, north)) % 360,
        )


@dataclass(frozen=True, slots=True)
class Streets:
    """Corners and the streets between them. Streets of corner i are rows start[i]..start[i+1] of `to`."""

    lat: F64
    lon: F64
    start: I64
    to: I64
    seconds: F64

    def nearest(self, lat: float, lon: float) -> int:
        """Return the corner nearest to a place. Ties go to the lower row."""
        north = self.lat - lat
        east = (self.lon - lon) * math.cos(math.radians(lat))
        return int(np.argmin(north * north + east * east))

    def stroll(
        self, rng: np.random.Generator, corner: int, legs: int, start: Place | None = None
    ) -> tuple[Route, int]:
        """Return a way of so many streets that turns back only in dead ends, and its last corner.

        It begins at the corner; with `start`, there, and goes to the corner first.
        """
        way, at_s, before = [corner], [0.0], -1
        for _ in range(legs):
            first, last = int(self.start[way[-1]]), int(self.start[way[-1] + 1])
            rows = [row for row in range(first, last) if self.to[row] != before] or [first]
            row = rows[int(rng.integers(len(rows)))]
            before = way[-1]
            way.append(int(self.to[row]))
            at_s.append(at_s[-1] + float(self.seconds[row]))
        way_s, lat, lon = np.array(at_s), self.lat[way], self.lon[way]
        if start is not None:
            reach_s = max(0.1, distance_m(start, (float(lat[0]), float(lon[0]))) / OFF_ROAD_MS)
            way_s = np.concatenate(([0.0], way_s + reach_s))
            lat, lon = np.concatenate(([start[0]], lat)), np.concatenate(([start[1]], lon))
        return Route(way_s, lat, lon), way[-1]

    def drive(self, start: Place, goal: Place) -> Route:
        """Return the quickest way between two places; from and to the net it goes slowly."""
        corners = self.quickest(self.nearest(*start), self.nearest(*goal))
        lat = np.concatenate(([start[0]], self.lat[corners], [goal[0]]))
        lon = np.concatenate(([start[1]], self.lon[corners], [goal[1]]))
        legs = [
            self.street_s(a, b) if a >= 0 and b >= 0 else distance_m(pa, pb) / OFF_ROAD_MS
            for a, b, pa, pb in zip(
                [-1, *corners],
                [*corners, -1],
                zip(lat[:-1], lon[:-1], strict=True),
                zip(lat[1:], lon[1:], strict=True),
                strict=True,
            )
        ]
        at_s = np.concatenate(([0.0], np.cumsum(np.maximum(legs, 0.1))))
        return Route(at_s, lat, lon)

    def street_s(self, a: int, b: int) -> float:
        """Return the seconds of the street from corner a to its neighbour b."""
        rows = range(int(self.start[a]), int(self.start[a + 1]))
        return min(float(self.seconds[row]) for row in rows if self.to[row] == b)

    def quickest(self, a: int, b: int) -> list[int]:
        """Return the corners of the quickest way (Dijkstra), both ends included."""
        best, came, heap = {a: 0.0}, {a: a}, [(0.0, a)]
        while heap:
            spent, here = heapq.heappop(heap)
            if here == b:
                break
            for row in range(int(self.start[here]), int(self.start[here + 1])):
                there, then = int(self.to[row]), spent + float(self.seconds[row])
                if then < best.get(there, math.inf):
                    best[there], came[there] = then, here
                    heapq.heappush(heap, (then, there))
        way = [b]
        while way[-1] != a:
            way.append(came[way[-1]])
        return way[::-1]


def distance_m(a: Place, b: Place) -> float:
    """Return the distance of two places on the flat, good to a per mille within a county."""
    north = b[0] - a[0]
    east = (b[1] - a[1]) * math.cos(math.radians(a[0]))
    return math.hypot(north, east) * M_PER_DEG


def offset(place: Place, north_m: float, east_m: float) -> Place:
    """Return the place so many metres away."""
    lat = place[0] + north_m / M_PER_DEG
    return lat, place[1] + east_m / (M_PER_DEG * math.cos(math.radians(place[0])))


class _Survey:
    """Corners and streets while they are being laid out."""

    def __init__(self) -> None:
        self.corners: list[Place] = []
        self.streets: list[tuple[int, int, float]] = []

    def join(self, a: int, b: int, speed_ms: float) -> None:
        """Lay a street both ways."""
        seconds = distance_m(self.corners[a], self.corners[b]) / speed_ms
        self.streets += [(a, b, seconds), (b, a, seconds)]

    def grid(self, centre: Place, lines: int, rng: np.random.Generator) -> list[int]:
        """Lay out a town; return its corners."""
        first, turn = len(self.corners), math.radians(float(rng.uniform(-20, 20)))
        for row in range(lines):
            for col in range(lines):
                dn, de = rng.normal(0.0, BLOCK_M * 0.08, 2)
                north, east = (row - lines // 2) * BLOCK_M + dn, (col - lines // 2) * BLOCK_M + de
                self.corners.append(
                    offset(
                        centre,
                        north * math.cos(turn) - east * math.sin(turn),
                        north * math.sin(turn) + east * math.cos(turn),
                    )
                )
        for row in range(lines):
            for col in range(lines):
                here = first + row * lines + col
                if col + 1 < lines:
                    self.join(here, here + 1, _grid_ms(row))
                if row + 1 < lines:
                    self.join(here, here + lines, _grid_ms(col))
        return list(range(first, len(self.corners)))

    def road(self, a: list[int], b: list[int]) -> None:
        """Join two towns where they are nearest, in straight pieces."""
        here, there = min(
            ((i, j) for i in a for j in b),
            key=lambda ij: distance_m(self.corners[ij[0]], self.corners[ij[1]]),
        )
        self.join(here, there, ROAD_MS)

    def done(self) -> Streets:
        """Return the columns."""
        self.streets.sort()
        tail = np.array([street[0] for street in self.streets], dtype=np.int64)
        return Streets(
            lat=np.array([corner[0] for corner in self.corners]),
            lon=np.array([corner[1] for corner in self.corners]),
            start=np.searchsorted(tail, np.arange(len(self.corners) + 1)).astype(np.int64),
            to=np.array([street[1] for street in self.streets], dtype=np.int64),
            seconds=np.array([street[2] for street in self.streets]),
        )


def _grid_ms(line: int) -> float:
    return ARTERIAL_MS if line % ARTERIAL_EVERY == 0 else MINOR_MS


def towns(county: County, rng: np.random.Generator) -> Streets:
    """Return the streets of the county's towns."""
    survey = _Survey()
    grids = [survey.grid(centre, LINES, rng) for centre in county.towns]
    for before, after in itertools.pairwise(grids):
        survey.road(before, after)
    return survey.done()


def apron(centre: TownCentre, rng: np.random.Generator) -> Streets:
    """Return the few roads of an airport."""
    survey = _Survey()
    survey.grid(centre, 5, rng)
    return survey.done()


def sea_lanes(county: County, rng: np.random.Generator) -> Streets:
    """Return a ring of lanes around the islands, with two ways across."""
    survey, points = _Survey(), 16
    for k in range(points):
        angle, reach = 2 * math.pi * k / points, county.radius_km * 1000 * float(rng.uniform(0.7, 1.0))
        survey.corners.append(offset(county.centre, reach * math.cos(angle), reach * math.sin(angle)))
    for k in range(points):
        survey.join(k, (k + 1) % points, LANE_MS)
    survey.join(0, points // 2, LANE_MS)
    survey.join(points // 4, 3 * points // 4, LANE_MS)
    return survey.done()


def rail_line(county: County, rng: np.random.Generator) -> Streets:
    """Return one line with its stations, walked and ridden by the rail police."""
    survey, stations, course = _Survey(), 9, float(rng.uniform(0, math.pi))
    for k in range(stations):
        reach = (k - stations // 2) * 1200.0
        survey.corners.append(offset(county.centre, reach * math.cos(course), reach * math.sin(course)))
    for k in range(stations - 1):
        survey.join(k, k + 1, ROAD_MS)
    return survey.done()
