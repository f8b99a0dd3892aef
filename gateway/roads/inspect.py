# SPDX-License-Identifier: Apache-2.0
"""`gateway roads inspect`: is the file whole, is it right, and what does it look like."""

from pathlib import Path

import numpy as np
from rich.console import Console

from core.kernels import warm
from core.roads.graph import I32, INFINITE, RoadGraph
from core.roads.labels import Labels
from gateway.errors import RoadFileError
from gateway.roads import file
from gateway.roads.build import report
from gateway.roads.picture import Isochrone, picture
from gateway.roads.reach import start_near, times_from

AWAY_M_MAX = 5_000
"A start farther from any road than this is a mistake, most likely latitude and longitude exchanged (guess)."


def inspect(
    path: Path, sheet: Path | None, profile: str | None, place: tuple[float, float] | None, minutes: int
) -> int:
    """Verify a file, tell what is in it, and draw it if a sheet is named; return 0. Raises RoadFileError."""
    terminal = Console(soft_wrap=True, highlight=False)
    roads = file.read(path)
    drawn = next(iter(roads.profiles)) if profile is None else profile
    if drawn not in roads.profiles:
        raise RoadFileError(f"{path} has no profile {drawn!r}: there are {', '.join(roads.profiles)}")
    for line in report(roads.imprint, roads.profiles):
        terminal.print(line, markup=False)
    warm()
    isochrone: Isochrone | None = None
    for name, (graph, labels) in roads.profiles.items():
        start = start_near(graph, *(place or _middle(graph)))
        times = times_from(graph, start.node)
        _compare(path, name, labels, start.node, times)
        if name == drawn and place is not None:
            if start.away_m > AWAY_M_MAX:
                raise RoadFileError(
                    f"{place[0]:g},{place[1]:g} is {start.away_m / 1000:.0f} km from the nearest road"
                )
            isochrone = Isochrone(start.node, times, minutes)
    terminal.print(f"labels    agree with Dijkstra's algorithm: {', '.join(roads.profiles)}", markup=False)
    if isochrone is not None:
        reached = int((isochrone.times <= minutes * 60_000).sum())
        share = 100 * reached / len(isochrone.times)
        terminal.print(
            f"reach     {reached:,} nodes ({share:.0f} %) in {minutes} minutes by {drawn}", markup=False
        )
    if sheet is not None:
        drawing = picture(roads, drawn, path.name, isochrone)
        try:
            sheet.write_text(drawing, encoding="utf-8")
        except OSError as error:
            raise RoadFileError(f"{sheet} cannot be written: {error.strerror}") from None
        terminal.print(f"picture   {sheet}: {len(drawing) / 1e6:.1f} MB of {drawn}", markup=False)
    return 0


def _middle(graph: RoadGraph) -> tuple[float, float]:
    return float(np.median(graph.lat_e7)) / 1e7, float(np.median(graph.lon_e7)) / 1e7


def _compare(path: Path, profile: str, labels: Labels, start: int, truth: I32) -> None:
    """Hold the labels against the slow truth, from one node to all."""
    targets = np.stack((np.arange(len(truth), dtype=np.int32), np.zeros(len(truth), np.int32)), axis=1)
    told = labels.one_to_many(np.array([[start, 0]], np.int32), np.ascontiguousarray(targets))
    wrong = np.flatnonzero(np.minimum(told, INFINITE) != truth)
    if len(wrong):
        raise RoadFileError(
            f"{path}: the labels of {profile} are wrong for {len(wrong)} of {len(truth)} nodes from node {start} "
            f"(node {wrong[0]}: {told[wrong[0]]} ms, should be {truth[wrong[0]]}); build it again"
        )
