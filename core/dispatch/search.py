# SPDX-License-Identifier: Apache-2.0
"""The two rounds in which the best units are found without asking the roads for all of them.

One pass over the fleet gives every unit the least it can cost. The ways of the first `road_candidates` are asked
for; then, once, those of all others that could still be cheaper than the worst of the best so far. After that the
order is proven: the worst can only have become cheaper. Only when more than `road_candidates_max` would have to be
asked is it not.
"""

from typing import Final

import numpy as np

from core.dispatch import costs
from core.dispatch.costs import Question
from core.kernels import rank
from core.kernels.layout import I64
from core.roads.atlas import Roads
from core.settings import Settings
from core.units.columns import UnitColumns

EVERYONE: Final = rank.NEVER - 1
"A limit nobody who can go is beyond."


class Search:
    """One ranking: what is asked, and what has been found of it."""

    def __init__(
        self, columns: UnitColumns, settings: Settings, question: Question, roads: Roads | None, most: int
    ) -> None:
        self.columns, self.settings, self.question, self.roads = columns, settings, question, roads
        self.profiles = costs.profiles(columns.police_types, question, settings, roads)
        "Of each kind of police; empty where the straight line is all there is."
        self.considered = 0
        self.proven = True
        self.counts = np.zeros(rank.COUNTED, np.int64)
        self._by_road = question.located and roads is not None and any(self.profiles)
        kinds = len(columns.police_types)
        self._ask = costs.asked(columns.rows, kinds, question, settings, by_road=self._by_road)
        self._shape = costs.shaped(question, settings, self.profiles, roads)
        self._best = np.empty((most, rank.KEPT), np.int64)
        self._kept = 0

    @property
    def best(self) -> list[list[int]]:
        """Return the best so far, cheapest first, as `weigh` of core/kernels/rank.py leaves them."""
        kept: list[list[int]] = self._best[: self._kept].tolist()
        return kept

    def run(self) -> None:
        """Look at everybody, and find the best."""
        most = self._best.shape[0]
        covering = self.question.located and self._ask[rank.COVERAGE_COST_MS]
        exact = not (self._by_road or covering)
        bounds = np.empty(self.columns.rows, np.int64)
        first = np.empty((2, most if exact else max(most, self.settings.road_candidates)), np.int64)
        self._bound(bounds, first)
        first = first[:, : min(self.considered, first.shape[1])]
        self._weigh(first[rank.OF_ROW].copy())
        if not exact and first.shape[1] < self.considered:
            self._weigh(self._others(bounds, first))

    def _bound(self, bounds: I64, first: I64) -> None:
        """Give every unit the least it can cost, and count those that cannot go."""
        columns, apart = self.columns, costs.apart(self.question)
        self.considered = int(
            rank.bound(
                columns.narrow, columns.wide, self._ask, self._shape, apart, bounds, first, self.counts
            )
        )

    def _others(self, bounds: I64, first: I64) -> I64:
        """Return the rows beyond the first ones that could still be among the best."""
        most, known = self._best.shape[0], first.shape[1]
        limit = int(self._best[most - 1, rank.COST]) if self._kept == most else EVERYONE
        after, after_row = first[:, known - 1].tolist()
        rows = np.empty(self.considered - known, np.int64)
        rows = rows[: rank.within(bounds, limit, after, after_row, rows)]
        room = max(0, self.settings.road_candidates_max - known)
        if rows.shape[0] > room:
            self.proven = False
            rows = rows[np.argsort(bounds[rows], kind="stable")[:room]]
        return rows

    def _weigh(self, rows: I64) -> None:
        """Find the ways of these rows and put them among the best."""
        if not rows.shape[0]:
            return
        chosen = np.empty((4, rows.shape[0]), np.int64)
        chosen[rank.CHOSEN_ROW] = rows
        chosen[rank.WAY] = rank.STRAIGHT
        chosen[rank.DIVERTED_MS] = rank.NOT_DIVERTED
        if self._by_road:
            self._ask_roads(rows, chosen)
        if self.question.divertible:
            self._tell_diverted(rows, chosen)
        columns = self.columns
        self._kept = int(
            rank.weigh(columns.narrow, columns.wide, self._ask, self._shape, chosen, self._best, self._kept)
        )

    def _ask_roads(self, rows: I64, chosen: I64) -> None:
        """Ask for the ways, one kind of vehicle after the other."""
        roads, lat, lon = self.roads, self.question.lat, self.question.lon
        if roads is None or lat is None or lon is None:
            return
        place, now_ms = (round(lat * 1e7), round(lon * 1e7)), self.question.now_ms
        kinds = self.columns.police_type[rows]
        for profile in dict.fromkeys(self.profiles):
            if not profile:
                continue
            drives = np.array([one == profile for one in self.profiles])
            mine = np.flatnonzero(drives[kinds])
            if mine.shape[0]:
                chosen[rank.WAY_MS, mine], chosen[rank.WAY, mine] = roads.ways(
                    profile, *place, rows[mine], self.columns, self.settings, now_ms
                )

    def _tell_diverted(self, rows: I64, chosen: I64) -> None:
        """Write what taking a unit from where it is going costs; a free one is on no way."""
        barred, cost_ms = self.columns.barred, self.question.divertible
        for i, row in enumerate(rows.tolist()):
            if barred[row] and row in cost_ms:
                chosen[rank.DIVERTED_MS, i] = cost_ms[row]
