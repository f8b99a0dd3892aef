# SPDX-License-Identifier: Apache-2.0
"""What a device makes of the orders it hears."""

from hypothesis import given
from hypothesis import strategies as st

from device_adapters.simulated.handset import DUTIES_MAX, SEEN_MAX, Handset, Heard, Order


def order(order_id: str = "o1", version: int = 1, *, alert: int = 0, cancelled: bool = False) -> Order:
    return Order(order_id=order_id, version=version, alert=alert, cancelled=cancelled)


def heard(handset: Handset, *orders: Order) -> list[Heard]:
    return [handset.take(one)[0] for one in orders]


def test_an_order_is_itself_once_however_often_it_comes() -> None:
    assert heard(Handset(), order(), order(), order(version=2), order(version=1)) == [
        Heard.NEW,
        Heard.AGAIN,
        Heard.CHANGED,
        Heard.OLDER,
    ]


def test_each_rung_beeps_once_by_whichever_channel_it_comes_first() -> None:
    handset = Handset()

    assert heard(handset, order(), *(order(alert=rung) for rung in (1, 1, 2, 1))) == [
        Heard.NEW,
        Heard.BEEP,
        Heard.AGAIN,
        Heard.BEEP,
        Heard.AGAIN,
    ]
    assert (handset.beeps, len(handset.duties)) == (2, 1)


def test_what_is_over_does_not_beep_and_what_was_taken_back_does_not_come_again() -> None:
    handset = Handset()
    handset.take(order())
    _, duty = handset.take(order(cancelled=True))
    assert duty is not None
    handset.end(duty)

    assert heard(handset, order(), order(alert=3), order(cancelled=True)) == [Heard.AGAIN] * 3


def test_a_withdrawal_that_overtook_its_order_stops_it() -> None:
    assert heard(Handset(), order(version=2, cancelled=True), order(), order(version=2)) == [
        Heard.AGAIN,
        Heard.OLDER,
        Heard.AGAIN,
    ]


def test_one_too_many_is_not_kept_in_mind_and_is_taken_when_there_is_room() -> None:
    handset = Handset()
    assert heard(handset, *(order(f"o{n}") for n in range(DUTIES_MAX + 1)))[-1] is Heard.FULL

    handset.end(handset.duties[0])

    assert heard(handset, order(f"o{DUTIES_MAX}")) == [Heard.NEW]


def test_memory_of_orders_is_bounded() -> None:
    handset = Handset()
    for n in range(SEEN_MAX + 50):
        _, duty = handset.take(order(f"o{n}"))
        assert duty is not None
        handset.end(duty)

    assert len(handset._seen) == SEEN_MAX


@given(
    st.lists(
        st.builds(order, st.sampled_from("abc"), st.integers(1, 4), alert=st.integers(0, 2)), max_size=30
    )
)
def test_no_history_of_orders_makes_two_duties_of_one_or_goes_back_a_version(orders: list[Order]) -> None:
    handset = Handset()
    for one in orders:
        before = {duty.order.order_id: duty.order.version for duty in handset.duties}
        handset.take(one)
        after = {duty.order.order_id: duty.order.version for duty in handset.duties}
        assert len(after) == len(handset.duties)
        assert all(after[name] >= version for name, version in before.items())
