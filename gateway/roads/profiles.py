# SPDX-License-Identifier: Apache-2.0
"""Who drives, how fast on which class of road, and which rules bind them.

The speeds of the car are those of OSRM's `car.lua`, the free profile most used; a sign counts for 80 % of what
it says there and here. With the siren on the Road Traffic Safety Law (art. 53) frees a police car from route,
direction, speed and lights as far as safety allows: so it turns where others must not, and drives slowly
against one-way streets, though never on a motorway or round a roundabout. All of it is where a fleet begins:
the fleet's own speeds correct it (docs/roads.md).
"""

from typing import Final

import msgspec

from gateway.errors import RoadSourceError
from gateway.roads.survey import BOAT, CAR, FOOT, MOTORCYCLE, SIREN


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One way to get there."""

    name: str
    vehicle: int
    "The bit of those it counts among."
    kmh: dict[str, float]
    "{class of road: speed}. What is not in it is not driven."
    told_percent: int = 0
    "How much of the speed that the source tells for a car it makes; 0: it goes by its own table alone."
    kmh_max: float = 130.0
    "No faster, whatever is told."
    against_kmh: dict[str, float] = msgspec.field(default_factory=dict)
    "{class of road: speed against a one-way street}"
    minds_one_way: bool = True
    minds_turns: bool = True
    signal_ms: int = 0
    "What a light costs on the average."


_CAR: Final = {
    "motorway": 90.0, "motorway_link": 45.0, "trunk": 85.0, "trunk_link": 40.0, "primary": 65.0,
    "primary_link": 30.0, "secondary": 55.0, "secondary_link": 25.0, "tertiary": 40.0, "tertiary_link": 20.0,
    "unclassified": 25.0, "residential": 25.0, "living_street": 10.0, "service": 15.0,
}  # fmt: skip
"Source: OSRM, profiles/car.lua."

# Guess, below the 142 % that the model of Auckland's ambulances (JEMSS) takes for all roads.
_SIREN_PERCENT: Final = 130
_AGAINST: Final = {
    "secondary": 20.0, "tertiary": 20.0, "unclassified": 20.0, "residential": 20.0, "living_street": 10.0,
    "service": 10.0, "busway": 20.0,
}  # fmt: skip
"Guess: a speed at which one can still stop for who comes."
_WALKED: Final = (
    "primary", "primary_link", "secondary", "secondary_link", "tertiary", "tertiary_link", "unclassified",
    "residential", "living_street", "service", "track", "busway", "pedestrian", "cycleway", "footway", "path",
)  # fmt: skip
_FOOT: Final = dict.fromkeys(_WALKED, 5.0) | {"steps": 2.5}
"Source: OSRM, profiles/foot.lua (5 km/h); steps are a guess."

PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile(name="car", vehicle=CAR, kmh=_CAR, told_percent=100, signal_ms=2_000),  # OSRM: 2 s a light
        Profile(
            name="car_siren",
            vehicle=SIREN,
            kmh={kind: kmh * _SIREN_PERCENT / 100 for kind, kmh in _CAR.items()}
            | {"busway": 40.0, "pedestrian": 10.0},
            told_percent=_SIREN_PERCENT,
            kmh_max=160.0,
            against_kmh=_AGAINST,
            minds_turns=False,
        ),
        Profile(
            name="motorcycle",
            vehicle=MOTORCYCLE,
            kmh=_CAR
            | {"living_street": 15.0, "service": 20.0, "track": 15.0, "path": 10.0, "cycleway": 15.0},
            told_percent=100,
        ),
        Profile(name="foot", vehicle=FOOT, kmh=_FOOT, minds_one_way=False, minds_turns=False),
        Profile(
            name="boat",
            vehicle=BOAT,
            kmh={"waterway": 20.0, "water": 40.0},  # guess: a patrol boat in a canal, and in the open
            minds_turns=False,
        ),
    )
}
"{name: profile}"


def chosen(names: str) -> tuple[Profile, ...]:
    """Return the profiles of a list such as `car,car_siren`, each once, in the order of PROFILES."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in PROFILES]
    if unknown or not wanted:
        raise RoadSourceError(
            f"no profile {', '.join(unknown) or 'was named'}: there are {', '.join(PROFILES)}"
        )
    return tuple(profile for name, profile in PROFILES.items() if name in wanted)
