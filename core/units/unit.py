# SPDX-License-Identifier: Apache-2.0
"""One unit: what the roster says of it and what it is doing."""

import msgspec

from core.effects import Position, UnitUpdated
from core.events import Link, RosterUnit, UnitStatus
from core.ids import IncidentId, OrderId

EVENTS_KEPT = 16


class Unit(msgspec.Struct, kw_only=True):
    """Its row in the columns holds where it is."""

    row: int
    entry: RosterUnit
    enrolled: bool = True
    "False once a newer roster leaves it out."
    status: UnitStatus = "off_duty"
    heard_status: bool = False
    "True once the unit (or a desk) has told a status."
    link: Link = "unknown"
    order_ids: list[OrderId] = []
    status_tst: int = 0
    status_seq: int = 0
    last_events: list[tuple[str, int, int]] = []
    "(event, tst, seq) of the newest EVENTS_KEPT: a broker may deliver one again."
    emergency: IncidentId = IncidentId("")
    "The incident its emergency button opened last."
    out_of_turn: bool = False

    @property
    def assumed(self) -> bool:
        """True when it is taken as available only because it sends positions."""
        return self.status == "available" and not self.heard_status


def told(unit: Unit, position: Position | None, *, at_us: int) -> UnitUpdated:
    """Return the decision that says where the unit stands."""
    return UnitUpdated(
        at_us=at_us,
        county=unit.entry.county,
        unit_id=unit.entry.unit_id,
        status=unit.status,
        link=unit.link,
        police_type=unit.entry.police_type,
        call_sign=unit.entry.call_sign,
        order_ids=tuple(unit.order_ids),
        position=position,
        assumed=unit.assumed,
        out_of_turn=unit.out_of_turn,
    )
