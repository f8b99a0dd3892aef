# SPDX-License-Identifier: Apache-2.0
"""What lives for ever is out of the collector's sight, and the busiest path gives it nothing to do."""

import gc
import subprocess
import sys
from pathlib import Path

from core.ids import CountyCode, UnitId
from device_adapters.mqtt.intake import Intake
from device_adapters.mqtt.settings import MqttSettings
from gateway.pauses import GC_THRESHOLDS, SWITCH_S

ROOT = Path(__file__).parents[3]
NOON_S = 1_785_470_400
SETTLED = """
import gc, sys
from gateway.pauses import settle
house = [[n] for n in range(1000)]
settle()
print(gc.get_freeze_count() > 1000, gc.get_threshold(), sys.getswitchinterval())
"""


def test_what_is_built_at_the_start_is_never_looked_at_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SETTLED], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == f"True {GC_THRESHOLDS} {SWITCH_S}"


def test_positions_leave_nothing_for_the_collector() -> None:
    county, units = CountyCode("330302"), 500
    roster = {UnitId(f"u{row}"): (row, county) for row in range(units)}
    intake = Intake(MqttSettings(), lambda: roster)
    topics = [f"g110/v1/{county}/units/u{row}/position" for row in range(units)]
    for topic in topics:
        intake.read(topic, b'{"lat":28.0,"lon":120.6,"tst":%d}' % NOON_S, NOON_S * 10**9)
    intake.tick(NOON_S * 10**9)
    gc.collect()
    before = len(gc.get_objects())

    for topic in topics:
        intake.read(topic, b'{"lat":28.1,"lon":120.6,"tst":%d}' % (NOON_S + 1), NOON_S * 10**9)
    moved = intake.tick(NOON_S * 10**9)

    assert moved is not None
    assert moved.n == units
    assert len(gc.get_objects()) - before < 20
