# SPDX-License-Identifier: Apache-2.0
"""The network as an SVG: classes of road, what is not joined, what was left out, and how far one gets.

Made to be looked at once, by someone who knows the city: a bridge that is missing, a district on its own or a
motorway in the wrong place must be seen without looking for it.
"""

from collections import defaultdict
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.roads.graph import I32, RoadGraph
from gateway.roads.components import components
from gateway.roads.file import StoredRoads
from gateway.roads.legend import graticule, heading, legend, scale
from gateway.roads.looks import (
    APART,
    APART_WIDTH,
    BAND_WIDTH,
    BANDS,
    HEIGHT_MAX,
    INK,
    LEFT,
    LEGEND,
    LOOKS,
    LOST,
    LOST_WIDTH,
    PAPER,
    TOP,
    WIDTH_MAX,
)
from gateway.roads.strokes import TENTHS, Piece, Plane, path

Corners = NDArray[np.int64]
"(n, 2) tenths of a pixel."


class Isochrone(NamedTuple):
    """How far one gets from a node."""

    node: int
    times: I32
    "ms to every node."
    minutes: int


def picture(roads: StoredRoads, profile: str, title: str, isochrone: Isochrone | None) -> str:
    """Return the SVG of one profile's network."""
    graph, _ = roads.profiles[profile]
    plane = Plane.over(
        graph.lat_e7, graph.lon_e7, width_max=WIDTH_MAX, height_max=HEIGHT_MAX, left=LEFT, top=TOP
    )
    corners = plane.tenths(graph.lat_e7, graph.lon_e7)
    width, height = plane.left + plane.width + LEGEND, max(plane.top + plane.height + 56, 640)
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13" fill="{INK}">',
            f"<title>{escape(title)}, {escape(profile)}</title>",
            f'<rect width="{width}" height="{height}" fill="{PAPER}"/>',
            *graticule(plane),
            f'<g transform="scale({1 / TENTHS:g})" fill="none" stroke-linecap="round" stroke-linejoin="round">',
            *(_bands(graph, corners, isochrone) if isochrone else ()),
            *_apart(graph, corners),
            *_classes(graph, corners),
            *_left_out(plane, roads.lost[profile]),
            "</g>",
            *(_circle(corners[isochrone.node]) if isochrone else ()),
            *heading(plane, roads.imprint, profile, title),
            *legend(plane, graph, roads.imprint.profiles[profile], isochrone.minutes if isochrone else 0),
            *scale(plane),
            "</svg>\n",
        )
    )


def _bands(graph: RoadGraph, corners: Corners, isochrone: Isochrone) -> Iterator[str]:
    """Draw the bands as broad lines under the roads, the outermost first; a lane half driven is half drawn."""
    begun, arc_ms = isochrone.times[graph.tail], graph.ms_of_arcs(graph.base_ms)
    for band in reversed(range(len(BANDS))):
        limit_ms = isochrone.minutes * 60_000 * (band + 1) // len(BANDS)
        arcs = np.flatnonzero(begun < limit_ms)
        share = np.minimum((limit_ms - begun[arcs]) / arc_ms[arcs], 1.0)[:, None]
        lanes = graph.lane[arcs]
        begin, end = corners[graph.lane_from[lanes]], corners[graph.lane_to[lanes]]
        yield _stroke(
            _pieces(begin, np.rint(begin + share * (end - begin)).astype(np.int64)), BANDS[band], BAND_WIDTH
        )


def _apart(graph: RoadGraph, corners: Corners) -> Iterator[str]:
    """Mark what is not joined to the largest part with a broad line under its roads."""
    part = components(graph.nodes, graph.tail, graph.head)
    lanes = np.flatnonzero(part[graph.lane_head] > 0)
    if len(lanes):
        pieces = _pieces(corners[graph.lane_from[lanes]], corners[graph.lane_to[lanes]])
        yield _stroke(pieces, APART, APART_WIDTH)


def _classes(graph: RoadGraph, corners: Corners) -> Iterator[str]:
    """Draw each class over the ones below it."""
    by_kind: dict[str, list[Piece]] = defaultdict(list)
    pieces = _pieces(corners[graph.lane_from], corners[graph.lane_to])
    for piece, kind in zip(pieces, graph.kind.tolist(), strict=True):
        by_kind[graph.kinds[kind]].append(piece)
    for look in LOOKS:
        drawn = [piece for kind in look.kinds for piece in by_kind[kind]]
        if drawn:
            yield _stroke(drawn, look.colour, look.width)


def _left_out(plane: Plane, lost: I32) -> Iterator[str]:
    """Draw what was left out, as far as it lies on the sheet."""
    begin, end = plane.tenths(lost[:, 0], lost[:, 1]), plane.tenths(lost[:, 2], lost[:, 3])
    low = np.array((plane.left - 10, plane.top - 10)) * TENTHS
    top = np.array((plane.left + plane.width + 10, plane.top + plane.height + 10)) * TENTHS
    inside = ((np.minimum(begin, end) >= low) & (np.maximum(begin, end) <= top)).all(axis=1)
    if inside.any():
        yield _stroke(_pieces(begin[inside], end[inside]), LOST, LOST_WIDTH)


def _circle(corner: NDArray[np.int64]) -> Iterator[str]:
    x, y = (float(value) / TENTHS for value in corner)
    yield f'<circle cx="{x:g}" cy="{y:g}" r="7" fill="#fff" stroke="{INK}" stroke-width="2.5"/>'
    yield f'<circle cx="{x:g}" cy="{y:g}" r="2.5" fill="{INK}"/>'


def _pieces(begin: Corners, end: Corners) -> list[Piece]:
    return [((x1, y1), (x2, y2)) for (x1, y1), (x2, y2) in zip(begin.tolist(), end.tolist(), strict=True)]


def _stroke(pieces: list[Piece], colour: str, width: float) -> str:
    return f'<path d="{path(pieces)}" stroke="{colour}" stroke-width="{width * TENTHS:g}"/>'
