# SPDX-License-Identifier: Apache-2.0
"""The status table of a unit: which step is foreseen after which.

A unit knows better than we where it stands, so a step outside the table is taken all the same, recorded and
shown as out of turn. Only `reserved` and `dispatched` are ours alone: a radio that claims them is refused.
"""

from core.events import UnitStatus

OURS: frozenset[UnitStatus] = frozenset({"reserved", "dispatched"})

FORESEEN: dict[UnitStatus, frozenset[UnitStatus]] = {
    "off_duty": frozenset({"available", "out_of_service"}),
    "available": frozenset({"reserved", "dispatched", "enroute", "on_scene", "off_duty", "out_of_service"}),
    "reserved": frozenset({"dispatched", "available"}),
    "dispatched": frozenset({"acknowledged", "enroute", "on_scene", "available"}),
    "acknowledged": frozenset({"enroute", "on_scene", "available"}),
    "enroute": frozenset({"on_scene", "available"}),
    "on_scene": frozenset({"transporting", "clearing", "available"}),
    "transporting": frozenset({"at_destination"}),
    "at_destination": frozenset({"clearing", "available"}),
    "clearing": frozenset({"available", "out_of_service", "off_duty"}),
    "out_of_service": frozenset({"available", "off_duty"}),
    "emergency": frozenset({"available", "out_of_service", "off_duty"}),
}


def foreseen(now: UnitStatus, after: UnitStatus) -> bool:
    """Return whether the table foresees this step. The emergency button is foreseen always."""
    return after in ("emergency", now) or after in FORESEEN[now]
