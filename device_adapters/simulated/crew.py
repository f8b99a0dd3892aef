# SPDX-License-Identifier: Apache-2.0
"""One unit of a simulated fleet: where it drives, what its radio is like, what it has been told. Pure."""

from dataclasses import dataclass, field

import msgspec
import numpy as np

from core.events import RosterUnit
from device_adapters.simulated.counties import County
from device_adapters.simulated.faults import Habit, Kind
from device_adapters.simulated.handset import Handset
from device_adapters.simulated.streets import Route, Streets, apron, rail_line, sea_lanes, towns


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """How the radios of a fleet differ from good ones."""

    kinds: tuple[Kind, ...] = ("clean",)
    "Unit k has the habit k modulo their number."
    noise_m: float = 0.0
    "How far a receiver is off, one sigma each way; above 0 no two fixes are equal, so each can be found again."
    drive_m_s_max: float = 55.0
    "However much a demo is compressed, nobody drives faster: a gateway rightly takes such cars for jumps."
    presses_per_h: float = 0.0
    "Emergency buttons pressed by one unit in an hour."


@dataclass(slots=True)
class Unit:
    """One unit on the move."""

    roster: RosterUnit
    streets: Streets
    corner: int
    route: Route
    began: float
    every_s: float
    habit: Habit
    pace: float = 1.0
    on_patrol: bool = True
    "False from when it turns out until it is free again."
    seq: int = 0
    handset: Handset = field(default_factory=Handset)
    prompt: int = 0
    "Number of the newest question whether they are well."

    @property
    def unit_id(self) -> str:
        """Return its id."""
        return self.roster.unit_id


def nets_of(county: County, rng: np.random.Generator) -> dict[str, Streets]:
    """Return where each kind of police of a county moves; `patrol` is on the streets of its towns."""
    nets = {"patrol": towns(county, rng)}
    if county.port:
        nets["maritime"] = sea_lanes(county, rng)
    if county.airport is not None:
        nets["airport"] = apron(county.airport, rng)
    if county.rail:
        nets["rail"] = rail_line(county, rng)
    return nets


def fleet_chance(county: County, seed: int) -> np.random.Generator:
    """Return the chance of a county's fleet; its streets are the first that is drawn from it."""
    return np.random.default_rng([seed, int(county.code), 2])
