# SPDX-License-Identifier: Apache-2.0
"""What stands around a map: the frame with degrees, what the colours mean, how long a kilometre is."""

import math
from collections.abc import Iterator
from html import escape
from itertools import count

import numpy as np

from core.roads.graph import RoadGraph
from gateway.roads.file import Built, Imprint
from gateway.roads.looks import APART, BANDS, FAINT, INK, LOOKS, LOST
from gateway.roads.strokes import Plane

_LINE = 22


def graticule(plane: Plane) -> Iterator[str]:
    """Draw the frame with degrees at it, so that a map in a wrong datum or place gives itself away."""
    left, top, right, low = plane.left, plane.top, plane.left + plane.width, plane.top + plane.height
    yield f'<path d="M{left} {top}H{right}V{low}H{left}z" fill="#fff" stroke="#c9ced3"/>'
    step = _round_step(max(plane.width / plane.x_per_deg, plane.height / plane.y_per_deg) / 6)
    digits = max(0, -math.floor(math.log10(step)))
    for lon in _multiples(plane.west, plane.west + plane.width / plane.x_per_deg, step):
        x = left + (lon - plane.west) * plane.x_per_deg
        yield f'<path d="M{x:.1f} {top}V{low}" stroke="#e9ecee"/>'
        yield _text(x, low + 17, f"{abs(lon):.{digits}f}° {'EW'[lon < 0]}", "middle")
    for lat in _multiples(plane.south, plane.south + plane.height / plane.y_per_deg, step):
        y = low - (lat - plane.south) * plane.y_per_deg
        yield f'<path d="M{left} {y:.1f}H{right}" stroke="#e9ecee"/>'
        yield _text(left - 6, y + 4, f"{abs(lat):.{digits}f}° {'NS'[lat < 0]}", "end")


def heading(plane: Plane, imprint: Imprint, profile: str, title: str) -> Iterator[str]:
    """Say whose network it is, and where it comes from."""
    told = imprint.profiles[profile]
    joined = f"{told.islands} parts, {told.main_percent:g} % in the largest"
    words = (
        f"{told.nodes:,} nodes",
        f"{told.lanes:,} lanes",
        "all in one part" if told.islands == 1 else joined,
        f"from {', '.join(imprint.files)}",
        imprint.content[:12],
    )
    yield f'<text x="{plane.left}" y="34" font-size="22" font-weight="bold">{escape(title)} — {escape(profile)}</text>'
    yield f'<text x="{plane.left}" y="56" fill="{FAINT}">{escape(" · ".join(words))}</text>'


def legend(plane: Plane, graph: RoadGraph, told: Built, minutes: int) -> Iterator[str]:
    """Say what the colours mean; `minutes` 0: no isochrone was drawn."""
    x = plane.left + plane.width + 24
    lines = count(plane.top + 14, _LINE)
    yield _title(x, next(lines), "Classes of road")
    for look in reversed(LOOKS):
        lanes = np.isin(graph.kind, [graph.kinds.index(kind) for kind in look.kinds if kind in graph.kinds])
        if lanes.any():
            km = f"{graph.length_mm[lanes].sum(dtype=np.int64) / 1e6:,.0f} km"
            yield _entry(x, next(lines), look.colour, max(look.width * 1.6, 1.5), look.name, km)
    one_way = round(100 * float((graph.twin < 0).mean()))
    yield _text(x, next(lines), f"each direction counts; {one_way} % of lanes are one-way", "start")
    next(lines)
    yield _title(x, next(lines), "To be looked at")
    if told.islands > 1:
        yield _entry(x, next(lines), APART, 7, "not joined to the largest part", str(told.islands - 1))
    if told.fragments:
        yield _entry(x, next(lines), LOST, 2.5, "left out: fragments", f"{told.fragments:,}")
    if told.islands == 1 and not told.fragments:
        yield _text(x, next(lines), "nothing: all is joined, all is in", "start")
    if minutes:
        next(lines)
        yield _title(x, next(lines), "From the circle in")
        for band, colour in enumerate(BANDS, 1):
            yield _entry(x, next(lines), colour, 9, f"{minutes * band / len(BANDS):g} minutes", "")


def scale(plane: Plane) -> Iterator[str]:
    """Draw a length of so many kilometres."""
    km = _round_step(60 / plane.px_per_km)
    x, y, length = plane.left, plane.top + plane.height + 42, km * plane.px_per_km
    yield f'<path d="M{x} {y - 5}v5h{length:.1f}v-5" fill="none" stroke="{INK}" stroke-width="1.5"/>'
    yield f'<text x="{x + length + 8:.1f}" y="{y}">{km:g} km</text>'


def _multiples(least: float, most: float, step: float) -> Iterator[float]:
    for times in range(math.ceil(least / step), math.floor(most / step) + 1):
        yield times * step


def _round_step(least: float) -> float:
    """Return 1, 2 or 5 times a power of ten, not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= least * (1 - 1e-9))


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{FAINT}" font-size="11">{words}</text>'
    )


def _title(x: int, y: int, words: str) -> str:
    return f'<text x="{x}" y="{y}" font-weight="bold">{words}</text>'


def _entry(x: int, y: int, colour: str, width: float, name: str, figure: str) -> str:
    line = f'<path d="M{x} {y - 4}h30" stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round"/>'
    right = f'<text x="{x + 262}" y="{y}" text-anchor="end" fill="{FAINT}">{figure}</text>' if figure else ""
    return f'{line}<text x="{x + 42}" y="{y}">{name}</text>{right}'
