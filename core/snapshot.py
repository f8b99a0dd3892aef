# SPDX-License-Identifier: Apache-2.0
"""The engine's whole memory as bytes, and back: a start reads the newest snapshot and replays what came after.

An engine restored from a snapshot decides alike ever after, byte by byte (a law in tests/property).
"""

from collections import Counter

import msgspec
import numpy as np

from core.callbacks.callback import Callback
from core.calls.call import Call, Departed
from core.dispatch.queue import DispatchQueue
from core.effects import Emergency
from core.engine import Engine
from core.ids import CallId, CountyCode, IncidentId, Leg, UnitId
from core.incidents.handlers import take_over
from core.incidents.incident import Cry, Incident
from core.incidents.linking import index_anew
from core.kernels import layout
from core.orders.order import Order
from core.roads.atlas import Atlas, SavedRoads
from core.roads.network import Library
from core.settings import Settings
from core.state import State
from core.units import history
from core.units.roster import describe
from core.units.unit import Unit
from core.zones.ground import Ground
from core.zones.zone import Zone

FORMAT = 5
READABLE = (1, 2, 3, 4, 5)
"""1 knew nothing of call-backs and candidates: what it does not hold has not happened. 2 took every place for one that
calls may be linked by. 3 kept one number for each who waits, the moment since which it counted as waiting. 4 kept one
status of a unit, no rung of the ladder and no check-in."""


class Saved(msgspec.Struct, kw_only=True):
    """Everything that decides, in the order in which it is iterated over."""

    format: int
    settings: Settings
    county: CountyCode
    seq: int
    calls: list[Call]
    incidents: list[Incident]
    orders: list[Order]
    units: list[Unit]
    unit_ids: list[UnitId]
    narrow: bytes
    wide: bytes
    free: int
    counties: list[CountyCode]
    capabilities: list[str]
    places: list[tuple[IncidentId, float, float]]
    calls_waiting: list[tuple[str, int, bool]] = []
    "Up to format 3: (member, since when it counted as waiting, protected)."
    incidents_waiting: list[tuple[str, int, bool]] = []
    callers_in_line: list[tuple[str, int, int, bool]] = []
    "(member, level, since when it waits, protected)"
    incidents_in_line: list[tuple[str, int, int, bool]] = []
    timers: dict[str, int]
    withdrawn: list[Order]
    poisoned: dict[str, str]
    failures: list[tuple[str, str]]
    version: str
    turn: int
    capacities: tuple[int, int]
    away: dict[str, str]
    epochs: dict[CountyCode, int]
    commands_read: dict[CountyCode, str]
    callbacks: list[Callback] = []
    departed: dict[Leg, Departed] = {}
    incident_of_caller: dict[str, IncidentId] = {}
    vague_places: list[tuple[IncidentId, float, float]] = []
    sent_for: dict[str, list[tuple[int, float, float]]] = {}
    roads: SavedRoads | None = None
    police_types: list[str] = []
    organs: list[str] = []
    zones: tuple[Zone, ...] = ()
    watched: list[UnitId] = []
    declined: list[Order] = []


_ENCODER = msgspec.msgpack.Encoder()
_DECODER: msgspec.msgpack.Decoder[Saved] = msgspec.msgpack.Decoder(Saved)


def take(engine: Engine) -> bytes:
    """Return the engine's memory after its last fact."""
    state = engine.state
    columns = state.columns
    return _ENCODER.encode(
        Saved(
            format=FORMAT,
            settings=state.settings,
            county=state.county,
            seq=state.seq,
            calls=[*state.calls.values()],
            incidents=[*state.incidents.values()],
            orders=[*state.orders.values()],
            units=[*state.units.values()],
            unit_ids=state.unit_ids,
            narrow=columns.narrow[:, : columns.rows].tobytes(),
            wide=columns.wide[:, : columns.rows].tobytes(),
            free=columns.free,
            counties=state.counties,
            capabilities=state.capabilities,
            places=state.places.items(),
            callers_in_line=state.calls_waiting.items(),
            incidents_in_line=state.incidents_waiting.items(),
            timers=state.timers,
            withdrawn=[*state.withdrawn.values()],
            poisoned=state.poisoned,
            failures=state.failures,
            version=state.version,
            turn=state.turn,
            capacities=(state.calls_waiting.capacity, state.incidents_waiting.capacity),
            away=state.away,
            epochs=state.epochs,
            commands_read=state.commands_read,
            callbacks=[*state.callbacks.values()],
            departed=state.departed,
            incident_of_caller=state.incident_of_caller,
            vague_places=state.vague_places.items(),
            sent_for=state.sent_for,
            roads=state.roads.saved() if state.roads is not None else None,
            police_types=state.columns.police_types,
            organs=state.organs,
            zones=state.zones.zones,
            watched=[*state.watched],
            declined=[*state.declined.values()],
        )
    )


def restore(data: bytes, library: Library | None = None) -> Engine | None:
    """Return an engine that goes on from there; None when another version wrote it: replay from further back.

    `library` must have the roads it names.
    """
    try:
        saved = _DECODER.decode(data)
    except msgspec.MsgspecError:
        return None
    if saved.format not in READABLE:
        return None
    engine = Engine(library)
    _fill(engine.state, saved)
    return engine


