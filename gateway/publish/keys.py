# SPDX-License-Identifier: Apache-2.0
"""Where things lie in Redis (docs/contract). The braces are the cluster hash tag: a county is one slot."""

from core.callbacks.machine import ENDED
from core.effects import (
    CallAbandonedNow,
    CallAnsweredNow,
    CallbackUpdated,
    CallDecision,
    CallEndedNow,
    CallWaiting,
    Decision,
    IncidentUpdated,
    OrderDecision,
    OrderIssued,
    OrderUpdated,
    RecommendationMade,
    ReportKept,
    RoadUpdated,
    ServiceDegraded,
    ServiceRestored,
    UnitUpdated,
    WarningRaised,
)
from core.ids import CountyCode
from core.orders.machine import FINAL

DECISION_TYPES: tuple[type[Decision], ...] = (
    CallWaiting,
    CallAnsweredNow,
    CallAbandonedNow,
    CallEndedNow,
    RecommendationMade,
    OrderIssued,
    OrderUpdated,
    IncidentUpdated,
    UnitUpdated,
    ReportKept,
    CallbackUpdated,
    RoadUpdated,
    WarningRaised,
    ServiceDegraded,
    ServiceRestored,
)
"Everything that may stand in a decision stream."


def key(county: CountyCode, name: str) -> str:
    """Return the full key of something of a county."""
    return f"g110:{{{county}}}:{name}"


def state_key(decision: Decision) -> str:
    """Return the name of the hash that keeps this as the last state of its object, or "" for none."""
    match decision:
        case CallDecision():
            return f"call:{decision.call_id}"
        case IncidentUpdated():
            return f"incident:{decision.incident_id}"
        case OrderDecision():
            return f"order:{decision.order_id}"
        case UnitUpdated():
            return f"unit:{decision.unit_id}"
        case CallbackUpdated():
            return f"callback:{decision.callback_id}"
        case RoadUpdated():
            return f"road:{decision.road_id}"
        case _:
            return ""


def is_last(decision: Decision) -> bool:
    """Return whether this object will never change again, so that its hash may expire."""
    match decision:
        case CallDecision():
            return decision.state in ("ended", "abandoned")
        case IncidentUpdated():
            return decision.state == "closed"
        case OrderDecision():
            return decision.state in FINAL
        case CallbackUpdated():
            return decision.state in ENDED
        case RoadUpdated():
            return decision.state == "open"
        case _:
            return False


def queue_change(decision: Decision) -> tuple[str, float | None]:
    """Return (member, score) for the `queue` sorted set: score None takes it out, member "" changes nothing."""
    match decision:
        case CallDecision():
            return decision.call_id, float(decision.urgency_ms) if decision.state == "ringing" else None
        case IncidentUpdated():
            waits = decision.state in ("opened", "located", "ranked")
            return decision.incident_id, float(decision.urgency_ms) if waits else None
        case _:
            return "", None
