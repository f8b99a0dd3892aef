# SPDX-License-Identifier: Apache-2.0
"""Law: what arrives becomes a fact or a counted refusal, never an exception; good ones are never missing."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.ids import UnitId
from device_adapters.fixes.desk import RECORD
from device_adapters.mqtt.intake import Intake
from device_adapters.mqtt.settings import MqttSettings
from tests.property.mqtt_noise import NOW_S, ROSTER, UNITS, hostile, payloads, topics

AT_NS = NOW_S * 1_000_000_000


def accounted(desk: Intake) -> int:
    figures = desk.statistics()
    refused = sum(n for name, n in figures.items() if name.startswith("rejected_"))
    return refused + figures["late"] + figures["duplicate"]


@given(st.lists(st.tuples(topics, payloads), max_size=20))
def test_noise_becomes_a_fact_or_a_counted_refusal(messages: list[tuple[str, bytes]]) -> None:
    desk = Intake(MqttSettings(), lambda: ROSTER)
    for topic, payload in messages:
        refused_before, waiting_before = accounted(desk), len(desk._batch)

        facts = desk.read(topic, payload, AT_NS)

        refused = accounted(desk) - refused_before
        waits = not facts and refused == 0
        assert refused == 0 or not facts
        assert not waits or topic.endswith("/position")
        assert len(desk._batch) >= waiting_before
    moved = desk.tick(AT_NS)
    for _, lat_e7, lon_e7, tst, _, course in RECORD.iter_unpack(moved.data if moved else b""):
        assert -900_000_000 <= lat_e7 <= 900_000_000
        assert -1_800_000_000 <= lon_e7 <= 1_800_000_000
        assert tst <= NOW_S + 120
        assert course < 36_000


@given(st.lists(st.tuples(st.sampled_from(UNITS), hostile(NOW_S)), max_size=20))
def test_what_is_wrong_is_refused_whoever_says_it(said: list[tuple[UnitId, tuple[str, bytes]]]) -> None:
    desk = Intake(MqttSettings(), lambda: ROSTER)

    for unit, (leaf, payload) in said:
        assert desk.read(f"g110/v1/330302/units/{unit}/{leaf}", payload, AT_NS) == ()

    assert accounted(desk) == len(said)
    assert desk.tick(AT_NS) is None


good = st.fixed_dictionaries(
    {
        "lat": st.floats(-90, 90),
        "lon": st.floats(1, 180),
        "tst": st.integers(0, NOW_S + 120),
    },
    optional={
        "vel": st.floats(0, 300),
        "cog": st.floats(0, 360),
        "seq": st.integers(0, 2**32),
        "crs": st.sampled_from(["wgs84", "gcj02", "bd09"]),
        "extra": st.text(max_size=5),
    },
)


@given(st.dictionaries(st.sampled_from(UNITS), good), st.lists(st.tuples(topics, payloads), max_size=10))
def test_noise_never_hides_a_good_position(
    told: dict[UnitId, dict[str, Any]], noise: list[tuple[str, bytes]]
) -> None:
    desk = Intake(MqttSettings(), lambda: ROSTER)
    for topic, payload in noise:
        if not topic.endswith("/position"):
            desk.read(topic, payload, AT_NS)
    for unit, said in told.items():
        desk.read(f"g110/v1/330302/units/{unit}/position", json.dumps(said).encode(), AT_NS)

    moved = desk.tick(AT_NS)

    shown = {row[0]: row[3] for row in RECORD.iter_unpack(moved.data if moved else b"")}
    assert shown == {ROSTER[unit][0]: said["tst"] for unit, said in told.items()}
