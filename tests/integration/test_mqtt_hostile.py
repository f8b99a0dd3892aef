# SPDX-License-Identifier: Apache-2.0
"""Hostile senders through a real broker: nothing of them is shown, nothing good is missing, nothing grows."""

from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from core.events import UnitsMoved
from device_adapters.fixes.desk import RECORD
from gateway.journal.reader import entries
from tests.integration.house import House, house, until
from tests.integration.mqtt_crowd import Radios, now_s, radios, roster
from tests.integration.test_mqtt_burst import rss_mib
from tests.property.mqtt_noise import hostile, payloads, topics

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

GOOD = [f"good{n}" for n in range(40)]
BAD = [f"bad{n}" for n in range(8)]
TURNS = 6
GROWTH_MIB_MAX = 32
Example = TypeVar("Example")


def test_hostile_radios_are_not_shown_and_hide_nobody(tmp_path: Path) -> None:
    tst = now_s() - 60
    wrong = drawn(st.tuples(st.sampled_from(BAD), hostile(now_s())), 1_500)
    strange = [one for one in drawn(st.tuples(topics, payloads), 600) if can_be_sent(one[0])]
    with house(tmp_path, units=roster(GOOD + BAD)) as home, radios(home.broker.port) as fleet:
        say_good(fleet, tst, 0)
        until(lambda: reports(home) == len(GOOD))
        before_mib = rss_mib(home.gateway.pid)

        for turn in range(1, TURNS):
            for unit, (leaf, payload) in wrong[turn - 1 :: TURNS - 1]:
                fleet.say(unit, leaf, payload)
            for topic, payload in strange[turn - 1 :: TURNS - 1]:
                fleet.say_at(topic, payload, qos=1)
            say_good(fleet, tst, turn)

        fleet.all_acknowledged()
        until(lambda: reports(home) == len(GOOD) * TURNS)
        until(lambda: len(places(home, tst + TURNS - 1)) == len(GOOD))
        assert rss_mib(home.gateway.pid) - before_mib <= GROWTH_MIB_MAX
        assert home.gateway.stop() == 0
        shown = {data["unit_id"] for data in home.of("unit.updated") if data["position"] or data["source"]}
        assert shown == set(GOOD)
        assert home.of("incident.updated") == []
        assert home.of("warning.raised") == []
        assert {
            fact["unit_id"] for kind in ("unit.status", "unit.event") for fact in home.facts(kind)
        } == set(GOOD)
        log = home.gateway.log.read_text()
        assert "Traceback" not in log
        assert "fact_poisoned" not in log
        assert log.count("mqtt_message_rejected") <= len(wrong) + len(strange)


def say_good(fleet: Radios, tst: int, turn: int) -> None:
    for n, unit in enumerate(GOOD):
        place: dict[str, object] = {
            "lat": 28.0 + 0.001 * n + 0.00001 * turn,
            "lon": 120.66,
            "tst": tst + turn,
            "seq": turn + 1,
        }
        fleet.say(unit, "position", place)
        status = "out_of_service" if turn % 2 else "available"
        fleet.say(unit, "status", {"status": status, "tst": tst + turn, "seq": turn + 1})


def reports(home: House) -> int:
    return len(home.facts("unit.status"))


def places(home: House, tst: int) -> set[int]:
    """Return the rows of the units whose fix of this second arrived."""
    found: set[int] = set()
    for entry in entries(home.gateway.data):
        if entry.type == "units.moved":
            fact = entry.fact()
            assert isinstance(fact, UnitsMoved)
            found |= {row[0] for row in RECORD.iter_unpack(fact.data) if row[3] == tst}
    return found


def drawn(strategy: st.SearchStrategy[Example], count: int) -> list[Example]:
    """Return so many examples, the same each time."""
    found: list[Example] = []

    @hypothesis.seed(110)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(strategy)
    def collect(one: Example) -> None:
        found.append(one)

    collect()
    return found


def can_be_sent(topic: str) -> bool:
    """Tell whether a broker would take it from a client; mosquitto hangs up on control characters, too."""
    return topic.isprintable() and topic != "" and not set(topic) & set("+#") and not topic.startswith("$")
