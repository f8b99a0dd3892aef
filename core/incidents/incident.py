# SPDX-License-Identifier: Apache-2.0
"""One incident, from the first call until it is closed."""

import msgspec

from core.effects import Emergency, IncidentState, IncidentUpdated
from core.ids import CallId, CountyCode, IncidentId, OrderId, UnitId
from core.incidents.candidates import Heard, chosen

CALLS_FIRST = 8  # of `call_ids`: who opened it, and the first witnesses
CALLS_SHOWN_MAX = 64  # an insistent number rings 16,000 times a day; each decision names no more than these


class Cry(msgspec.Struct, kw_only=True):
    """An officer's cry for help, from the first press until a desk ends it."""

    said: Emergency
    "As it was when it was heard. Never changed."
    head_start_ms: int
    "By how much it counts as having waited longer than others of its level."
    presses: int = 1
    told_ns: int = 0
    "When the desk was last told of a press."
    followed_ns: int = 0
    "When the unit's own word last moved the place."
    ended_by: str = ""
    ended_reason: str = ""


class Incident(msgspec.Struct, kw_only=True):
    """What is known of an open incident."""

    incident_id: IncidentId
    county: CountyCode
    level: int
    opened_ns: int
    urgency_ms: int
    state: IncidentState = "opened"
    category: str = ""
    lat: float | None = None
    lon: float | None = None
    address: str = ""
    jurisdiction: CountyCode = CountyCode("")
    "The county its place lies in; empty while no map says. `county` is whose desk it is."
    zone: str = ""
    "Name of the special zone its place lies in."
    call_ids: list[CallId] = []
    "The calls about it, the first one first: the first CALLS_FIRST and the newest."
    calls: int = 0
    "How many there were."
    whose: str = ""
    "Whose word about the place is that of the first caller (core/incidents/candidates.py)."
    locations: list[Heard] = []
    guessed: bool = False
    "True while the place is a mobile number's registered address: no unit goes there by itself."
    coarse: bool = False
    "True while the place is doubted by more than `coarse_m`: a better word is worth a moment."
    awaited: int = 0
    "Answers of location servers that are still to come; 0 again when their time is up."
    has_waited: bool = False
    "True once it has waited for such answers: it does so once."
    told_same: bool = False
    "True once the desk was told that another one is close by."
    live_calls: int = 0
    order_ids: list[OrderId] = []
    active_orders: int = 0
    released: bool = False
    "True once someone has spoken to a caller (or a desk or an officer vouches): units may be ordered."
    held_ns: int = 0
    """When a desk cancelled its order, or it had had too many: nobody is sent by itself until a desk accepts again
    or a caller who rang later is answered. 0 when it is not held."""
    passed_over: list[UnitId] = []
    "Units that declined, or cannot be meant: not ordered for this."
    unsigned: list[UnitId] = []
    "Units that did not sign in time: not ordered again while there is anyone else."
    told_insistent_ns: int = 0
    "When a desk was last told of an insistent call about it."
    told_stuck: bool = False
    "True once the desk was told that no free unit can go."
    step: int = 1
    "How far its plan is under way: 1, and one more for each reinforcement called."
    settled: list[int] = []
    "Lines of its plan that need one unit less: it was there and has left, or a desk took its order back."
    taken: int = 0
    "How often a unit on its way here was sent elsewhere."
    proposed: list[UnitId] = []
    "Units on their way elsewhere that a desk was asked about."
    best: UnitId = UnitId("")
    "The first candidate of the newest recommendation."
    revision: int = 0
    outcome: str = ""
    cry: Cry | None = None
    "Set when it is an officer who is in danger."

    @property
    def cry_stands(self) -> bool:
        """True while it is an officer's cry for help that no desk has ended: nothing else closes it."""
        return self.cry is not None and not self.cry.ended_by

    @property
    def waits_since_ms(self) -> int:
        """Since when it waits, as the queue counts it: an officer in danger comes before others of level 1."""
        since_ms = self.opened_ns // 1_000_000
        if self.cry is None or self.cry.ended_by or self.level != 1:
            return since_ms
        return since_ms - self.cry.head_start_ms

    @property
    def located(self) -> bool:
        """True when there is a place to send someone to."""
        return self.lat is not None

    @property
    def unattended(self) -> bool:
        """True when no caller and no unit holds it open and it does not wait for a unit.

        An officer in danger is alone until somebody is on the way.
        """
        if self.cry_stands:
            return not self.active_orders
        return not (self.live_calls or self.active_orders or self.wants_unit)

    @property
    def wants_unit(self) -> bool:
        """True when a unit may be ordered to it without asking anyone."""
        sure = self.located and not self.guessed and not (self.coarse and self.awaited)
        return self.released and sure and not self.held_ns

    def count_call(self, call_id: CallId) -> None:
        """Add a call to those it names."""
        self.calls += 1
        self.call_ids.append(call_id)
        if len(self.call_ids) > CALLS_SHOWN_MAX:
            del self.call_ids[CALLS_FIRST]


def told(incident: Incident, *, at_us: int) -> IncidentUpdated:
    """Return the decision that says where the incident stands."""
    believed = chosen(incident.locations)
    return IncidentUpdated(
        at_us=at_us,
        county=incident.county,
        incident_id=incident.incident_id,
        state=incident.state,
        level=incident.level,
        category=incident.category,
        lat=incident.lat,
        lon=incident.lon,
        address=incident.address,
        opened_at_us=incident.opened_ns // 1000,
        urgency_ms=incident.urgency_ms,
        call_ids=tuple(incident.call_ids),
        order_ids=tuple(incident.order_ids),
        outcome=incident.outcome,
        calls=incident.calls,
        location_source=believed.source if believed is not None else "",
        step=incident.step,
        uncertainty_m=believed.uncertainty_m if believed is not None else 0.0,
        locations=tuple([one.candidate for one in incident.locations]),
        jurisdiction=incident.jurisdiction,
        zone=incident.zone,
        emergency=incident.cry.said if incident.cry is not None else None,
        ended_by=incident.cry.ended_by if incident.cry is not None else "",
        ended_reason=incident.cry.ended_reason if incident.cry is not None else "",
    )
