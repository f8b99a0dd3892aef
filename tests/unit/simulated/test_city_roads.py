# SPDX-License-Identifier: Apache-2.0
"""The city's roads as tables: what the cars drive on, and nothing that nobody can reach."""

import csv
import io

import numpy as np

from device_adapters.simulated.counties import COUNTIES
from device_adapters.simulated.crew import fleet_chance, nets_of
from device_adapters.simulated.roads import roads_csv


def tables(seed: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    nodes, arcs = (list(csv.DictReader(io.StringIO(text))) for text in roads_csv(COUNTIES, seed))
    return nodes, arcs


def test_every_corner_a_patrol_car_turns_at_is_a_node() -> None:
    nodes, _ = tables(110)

    places = {(float(node["lat"]), float(node["lon"])) for node in nodes}
    for county in COUNTIES:
        streets = nets_of(county, fleet_chance(county, 110))["patrol"]
        for lat, lon in zip(streets.lat.round(7).tolist(), streets.lon.round(7).tolist(), strict=True):
            assert (lat, lon) in places


def test_every_place_is_reached_from_every_other() -> None:
    nodes, arcs = tables(7)
    ends = np.array([(int(arc["from"]), int(arc["to"])) for arc in arcs])

    for tail, head in ((0, 1), (1, 0)):  # whom node 0 reaches, and who reaches it
        seen = np.zeros(len(nodes), bool)
        seen[0], before = True, 0
        while before != seen.sum():
            before = int(seen.sum())
            seen[ends[seen[ends[:, tail]], head]] = True
        assert seen.all()


def test_another_seed_is_another_city() -> None:
    assert roads_csv(COUNTIES, 1) != roads_csv(COUNTIES, 2)
    assert roads_csv(COUNTIES, 1) == roads_csv(COUNTIES, 1)