def _fill(state: State, saved: Saved) -> None:
    state.settings, state.county, state.seq = saved.settings, saved.county, saved.seq
    state.calls = {call.call_id: call for call in saved.calls}
    state.call_of_leg = {call.leg: CallId(call.call_id) for call in saved.calls}
    state.incidents = {incident.incident_id: incident for incident in saved.incidents}
    state.orders = {order.order_id: order for order in saved.orders}
    state.units = {unit.entry.unit_id: unit for unit in saved.units}
    state.unit_ids = saved.unit_ids
    state.watched = dict.fromkeys(saved.watched)
    state.counties, state.capabilities = saved.counties, saved.capabilities
    state.organs = saved.organs or [""]
    state.columns.police_types = saved.police_types or [""]
    _fill_columns(state, saved)
    for incident_id, lat, lon in saved.places:
        state.places.put(incident_id, lat, lon)
    for incident_id, lat, lon in saved.vague_places:
        state.vague_places.put(incident_id, lat, lon)
    calls_max, incidents_max = saved.capacities
    state.calls_waiting = _line(saved, calls_max, saved.callers_in_line, saved.calls_waiting)
    state.incidents_waiting = _line(saved, incidents_max, saved.incidents_in_line, saved.incidents_waiting)
    state.timers, state.away, state.version = saved.timers, saved.away, saved.version
    state.withdrawn = {order.order_id: order for order in saved.withdrawn}
    state.declined = {order.order_id: order for order in saved.declined}
    state.poisoned, state.failures, state.turn = saved.poisoned, saved.failures, saved.turn
    state.epochs, state.commands_read = saved.epochs, saved.commands_read
    state.callbacks = {task.callback_id: task for task in saved.callbacks}
    state.callback_of = {task.number: task.callback_id for task in saved.callbacks if task.number}
    state.callbacks_withheld = {task.callback_id: None for task in saved.callbacks if not task.number}
    state.departed, state.incident_of_caller = saved.departed, saved.incident_of_caller
    state.sent_for = saved.sent_for
    state.zones = Ground(saved.zones)
    state.talking = dict(Counter(call.number for call in saved.calls if call.number and call.answered_ns))
    if saved.roads is not None:
        digest = saved.roads.digest
        state.roads = Atlas(digest, state.library[digest], saved.settings, alone=state.alone)
        state.roads.fill(saved.roads)
    if saved.format == 1:
        for incident in saved.incidents:
            take_over(incident)
    if saved.format < 3:
        index_anew(state)
    if saved.format < 5:
        for unit in saved.units:
            history.begin(unit)
            _let_stand(state, unit)
    state.crying = {
        one.cry.said.unit_id: one.incident_id
        for one in saved.incidents
        if one.cry is not None and one.cry_stands
    }


def _let_stand(state: State, unit: Unit) -> None:
    """Let a cry for help stand of which an older program kept the incident and the unit's status, and no more."""
    incident = state.incidents.get(unit.emergency)
    if unit.status != "emergency" or incident is None:
        return
    said = Emergency(
        incident_id=incident.incident_id,
        unit_id=unit.entry.unit_id,
        call_sign=unit.entry.call_sign,
        event="man_down" if incident.category == "officer_man_down" else "emergency",
        at_us=incident.opened_ns // 1000,
        lat=incident.lat,
        lon=incident.lon,
        place="fix" if incident.located else "unknown",
    )
    incident.cry = Cry(said=said, head_start_ms=0)  # as its place in the queue was reckoned
    if incident.unattended:
        state.timers.setdefault(f"unattended:{incident.incident_id}", incident.opened_ns)


def _fill_columns(state: State, saved: Saved) -> None:
    """Take over the fleet; what an older program kept no column for is read from the roster's entries again."""
    wide = np.frombuffer(saved.wide, np.int64).reshape(layout.WIDE, -1)
    kept = np.frombuffer(saved.narrow, np.int32).reshape(-1, wide.shape[1] or 1)
    narrow = np.zeros((layout.NARROW, wide.shape[1]), np.int32)
    narrow[: kept.shape[0]] = kept
    state.columns.fill(narrow, wide, saved.free)
    if kept.shape[0] < layout.NARROW:
        for unit in state.units.values():
            describe(state, unit)


def _line(
    saved: Saved, capacity: int, waiting: list[tuple[str, int, int, bool]], keyed: list[tuple[str, int, bool]]
) -> DispatchQueue:
    """Return a queue with everybody in it. An older one's key was the arrival less the head start of the level."""
    queue = DispatchQueue(capacity, saved.settings.curves())
    for member, level, since_ms, protected in waiting:
        queue.push(member, level, since_ms, since_ms, protected)
    if keyed:
        levels: dict[str, int] = {one.call_id: one.level for one in saved.calls}
        levels |= {one.incident_id: one.level for one in saved.incidents}
        for member, key_ms, protected in keyed:
            level = levels[member]
            since_ms = key_ms + saved.settings.head_start_s[level - 1] * 1000
            queue.push(member, level, since_ms, since_ms, protected)
    return queue
