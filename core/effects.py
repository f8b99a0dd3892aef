# SPDX-License-Identifier: Apache-2.0
"""What should be done about it. The core only says so; the gateway does it.

Two families. An **act** is for one neighbour and leaves no trace of its own (ring, answer, set a timer). A
**decision** is recorded with the fact that caused it and published to Redis; its JSON is the contract with
the consoles (docs/contract/*.schema.json). Times outside are microseconds: a JavaScript number holds them.
"""

from typing import Literal

import msgspec

from core.events import Datum, Link, UnitStatus
from core.ids import CallbackId, CallId, CountyCode, IncidentId, Leg, OrderId, UnitId

OrderState = Literal[
    "issued", "delivered", "signed", "declined", "enroute", "on_scene", "clear", "expired", "cancelled"
]
CallState = Literal["ringing", "answered", "ended", "abandoned"]
Silence = Literal["", "suspected", "challenged", "vouched", "unheard"]
CallbackState = Literal["open", "returned", "reached", "given_up", "displaced"]
RoadState = Literal["closed", "open"]
CheckInStage = Literal["", "watched", "prompted", "missed", "unaccounted"]
IncidentState = Literal["opened", "located", "ranked", "ordered", "closed"]
StatusSource = Literal["unit", "desk", "order", "gateway"]
EidoPrimary = Literal["Available", "ConditionallyAvailable", "NotAvailable"]


