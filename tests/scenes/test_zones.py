# SPDX-License-Identifier: Apache-2.0
"""Whose ground an incident is on: told with its place, again when the map changes, and after a restart."""

import numpy as np

from core import snapshot
from core.effects import Effect, RecommendationMade
from core.events import RosterLoaded, RosterUnit, ZonesLoaded
from core.ids import UnitId
from core.zones.zone import Zone
from tests.play import LUCHENG, OUHAI, SQUARE, Shows, at, call, command, moved, place, town


def square(lat: float, lon: float, side: float) -> bytes:
    corners = [(lat, lon), (lat, lon + side), (lat + side, lon + side), (lat + side, lon)]
    return np.array([(round(a * 1e7), round(b * 1e7)) for a, b in corners], "<i4").tobytes()


LAT, LON = SQUARE
HOME = Zone(name="鹿城", kind="county", county=LUCHENG, polygons=((square(LAT - 0.1, LON - 0.2, 0.25),),))
NEIGHBOUR = Zone(name="瓯海", kind="county", county=OUHAI, polygons=((square(LAT - 0.1, LON + 0.05, 0.25),),))
AIRPORT = Zone(
    name="airport",
    kind="airport",
    organ="330300430000",
    precedence=100,
    polygons=((square(LAT - 0.01, LON - 0.01, 0.02),),),
)
OVER_THERE = (8_000, 0)
"""Metres east and north of the square: in the neighbour's county."""


def mapped(*zones: Zone, second: float = 2) -> ZonesLoaded:
    return ZonesLoaded(at_ns=at(second), zones=zones)


def reasons(effects: list[Effect], unit: str) -> dict[str, float]:
    """Return what each reason of the newest recommendation costs a unit."""
    (told,) = (effect for effect in effects if isinstance(effect, RecommendationMade))
    (candidate,) = (one for one in told.candidates if one.unit_id == unit)
    return {reason.kind: reason.seconds for reason in candidate.reasons}


def test_an_incident_carries_the_county_and_the_zone_of_its_place() -> None:
    play = town() >> mapped(HOME, NEIGHBOUR, AIRPORT) >> call("a", 3)
    play << Shows("incident.updated", county=LUCHENG, jurisdiction=LUCHENG, zone="airport")

    play >> call("b", 4, OVER_THERE)
    play << Shows("incident.updated", county=LUCHENG, jurisdiction=OUHAI, zone="")


def test_without_a_map_an_incident_is_nowhere_in_particular() -> None:
    town() >> call("a", 3) << Shows("incident.updated", jurisdiction="", zone="")


def test_an_incident_that_moves_belongs_elsewhere() -> None:
    play = town() >> mapped(HOME, NEIGHBOUR, AIRPORT) >> call("a", 3)
    lat, lon = place(*OVER_THERE)

    play >> command(
        "incident.locate", 4, incident_id=play.last("incident.updated").incident_id, lat=lat, lon=lon
    )

    play << Shows("incident.updated", jurisdiction=OUHAI, zone="")


def test_a_new_map_tells_open_incidents_whose_they_are_now() -> None:
    play = town() >> call("a", 2) >> call("b", 3, None)

    play >> mapped(HOME, AIRPORT, second=4) << Shows("incident.updated", jurisdiction=LUCHENG, zone="airport")
    assert len(play.effects) == 1
    play >> mapped(HOME, AIRPORT, second=5)
    assert not play.effects
    play >> mapped(second=6) << Shows("incident.updated", jurisdiction="", zone="")


def test_units_pay_for_being_from_another_county_than_the_ground() -> None:
    play = town(dispatch="confirm") >> mapped(HOME, NEIGHBOUR)

    play >> call("a", 3)
    assert "other_county" not in reasons(play.effects, "u1")
    play >> call("b", 4, OVER_THERE)

    assert reasons(play.effects, "u1")["other_county"] == 120
    assert OUHAI not in play.engine.state.counties, "a place must not make us answer for another county"


def test_units_that_do_not_know_the_airport_pay_for_it() -> None:
    units = (
        RosterUnit(unit_id=UnitId("u1"), county=LUCHENG),
        RosterUnit(unit_id=UnitId("u2"), county=LUCHENG, organ=AIRPORT.organ),
    )
    play = town(dispatch="confirm") >> RosterLoaded(at_ns=at(2), units=units) >> mapped(HOME, AIRPORT)

    play >> moved(3, (0, 100, 0), (1, 900, 0)) >> call("a", 3)

    assert reasons(play.effects, "u1")["zone"] == 180
    assert "zone" not in reasons(play.effects, "u2")
    assert play.last("recommendation.made").candidates[0].unit_id == "u2"


def test_a_restored_gateway_has_the_map() -> None:
    play = town() >> mapped(HOME, NEIGHBOUR, AIRPORT)

    restored = snapshot.restore(snapshot.take(play.engine))
    assert restored is not None
    effects = restored.handle(call("a", 3))

    assert restored.state.zones.zones == (HOME, NEIGHBOUR, AIRPORT)
    assert effects == (play >> call("a", 3)).effects
