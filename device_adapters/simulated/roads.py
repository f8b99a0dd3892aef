# SPDX-License-Identifier: Apache-2.0
"""The city's roads as an operator would have them: two tables for `gateway roads build`.

They are the streets the cars of `fleet.py` drive on, joined: airport and rail line to their town, each county to the
one before. What goes by water is not in them.
"""

import csv
import io

from device_adapters.simulated.counties import County
from device_adapters.simulated.crew import fleet_chance, nets_of
from device_adapters.simulated.streets import ROAD_MS, Place, Streets, distance_m

BY_WATER = frozenset({"maritime"})


def roads_csv(counties: tuple[County, ...], seed: int) -> tuple[str, str]:
    """Return the table of nodes (`node,lat,lon`) and that of roads (`from,to,length_m,travel_s,oneway`)."""
    places: list[Place] = []
    arcs: list[tuple[int, int, float]] = []
    before: list[int] = []
    for county in counties:
        nets = nets_of(county, fleet_chance(county, seed))
        town: list[int] = []
        for name in sorted(nets.keys() - BY_WATER, key=lambda name: name != "patrol"):
            laid = _lay(nets[name], places, arcs)
            if town:
                _join(town, laid, places, arcs)
            town = town or laid
        if before:
            _join(before, town, places, arcs)
        before = town
    return _table(
        ("node", "lat", "lon"), [(i, f"{lat:.7f}", f"{lon:.7f}") for i, (lat, lon) in enumerate(places)]
    ), _table(
        ("from", "to", "length_m", "travel_s", "oneway"),
        [(a, b, f"{distance_m(places[a], places[b]):.1f}", f"{seconds:.3f}", 1) for a, b, seconds in arcs],
    )


def _lay(net: Streets, places: list[Place], arcs: list[tuple[int, int, float]]) -> list[int]:
    """Put a net beside the others; return the numbers of its corners."""
    first = len(places)
    places += zip(net.lat.tolist(), net.lon.tolist(), strict=True)
    for corner in range(len(net.lat)):
        rows = range(int(net.start[corner]), int(net.start[corner + 1]))
        arcs += [(first + corner, first + int(net.to[row]), float(net.seconds[row])) for row in rows]
    return list(range(first, len(places)))


def _join(a: list[int], b: list[int], places: list[Place], arcs: list[tuple[int, int, float]]) -> None:
    """Lay a road both ways where two nets are nearest."""
    here, there = min(
        ((i, j) for i in a for j in b), key=lambda pair: distance_m(places[pair[0]], places[pair[1]])
    )
    seconds = max(0.1, distance_m(places[here], places[there]) / ROAD_MS)
    arcs += [(here, there, seconds), (there, here, seconds)]


def _table(names: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return written.getvalue()