class Effect(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something for the outside world to do."""


# Acts


class RingCaller(Effect, frozen=True, kw_only=True, tag="ring"):
    """Send 180 Ringing, once the call is durable."""

    leg: Leg


class QueueCaller(Effect, frozen=True, kw_only=True, tag="queue"):
    """Send 182 Queued: where the caller stands in the line."""

    leg: Leg
    position: int
    "1 is next."


class LookUpCaller(Effect, frozen=True, kw_only=True, tag="look_up"):
    """Ask whoever may know who calls and from where. Answers come back as `caller.found`, or not at all."""

    leg: Leg
    caller: str
    access: str
    locate_at: tuple[str, ...]


class ChallengeCaller(Effect, frozen=True, kw_only=True, tag="challenge"):
    """Ask the caller to press a key. Needs media to be heard; a key pressed is a fact without it, too."""

    leg: Leg
    why: Literal["silent", "insistent"]


class AnswerCaller(Effect, frozen=True, kw_only=True, tag="answer"):
    """Send 200 OK."""

    leg: Leg


class HangUpCaller(Effect, frozen=True, kw_only=True, tag="hang_up"):
    """End the leg: BYE when answered, a final refusal when ringing."""

    leg: Leg


class OrderUnit(Effect, frozen=True, kw_only=True, tag="order"):
    """Put an order on the unit's radio. Sent again after a restart under the same id and version."""

    county: CountyCode
    "The unit's county: names the topic."
    unit_id: UnitId
    order_id: OrderId
    incident_id: IncidentId
    version: int
    level: int
    category: str
    lat: float | None
    lon: float | None
    address: str
    text: str
    deadline: int
    "s since 1970: signed by then, or withdrawn."
    cancelled: bool = False
    alert: int = 0
    "How many rungs of the ladder it has come to: above 0 the same order is told again, louder."
    second: bool = False
    "By the unit's second channel, besides the first."
    supersedes: int = 0
    "The version this one takes the place of; 0 when it is the first."
    stacked: bool = False
    "It waits its turn: the unit has another order before it."


class PromptUnit(Effect, frozen=True, kw_only=True, tag="prompt"):
    """Ask an officer on scene whether they are well. Asked again after a restart or when the broker is back."""

    county: CountyCode
    "The unit's county: names the topic."
    unit_id: UnitId
    prompt: int
    "Number of the question; a later one has a higher number."
    order_id: OrderId
    incident_id: IncidentId
    deadline: int
    "s since 1970: without a sign of life by then a desk is told."
    text: str


class SetTimer(Effect, frozen=True, kw_only=True, tag="set_timer"):
    """Feed `timer.fired` with this key at this time. The same key again moves it."""

    key: str
    due_ns: int


class DropTimer(Effect, frozen=True, kw_only=True, tag="drop_timer"):
    """Forget the timer."""

    key: str


class ShowPositions(Effect, frozen=True, kw_only=True, tag="positions"):
    """Put one tick's accepted fixes of one county on its positions stream."""

    county: CountyCode
    at_ms: int
    n: int
    data: bytes


class RebuildRoads(Effect, frozen=True, kw_only=True, tag="rebuild_roads"):
    """Build labels for what was believed about the roads at that fact; then feed `roads.rebuilt`."""

    of_seq: int


class IndexUnits(Effect, frozen=True, kw_only=True, tag="unit_index"):
    """Tell the readers of positions which index is which unit."""

    county: CountyCode
    units: dict[str, UnitId]


# Decisions


class Decision(Effect, frozen=True, kw_only=True):
    """Recorded, numbered, published."""

    at_us: int
    "µs since 1970 of the fact that caused it."
    county: CountyCode


class CallDecision(Decision, frozen=True, kw_only=True):
    """Where one call stands."""

    call_id: CallId
    sip_call_id: str
    state: CallState
    caller: str
    called: str
    trunk: str
    incident_id: IncidentId
    level: int
    received_at_us: int
    answered_at_us: int = 0
    ended_at_us: int = 0
    reason: str = ""
    urgency_ms: int = 0
    "Effective urgency while it waits: the time since which it counts as waiting, ms. Lower is sooner."
    privacy: bool = False
    "The caller asked for their number to be withheld: for the desk, not for a wall."
    diverted_from: str = ""
    "The number dialled before the call was diverted here."
    attestation: str = ""
    "`A`, `B` or `C`: what the first network says of the number. Not verified by us."
    calls_in_hour: int = 0
    "How often this number rang within the last hour; 0 when nobody counted."
    caller_name: str = ""
    "Who the number is registered to, once a look-up has said so."
    silence: Silence = ""
    """`suspected` nobody is heard; `challenged` and asked to press a key; `vouched` a key was pressed: someone is
    there; `unheard` no key came. Never hung up for it."""
    demoted: bool = False
    "An insistent number: it waits behind others, and no unit goes for it until a key is pressed or a desk vouches."
    restored_from: CallId = CallId("")
    "The call the same number gave up shortly before: this one has its place in the line."
    waiting_since_us: int = 0
    "Since when the caller has been trying: the first ring of the call restored, else this one's."


class CallWaiting(CallDecision, frozen=True, kw_only=True, tag="call.waiting"):
    """A call rings."""


class CallAnsweredNow(CallDecision, frozen=True, kw_only=True, tag="call.answered"):
    """A call was answered."""


class CallAbandonedNow(CallDecision, frozen=True, kw_only=True, tag="call.abandoned"):
    """The caller left before the answer: someone must ring back."""


class CallEndedNow(CallDecision, frozen=True, kw_only=True, tag="call.ended"):
    """The conversation is over."""


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of a cost. The `seconds` of all reasons of a candidate add up to its `cost_s`."""

    kind: str
    seconds: float
    distance_m: float | None = None
    age_s: float | None = None
    county: str | None = None
    speed_kmh: float | None = None
    detour: float | None = None
    uncertainty_m: float | None = None
    "How far the unit may have driven since its last position, at the speed it told with it."
    reckoned_m: float | None = None
    """How far it is assumed to have driven on since then, along its course. By road the time is counted no farther
    along than the next junction. None: the way is that from its last position."""
    profile: str | None = None
    "What the road was driven as: `car`, `car_siren`, `boat`, …"
    live: bool | None = None
    "The way was searched in today's roads, because one is closed; else it comes from the table."
    police_type: str | None = None
    zone: str | None = None
    crew: int | None = None
    shift_end: str | None = None
    "HH:MM, local."
    units: int | None = None
    "Other free units that cover the place it would leave."
    incident_id: IncidentId | None = None
    "Where it is on the way to now."


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One unit that could go, and what it would cost."""

    unit_id: UnitId
    eta_s: float | None
    "None when nobody knows where the incident is, or no road leads there."
    distance_m: float | None
    position_age_s: float | None
    cost_s: float
    reasons: tuple[Reason, ...]
    reachable: bool = True
    "False when the roads know no way from there: such a unit is not ordered by itself."
    diverts: IncidentId = IncidentId("")
    "The incident it is on the way to and would be taken from; empty for a free unit."


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the plan for an incident, and who would fill it."""

    police_type: str
    "Empty is any."
    capabilities: tuple[str, ...]
    count: int
    units: tuple[UnitId, ...]
    "The best for it, cheapest first, each in one line only; with those already ordered for it."
    missing: int
    "`count` less `units`."


class Shortfall(msgspec.Struct, frozen=True, kw_only=True):
    """Why a line of the plan cannot be filled."""

    want: int
    "Index into `wants`."
    missing: int
    why: Literal["nobody", "busy", "no_position", "out_of_reach", "no_road", "named"]
    """`nobody` on the roster can do it; `busy` those who can are not free; free ones have told no position (or long
    ago), are `out_of_reach`, have `no_road` to it, or are `named`: declined or taken by another line."""


class RecommendationMade(Decision, frozen=True, kw_only=True, tag="recommendation.made"):
    """Who could go, best first, and who could not and why."""

    incident_id: IncidentId
    revision: int
    call_id: CallId
    "The call that led to this revision; empty when something else did."
    sip_call_id: str
    level: int
    waited_s: float
    located: bool
    candidates: tuple[Candidate, ...]
    excluded: dict[str, int]
    "{reason: how many units}; every unit of the roster is either considered or counted here."
    considered: int
    "Units that could go; the best of them are the candidates."
    proven: bool = True
    "False when so many ways by road were left unasked that a cheaper unit may be among them."
    wants: tuple[Wanted, ...] = ()
    "The plan as far as it is under way."
    shortfall: tuple[Shortfall, ...] = ()
    "Lines of the plan that cannot be filled now."


class OrderDecision(Decision, frozen=True, kw_only=True):
    """Where one order stands."""

    order_id: OrderId
    incident_id: IncidentId
    unit_id: UnitId
    version: int
    state: OrderState
    level: int
    category: str
    lat: float | None
    lon: float | None
    address: str
    text: str
    issued_at_us: int
    deadline: int
    eta_s: float | None
    signed_at_us: int = 0
    reason: str = ""
    delivered_at_us: int = 0
    "When the radio was first known to have it."
    alert: int = 0
    "How many rungs of the ladder were climbed for want of a signature."
    supersedes: int = 0
    "The version this one takes the place of; 0 when it is the first."
    unconfirmed: bool = False
    "It was signed, has changed since, and nobody has signed the change yet."
    stacked: bool = False
    "It waits its turn: the unit has another order before it."


class OrderIssued(OrderDecision, frozen=True, kw_only=True, tag="order.issued"):
    """A unit was told to go."""


class OrderUpdated(OrderDecision, frozen=True, kw_only=True, tag="order.updated"):
    """The order moved on."""


class LocationCandidate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One word about where it is. Chosen is the lowest `standing`, then `doubt_m`, of those not `outdated`."""

    lat: float
    lon: float
    uncertainty_m: float
    "As the source said; 0 when it did not say."
    source: str
    "`desk`, `unit` (an officer's own), `pidf-lo`, `held`, `cell`, `lookup`, or as given."
    datum: Datum = "wgs84"
    "What the source gave, before the edge converted it."
    address: str = ""
    call_id: CallId = CallId("")
    "The call it came with; empty for a desk's or an officer's."
    at_us: int
    "When it was true; when we heard it, if the source does not say."
    heard_at_us: int
    standing: int
    "0 a desk or an officer; 1 any other; 2 the registered address of a mobile number: no unit goes there by itself."
    doubt_m: float
    """The radius that counts: the uncertainty (or what is assumed of such a source), and a walking pace for its age
    when we heard it, and 300 m when it is not the first caller's."""
    outdated: bool = False
    "The same caller, or the desk, has said it better since; or the desk has taken it back."
    chosen: bool = False


class Emergency(msgspec.Struct, frozen=True, kw_only=True):
    """An officer in danger, as it was when it was heard: all a desk must know at once. Nothing later changes it."""

    incident_id: IncidentId = IncidentId("")
    "The incident it is now; empty while it is none."
    unit_id: UnitId
    call_sign: str
    event: Literal["emergency", "man_down"]
    raised_by: Literal["unit", "desk", "check_in"] = "unit"
    "`desk`: by `unit.set`; `check_in`: nobody answered a safety check."
    at_us: int
    "When it was heard."
    tst: int = 0
    "Device time of the press, s since 1970; 0 when not given."
    lat: float | None = None
    lon: float | None = None
    place: Literal["event", "fix", "unknown"] = "unknown"
    "Where the place is from: the press itself, the unit's last fix before it, or nobody knows."
    age_s: float | None = None
    "How old the place was when it was heard."
    uncertainty_m: float | None = None
    "How far from the place the unit may have been: 20 m, and the speed it told, or a walk, times the age."
    order_ids: tuple[OrderId, ...] = ()
    "Its open orders ..."
    incident_ids: tuple[IncidentId, ...] = ()
    "... and what they were for."
    link: Link = "unknown"
    "Whether its radio was on the air."
    text: str = ""
    "The officer's own words."


class IncidentUpdated(Decision, frozen=True, kw_only=True, tag="incident.updated"):
    """Where one incident stands."""

    incident_id: IncidentId
    state: IncidentState
    level: int
    category: str
    lat: float | None
    lon: float | None
    address: str
    opened_at_us: int
    urgency_ms: int
    "Effective urgency while it waits for a unit, as for calls."
    call_ids: tuple[CallId, ...]
    order_ids: tuple[OrderId, ...]
    outcome: str = ""
    "Why it was closed: `handled`, `unattended`, `displaced`, `closed_by_desk`, `emergency_over`."
    calls: int = 0
    "How many calls there were about it; `call_ids` names the first ones and the newest."
    location_source: str = ""
    "The chosen candidate's; empty while nobody knows the place."
    uncertainty_m: float = 0.0
    "The chosen candidate's, as its source said; 0 when it did not say."
    step: int = 1
    "How far its plan is under way: 1, and one more for each reinforcement called."
    locations: tuple[LocationCandidate, ...] = ()
    "Every word about the place, in the order heard, the best sixteen."
    jurisdiction: CountyCode = CountyCode("")
    "The county its place lies in, by the map of zones; empty while no map says. `county` is whose desk it is."
    zone: str = ""
    "Name of the special zone its place lies in: an airport, a railway, the sea."
    emergency: Emergency | None = None
    "Set when it is an officer's cry for help: the first word of it, frozen."
    ended_by: str = ""
    "Who at a desk ended the cry for help; empty while it stands."
    ended_reason: str = ""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """The last accepted fix of a unit."""

    lat: float
    lon: float
    tst: int
    vel: float
    "km/h"
    cog: float


class UnitUpdated(Decision, frozen=True, kw_only=True, tag="unit.updated"):
    """Where one unit stands."""

    unit_id: UnitId
    status: UnitStatus
    link: Link
    police_type: str
    call_sign: str
    order_ids: tuple[OrderId, ...]
    position: Position | None
    assumed: bool = False
    "True while the unit has sent positions but never a status: taken as available."
    out_of_turn: bool = False
    "The status table does not foresee this step; recorded all the same."
    status_at_us: int = 0
    "Since when it does that, by the device's clock where it told one; 0 while nobody has told a status."
    heard_at_us: int = 0
    "When the newest word of it came, by our clock. Ages are the reader's to reckon."
    source: StatusSource | Literal[""] = ""
    "Who said so: the unit, a desk, its ack of an order (`order`), or what followed from an order (`gateway`)."
    eido_primary: EidoPrimary = "NotAvailable"
    "The same as NENA's EIDO (STA-021.1b) has it: exactly one of three ..."
    eido_secondary: tuple[str, ...] = ()
    "... and one or more from its registry (core/units/eido.py)."
    emergency: IncidentId = IncidentId("")
    "The incident of its cry for help, while that stands; only a desk ends it (`emergency.end`)."
    claims: UnitStatus | Literal[""] = ""
    "What it says of itself meanwhile."
    check_in: CheckInStage = ""
    """`watched` on scene and to be asked; `prompted` asked; `missed` no answer, the desk was told; `unaccounted` the
    duty chief was told. Empty: nobody asks."""


class ReportKept(Decision, frozen=True, kw_only=True, tag="unit.reported"):
    """A status was heard that is not the unit's present one: it came late, or the unit's cry for help stands."""

    unit_id: UnitId
    status: UnitStatus
    "What was said. The unit's own state (`unit.updated`) stays."
    present: UnitStatus
    "What it is taken to be doing."
    source: StatusSource
    why: Literal["late", "beyond", "emergency"]
    """`late` something newer is known: it took its place before that; `beyond` the same, by more than
    `status_window_s`; `emergency` only a desk ends that."""
    said_at_us: int
    "When it was so: by the device's clock where it told one."
    heard_at_us: int
    "When it came, by our clock."
    out_of_turn: bool = False
    "The status table does not foresee it after the one before it."


class CallbackUpdated(Decision, frozen=True, kw_only=True, tag="callback.updated"):
    """Where one call-back stands: a caller hung up before the answer, and someone must ring back."""

    callback_id: CallbackId
    state: CallbackState
    caller: str
    "Empty when withheld: nobody can ring back, but the incident's place can be visited."
    privacy: bool = False
    call_ids: tuple[CallId, ...]
    "The calls given up: the first one and the newest."
    incident_id: IncidentId
    "Of the newest call."
    since_us: int
    "The first ring."
    left_at_us: int
    "The newest hang-up."
    due_us: int
    "Overdue after this."
    rings: int
    "How often they tried, a call that rings now included."
    tries: int = 0
    "How often a desk rang back in vain."
    reason: str = ""
    by: str = ""


class RoadPiece(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A straight piece of road, for a map."""

    lat: float
    lon: float
    to_lat: float
    to_lon: float


class RoadUpdated(Decision, frozen=True, kw_only=True, tag="road.updated"):
    """A road was closed, or opened again; ways avoid it from this decision on."""

    road_id: str
    state: RoadState
    lat: float
    "Where the desk said it is."
    lon: float
    text: str = ""
    by: str = ""
    "Who closed it, or opened it."
    since_us: int
    "When it was closed."
    pieces: tuple[RoadPiece, ...] = ()
    "What is closed, both ways."


class WarningRaised(Decision, frozen=True, kw_only=True, tag="warning.raised"):
    """A person should look at this."""

    kind: str
    subject: str
    "Id of the call, incident, order or unit."
    text: str = ""
    lat: float | None = None
    lon: float | None = None
    emergency: Emergency | None = None
    "Of a cry for help: unit, place with its age, orders."


class ServiceDegraded(Decision, frozen=True, kw_only=True, tag="service.degraded"):
    """A part of the machine is away; what it served is waiting."""

    name: str
    reason: str


class ServiceRestored(Decision, frozen=True, kw_only=True, tag="service.restored"):
    """... and is back."""

    name: str


AnyDecision = (
    CallWaiting
    | CallAnsweredNow
    | CallAbandonedNow
    | CallEndedNow
    | RecommendationMade
    | OrderIssued
    | OrderUpdated
    | IncidentUpdated
    | UnitUpdated
    | ReportKept
    | CallbackUpdated
    | RoadUpdated
    | WarningRaised
    | ServiceDegraded
    | ServiceRestored
)
