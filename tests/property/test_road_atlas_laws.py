# SPDX-License-Identifier: Apache-2.0
"""Whatever is closed, opened, learnt and rebuilt, in any order: an answer depends on the facts alone."""

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from core.kernels import snap, warm
from core.kernels.layout import LAT_E7, LON_E7
from core.roads.atlas import Atlas, Closure
from core.roads.graph import INFINITE
from core.roads.routes import Routes
from core.settings import Settings
from core.units.columns import UnitColumns
from tests.play import NOON_S, place
from tests.river import DIGEST, LIBRARY, Spot, streets

warm()
SETTINGS = Settings(roads_live=True)
STREETS = streets()
NETWORK = LIBRARY[DIGEST]["car"]


class Step(NamedTuple):
    """One thing that happens to the roads."""

    kind: str
    street: int
    amount: int


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(("close", "open", "learn", "delay", "freeze", "swap", "swap unseen", "restart")),
        st.integers(0, len(STREETS) - 1),
        st.integers(0, 3000),
    ),
    max_size=14,
)


def fleet() -> UnitColumns:
    columns, chance = UnitColumns(), np.random.default_rng(5)
    for east, north in chance.uniform((-2300, -1300), (6800, 1800), (12, 2)).tolist():
        row = columns.add()
        lat, lon = place(east, north)
        columns.narrow[LAT_E7, row], columns.narrow[LON_E7, row] = round(lat * 1e7), round(lon * 1e7)
    return columns


FLEET = fleet()


def middle(street: tuple[Spot, Spot]) -> tuple[float, float]:
    (x, y), (u, v) = street
    return place((x + u) / 2, (y + v) / 2)


def asked(atlas: Atlas) -> list[list[int]]:
    """Return ways and codes of the fleet to three places."""
    found: list[list[int]] = []
    for spot in ((0, 0), (1500, 250), (-1800, 1200)):
        lat, lon = place(*spot)
        ms, codes = atlas.ways(
            "car", round(lat * 1e7), round(lon * 1e7), np.arange(FLEET.rows), FLEET, SETTINGS
        )
        found += [ms.tolist(), codes.tolist()]
    return found


def happen(atlas: Atlas, step: Step, nth: int, *, labels: bool) -> Atlas:
    """Do it; with `labels` as a gateway does, else as a replay."""
    ends = atlas.piece_at(*middle(STREETS[step.street]))
    lat, lon = (round(degrees * 1e7) for degrees in place(*STREETS[step.street][0]))
    at_s = NOON_S + 60 * nth
    match step.kind:
        case "close":
            atlas.close(Closure(road_id=f"r{nth}", lat=0, lon=0, ends=ends))
        case "open" if atlas.closures:
            atlas.open([*atlas.closures][step.street % len(atlas.closures)])
        case "learn":
            atlas.paces.learn([step.street], [step.amount], at_s, 0)
        case "delay":
            atlas.delays.hear(lat, lon, step.amount, at_s)
        case "freeze" if atlas.pending is None:
            atlas.freeze(nth, at_s * 10**9, SETTINGS)
        case "swap" | "swap unseen" if atlas.pending is not None:
            if labels and step.kind == "swap":
                atlas.offer(atlas.rebuild(atlas.pending))
            atlas.swap(atlas.pending.of_seq)
        case "restart" if not labels:
            again = Atlas(DIGEST, LIBRARY[DIGEST], SETTINGS)
            again.fill(atlas.saved())
            return again
    return atlas


@given(STEPS)
def test_labels_restarts_and_replays_change_no_answer(steps: list[Step]) -> None:
    served, replayed = (Atlas(DIGEST, LIBRARY[DIGEST], SETTINGS) for _ in range(2))
    for nth, step in enumerate(steps, 1):
        served = happen(served, step, nth, labels=True)
        replayed = happen(replayed, step, nth, labels=False)
        assert asked(served) == asked(replayed)
    assert served.saved() == replayed.saved()


@given(STEPS)
def test_no_drive_passes_a_closed_road(steps: list[Step]) -> None:
    atlas = Atlas(DIGEST, LIBRARY[DIGEST], SETTINGS)
    for nth, step in enumerate(steps, 1):
        atlas = happen(atlas, step, nth, labels=True)
    lane_ms = atlas.times["car"].weights.open_ms.copy()
    for closure in atlas.closures.values():
        for ends in closure.ends:
            lane_ms[NETWORK.lanes_between(ends)] = INFINITE

    place_at = atlas.times["car"].snapper.place(*(round(degrees * 1e7) for degrees in place(0, 0)))
    targets = atlas.times["car"].ends_at(place_at, SETTINGS.off_road_kmh)
    heads = np.arange(NETWORK.graph.nodes, dtype=np.int32)
    sources = np.stack([heads, np.zeros_like(heads)], axis=1)
    truth = Routes(NETWORK.graph).many_to_one(lane_ms, sources, targets)

    assert (atlas.times["car"].drives(sources, targets) == truth).all()
    assert place_at[snap.LANE, 0] != snap.OFF_ROAD
