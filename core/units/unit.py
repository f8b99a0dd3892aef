# SPDX-License-Identifier: Apache-2.0
"""One unit: what the roster says of it and what it is doing."""

import msgspec

from core.effects import Position, UnitUpdated
from core.events import Link, RosterUnit, UnitStatus
from core.ids import IncidentId, OrderId
from core.units.eido import PAIR
from core.units.report import Report
from core.units.watch import Watch

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
    last_presses: list[tuple[str, int, int]] = []
    "(event, tst, seq) of the newest EVENTS_KEPT cries for help: texts do not push them out."
    claims: UnitStatus | None = None
    "What it said of itself since it cried for help; only a desk ends that."
    watch: Watch | None = None
    "Set while it is asked on scene whether it is well."
    alive: tuple[int, int] = (0, 0)
    "(s, seq) of its newest sign of life, by its own clock as far as that is known to be right."
    out_of_turn: bool = False
    reports: list[Report] = []
    "The newest words about what it does, in the order in which they were made (core/units/history.py)."
    before: UnitStatus = "off_duty"
    "What it did before the oldest of them."
    said: tuple[int, int, str] = (0, 0, "")
    "(tst, seq, status) of what came last by its status topic: the broker keeps that, and may deliver it again."
    clock_s: int = 0
    "How far its clock is known to be ahead of ours; negative: behind."
    lag: tuple[int, int, int] = (0, 0, 0)
    "(by how many seconds its reports come late, how many in a row, when the last of them came, s)"

    @property
    def assumed(self) -> bool:
        """True when it is taken as available only because it sends positions."""
        return self.status == "available" and not self.heard_status

    @property
    def present(self) -> Report | None:
        """The report its status is by; None when nobody has told one."""
        return next((report for report in reversed(self.reports) if not report.held), None)

    @property
    def began(self) -> Report | None:
        """The report with which it came to what it is doing; those after it said the same again."""
        first = None
        for report in reversed(self.reports):
            if report.held:
                continue
            if first is not None and report.status != first.status:
                break
            first = report
        return first


def told(unit: Unit, position: Position | None, *, at_us: int) -> UnitUpdated:
    """Return the decision that says where the unit stands."""
    began, present = unit.began, unit.present
    primary, secondary = PAIR[unit.status]
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
        emergency=unit.emergency if unit.status == "emergency" else IncidentId(""),
        claims=unit.claims or "",
        check_in=unit.watch.stage if unit.watch is not None else "",
        status_at_us=began.event_us if began is not None else 0,
        heard_at_us=present.heard_ns // 1000 if present is not None else 0,
        source=present.source if present is not None else "",
        eido_primary=primary,
        eido_secondary=secondary,
    )
