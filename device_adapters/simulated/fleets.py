# SPDX-License-Identifier: Apache-2.0
"""Which fleet drives: the seeded one, one with faults, or a recorded day of taxis; as `--fleet` names it. Pure but for
reading the recording.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from device_adapters.simulated.crew import Habits
from device_adapters.simulated.faults import kinds
from device_adapters.simulated.fleet import CountyFleet
from device_adapters.simulated.taxi import SPEED_MAX, Clock, Tape, TapeError, TaxiFleet, read_tape

SHAPE = "write --fleet taxi:FILE@SPEED (1 to 1000), or seeded:KIND,KIND or seeded:all"


GOOD = Habits()
"Radios without a fault."


class FleetError(ValueError):
    """No fleet is written like that; says how one is."""


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What drives."""

    habits: Habits = GOOD
    tape: Tape | None = None
    speed: float = 1.0
    clock: Clock = "now"

    def fleet(self, *args: Any, **kwargs: Any) -> CountyFleet:  # noqa: ANN401
        """Return the fleet of one county; the arguments are those of CountyFleet."""
        if self.tape is None:
            return CountyFleet(*args, habits=self.habits, **kwargs)
        return TaxiFleet(self.tape, self.speed, *args, clock=self.clock, habits=self.habits, **kwargs)


def read_plan(
    text: str, *, clock: Clock = "now", noise_m: float = 0.0, presses_per_h: float = 0.0
) -> FleetPlan:
    """Return the fleet that a word of the command line names; empty: good radios. Raises FleetError."""
    habits = Habits(noise_m=noise_m, presses_per_h=presses_per_h)
    if not text:
        return FleetPlan(habits)
    kind, _, rest = text.partition(":")
    try:
        if kind == "seeded":
            return FleetPlan(
                Habits(kinds=kinds(rest.split(",")), noise_m=noise_m, presses_per_h=presses_per_h)
            )
        if kind == "taxi" and rest:
            file, _, speed = rest.rpartition("@")
            plan = FleetPlan(habits, speed=_speed(speed) if file else 1.0, clock=clock)
            return replace(plan, tape=read_tape(Path(file or rest)))
    except (TapeError, ValueError) as error:
        raise FleetError(f"{text!r}: {error}") from None
    raise FleetError(f"{text!r}: {SHAPE}")


def _speed(word: str) -> float:
    try:
        speed = float(word.removesuffix("x"))
    except ValueError:
        raise FleetError(f"{word!r} is no speed; {SHAPE}") from None
    if not 1 <= speed <= SPEED_MAX:
        raise FleetError(f"a speed of {speed:g}: it must be from 1 to {SPEED_MAX:g}")
    return speed
