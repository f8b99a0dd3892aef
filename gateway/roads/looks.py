# SPDX-License-Identifier: Apache-2.0
"""How the picture of a network is drawn: colours and widths."""

from typing import Final, NamedTuple

WIDTH_MAX, HEIGHT_MAX = 1500, 1300
LEFT, TOP = 60, 74
LEGEND = 310
"Width of the column with the legend."
PAPER, INK, FAINT = "#fcfbf8", "#22303c", "#7a8691"


class Look(NamedTuple):
    """How a group of classes is drawn."""

    name: str
    kinds: tuple[str, ...]
    colour: str
    width: float


LOOKS: Final = (
    Look("water", ("water",), "#9cc7e6", 0.5),
    Look("waterway, ferry", ("waterway",), "#3f8fc9", 1.2),
    Look("footway, path, steps", ("footway", "path", "steps", "cycleway", "pedestrian"), "#c2a98f", 0.5),
    Look("service, track", ("service", "track", "busway"), "#b3bbc3", 0.5),
    Look("residential", ("residential", "living_street", "unclassified"), "#7f8b97", 0.7),
    Look("tertiary", ("tertiary", "tertiary_link"), "#4a5b6c", 1.0),
    Look("secondary", ("secondary", "secondary_link"), "#cfa400", 1.3),
    Look("primary", ("primary", "primary_link"), "#ee8a12", 1.7),
    Look("trunk", ("trunk", "trunk_link"), "#df4f23", 2.1),
    Look("motorway", ("motorway", "motorway_link"), "#8e2b8c", 2.5),
)
"From the lowest to the highest: what is drawn later lies on top."
APART, APART_WIDTH = "#12b5a5", 7.0
LOST, LOST_WIDTH = "#e3001b", 1.6
BAND_WIDTH = 9.0
BANDS: Final = ("#8fcf8a", "#cfe6a0", "#fbe3a6")
"Of the isochrone, from the nearest."
