# SPDX-License-Identifier: Apache-2.0
"""Small maps drawn by hand, as OpenStreetMap's XML."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from core.roads import labels
from core.roads.graph import RoadGraph
from gateway.roads import osm
from gateway.roads.network import Network, network
from gateway.roads.profiles import PROFILES
from gateway.roads.survey import Survey

Tags = Mapping[str, str]
Way = tuple[str, Tags]
"Its points by letter, such as `abc`, and its tags."

LAT, LON, STEP = 28.0, 120.65, 0.01
"Letters stand in rows of ten from here, a hundredth of a degree apart: about 1.1 km north, 0.98 km east."
STREET: Tags = {"highway": "residential"}


def place_of(letter: str) -> tuple[float, float]:
    number = ord(letter) - ord("a")
    return LAT + number // 10 * STEP, LON + number % 10 * STEP


def draw(
    path: Path,
    ways: Sequence[Way],
    points: Mapping[str, Tags] | None = None,
    turns: Sequence[tuple[str, int, str, int]] = (),
    unknown: str = "",
    more: str = "",
) -> Path:
    """Write a map. `turns` are (restriction, way, via letter, way); `unknown` are letters without a place."""
    letters = sorted({letter for letters, _ in ways for letter in letters} - set(unknown))
    lines = ['<osm version="0.6">']
    for letter in letters:
        lat, lon = place_of(letter)
        at = _tags((points or {}).get(letter, {}))
        lines.append(f'<node id="{ord(letter)}" version="1" lat="{lat:.7f}" lon="{lon:.7f}">{at}</node>')
    for number, (letters_of, tags) in enumerate(ways):
        refs = "".join(f'<nd ref="{ord(letter)}"/>' for letter in letters_of)
        lines.append(f'<way id="{number}" version="1">{refs}{_tags(tags)}</way>')
    for number, (what, entry, via, leave) in enumerate(turns):
        members = (
            f'<member type="way" ref="{entry}" role="from"/><member type="node" ref="{ord(via)}" role="via"/>'
            f'<member type="way" ref="{leave}" role="to"/>'
        )
        said = _tags({"type": "restriction", "restriction": what})
        lines.append(f'<relation id="{number + 1}" version="1">{members}{said}</relation>')
    path.write_text("\n".join([*lines, more, "</osm>"]))
    return path


def drawn(folder: Path, ways: Sequence[Way], **more: Any) -> Survey:
    return osm.read(draw(folder / "map.osm", ways, **more))


def driven(survey: Survey, profile: str = "car") -> Network:
    """Return the network with every fragment in it."""
    return network(survey, PROFILES[profile], fragment_km=0)


def ms(graph: RoadGraph, begin: str, end: str) -> int | None:
    """Return the time from one letter to another by the labels, from any node of the one to any of the other."""
    built = labels.build(graph, graph.base_ms)
    ends = []
    for letter in (begin, end):
        lat, lon = place_of(letter)
        here = np.flatnonzero((graph.lat_e7 == round(lat * 1e7)) & (graph.lon_e7 == round(lon * 1e7)))
        ends.append(np.stack((here, np.zeros_like(here)), axis=1).astype(np.int32))
    if not len(ends[0]) or not len(ends[1]):
        return None
    found = int(built.many_to_one(np.ascontiguousarray(ends[0]), np.ascontiguousarray(ends[1])).min())
    return found if found < 1 << 30 else None


def _tags(tags: Tags) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items())
