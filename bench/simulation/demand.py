# SPDX-License-Identifier: Apache-2.0
"""Who calls, when and from where, and how long each stage of it takes, whoever is sent.

Everything of a call is drawn before the first unit moves and depends on the seed alone: so every policy meets the
same day, and two of them can be compared call by call.
"""

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.simulation.city import Town
from bench.simulation.stages import LEVELS, Stages

F64 = NDArray[np.float64]
NS_PER_S = 1_000_000_000
TRAVEL_S = 300.0
"The way there as the rate of calls counts it; what came of it is told with each run (guess)."
DAY_S = 86_400
SURGE_TIMES, SURGE_S = 4.0, 3_600.0
"In a surge so many times the calls come, for so long."
TURN_OUTS = 8
"Orders of one call that have a time of their own to turn out; then they begin again."


@dataclass(frozen=True, kw_only=True)
class Load:
    """How busy the city is."""

    name: str
    busy: float
    "Share of their time that units work, if the way takes TRAVEL_S."
    shape: Literal["even", "day", "surge"] = "even"


LOADS = (
    Load(name="30 % load", busy=0.30),
    Load(name="50 % load", busy=0.50),
    Load(name="63 % load", busy=0.63),
    Load(name="day", busy=0.50, shape="day"),
    Load(name="surge", busy=0.40, shape="surge"),
)
"`day`: half busy on the average, the hours as the records have them; `surge`: an hour of four times the calls."


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One emergency."""

    ring_ns: int
    "Since the start."
    node: int
    level: int
    answer_ns: int
    "From the ring until a seat answers."
    sign_off_ns: int
    "... until the call-taker knows what it is and where: from now on a unit can be sent."
    hang_up_ns: int
    turn_out_ns: tuple[int, ...]
    "From the order until the unit rolls; the nth unit that is ordered takes the nth."
    scene_ns: int


def draw(load: Load, town: Town, stages: Stages, *, units: int, calls: int, seed: int) -> list[Case]:
    """Return the cases of one run, in the order of their rings."""
    chance = np.random.default_rng([seed, 110])
    busy_s = stages.mean_s("turn_out") + TRAVEL_S + stages.mean_s("scene")
    rings_s = _rings_s(load, stages, load.busy * units / busy_s, calls, chance)
    nodes = town.places[chance.choice(len(town.places), calls, p=town.shares)]
    levels = chance.choice(LEVELS, calls, p=stages.level_shares)
    chances = chance.random((4 + TURN_OUTS, calls))
    answers = stages.draw_s("answer", 0, chances[0])
    signed = _by_level(stages, "sign_off", levels, chances[1])
    phone = _by_level(stages, "phone", levels, chances[2])
    scene = _by_level(stages, "scene", levels, chances[3])
    turn_outs = np.stack([_by_level(stages, "turn_out", levels, own) for own in chances[4:]], axis=1)
    return [
        Case(
            ring_ns=_ns(rings_s[n]),
            node=int(nodes[n]),
            level=int(levels[n]),
            answer_ns=_ns(answers[n]),
            sign_off_ns=_ns(answers[n] + signed[n]),
            hang_up_ns=_ns(answers[n] + max(phone[n], signed[n])) + 1,
            turn_out_ns=tuple(_ns(own) for own in turn_outs[n]),
            scene_ns=_ns(scene[n]),
        )
        for n in range(calls)
    ]


def _rings_s(load: Load, stages: Stages, per_s: float, calls: int, chance: np.random.Generator) -> F64:
    """Return when the calls come: at random, more of them in a busy hour."""
    even_s = np.cumsum(chance.exponential(1 / per_s, calls))
    if load.shape == "even":
        return even_s
    if load.shape == "surge":
        begins_s = float(even_s[calls // 3])
        known_s = np.array([0, begins_s, begins_s + SURGE_TIMES * SURGE_S, even_s[-1] + DAY_S])
        told_s = known_s - np.array([0, 0, (SURGE_TIMES - 1) * SURGE_S, (SURGE_TIMES - 1) * SURGE_S])
        return _at(even_s, known_s, told_s)
    days = int(even_s[-1] / DAY_S) + 2
    hours: F64 = np.concatenate([np.zeros(1), np.cumsum(np.tile(stages.hour_shares, days))]) * DAY_S
    return _at(even_s, hours, np.arange(len(hours)) * np.float64(3600))


def _at(where: F64, known: F64, told: F64) -> F64:
    found: F64 = np.interp(where, known, told)
    return found


def _by_level(stages: Stages, stage: str, levels: NDArray[np.int64], chances: F64) -> F64:
    found = np.empty(len(levels))
    for level in LEVELS:
        mine = levels == level
        found[mine] = stages.draw_s(stage, level, chances[mine])
    return found


def _ns(seconds: float) -> int:
    """Return whole milliseconds: what a float adds to them is nobody's business."""
    return round(float(seconds) * 1000) * 1_000_000
