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
    delivered_ns: int = 0
    "When its radio was first known to have it."
    unheard: bool = False
    "True until the unit has answered this version in any way: sent again when broker or machine come back."
    unconfirmed: bool = False
    "True while it was signed, has changed since, and nobody has signed the change."
    supersedes: int = 0
    "The version this one takes the place of."
    since_version: int = 1
    "Acks of versions before this one say nothing: a desk has told the unit anew."
    stacked: bool = False
    "True while its unit has another order before it."
    asked_ns: int = 0
    "Since when a signature is waited for; 0 in older snapshots: since the issue."
    ladder_ns: int = 0
    "From when its rungs are counted: later than `asked_ns` by what machine or broker were away."
    rung_s: int = 0
    "The rung it has come to, by its `after_s`."
    alert: int = 0
    "How many rungs it has come to."
    reviewed: bool = False
    "True once a desk has accepted its decline."
    on_second: bool = False
    "True once it went out by the second channel: whoever shows it there must hear of its end, too."


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
        delivered_at_us=order.delivered_ns // 1000,
        alert=order.alert,
        supersedes=order.supersedes,
        unconfirmed=order.unconfirmed,
        stacked=order.stacked,
    )


def on_the_air(order: Order, *, cancelled: bool = False, second: bool = False) -> OrderUnit:
    """Return the act that puts the order (or its withdrawal) on the unit's radio, by its second channel if so."""
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
        alert=0 if cancelled else order.alert,
        second=second,
        supersedes=0 if cancelled else order.supersedes,
        stacked=order.stacked and not cancelled,
    )


def off_the_air(order: Order) -> list[OrderUnit]:
    """Return the acts that withdraw an order wherever it is shown."""
    channels = (False, True) if order.on_second else (False,)
    return [on_the_air(order, cancelled=True, second=second) for second in channels]
