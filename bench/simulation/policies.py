# SPDX-License-Identifier: Apache-2.0
"""What is compared. Policies differ in the engine's settings and in whether it knows the roads, and in nothing else."""

from dataclasses import dataclass, field
from typing import Any

from core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One way to send units."""

    name: str
    roads: bool = True
    "Whether the engine is given the road network; the cars drive on it in any case."
    settings: dict[str, Any] = field(default_factory=dict)

    def of_engine(self) -> Settings:
        """Return the settings the engine starts with."""
        return Settings(**{**COMMON, **self.settings})


COMMON: dict[str, Any] = {
    "answer": "seats",  # the seats of the simulation take the calls
    "dispatch": "automatic",
    "link_m": 0,  # every call of the simulation is about something else
    "queue_tell_s": 0,
    "coverage_cost_s": 0,
}
BY_DISTANCE = "closest idle by distance"
"What others do who do not know the roads: the unit that is nearest on the map."
OURS = "reoptimise"
_REOPTIMISE = {"policy": "reoptimise", "divert_confirm": False}

POLICIES = (
    Policy(name=BY_DISTANCE, roads=False, settings={"policy": "closest"}),
    Policy(name="road eta", settings={"policy": "closest"}),
    Policy(name="divert", settings={"policy": "divert", "divert_confirm": False, "switch_cost_s": 60}),
    Policy(name=OURS, settings=_REOPTIMISE),
    Policy(name="reoptimise + coverage", settings={**_REOPTIMISE, "coverage_cost_s": 60}),
    Policy(name="reoptimise + reserve", settings={**_REOPTIMISE, "reserve_units": 3}),
)


def named(name: str) -> Policy:
    """Return the policy of this name; KeyError when there is none."""
    return {policy.name: policy for policy in POLICIES}[name]
