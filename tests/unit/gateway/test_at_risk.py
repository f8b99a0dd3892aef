# SPDX-License-Identifier: Apache-2.0
"""Calls that rang before they were durable, and orders that may not leave yet."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from core.effects import Effect, OrderUnit
from core.events import CallAbandoned, CallReceived, Fact
from core.ids import CountyCode, IncidentId, Leg, OrderId, UnitId
from gateway.at_risk import CallsAtRisk
from gateway.clock import SystemClock
from gateway.journal import rescue
from gateway.pipeline import Pipeline
from gateway.withheld import WITHDRAWALS_MAX, WithheldOrders
from tests.play import call


class Door:
    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        then()


def take_in(folder: Path, known: set[Leg], adopted: bool) -> Door:
    door = Door()
    CallsAtRisk(folder, SystemClock()).take_in(cast(Pipeline, door), lambda call: adopted, lambda: known)
    return door


def test_a_call_the_journal_lacks_is_taken_up_and_one_it_has_is_forgotten(tmp_path: Path) -> None:
    for name in ("known", "lost"):
        rescue.write_down(tmp_path, call(name, 1))

    door = take_in(tmp_path, {Leg("leg-known")}, adopted=True)

    assert [fact.sip_call_id for fact in door.facts if isinstance(fact, CallReceived)] == ["lost@trunk"]
    assert len(door.facts) == 1
    assert not list(tmp_path.iterdir()), "the journal has it now"


def test_a_call_that_cannot_be_taken_up_is_left_for_someone_to_ring_back(tmp_path: Path) -> None:
    rescue.write_down(tmp_path, call("lost", 1))

    door = take_in(tmp_path, set(), adopted=False)

    assert isinstance(door.facts[1], CallAbandoned)
    assert door.facts[1].reason == "recovered"


def test_a_line_cut_short_by_a_crash_hides_none_before_it(tmp_path: Path) -> None:
    rescue.write_down(tmp_path, call("lost", 1))
    with (tmp_path / rescue.NAME).open("ab") as file:
        file.write(b'{"type":"call.rec')

    assert len(take_in(tmp_path, set(), adopted=True).facts) == 1


def test_what_is_written_while_the_old_is_read_is_not_forgotten_with_it(tmp_path: Path) -> None:
    rescue.write_down(tmp_path, call("old", 1))
    rescue.read_back(tmp_path, set)
    rescue.write_down(tmp_path, call("new", 2))

    rescue.forget(tmp_path)

    assert [lost.sip_call_id for lost in rescue.read_back(tmp_path, set)] == ["new@trunk"]


def test_a_second_folder_that_is_sick_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    risk = CallsAtRisk(tmp_path / "file" / "x", SystemClock())

    risk._write(call("a", 1))
    risk._forget()

    assert take_in(tmp_path / "file" / "x", set(), adopted=True).facts == []


def order(order_id: str, version: int = 1, cancelled: bool = False) -> OrderUnit:
    return OrderUnit(
        county=CountyCode("330302"), unit_id=UnitId("u1"), order_id=OrderId(order_id), incident_id=IncidentId("i1"),
        version=version, level=1, category="", lat=None, lon=None, address="", text="", deadline=1, cancelled=cancelled,
    )  # fmt: skip


@pytest.fixture
def sent() -> list[Effect]:
    return []


def test_an_order_kept_back_leaves_when_the_lead_is_ours_if_it_is_still_meant(sent: list[Effect]) -> None:
    why_not = ["another leads"]
    withheld = WithheldOrders(sent.append, lambda: why_not[0], lambda kept: kept.order_id != "o2")
    withdrawal = order(
        "o5", 2, cancelled=True
    )  # who never had it leaves it alone, and another lead may have sent it
    for each in (order("o1"), order("o2"), order("o3", 2, cancelled=True), order("o5"), withdrawal):
        withheld.take(each)
    assert sent == []

    why_not[0] = ""
    withheld.release()
    withheld.take(order("o4"))

    assert sent == [order("o1"), order("o3", 2, cancelled=True), withdrawal, order("o4")]
    assert len(withheld) == 0


def test_withdrawals_that_wait_for_a_verdict_that_does_not_come_have_an_end(sent: list[Effect]) -> None:
    why_not = ["another leads"]
    withheld = WithheldOrders(sent.append, lambda: why_not[0], lambda kept: True)
    for again in range(3):  # withdrawn, and told again: a decline that a desk rejects
        withheld.take(order("open", 2 * again, cancelled=True))
        withheld.take(order("open", 2 * again + 1))
    for n in range(WITHDRAWALS_MAX + 5):
        withheld.take(order(f"o{n}"))
        withheld.take(order(f"o{n}", 2, cancelled=True))
    assert len(withheld) == WITHDRAWALS_MAX + 1

    why_not[0] = ""
    withheld.release()

    assert sent[:2] == [order("open", 5), order("o5", 2, cancelled=True)], (
        "the oldest went, of withdrawals alone"
    )
