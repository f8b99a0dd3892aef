# SPDX-License-Identifier: Apache-2.0
"""What has happened: the facts. Nobody edits them afterwards; the journal is a list of these.

Tags are written by hand because they outlive class names. New fields get defaults; none is ever reused.
"""

from typing import Annotated, Literal

import msgspec

from core.ids import CallbackId, CallId, CountyCode, IncidentId, Leg, OrderId, UnitId
from core.settings import Settings
from core.zones.zone import Zone

UnitStatus = Literal[
    "off_duty",
    "available",
    "reserved",
    "dispatched",
    "acknowledged",
    "enroute",
    "on_scene",
    "transporting",
    "at_destination",
    "clearing",
    "out_of_service",
    "emergency",
]
Link = Literal["unknown", "online", "offline"]
Ack = Literal["delivered", "signed", "declined", "enroute", "on_scene", "clear"]
Datum = Literal["wgs84", "gcj02", "bd09"]


class Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that happened outside."""

    at_ns: int
    "Nanoseconds since 1970, read once at the edge. Never steps back within one run."


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where a caller is believed to be. WGS-84 always: converted at the edge."""

    lat: float
    lon: float
    uncertainty_m: float = 0.0
    "Radius of the circle that holds the caller, 0 when the source does not say."
    source: str = ""
    "`pidf-lo` (in the INVITE), `held` (fetched), `cell`, `lookup` (registered address), `desk`."
    address: str = ""
    "Civic address as given, one line."
    at_ms: int = 0
    "When it was true, ms since 1970; 0 when the source does not say."
    datum: Datum = "wgs84"
    "What the source gave, before the edge converted it: a shift of 500 m has its cause on record."


class RosterUnit(msgspec.Struct, frozen=True, kw_only=True):
    """One line of units.csv: what the bureau says a unit is. Never learnt from the air."""

    unit_id: UnitId
    call_sign: str = ""
    police_type: str = "patrol"
    capabilities: tuple[str, ...] = ()
    county: CountyCode
    organ: str = ""
    crew: int = 0
    "Officers aboard; 0 when nobody said."
    shift_end: str = ""
    "HH:MM, local time; empty when nobody said."
    shift_start: str = ""
    "As `shift_end`."
    crew_ids: tuple[str, ...] = ()
    "Badge numbers of those aboard. For the record only: no decision, key or log carries them."


class ServiceStarted(Fact, frozen=True, kw_only=True, tag="service.started"):
    """This process took over, with this policy. Everything before it was another run."""

    version: str
    node: str
    county: CountyCode
    settings: Settings


class RosterLoaded(Fact, frozen=True, kw_only=True, tag="roster.loaded"):
    """The list of units, whole. A unit's index is its place of first appearance and never changes."""

    units: tuple[RosterUnit, ...]


class ZonesLoaded(Fact, frozen=True, kw_only=True, tag="zones.loaded"):
    """The map of zones, whole: counties, and zones with a police of their own."""

    zones: tuple[Zone, ...]


class CallReceived(Fact, frozen=True, kw_only=True, tag="call.received"):
    """Someone dialled 110; nothing has been promised to them yet."""

    leg: Leg
    sip_call_id: str
    caller: str = ""
    "As the trunk gave it; empty when withheld. Never logged."
    called: str = ""
    display_name: str = ""
    county: CountyCode
    trunk: str = ""
    peer: str = ""
    "host:port the INVITE came from; where the answers go."
    location: Location | None = None
    address: str = ""
    "Civic address without coordinates, when that is all there is."
    raw: bytes = b""
    "The INVITE as it came, so that a restarted process can go on with the dialog."
    privacy: bool = False
    "The caller asked for their number to be withheld (RFC 3323): shown at the desk, not on a wall."
    diverted_from: str = ""
    "The number dialled before the call was diverted here (RFC 5806, RFC 7044)."
    attestation: str = ""
    "`A`, `B` or `C`: what the first network says of the number (RFC 8588). Not verified by us."
    access: str = ""
    "P-Access-Network-Info as the network gave it (RFC 7315): the cell. Never logged."
    locate_at: tuple[str, ...] = ()
    "Where the caller's place can be fetched (RFC 6442, by reference)."
    calls_in_hour: int = 0
    "How often this number rang this gateway within the last hour, this call included; 0 when nobody counted."


class CallerFound(Fact, frozen=True, kw_only=True, tag="caller.found"):
    """One of those who were asked knows something about the caller. It came later than the ring, or never."""

    leg: Leg
    source: str
    "`held`, `cell` or `lookup`."
    name: str = ""
    "Who the number is registered to. Never logged."
    address: str = ""
    location: Location | None = None


class CallSilent(Fact, frozen=True, kw_only=True, tag="call.silent"):
    """Nobody is heard on an answered line."""

    leg: Leg
    sip_call_id: str


class CallKeyPressed(Fact, frozen=True, kw_only=True, tag="call.key"):
    """The caller pressed a key: someone is there."""

    leg: Leg
    sip_call_id: str
    key: str
    "`0` to `9`, `*`, `#`, `A` to `D`."


class CallAnswered(Fact, frozen=True, kw_only=True, tag="call.answered"):
    """Our 200 OK left."""

    leg: Leg
    sip_call_id: str


class CallAbandoned(Fact, frozen=True, kw_only=True, tag="call.abandoned"):
    """The caller hung up before we answered."""

    leg: Leg
    sip_call_id: str
    reason: str = "cancel"
    """`cancel`, `bye` (early), `expired` (the trunk's own limit), `gone` (the far side knows of no such call),
    `recovered` (found after a crash)."""
    trace: bytes = b""
    "The leg's last SIP messages (device_adapters/sip/trace.py); `gateway journal sip` shows them."


