# SPDX-License-Identifier: Apache-2.0
"""What an ingest run is asked for: its size, and the two cities it consists of."""

import msgspec

from bench.load.harness import NOISE_M
from device_adapters.simulated.city import City, Scenario
from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.crew import Habits
from device_adapters.simulated.demand import Manner
from device_adapters.simulated.fleets import FleetPlan

COUNTY = "330302"
WARM_S = 10.0
"Until all units have a place, and the storm of five thousand radios that were just switched on is over; a guess."
PARTS = ("before", "with", "after")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; `part_s` is the length of each third."""

    units: int = 5_000
    fixes_per_s: float = 5_000.0
    rate: float = 35.0
    warm_s: float = WARM_S
    part_s: float = 60.0
    connections: int = 50
    mqtt5: bool = False
    seed: int = 110


def callers(plan: Plan, port: int, redis_url: str) -> City:
    """Return who calls, and the desk that reads what becomes of the calls."""
    return _city(plan, port, "", redis_url, plan.rate)


def fleet(plan: Plan, port: int, mqtt_url: str, redis_url: str) -> City:
    """Return the radios and the map on the wall; nobody calls."""
    return _city(plan, port, mqtt_url, redis_url, 0.0)


def _city(plan: Plan, port: int, mqtt_url: str, redis_url: str, rate: float) -> City:
    every_s = plan.units / plan.fixes_per_s
    return City(
        plan.seed,
        (BY_CODE[COUNTY],),
        plan.units,
        rate,
        plan.warm_s + len(PARTS) * plan.part_s if rate else float("inf"),
        (("127.0.0.1", port),),
        mqtt_url,
        redis_url,
        scenario=Scenario(
            manner=Manner(talk_s=1.0, even_talk=True, abandon_share=0.0),
            arrivals="poisson",
            fix_every_s=(every_s, every_s),
            classify_share=0.0,
            trunk_per_county=False,
            mqtt5=plan.mqtt5,
            fleet=FleetPlan(Habits(noise_m=NOISE_M)),
            connections=plan.connections,
            watch_positions=bool(mqtt_url),
        ),
    )
