# SPDX-License-Identifier: Apache-2.0
"""Which open incident is near this place: a dictionary of cells, nothing more."""

from collections.abc import Iterator
from itertools import islice

from core.geodesy import distance_m
from core.ids import IncidentId

CELL_DEG = 0.01  # ~1.1 km north-south: wider than any sensible link_m, so 3 x 3 cells always suffice
LINK_M_MAX = 500  # at 60° N a cell is still 550 m wide


class OpenPlaces:
    """The places of open incidents. Put, drop, and the nearest within `within_m`."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], dict[IncidentId, tuple[float, float]]] = {}
        self._cell_of: dict[IncidentId, tuple[int, int]] = {}

    def put(self, incident_id: IncidentId, lat: float, lon: float) -> None:
        """Remember, or move, one incident."""
        self.drop(incident_id)
        cell = _cell(lat, lon)
        self._cells.setdefault(cell, {})[incident_id] = (lat, lon)
        self._cell_of[incident_id] = cell

    def drop(self, incident_id: IncidentId) -> None:
        """Forget one incident; nothing happens when it is not here."""
        cell = self._cell_of.pop(incident_id, None)
        if cell is None:
            return
        del self._cells[cell][incident_id]
        if not self._cells[cell]:
            del self._cells[cell]

    def __len__(self) -> int:
        return len(self._cell_of)

    def __contains__(self, incident_id: object) -> bool:
        return incident_id in self._cell_of

    def items(self) -> list[tuple[IncidentId, float, float]]:
        """Return (incident, lat, lon) in the order of entry: putting them again in this order gives the same."""
        return [(name, *self._cells[cell][name]) for name, cell in self._cell_of.items()]

    def within(self, lat: float, lon: float, within_m: float) -> list[IncidentId]:
        """Return the incidents at most `within_m` (≤ LINK_M_MAX) away, nearest first, ties by age of entry."""
        row, column = _cell(lat, lon)
        found = [
            (metres, incident_id)
            for i in (row - 1, row, row + 1)
            for j in (column - 1, column, column + 1)
            for incident_id, place in self._cells.get((i, j), {}).items()
            if (metres := distance_m(lat, lon, *place)) <= within_m
        ]
        return [incident_id for _, incident_id in sorted(found, key=lambda pair: pair[0])]

    def newest_within(self, lat: float, lon: float, within_m: float, most: int) -> Iterator[IncidentId]:
        """Yield incidents at most `within_m` (≤ LINK_M_MAX) away; of each cell only the `most` newest are looked at."""
        if not self._cell_of:
            return
        row, column = _cell(lat, lon)
        for i in (row - 1, row, row + 1):
            for j in (column - 1, column, column + 1):
                newest = islice(reversed(self._cells.get((i, j), {}).items()), most)
                for incident_id, place in newest:
                    if distance_m(lat, lon, *place) <= within_m:
                        yield incident_id


def _cell(lat: float, lon: float) -> tuple[int, int]:
    return int(lat // CELL_DEG), int(lon // CELL_DEG)
