# SPDX-License-Identifier: Apache-2.0
"""How far a unit on scene is watched: when it was last heard, and which question is open."""

import msgspec

from core.effects import CheckInStage
from core.ids import IncidentId, OrderId
from core.settings import CheckIn


class Watch(msgspec.Struct, kw_only=True):
    """Kept on the unit (core/units/checkins.py)."""

    incident_id: IncidentId
    order_id: OrderId
    rule: CheckIn
    "The line of `dispatch.checkins` it follows."
    heard_ns: int
    "The last sign of life, by our clock."
    stage: CheckInStage = "watched"
    prompt: int = 0
    "Number of the question asked last."
    graces: int = 0
    "How often it had more time to answer because the machine or the broker was away."
    told_away: bool = False
    "True once the desk was told that the broker is away and nobody can answer."
