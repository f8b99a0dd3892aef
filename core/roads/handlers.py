# SPDX-License-Identifier: Apache-2.0
"""What follows when roads are loaded, closed, opened or rebuilt, and when a junction reports a delay."""

import msgspec

from core.dispatch.dispatcher import recommend, serve_waiting
from core.effects import RebuildRoads, RoadPiece, RoadUpdated
from core.errors import OutOfTurnError, UnknownError
from core.events import CommandGiven, JunctionReported, RoadsLoaded, RoadsRebuilt, TimerFired
from core.ids import IncidentId
from core.roads.atlas import CLOSE_M, CLOSURES_MAX, Atlas, Closure
from core.roads.network import Ends
from core.state import State

TIMER = "roads:rebuild"
HEADS_LIVE = 1  # incidents ranked again at a closure: drives it touches are searched in the whole city, 8 ms
HEADS_LABELLED = 16  # ... and when the labels are there, at half a millisecond each
NS_PER_S = 1_000_000_000


def loaded(state: State, fact: RoadsLoaded) -> None:
    """Take these roads into use, or none; what is closed stays closed where the new ones have a road there."""
    before = state.roads
    if before is not None and before.digest == fact.digest:
        return
    state.roads = None
    state.drop_timer(TIMER)
    if fact.digest:
        state.roads = Atlas(fact.digest, state.library[fact.digest], state.settings, alone=state.alone)
        state.set_timer(TIMER, state.now_ns + state.settings.roads_rebuild_s * NS_PER_S)
    if before is not None:
        _close_anew(state, [*before.closures.values()])
    want_rebuild(state)
    _rank_again(state, HEADS_LABELLED)


def rebuilt(state: State, fact: RoadsRebuilt) -> None:
    """Let the weights of that fact come into force; a closure that came meanwhile wants new ones at once."""
    roads = state.roads
    before = roads.in_force.closed if roads is not None else ()
    if roads is None or not roads.swap(fact.of_seq):
        state.count("roads_rebuilt_for_nobody")
        return
    if roads.live:
        want_rebuild(state)
    elif roads.in_force.closed != before:
        _rank_again(state, HEADS_LABELLED)


def reported(state: State, fact: JunctionReported) -> None:
    """Remember a delay at a junction; it counts from the next rebuild on."""
    if state.roads is None:
        state.count("junction_without_roads")
        return
    now_s = state.now_ns // NS_PER_S
    place = (round(fact.lat * 1e7), round(fact.lon * 1e7))
    state.roads.delays.hear(*place, fact.delay_s, min(fact.tst or now_s, now_s))


def rebuild_due(state: State, _: TimerFired) -> None:
    """Bring into force what is believed now, if it is anything new; ask again for what was never delivered."""
    state.set_timer(TIMER, state.now_ns + state.settings.roads_rebuild_s * NS_PER_S)
    roads = state.roads
    if roads is not None and roads.pending is not None:
        state.say(RebuildRoads(of_seq=roads.pending.of_seq))
    else:
        want_rebuild(state)


def resume(state: State) -> None:
    """Ask again for what the last run was building."""
    if state.roads is not None and state.roads.pending is not None:
        state.say(RebuildRoads(of_seq=state.roads.pending.of_seq))


def want_rebuild(state: State) -> None:
    """Freeze what is believed and have it built, unless that is under way or nothing has changed."""
    roads = state.roads
    if roads is None or roads.pending is not None:
        return
    frozen = roads.freeze(state.seq, state.now_ns, state.settings)
    if frozen is not None:
        state.say(RebuildRoads(of_seq=frozen.of_seq))


def close(state: State, fact: CommandGiven) -> None:
    """`road.close`: nobody is sent through the road nearest to a place, from now on."""
    roads, lat, lon = _asked(state, fact)
    ends = roads.piece_at(lat, lon)
    if not ends:
        raise OutOfTurnError(f"no road within {CLOSE_M} m of that place")
    if any(set(ends) <= set(other.ends) for other in roads.closures.values()):
        raise OutOfTurnError("that road is closed already")
    if len(roads.closures) >= CLOSURES_MAX:
        raise OutOfTurnError(f"{CLOSURES_MAX} roads are closed; open one first")
    closure = Closure(
        road_id=state.new_id("r"),
        lat=lat,
        lon=lon,
        text=fact.text,
        by=fact.by,
        since_ns=state.now_ns,
        ends=ends,
    )
    roads.close(closure)
    _tell(state, closure, "closed", fact.by)
    _changed(state)


def reopen(state: State, fact: CommandGiven) -> None:
    """`road.open`: take a closure back, by its id or by a place on the road or where it was closed."""
    roads = state.roads
    if roads is None:
        raise OutOfTurnError("no road graph is loaded")
    road_id = fact.road_id or _closed_at(*_asked(state, fact))
    if road_id not in roads.closures:
        raise UnknownError(f"no closed road {road_id!r}" if road_id else "no closed road at that place")
    _tell(state, roads.open(road_id), "open", fact.by)
    _changed(state)


def _asked(state: State, fact: CommandGiven) -> tuple[Atlas, float, float]:
    if state.roads is None:
        raise OutOfTurnError("no road graph is loaded")
    if fact.lat is None or fact.lon is None or not (-90 <= fact.lat <= 90 and -180 <= fact.lon <= 180):
        raise OutOfTurnError(f"{fact.command} needs lat and lon in degrees")
    return state.roads, fact.lat, fact.lon


def _closed_at(roads: Atlas, lat: float, lon: float) -> str:
    """Return the newest closure of the road nearest to a place; "" when that is open."""
    here = set(roads.piece_at(lat, lon))
    return next((name for name, each in reversed(roads.closures.items()) if here & set(each.ends)), "")


def _close_anew(state: State, closures: list[Closure]) -> None:
    """Close them on other roads, all in one; the desk hears of those that are lost."""
    roads, found = state.roads, []
    for closure in closures:
        ends = roads.piece_at(closure.lat, closure.lon) if roads is not None else ()
        if ends:
            found.append(msgspec.structs.replace(closure, ends=ends))
        else:
            told = "the new roads have no road there"
            state.warn("closure_lost", closure.road_id, state.county, told, closure.lat, closure.lon)
    if roads is not None:
        roads.close(*found)


def _changed(state: State) -> None:
    """Rank the most urgent of those who wait again; have labels built that know of it."""
    want_rebuild(state)
    _rank_again(state, HEADS_LIVE)


def _rank_again(state: State, heads: int) -> None:
    for member in state.incidents_waiting.first(state.now_ms, heads):
        recommend(state, state.incidents[IncidentId(member)])
    if state.incidents_waiting:
        serve_waiting(state, HEADS_LIVE)


def _tell(state: State, closure: Closure, what: str, by: str) -> None:
    state.say(
        RoadUpdated(
            at_us=state.at_us,
            county=state.county,
            road_id=closure.road_id,
            state="closed" if what == "closed" else "open",
            lat=closure.lat,
            lon=closure.lon,
            text=closure.text,
            by=by,
            since_us=closure.since_ns // 1000,
            pieces=tuple([_piece(ends) for ends in closure.ends[:1]]),
        )
    )


def _piece(ends: Ends) -> RoadPiece:
    lat, lon, to_lat, to_lon = (e7 / 1e7 for e7 in ends)
    return RoadPiece(lat=lat, lon=lon, to_lat=to_lat, to_lon=to_lon)
