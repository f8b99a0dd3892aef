# SPDX-License-Identifier: Apache-2.0
"""The fleet's own pace: what units that drive to their orders say of the roads they are on.

Only those: a patrol drives slowly because it looks about. A unit on its way with siren is compared with the times
of the siren's network, so that what is learnt is the traffic and not the siren.
"""

from typing import Final

import numpy as np

from core.kernels import snap
from core.kernels.layout import I64
from core.roads.atlas import Atlas
from core.state import State
from core.units.columns import FIX_DTYPE, Barred

SAMPLES_MAX: Final = 64
"Of one tick; the next tick begins with others. Measured: a tick of 500 fixes costs 0.2 ms more."
OFF_MM_MAX: Final = 30_000
"A unit farther from the lane than this may be on another road."
ALONG_MIN: Final = 0.8
"Cosine between course and lane: a unit that turns, or crosses, says nothing of either road."


def learn(state: State, accepted: bytes) -> None:
    """Take the pace of some of those who moved in one tick."""
    roads, columns = state.roads, state.columns
    if roads is None or not state.settings.roads_live or not accepted:
        return
    moved = np.frombuffer(accepted, FIX_DTYPE)["unit"].astype(np.int64)
    drives = (columns.barred[moved] == Barred.BUSY) & (columns.speed_cms[moved] > snap.MOVING_CMS)
    rows = moved[drives & (columns.course_cdeg[moved] < snap.TURN_CDEG)]
    if len(rows) > SAMPLES_MAX:
        rows = rows[(state.seq * SAMPLES_MAX + np.arange(SAMPLES_MAX)) % len(rows)]
    sirens = [_siren(state, roads, row) for row in rows.tolist()]
    asked = np.array([siren is not None for siren in sirens], np.bool_)
    if asked.any():
        _measure(state, roads, rows[asked], np.array([siren for siren in sirens if siren is not None]))


def _siren(state: State, roads: Atlas, row: int) -> bool | None:
    """Tell whether a unit drives with siren; None when its pace says nothing of the leading network."""
    unit, settings = state.units[state.unit_ids[row]], state.settings
    if settings.road_profiles.get(unit.entry.police_type, roads.lead) != roads.lead:
        return None
    levels = [state.orders[name].level for name in unit.order_ids if name in state.orders]
    if not levels or unit.status == "on_scene":
        return None
    return min(levels) <= settings.siren_level_max


def _measure(state: State, roads: Atlas, rows: I64, sirens: I64) -> None:
    columns, network = state.columns, roads.networks[roads.lead]
    snapper = roads.times[roads.lead].snapper
    snapper.reach(state.settings.snap_m_max)
    snapper.seat(columns.narrow, rows)
    lanes, headings = snapper.seats[snap.LANE, rows], snapper.seats[snap.AT_HEADING, rows]
    on = (lanes != snap.OFF_ROAD) & (snapper.seats[snap.OFF_MM, rows] <= OFF_MM_MAX)
    lanes, headings, rows, sirens = lanes[on], headings[on], rows[on], sirens[on]
    along = network.along(lanes, headings) >= ALONG_MIN
    lanes, rows, sirens = lanes[along], rows[along], sirens[along]
    built_ms = np.where(sirens, network.siren_ms[lanes], network.graph.base_ms[lanes]).astype(np.int64)
    driven_ms = network.graph.length_mm[lanes].astype(np.int64) * 100 // columns.speed_cms[rows]
    roads.paces.learn(
        lanes.tolist(),
        (driven_ms * 1000 // built_ms).tolist(),
        state.now_ns // 1_000_000_000,
        state.settings.utc_offset_s,
    )
