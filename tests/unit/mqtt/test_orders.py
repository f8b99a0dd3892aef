# SPDX-License-Identifier: Apache-2.0
"""Orders on their way, receipts on theirs, pauses between attempts."""

from core.effects import OrderUnit
from core.ids import CountyCode, IncidentId, OrderId, UnitId
from device_adapters.mqtt.backoff import Backoff
from device_adapters.mqtt.orders import Orders, as_message
from device_adapters.mqtt.receipts import Receipts


def order(name: str, deadline: int = 1_000, *, cancelled: bool = False) -> OrderUnit:
    return OrderUnit(
        county=CountyCode("330302"),
        unit_id=UnitId("u1"),
        order_id=OrderId(name),
        incident_id=IncidentId("i1"),
        version=1,
        level=1,
        category="",
        lat=None,
        lon=None,
        address="",
        text="",
        deadline=deadline,
        cancelled=cancelled,
    )


def test_orders_leave_one_by_one_in_order() -> None:
    orders = Orders(10)
    first, second = order("o1"), order("o2")
    orders.put(first, 0)
    orders.put(second, 0)

    assert orders.due(0) is first
    orders.on_its_way(5, 0.0)
    assert orders.due(0) is None
    assert orders.settle(4, refused=False) is None
    assert orders.settle(5, refused=False) is first
    assert orders.due(0) is second


def test_what_was_not_confirmed_goes_again() -> None:
    orders = Orders(10)
    orders.put(order("o1"), 0)
    orders.on_its_way(5, 0.0)

    orders.lost()

    again = orders.due(0)
    assert again is not None
    assert again.order_id == "o1"


def test_an_order_the_broker_hangs_up_on_does_not_hold_up_the_rest() -> None:
    orders = Orders(10)
    orders.put(order("denied"), 0)
    orders.put(order("o2"), 0)
    front = []
    for mid in range(4):
        first = orders.due(0)
        assert first is not None
        front.append(first.order_id)
        orders.on_its_way(mid, 0.0)
        orders.lost()

    assert front == ["denied", "denied", "denied", "o2"]
    assert len(orders) == 2


def test_an_order_past_its_deadline_is_not_sent_but_its_withdrawal_is() -> None:
    orders = Orders(10)
    orders.put(order("o1", deadline=100), 0)
    withdrawal = order("o1", deadline=100, cancelled=True)
    orders.put(withdrawal, 0)

    assert orders.due(100) is withdrawal
    assert orders.expired == 1


def test_a_full_line_refuses_aloud_and_expired_orders_make_room() -> None:
    orders = Orders(2)
    orders.put(order("o1", deadline=1_000), 0)
    orders.put(order("o2", deadline=10), 0)

    assert orders.put(order("o3"), 5) == "full"
    assert orders.put(order("o4"), 20) == "taken"
    assert (len(orders), orders.refused, orders.expired) == (2, 1, 1)


def test_a_refused_order_does_not_hold_up_the_rest() -> None:
    orders = Orders(10)
    orders.put(order("o1"), 0)
    orders.put(order("o2"), 0)
    orders.due(0)
    orders.on_its_way(1, 0.0)

    orders.settle(1, refused=True)

    after = orders.due(0)
    assert after is not None
    assert after.order_id == "o2"
    assert (orders.refused, orders.confirmed) == (1, 0)


def test_a_broker_that_does_not_confirm_is_overdue() -> None:
    orders = Orders(10)
    orders.put(order("o1"), 0)
    assert not orders.overdue(99.0, 5.0)
    orders.on_its_way(1, 10.0)

    assert not orders.overdue(15.0, 5.0)
    assert orders.overdue(15.1, 5.0)


def test_a_message_expires_with_the_order_and_a_withdrawal_never() -> None:
    message = as_message(order("o1", deadline=160), 100)

    assert (message.topic, message.reply_to) == (
        "g110/v1/330302/units/u1/orders",
        "g110/v1/330302/units/u1/acks",
    )
    assert (message.expiry_s, message.correlation) == (60, b"o1")
    assert as_message(order("o1", cancelled=True), 100).expiry_s is None


def test_pubacks_leave_in_the_order_the_messages_came() -> None:
    sent: list[int] = []
    receipts = Receipts(sent.append)
    first, second, third = (receipts.expect(mid) for mid in (7, 8, 9))

    second()
    assert sent == []
    first()
    assert sent == [7, 8]
    third()
    assert sent == [7, 8, 9]
    assert len(receipts) == 0


def test_a_receipt_of_a_lost_connection_says_nothing() -> None:
    sent: list[int] = []
    receipts = Receipts(sent.append)
    late = receipts.expect(7)

    receipts.close()
    late()

    assert sent == []


def test_pauses_double_up_to_the_bound_and_begin_again() -> None:
    backoff = Backoff(0.5, 3.0, lambda: 1.0)

    assert [backoff.next_s() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    backoff.reset()
    assert backoff.next_s() == 0.5


def test_chance_takes_up_to_half_of_a_pause() -> None:
    assert Backoff(0.5, 3.0, lambda: 0.0).next_s() == 0.25
