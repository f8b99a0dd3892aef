# SPDX-License-Identifier: Apache-2.0
"""What the desk makes of the decision streams."""

from typing import Any

import msgspec

from core.ids import CountyCode
from device_adapters.simulated.ledger import Ledger
from device_adapters.simulated.record import CallRecord, Outcome
from device_adapters.simulated.report import is_lost, latency, percentile, to_18x, to_signed

STREAM = "g110:{330302}:decisions"


def tell(ledger: Ledger, number: int, kind: str, now: float = 0.0, epoch: int = 1, **data: Any) -> bool:
    fields = {b"type": kind.encode(), b"data": msgspec.json.encode({"type": kind, "at_us": 1, **data})}
    return ledger.read(STREAM, f"{epoch}-{number}", fields, now) is not None


def record(outcome: Outcome, sent: float = 0.0, ringing: float = 0.0) -> CallRecord:
    return CallRecord(
        sip_call_id="s1",
        county=CountyCode("330302"),
        outcome=outcome,
        intended=0.0,
        sent=sent,
        ringing=ringing,
    )


def test_a_call_with_a_recommendation_is_decided() -> None:
    ledger = Ledger()
    tell(ledger, 1, "call.answered", call_id="c1", sip_call_id="s1", incident_id="i1")
    assert ledger.told("s1") == "seen"

    tell(
        ledger,
        2,
        "recommendation.made",
        now=5.0,
        incident_id="i1",
        revision=1,
        call_id="c1",
        sip_call_id="s1",
    )

    assert ledger.told("s1") == "decided"
    assert ledger.recommended == {"s1": 5.0}
    assert not is_lost(record("answered"), ledger)


def test_a_second_call_about_an_incident_is_decided_with_it() -> None:
    ledger = Ledger()
    tell(ledger, 1, "recommendation.made", incident_id="i1", revision=1, sip_call_id="s0")
    tell(ledger, 2, "call.answered", call_id="c2", sip_call_id="s1", incident_id="i1")

    assert ledger.told("s1") == "decided"
    assert "s1" not in ledger.recommended


def test_a_call_nobody_speaks_of_is_lost() -> None:
    assert is_lost(record("answered"), Ledger())
    assert is_lost(record("abandoned"), Ledger())
    assert is_lost(record("failed"), Ledger())


def test_an_abandoned_call_must_be_told_as_abandoned() -> None:
    ledger = Ledger()
    tell(ledger, 1, "call.waiting", call_id="c1", sip_call_id="s1", incident_id="i1")
    assert is_lost(record("abandoned"), ledger)

    tell(ledger, 2, "call.abandoned", call_id="c1", sip_call_id="s1", incident_id="i1")

    assert not is_lost(record("abandoned"), ledger)


def test_a_number_that_does_not_rise_is_a_duplicate_even_under_a_new_epoch() -> None:
    ledger = Ledger()

    assert tell(ledger, 7, "unit.updated")
    assert not tell(ledger, 7, "unit.updated", epoch=2)
    assert tell(ledger, 8, "unit.updated", epoch=2)

    assert len(ledger.duplicates) == 1


def test_one_revision_of_a_recommendation_comes_once() -> None:
    ledger = Ledger()

    assert tell(ledger, 1, "recommendation.made", incident_id="i1", revision=1, sip_call_id="s1")
    assert tell(ledger, 2, "recommendation.made", incident_id="i1", revision=2, sip_call_id="s1")
    assert not tell(ledger, 3, "recommendation.made", incident_id="i1", revision=2, sip_call_id="s1")

    assert ledger.duplicates == [f"{STREAM} recommendation.made i1 2"]


def test_an_order_is_timed_from_issued_to_signed() -> None:
    ledger = Ledger()
    order: dict[str, Any] = {"order_id": "o1", "version": 1}
    tell(ledger, 1, "order.issued", now=1.0, state="issued", **order)
    tell(ledger, 2, "order.updated", now=1.1, state="delivered", **order)
    assert ledger.orders_open == 1

    tell(ledger, 3, "order.updated", now=4.0, state="signed", **order)
    tell(ledger, 4, "order.updated", now=9.0, state="clear", **order)

    assert (to_signed(ledger), ledger.orders_open) == ([3.0], 0)


def test_a_declined_order_waits_for_nobody() -> None:
    ledger = Ledger()
    tell(ledger, 1, "order.issued", state="issued", order_id="o1", version=1)
    tell(ledger, 2, "order.updated", now=2.0, state="declined", order_id="o1", version=1)

    assert (to_signed(ledger), ledger.orders_open) == ([], 0)


def test_what_cannot_be_read_is_counted() -> None:
    ledger = Ledger()

    assert ledger.read(STREAM, "1-1", {b"type": b"call.answered"}, 0.0) is None
    assert ledger.read(STREAM, "1-2", {b"type": b"x", b"data": b"{"}, 0.0) is None

    assert ledger.unreadable == 2


def test_latency_counts_from_the_time_the_call_was_meant_for() -> None:
    assert to_18x([record("answered", sent=2.0, ringing=2.1)]) == [2.1]
    assert to_18x(
        [CallRecord(sip_call_id="s", county=CountyCode("1"), intended=2.0, sent=1.9, answered=2.0)]
    ) == [2.0 - 1.9]
    assert to_18x([record("failed", sent=2.0)]) == []


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(n) for n in range(1, 1001)]

    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 0.999)) == (500, 990, 999)
    assert latency([0.001, 0.003]).p50 == 1.0
    assert latency([]).n == 0
