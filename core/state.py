# SPDX-License-Identifier: Apache-2.0
"""Everything the engine knows, and the few verbs with which handlers speak.

Handlers are functions of (state, fact). They change the state and `say` effects; incidents and units they
touch are told once, at the end of the fact, as they then stand.
"""

from collections import Counter

from core.callbacks.callback import Callback
from core.calls.call import Call, Departed
from core.dispatch.queue import DispatchQueue
from core.dispatch.urgency import Curve, counts_as_since
from core.effects import DropTimer, Effect, Emergency, SetTimer, WarningRaised
from core.geodesy import distance_m
from core.ids import CallbackId, CallId, CountyCode, IncidentId, Leg, OrderId, UnitId
from core.incidents.incident import Incident
from core.incidents.incident import told as incident_told
from core.incidents.near import OpenPlaces
from core.orders.order import Order
from core.roads.atlas import Atlas
from core.roads.network import Library
from core.settings import Settings
from core.units.columns import UnitColumns
from core.units.unit import Unit
from core.units.unit import told as unit_told
from core.zones.ground import Ground

LEGS_REMEMBERED = 1_024  # a look-up answers within seconds; at 35 calls/s this is half a minute
CALLERS_REMEMBERED = (
    4_096  # an insistent number rings at least every two minutes: at 35 calls/s 4,200 callers
)
SENT_S = 3_600  # what makes a number insistent is counted within the hour, too
SENT_KEPT = (
    16  # places of one number: a hotline with more of them in an hour is sent a unit once more, no harm
)
CAPABILITIES_MAX = 61  # bits 1 to 61 of a unit's mask
NOBODY = 1 << 62  # the bit no unit has


