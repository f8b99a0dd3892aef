# SPDX-License-Identifier: Apache-2.0
"""One order to one unit."""

from typing import TypeVar

import msgspec

from core.effects import OrderDecision, OrderState, OrderUnit
from core.ids import CountyCode, IncidentId, OrderId, UnitId

D = TypeVar("D", bound=OrderDecision)
NS_PER_S = 1_000_000_000


class Order(msgspec.Struct, kw_only=True):
    """What is known of an order that is not finished."""

    order_id: OrderId
    incident_id: IncidentId
    unit_id: UnitId
    county: CountyCode
    "The incident's."
    unit_county: CountyCode
    level: int
    category: str
    lat: float | None
    lon: float | None
    address: str
    text: str
    issued_ns: int
    deadline_ns: int
    eta_s: float | None
    state: OrderState = "issued"
    version: int = 1
    signed_ns: int = 0
    want: int = 0
    "The line of the plan it fills (core/dispatch/lines.py); NO_LINE when it is beyond the plan."
    chosen: bool = False
    "True when a desk named the unit: no machine sends it elsewhere by itself."


def told(order: Order, decision: type[D], *, at_us: int, reason: str = "") -> D:
    """Return the decision of this type that says where the order stands."""
    return decision(
        at_us=at_us,
        county=order.county,
        order_id=order.order_id,
        incident_id=order.incident_id,
        unit_id=order.unit_id,
        version=order.version,
        state=order.state,
        level=order.level,
        category=order.category,
        lat=order.lat,
        lon=order.lon,
        address=order.address,
        text=order.text,
        issued_at_us=order.issued_ns // 1000,
        deadline=order.deadline_ns // NS_PER_S,
        eta_s=order.eta_s,
        signed_at_us=order.signed_ns // 1000,
        reason=reason,
    )


def on_the_air(order: Order, *, cancelled: bool = False) -> OrderUnit:
    """Return the act that puts the order (or its withdrawal) on the unit's radio."""
    return OrderUnit(
        county=order.unit_county,
        unit_id=order.unit_id,
        order_id=order.order_id,
        incident_id=order.incident_id,
        version=order.version,
        level=order.level,
        category=order.category,
        lat=order.lat,
        lon=order.lon,
        address=order.address,
        text=order.text,
        deadline=order.deadline_ns // NS_PER_S,
        cancelled=cancelled,
    )