class CallEnded(Fact, frozen=True, kw_only=True, tag="call.ended"):
    """An answered call is over."""

    leg: Leg
    sip_call_id: str
    reason: str = "bye"
    """`bye`, `no_ack` (the 200 was never confirmed), `expired` (its session timer ran out), `gone` (the far side
    knows of no such call), `hung_up` or `refused` (by us)."""
    trace: bytes = b""
    "As in CallAbandoned."


class UnitsMoved(Fact, frozen=True, kw_only=True, tag="units.moved"):
    """The newest fix of every unit that moved in one tick."""

    n: int
    data: bytes
    """n little-endian records of 20 bytes `<IiiIHH`: unit index, latitude 1e-7°, longitude 1e-7°, device time s,
    speed cm/s, course 0.01°."""


class UnitReported(Fact, frozen=True, kw_only=True, tag="unit.status"):
    """A unit says what it is doing."""

    unit_id: UnitId
    status: UnitStatus
    tst: int = 0
    "Device time, s since 1970; 0 when not given."
    seq: int = 0


class UnitCalled(Fact, frozen=True, kw_only=True, tag="unit.event"):
    """A unit's emergency button, man-down sensor or text, or an officer's word that they are well."""

    unit_id: UnitId
    event: Literal["emergency", "man_down", "text", "check_in"]
    tst: int = 0
    seq: int = 0
    lat: float | None = None
    lon: float | None = None
    text: str = ""
    prompt: int = 0
    "Of a check-in: the number of the question it answers; 0 when the device did not say."


class UnitLinked(Fact, frozen=True, kw_only=True, tag="unit.link"):
    """A unit's radio came on the air or left it (its last will)."""

    unit_id: UnitId
    link: Link


class OrderAcked(Fact, frozen=True, kw_only=True, tag="order.acked"):
    """A unit answered an order."""

    unit_id: UnitId
    order_id: OrderId
    version: int = 1
    ack: Ack
    tst: int = 0
    seq: int = 0
    reason: str = ""


class CommandGiven(Fact, frozen=True, kw_only=True, tag="command.given"):
    """Someone at a desk decided something. Only the fields its `command` needs are set."""

    command: str
    "`call.take`, `call.classify`, `incident.locate`, … (docs/CONTRACT: commands)."
    command_id: str = ""
    stream_id: str = ""
    "Id in the commands stream: where to read on after a restart."
    by: str = ""
    county: CountyCode
    call_id: CallId = CallId("")
    incident_id: IncidentId = IncidentId("")
    order_id: OrderId = OrderId("")
    unit_id: UnitId = UnitId("")
    level: Annotated[int, msgspec.Meta(ge=0, le=4)] = 0
    category: str = ""
    lat: float | None = None
    lon: float | None = None
    address: str = ""
    status: str = ""
    text: str = ""
    callback_id: CallbackId = CallbackId("")
    road_id: str = ""
    "Of a closure: names the one to take back."


class TimerFired(Fact, frozen=True, kw_only=True, tag="timer.fired"):
    """A time the engine asked for has come."""

    key: str


class RoadsLoaded(Fact, frozen=True, kw_only=True, tag="roads.loaded"):
    """Ways are along these roads from now on. The file itself lies beside the journal, under its digest."""

    digest: str
    "Of what was built; empty: straight lines again."


class RoadsRebuilt(Fact, frozen=True, kw_only=True, tag="roads.rebuilt"):
    """The labels are ready for what was believed about the roads at an earlier fact: it comes into force."""

    of_seq: int
    "The fact."


class JunctionReported(Fact, frozen=True, kw_only=True, tag="junction.reported"):
    """A junction says how long vehicles wait there."""

    lat: float
    lon: float
    delay_s: Annotated[int, msgspec.Meta(ge=0)]
    "Of everyone who comes to it; 0 takes an earlier report back."
    junction: str = ""
    county: CountyCode = CountyCode("")
    tst: int = 0
    "Of the report, s since 1970; 0 when not given."


class LeadTaken(Fact, frozen=True, kw_only=True, tag="lead.taken"):
    """This gateway decides for a county from now on, under this epoch (the fencing token)."""

    county: CountyCode
    epoch: int


class FactPoisoned(Fact, frozen=True, kw_only=True, tag="fact.poisoned"):
    """A fact on which we failed (docs/decisions/0026). It changed nothing; the same one is not taken again."""

    key: str
    "What makes it the same one when it comes again."
    of: str
    "Its type."
    error: str
    data: bytes
    "The fact itself, as msgpack."


class NeighbourGone(Fact, frozen=True, kw_only=True, tag="neighbour.gone"):
    """Redis, the broker, the disk, a trunk (`trunk:NAME`), the PBX (`pbx`), a service that is asked about callers
    (`lookup:phone`, `lookup:held`) or the voice of calls (`voice`) stopped answering."""

    name: str
    reason: str = ""


class NeighbourBack(Fact, frozen=True, kw_only=True, tag="neighbour.back"):
    """... and answers again."""

    name: str


AnyFact = (
    ServiceStarted
    | RosterLoaded
    | ZonesLoaded
    | CallReceived
    | CallerFound
    | CallAnswered
    | CallSilent
    | CallKeyPressed
    | CallAbandoned
    | CallEnded
    | UnitsMoved
    | UnitReported
    | UnitCalled
    | UnitLinked
    | OrderAcked
    | CommandGiven
    | TimerFired
    | RoadsLoaded
    | RoadsRebuilt
    | JunctionReported
    | LeadTaken
    | FactPoisoned
    | NeighbourGone
    | NeighbourBack
)