class State:
    """The whole memory of one gateway."""

    def __init__(self, library: Library | None = None) -> None:
        self.library: Library = {} if library is None else library
        "Roads by digest, from outside. Not part of what is remembered."
        self.roads: Atlas | None = None
        "None: ways are straight lines."
        self.alone = False
        "True in a replay: nobody waits for one answer, all for the last. Not part of any decision."
        self.zones = Ground()
        self.settings = Settings()
        self.county = CountyCode("")
        self.seq = 0
        self.now_ns = 0
        self.calls: dict[CallId, Call] = {}
        self.call_of_leg: dict[Leg, CallId] = {}
        self.departed: dict[Leg, Departed] = {}
        "The newest legs that are gone: an answer about their callers may still come."
        self.incident_of_caller: dict[str, IncidentId] = {}
        "{number: incident of its newest call}, the newest last; some of them are closed."
        self.callbacks: dict[CallbackId, Callback] = {}
        "Who is to be rung back, the oldest first."
        self.callback_of: dict[str, CallbackId] = {}
        "By number; those that withheld it have none."
        self.callbacks_withheld: dict[CallbackId, None] = {}
        "Those of callers who withheld it, the oldest first: they make room first."
        self.talking: dict[str, int] = {}
        "{number: its lines that are answered and open}"
        self.sent_for: dict[str, list[tuple[int, float, float]]] = {}
        "{number: when and where units were ordered for it}, the newest last: what an insistent caller has had."
        self.incidents: dict[IncidentId, Incident] = {}
        self.orders: dict[OrderId, Order] = {}
        self.units: dict[UnitId, Unit] = {}
        self.unit_ids: list[UnitId] = []
        "By row."
        self.crying: dict[UnitId, IncidentId] = {}
        "Units whose cry for help stands, and its incident; the oldest first."
        self.watched: dict[UnitId, None] = {}
        "Units that are asked on scene whether they are well."
        self.columns = UnitColumns()
        self.counties: list[CountyCode] = []
        self.capabilities: list[str] = []
        self.organs: list[str] = [""]
        self.places = OpenPlaces()
        "Of open incidents whose place is known well enough to say that another call is about the same."
        self.vague_places = OpenPlaces()
        "Of the others: guesses, masts, wide circles."
        self.calls_waiting = DispatchQueue(self.settings.calls_waiting_max, self.settings.curves())
        self.incidents_waiting = DispatchQueue(self.settings.incidents_waiting_max, self.settings.curves())
        self.timers: dict[str, int] = {}
        self.withdrawn: dict[OrderId, Order] = {}
        "Orders taken back, kept for a while: a unit that has not heard must be told again."
        self.declined: dict[OrderId, Order] = {}
        "The newest declined order of each unit: a desk may review it."
        self.poisoned: dict[str, str] = {}
        "{key: type} of facts we failed on."
        self.version = ""
        "Of the program that runs."
        self.failures: list[tuple[str, str]] = []
        "(type, error) of those the desk has not been told of."
        self.turn = 0
        "Where the rotating part of the next round through the waiting incidents begins."
        self.away: dict[str, str] = {}
        "{neighbour: why}"
        self.epochs: dict[CountyCode, int] = {}
        "The fencing token last used for each county."
        self.commands_read: dict[CountyCode, str] = {}
        "Id of the last command taken from each county's stream."
        self.counts: Counter[str] = Counter()
        "What was refused or ignored, by name. Not part of any decision."
        self._ids_made: Counter[str] = Counter()
        self._effects: list[Effect] = []
        self._touched_incidents: dict[IncidentId, Incident] = {}
        self._touched_units: dict[UnitId, Unit] = {}

    @property
    def at_us(self) -> int:
        """The time of the present fact, as decisions carry it."""
        return self.now_ns // 1000

    @property
    def now_ms(self) -> int:
        """The time of the present fact, as the queues count it."""
        return self.now_ns // 1_000_000

    def urgency_ms(self, level: int, since_ms: int) -> int:
        """Return since when a call or an incident of a level counts as waiting now: what is published."""
        return counts_as_since(self.incidents_waiting.curves[level - 1], since_ms, self.now_ms)

    def begin(self, at_ns: int) -> None:
        """Start on the next fact."""
        self.seq += 1
        self.now_ns = at_ns
        self._ids_made.clear()

    def finish(self) -> list[Effect]:
        """Tell what was touched and hand over everything said."""
        for incident in self._touched_incidents.values():
            incident.urgency_ms = self.urgency_ms(incident.level, incident.waits_since_ms)
            self._effects.append(incident_told(incident, at_us=self.at_us))
        for unit in self._touched_units.values():
            self._effects.append(unit_told(unit, self.columns.position(unit.row), at_us=self.at_us))
        self._touched_incidents.clear()
        self._touched_units.clear()
        effects, self._effects = self._effects, []
        return effects

    def say(self, effect: Effect) -> None:
        """Add an effect."""
        self._effects.append(effect)

    def warn(
        self,
        kind: str,
        subject: str,
        county: CountyCode,
        text: str = "",
        lat: float | None = None,
        lon: float | None = None,
        emergency: Emergency | None = None,
    ) -> None:
        """Ask a person to look."""
        self.say(
            WarningRaised(
                at_us=self.at_us,
                county=county,
                kind=kind,
                subject=subject,
                text=text,
                lat=lat,
                lon=lon,
                emergency=emergency,
            )
        )

    def touched(self) -> tuple[list[Incident], list[Unit]]:
        """Return the incidents and units of which this fact will tell."""
        return [*self._touched_incidents.values()], [*self._touched_units.values()]

    def touch_incident(self, incident: Incident) -> None:
        """Tell it at the end of this fact."""
        self._touched_incidents[incident.incident_id] = incident

    def touch_unit(self, unit: Unit) -> None:
        """Tell it at the end of this fact."""
        self._touched_units[unit.entry.unit_id] = unit

    def count(self, name: str, by: int = 1) -> None:
        """Count something that was refused or ignored."""
        if by:
            self.counts[name] += by

    def new_id(self, letter: str) -> str:
        """Return an id that every replay makes alike: letter, sequence number, and a suffix from the second on."""
        self._ids_made[letter] += 1
        made = self._ids_made[letter]
        return f"{letter}{self.seq}" if made == 1 else f"{letter}{self.seq}-{made}"

    def remember_leg(self, call: Call) -> None:
        """Keep what a late answer about this caller needs."""
        self.departed[call.leg] = Departed(call.call_id, call.incident_id, call.whose, call.number)
        if len(self.departed) > LEGS_REMEMBERED:
            del self.departed[next(iter(self.departed))]

    def remember_caller(self, call: Call) -> None:
        """Keep what this number last rang about."""
        if not call.number:
            return
        self.incident_of_caller.pop(call.number, None)
        self.incident_of_caller[call.number] = call.incident_id
        if len(self.incident_of_caller) > CALLERS_REMEMBERED:
            del self.incident_of_caller[next(iter(self.incident_of_caller))]

    def remember_sent(self, number: str, lat: float, lon: float) -> None:
        """Keep where a unit was ordered to for a number."""
        before = self.sent_for.pop(number, None)
        self.sent_for[number] = [*(before[1 - SENT_KEPT :] if before else ()), (self.now_ns, lat, lon)]
        if len(self.sent_for) > CALLERS_REMEMBERED:
            del self.sent_for[next(iter(self.sent_for))]

    def was_sent(self, number: str, lat: float, lon: float) -> bool:
        """Tell whether a unit was ordered there for that number within the hour."""
        oldest_ns = self.now_ns - SENT_S * 1_000_000_000
        return any(
            at_ns >= oldest_ns and distance_m(lat, lon, *place) <= self.settings.link_m
            for at_ns, *place in self.sent_for.get(number, ())
        )

    def set_timer(self, key: str, due_ns: int) -> None:
        """Ask for `timer.fired` at that time; the same key again moves it."""
        self.timers[key] = due_ns
        self.say(SetTimer(key=key, due_ns=due_ns))

    def drop_timer(self, key: str) -> None:
        """Forget a timer, if it is set."""
        if self.timers.pop(key, None) is not None:
            self.say(DropTimer(key=key))

    def resize_queues(self) -> None:
        """Give the queues the capacity and the curves the settings say; nobody who waits is left out."""
        settings, curves = self.settings, self.settings.curves()
        self.calls_waiting = self._resized(self.calls_waiting, settings.calls_waiting_max, curves)
        self.incidents_waiting = self._resized(self.incidents_waiting, settings.incidents_waiting_max, curves)

    def need_mask(self, category: str) -> int:
        """Return the bits a unit must have for incidents of a category; NOBODY when no unit has one of them."""
        return self.mask_of(self.settings.needs.get(category, ()))

    def mask_of(self, capabilities: tuple[str, ...]) -> int:
        """Return the bits of what a unit must have; NOBODY when no unit has one of them."""
        mask = 0
        for name in capabilities:
            known = name in self.capabilities
            mask |= 2 << self.capabilities.index(name) if known else NOBODY
        return mask

    def county_index(self, county: CountyCode) -> int:
        """Return the county's number in the columns, a new one when it is new."""
        if county not in self.counties:
            self.counties.append(county)
        return self.counties.index(county)

    def police_type_index(self, police_type: str) -> int:
        """Return the number of a kind of police in the columns, a new one when it is new."""
        if police_type not in self.columns.police_types:
            self.columns.police_types.append(police_type)
        return self.columns.police_types.index(police_type)

    def organ_index(self, organ: str) -> int:
        """Return the organ's number in the columns, a new one when it is new."""
        if organ not in self.organs:
            self.organs.append(organ)
        return self.organs.index(organ)

    def capability_mask(self, capabilities: tuple[str, ...]) -> int:
        """Return the bits of a unit's capabilities (bit 1 and up). Names beyond the last bit count for nothing.

        A roster with so many is refused when it is read (gateway.config); here is no place to fail.
        """
        mask = 0
        for name in capabilities:
            if name not in self.capabilities and len(self.capabilities) < CAPABILITIES_MAX:
                self.capabilities.append(name)
            if name in self.capabilities:
                mask |= 2 << self.capabilities.index(name)
            else:
                self.count("capability_ignored")
        return mask

    def _resized(self, queue: DispatchQueue, capacity: int, curves: tuple[Curve, ...]) -> DispatchQueue:
        if (queue.capacity, queue.curves) == (capacity, curves):
            return queue
        other = DispatchQueue(max(capacity, len(queue)), curves)
        for member, level, since_ms, protected in queue.items():
            other.push(member, level, since_ms, self.now_ms, protected)
        return other
