# SPDX-License-Identifier: Apache-2.0
"""Orders on their way, receipts on theirs, pauses between attempts."""

import msgspec

from core.effects import OrderUnit
from core.ids import CountyCode, IncidentId, OrderId, UnitId
from device_adapters.mqtt.backoff import Backoff
from device_adapters.mqtt.orders import WINDOW, Orders, as_message
from device_adapters.mqtt.receipts import Receipts


def order(name: str, deadline: int = 1_000, unit: str = "", **more: object) -> OrderUnit:
    """An order to a unit of its own, or to the one named."""
    whole: dict[str, object] = {
        "county": CountyCode("330302"),
        "unit_id": UnitId(unit or f"unit-of-{name}"),
        "order_id": OrderId(name),
        "incident_id": IncidentId("i1"),
        "version": 1,
        "level": 1,
        "category": "",
        "lat": None,
        "lon": None,
        "address": "",
        "text": "",
        "deadline": deadline,
    }
    return OrderUnit(**(whole | more))  # type: ignore[arg-type]


def withdrawal(name: str, unit: str = "") -> OrderUnit:
    return order(name, unit=unit, version=2, cancelled=True)


def put_all(orders: Orders, *those: OrderUnit) -> None:
    for each in those:
        assert orders.put(each, 0) == "taken"


def leave(orders: Orders, first_mid: int = 1) -> list[str]:
    """Publish whatever may leave now; return it as `order_id`, with a cross when it is withdrawn."""
    gone = []
    while (due := orders.due(0)) is not None:
        gone.append(due.order_id + "x" * due.cancelled)
        orders.on_its_way(first_mid + len(gone) - 1, 0.0)
    return gone


def test_orders_to_several_units_are_on_their_way_at_once_up_to_the_window() -> None:
    orders = Orders(10, window=2)
    put_all(orders, order("o1"), order("o2"), order("o3"))

    assert leave(orders) == ["o1", "o2"]
    assert orders.settle(9, refused=False) is None
    done = orders.settle(2, refused=False)
    assert done is not None
    assert done.order_id == "o2"
    assert leave(orders, 3) == ["o3"]


def test_what_one_unit_hears_leaves_in_order_one_by_one() -> None:
    orders = Orders(10)
    put_all(orders, order("o1", unit="u1"), withdrawal("o0", "u1"), order("o2", unit="u1"))

    heard = []
    for mid in range(3):
        heard += leave(orders, mid)
        orders.settle(mid, refused=False)

    assert heard == ["o1", "o0x", "o2"]


def test_an_order_overtakes_the_withdrawals_of_other_units_and_not_those_of_its_own() -> None:
    orders = Orders(100, window=1)
    put_all(
        orders, *(withdrawal(f"w{n}") for n in range(5)), withdrawal("old", "u1"), order("new", unit="u1")
    )
    put_all(orders, order("o1"))

    heard = []
    for mid in range(4):
        heard += leave(orders, mid)
        orders.settle(mid, refused=False)

    assert heard == ["oldx", "o1", "new", "w0x"]


def test_a_stream_of_orders_does_not_keep_a_withdrawal_for_ever() -> None:
    orders = Orders(100, window=1)
    put_all(orders, withdrawal("w"), *(order(f"o{n}") for n in range(9)))

    heard = []
    for mid in range(6):
        heard += leave(orders, mid)
        orders.settle(mid, refused=False)

    assert heard == ["o0", "o1", "o2", "o3", "wx", "o4"]


def test_a_newer_word_of_an_order_takes_the_place_of_the_one_that_waits() -> None:
    orders = Orders(10, window=1)
    put_all(orders, order("ahead"), order("o1"), order("o1", alert=2, second=True), order("o1", alert=1))
    assert len(orders) == 3, "each channel once"

    orders.put(withdrawal("o1"), 0)

    assert len(orders) == 2
    assert leave(orders) == ["ahead"]
    orders.settle(1, refused=False)
    assert leave(orders) == ["o1x"]


def test_what_is_on_its_way_is_not_replaced() -> None:
    orders = Orders(10)
    put_all(orders, order("o1"))
    assert leave(orders) == ["o1"]

    orders.put(withdrawal("o1"), 0)

    assert leave(orders, 2) == []
    orders.settle(1, refused=False)
    assert leave(orders, 2) == ["o1x"]


def test_what_was_not_confirmed_goes_again_first_and_one_by_one() -> None:
    orders = Orders(10, window=2)
    put_all(orders, order("o1"), order("o2"), order("o3"))
    assert leave(orders) == ["o1", "o2"]

    orders.lost()

    assert leave(orders, 3) == ["o1"]
    orders.settle(3, refused=False)
    assert leave(orders, 4) == ["o2"]
    orders.settle(4, refused=False)
    assert leave(orders, 5) == ["o3"]


