# SPDX-License-Identifier: Apache-2.0
"""The neighbours we measure ourselves against, each as its users would write it, with the same answers as ours.

Each is imported where it is made, so that one that is not installed takes nobody else with it.
"""

import heapq
import math
from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.geodesy import distance_m
from core.settings import Settings
from core.units.columns import UnitColumns

M = TypeVar("M", int, str)
Entry = tuple[int, int, M]

GARBAGE_MIN = 64
"Dead entries a lazy heap holds before it is worth cleaning; it is cleaned when they outnumber the living."


class LazyHeap(Generic[M]):
    """heapq with lazy deletion: the recipe of Python's own documentation, with cleaning."""

    def __init__(self) -> None:
        self._heap: list[Entry[M]] = []
        self._living: dict[M, Entry[M]] = {}
        self._turn = 0

    def push(self, member: M, key: int) -> None:
        """Put a member in."""
        entry = self._living[member] = (key, self._turn, member)
        self._turn += 1
        heapq.heappush(self._heap, entry)

    def raise_to(self, member: M, key: int) -> None:
        """Give it another key; the old entry stays behind, dead."""
        entry = self._living[member] = (key, self._living[member][1], member)
        heapq.heappush(self._heap, entry)
        self._clean()

    def remove(self, member: M) -> None:
        """Take it out; its entry stays behind, dead."""
        del self._living[member]
        self._clean()

    def pop(self) -> M | None:
        """Take the most urgent living one out."""
        while self._living:
            entry = heapq.heappop(self._heap)
            if self._living.get(entry[2]) is entry:
                del self._living[entry[2]]
                return entry[2]
        return None

    def _clean(self) -> None:
        if len(self._heap) > 2 * len(self._living) + GARBAGE_MIN:
            self._heap = list(self._living.values())
            heapq.heapify(self._heap)


class SortedQueue(Generic[M]):
    """sortedcontainers.SortedList of (key, turn, member)."""

    def __init__(self) -> None:
        from sortedcontainers import SortedList

        self._sorted = SortedList()
        self._living: dict[M, Entry[M]] = {}
        self._turn = 0

    def push(self, member: M, key: int) -> None:
        """Put a member in."""
        entry = self._living[member] = (key, self._turn, member)
        self._turn += 1
        self._sorted.add(entry)

    def raise_to(self, member: M, key: int) -> None:
        """Give it another key, its turn among equals kept."""
        old = self._living[member]
        self._sorted.remove(old)
        entry = self._living[member] = (key, old[1], member)
        self._sorted.add(entry)

    def remove(self, member: M) -> None:
        """Take it out."""
        self._sorted.remove(self._living.pop(member))

    def pop(self) -> M | None:
        """Take the most urgent one out."""
        if not self._living:
            return None
        member: M = self._sorted.pop(0)[2]
        del self._living[member]
        return member


class TreeMatcher:
    """scipy's cKDTree over the units that pass the same filter, built anew for every tick of positions.

    In earth-centred coordinates, so one tree serves every place: the nearest by chord are the nearest by way,
    but for the ellipsoid's last centimetres, which a few spare neighbours and `distance_m` settle.
    """

    SPARE = 3

    def __init__(self, columns: UnitColumns, settings: Settings) -> None:
        from scipy.spatial import cKDTree

        self._columns, self._settings, self._build = columns, settings, cKDTree
        self._rows: NDArray[np.int64] = np.empty(0, np.int64)
        self._tree: Callable[..., tuple[NDArray[np.float64], NDArray[np.int64]]] | None = None

    def tick(self, need_mask: int, now_s: int) -> None:
        """Filter the fleet and build the tree."""
        columns = self._columns
        able = (columns.mask & need_mask) == need_mask
        able &= (columns.fix_s > 0) & (now_s - columns.fix_s <= self._settings.lost_s)
        self._rows = np.flatnonzero(able)
        lat = np.radians(columns.lat_e7[self._rows] / 1e7)
        lon = np.radians(columns.lon_e7[self._rows] / 1e7)
        self._tree = self._build(np.column_stack(_on_the_sphere(lat, lon))).query

    def nearest(self, lat: float, lon: float) -> list[int]:
        """Return the rows of the nearest units, at most `candidates_max`, nearest first."""
        assert self._tree is not None, "tick comes first"
        k = min(self._settings.candidates_max + self.SPARE, len(self._rows))
        place = np.array(_on_the_sphere(np.float64(math.radians(lat)), np.float64(math.radians(lon))))
        columns = self._columns
        found = []
        for row in self._rows[np.atleast_1d(self._tree(place, k)[1])].tolist():
            there = int(columns.lat_e7[row]) / 1e7, int(columns.lon_e7[row]) / 1e7
            found.append((distance_m(lat, lon, *there), row))
        found.sort()
        return [
            row for metres, row in found[: self._settings.candidates_max] if metres <= self._settings.reach_m
        ]


Angles = NDArray[np.float64] | np.float64


def _on_the_sphere(lat: Angles, lon: Angles) -> tuple[Angles, Angles, Angles]:
    flat = np.cos(lat)
    return flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)