def test_an_order_the_broker_hangs_up_on_does_not_hold_up_the_rest() -> None:
    orders = Orders(10)
    put_all(orders, order("denied"))
    for mid in range(3):
        assert leave(orders, mid) == ["denied"]
        orders.lost()

    put_all(orders, order("o2"), withdrawal("o3"))
    assert leave(orders, 5) == ["o2", "o3x"]
    orders.settle(5, refused=False)
    assert leave(orders) == [], "who cost three connections waits until nobody else is on the way"
    orders.settle(6, refused=False)
    assert leave(orders, 7) == ["denied"]


def test_one_of_many_that_the_broker_hangs_up_on_is_found() -> None:
    orders = Orders(100, window=16)
    put_all(orders, *(order(name) for name in ("a", "denied", "b", "c")))
    served: set[str] = set()
    mid = 0
    for _ in range(6):  # connections
        flight: dict[int, str] = {}
        while (due := orders.due(0)) is not None:
            mid += 1
            orders.on_its_way(mid, 0.0)
            flight[mid] = due.order_id
            if len(flight) == 1 and due.order_id != "denied":
                orders.settle(mid, refused=False)
                served.add(flight.pop(mid))
        if flight:
            orders.lost()

    assert served == {"a", "b", "c"}
    assert len(orders) == 1


def test_an_order_past_its_deadline_is_not_sent_but_its_withdrawal_and_what_supersedes_it_are() -> None:
    orders = Orders(10)
    put_all(orders, order("o1", deadline=100), withdrawal("o2"), order("o3", deadline=100, supersedes=1))

    due = [orders.due(100)]
    orders.on_its_way(1, 0.0)
    due.append(orders.due(100))

    assert [one.order_id for one in due if one] == ["o3", "o2"]
    assert orders.expired == 1


def test_a_full_line_refuses_aloud_and_expired_orders_make_room() -> None:
    orders = Orders(2)
    put_all(orders, order("o1", deadline=1_000), order("o2", deadline=10))

    assert orders.put(order("o3"), 5) == "full"
    assert orders.put(order("o4"), 20) == "taken"
    assert (len(orders), orders.refused, orders.expired) == (2, 1, 1)


def test_a_refused_order_does_not_hold_up_the_rest() -> None:
    orders = Orders(10, window=1)
    put_all(orders, order("o1"), order("o2"))
    leave(orders)

    orders.settle(1, refused=True)

    assert leave(orders, 2) == ["o2"]
    assert (orders.refused, orders.confirmed) == (1, 0)


def test_a_broker_that_does_not_confirm_is_overdue() -> None:
    orders = Orders(10)
    put_all(orders, order("o1"), order("o2"))
    assert not orders.overdue(99.0, 5.0)
    for mid, mono_s in ((1, 10.0), (2, 14.0)):
        orders.due(0)
        orders.on_its_way(mid, mono_s)

    assert not orders.overdue(15.0, 5.0)
    assert orders.overdue(15.1, 5.0), "the oldest counts"
    orders.settle(1, refused=False)
    assert not orders.overdue(18.0, 5.0)


def test_ten_thousand_orders_of_which_none_is_lost_leave_within_a_bounded_window() -> None:
    orders = Orders(10_000)
    for n in range(10_000):
        orders.put(order(f"o{n}", unit=f"u{n % 3000}") if n % 2 else withdrawal(f"o{n}", f"u{n % 3000}"), 0)
    heard: dict[str, list[str]] = {}
    mid = 0
    while len(orders):
        flight = []
        while (due := orders.due(0)) is not None:
            mid += 1
            orders.on_its_way(mid, 0.0)
            flight.append(mid)
            heard.setdefault(due.unit_id, []).append(due.order_id)
        assert 0 < len(flight) <= WINDOW
        for each in flight:
            orders.settle(each, refused=False)

    assert sum(map(len, heard.values())) == 10_000
    for of_unit in heard.values():
        assert of_unit == sorted(of_unit, key=lambda name: int(name[1:])), "each unit's in the order given"


def test_a_message_expires_with_the_order_and_a_withdrawal_never() -> None:
    message = as_message(order("o1", deadline=160, unit="u1"), 100)

    assert (message.topic, message.reply_to) == (
        "g110/v1/330302/units/u1/orders",
        "g110/v1/330302/units/u1/acks",
    )
    assert (message.expiry_s, message.correlation) == (60, b"o1")
    assert as_message(withdrawal("o1"), 100).expiry_s is None


def test_the_second_channel_carries_the_same_order_and_is_answered_at_the_same_place() -> None:
    message = as_message(order("o1", unit="u1", second=True, alert=2), 100)

    assert (message.topic, message.reply_to, message.correlation) == (
        "g110/v1/330302/units/u1/alerts",
        "g110/v1/330302/units/u1/acks",
        b"o1",
    )
    said = msgspec.json.decode(message.payload)
    assert (said["order_id"], said["version"], said["alert"]) == ("o1", 1, 2)


def test_a_first_word_of_an_order_says_nothing_of_alerts_and_versions_before() -> None:
    said = msgspec.json.decode(as_message(order("o1"), 100).payload)

    assert not {"alert", "supersedes", "stacked", "cancelled"} & set(said)


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
