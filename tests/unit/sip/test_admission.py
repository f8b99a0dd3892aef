# SPDX-License-Identifier: Apache-2.0
"""Whoever is not listed leaves room for those who are, and who keeps the contract is refused by a full house alone."""

from typing import Any

import pytest

from core.ids import CountyCode
from device_adapters.sip.admission import Admission, Refusal
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Address
from device_adapters.sip.house import House as Shared
from device_adapters.sip.message import Request, read_message
from device_adapters.sip.settings import SipSettings, Trunk
from tests.unit.sip.peer import HERE, Peer, endpoint

LISTED = ("192.0.2.9", 5060)
OTHER = ("192.0.2.10", 5060)
SECOND = ("192.0.2.20", 5060)
STRANGER = ("198.51.100.1", 5060)


def trunk(name: str = "mobile", *addresses: str, **more: Any) -> Trunk:
    return Trunk(name=name, addresses=addresses or ("192.0.2.9",), county=CountyCode("330302"), **more)


class House:
    """An admission and the legs it let in."""

    def __init__(self, *trunks: Trunk, **settings: Any) -> None:
        self.settings = SipSettings(trunks=trunks or (trunk(),), **({"calls_max": 20} | settings))
        self.admission = Admission(self.settings)
        self.legs = 0

    def call(self, source: Address = LISTED, now: float = 0.0, caller: str = "", *, room: bool = True) -> str:
        """Return how a call from there is counted when it is refused, else take it."""
        refusal = self.admission.refusal(invite(source), caller, now, self.legs, room)
        if refusal is not None:
            return refusal.counted
        self.admission.came(source)
        self.admission.calls_in_hour(caller, source, now)
        self.legs += 1
        return ""

    def end(self, source: Address = LISTED) -> None:
        self.admission.left(source)
        self.legs -= 1


def invite(source: Address, via: str = "") -> Request:
    text = Peer(endpoint(), "a", source).text("INVITE")
    request = read_message(text.replace(";branch", f"{via};branch", 1).encode())
    assert isinstance(request, Request)
    request.source = source
    return request


def stranger(number: int) -> Address:
    return (f"198.51.100.{number}", 5060)


def test_strangers_hold_a_share_and_the_trunk_the_whole_rest() -> None:
    house = House()

    strangers = [house.call(stranger(number)) for number in range(6)]
    trunks = [house.call() for _ in range(17)]

    assert strangers == [""] * 4 + ["strangers_shed"] * 2
    assert trunks == [""] * 16 + ["calls_refused"]


def test_one_stranger_holds_half_of_the_strangers_share() -> None:
    house = House()

    assert [house.call(stranger(1)) for _ in range(3)] == ["", "", "strangers_shed"]
    assert house.call(stranger(2)) == ""


def test_a_listed_trunk_may_take_the_whole_house() -> None:
    house = House(strangers_percent=0)

    assert [house.call() for _ in range(20)] == [""] * 20


def test_a_stranger_who_leaves_makes_room_for_the_next() -> None:
    house = House(strangers_percent=5)
    assert [house.call(stranger(number)) for number in (1, 2)] == ["", "strangers_shed"]

    house.end(stranger(1))

    assert house.call(stranger(3)) == ""


def test_who_leaves_twice_or_never_came_makes_no_room() -> None:
    house = House(strangers_percent=5)
    house.call(stranger(1))
    house.end(stranger(1))
    house.end(stranger(1))
    house.end(stranger(2))

    assert [house.call(stranger(number)) for number in (1, 2)] == ["", "strangers_shed"]


def test_a_strangers_call_of_the_process_before_is_counted() -> None:
    house = House(strangers_percent=5)

    house.admission.came(stranger(1))

    assert house.call(stranger(2)) == "strangers_shed"


def test_without_listed_trunks_nobody_is_a_stranger() -> None:
    house = House(strangers_percent=0, strangers_per_s=1)
    house.admission = Admission(SipSettings(calls_max=20, strangers_percent=0, strangers_per_s=1))

    assert [house.call(STRANGER) for _ in range(21)] == [""] * 20 + ["calls_refused"]
    assert house.admission.has_room(STRANGER, 499_999)
    assert not house.admission.listed(STRANGER)


@pytest.mark.parametrize("host", ["192.0.2.9", "::ffff:192.0.2.9"])
def test_only_trunks_hears_listed_trunks_and_drops_the_rest_unread(host: str) -> None:
    open_house, shut_house = House().admission, House(only_trunks=True).admission

    assert shut_house.drop(STRANGER)
    assert not shut_house.drop((host, 5060))
    assert not open_house.drop(STRANGER)


def test_a_trunk_is_known_by_any_of_its_addresses() -> None:
    mobile = trunk("mobile", "192.0.2.9", "192.0.2.10")
    admission = House(mobile, trunk("telecom", "192.0.2.20")).admission

    assert [admission.trunk(source) for source in (LISTED, OTHER, STRANGER)] == [mobile, mobile, None]


def test_a_trunk_holds_what_was_contracted_and_the_next_trunk_its_own() -> None:
    house = House(trunk("mobile", "192.0.2.9", "192.0.2.10", calls_max=3), trunk("telecom", "192.0.2.20"))

    assert [house.call(source) for source in (LISTED, OTHER, LISTED, OTHER)] == ["", "", "", "trunk_full"]
    assert house.call(SECOND) == ""
    assert house.admission.held() == {"mobile": 3, "telecom": 1}

    house.end(OTHER)

    assert house.call(LISTED) == ""


def test_a_trunk_brings_so_many_a_second_and_ten_times_that_in_a_burst() -> None:
    house = House(trunk(calls_per_s=2), trunk("telecom", "192.0.2.20"), calls_max=1000)

    assert [house.call() for _ in range(21)] == [""] * 20 + ["trunk_too_fast"]
    assert house.call(SECOND) == ""
    assert [house.call(now=0.5), house.call(now=0.5)] == ["", "trunk_too_fast"]


def test_a_refused_call_uses_nothing_of_its_trunks_pace() -> None:
    house = House(trunk(calls_per_s=1, calls_max=1))
    house.call()
    assert [house.call() for _ in range(50)] == ["trunk_full"] * 50

    house.end()

    assert house.call() == ""


def test_strangers_together_keep_one_pace() -> None:
    house = House(strangers_per_s=1, calls_max=10_000)

    assert [house.call(stranger(number)) for number in range(11)] == [""] * 10 + ["strangers_too_fast"]
    assert house.call() == ""
    assert [house.call(stranger(20), now=1.0), house.call(stranger(21), now=1.0)] == [
        "",
        "strangers_too_fast",
    ]


def test_strangers_fill_only_their_share_of_the_transactions() -> None:
    house = House(transactions_max=1000, strangers_percent=20)
    room = house.admission.has_room

    assert [room(STRANGER, held) for held in (199, 200)] == [True, False]
    assert [room(LISTED, held) for held in (200, 999, 1000)] == [True, True, False]
    assert [house.call(source, room=False) for source in (STRANGER, LISTED)] == [
        "strangers_shed",
        "calls_refused",
    ]


def test_who_insists_is_refused_when_the_house_is_nearly_full_and_never_before() -> None:
    house = House(insistent_per_hour=5)
    insistent = [house.call(caller="13800138000") for _ in range(18)]
    assert insistent == [""] * 18

    assert house.call(caller="13800138000") == "insistent_shed"
    assert [house.call(caller=caller) for caller in ("13900139000", "", "13700137000")] == [
        "", "", "calls_refused",
    ]  # fmt: skip


def test_it_takes_as_many_calls_as_configured_to_insist() -> None:
    house = House(insistent_per_hour=3, calls_max=100)
    assert [house.call(caller=caller) for caller in ("5771", "5771", "5772")] == [""] * 3
    while house.legs < 90:
        house.call()

    assert [house.call(caller=caller) for caller in ("5771", "5772", "5772")] == [
        "insistent_shed",
        "",
        "insistent_shed",
    ]


def test_who_insisted_is_a_caller_like_others_an_hour_later() -> None:
    house = House(insistent_per_hour=2)
    for _ in range(18):
        house.call(caller="13800138000")
    assert house.call(caller="13800138000", now=3000.0) == "insistent_shed"

    assert house.call(caller="13800138000", now=3600.0) == ""


def test_a_withheld_number_never_insists() -> None:
    house = House(insistent_per_hour=1)

    assert [house.call() for _ in range(20)] == [""] * 20


def test_a_call_that_is_taken_is_told_how_often_its_number_rang() -> None:
    admission = House().admission

    assert [admission.calls_in_hour(caller, LISTED, 0.0) for caller in ("5771", "5772", "5771", "", "")] == [
        1,
        1,
        2,
        0,
        0,
    ]


def test_a_refusal_says_when_to_come_again() -> None:
    admission = House(server="G", retry_after_s=7).admission

    refusal = admission.refusal(invite(LISTED), "", 0.0, 20, True)

    assert refusal == Refusal(503, "Retry-After: 7\r\nServer: G\r\n", "calls_refused")


@pytest.mark.parametrize(
    ("legs", "percent"), [(0, 0), (900, 0), (901, 1), (950, 50), (999, 99), (1000, 100), (1001, 100)]
)
def test_what_should_go_elsewhere_grows_from_nearly_full_to_full(legs: int, percent: int) -> None:
    admission = House(calls_max=1000).admission

    assert admission.loss_percent(legs) == percent
    assert admission.nearly_full(legs) is (legs >= 900)


def test_a_house_that_sheds_nothing_asks_for_nothing_until_it_is_full() -> None:
    admission = House(shed_percent=100).admission

    assert [admission.loss_percent(legs) for legs in (19, 20)] == [0, 100]


def test_who_asks_is_told_how_much_to_send_elsewhere_and_nobody_else() -> None:
    admission = House().admission
    asking = invite(LISTED, ';oc;oc-algo="loss,rate"')

    assert admission.overload(asking, 19, 1.25) == ';oc=50;oc-algo="loss";oc-validity=500;oc-seq=1.25000'
    assert admission.overload(asking, 0, 2.0) == ';oc=0;oc-algo="loss";oc-validity=500;oc-seq=2.00000'
    assert admission.overload(invite(LISTED), 19, 1.25) == ""


def test_what_a_trunk_contracted_holds_for_all_listeners_of_the_house_together() -> None:
    settings = SipSettings(trunks=(trunk(calls_max=1),))
    shared = Shared(settings)
    first, second = (
        Endpoint(settings, HERE, lambda name=name: name, house=shared)  # type: ignore[misc]
        for name in ("leg0", "leg1")
    )

    assert Peer(first, "a", LISTED).invite() == [100]
    assert Peer(second, "b", LISTED).invite() == [503]


def test_what_a_stranger_says_over_a_connection_is_owed_for_and_paid_with_time() -> None:
    admission = Admission(SipSettings(trunks=(trunk(),), strangers_datagrams_per_s=100))

    assert admission.owed_s(stranger(1), 40, 150_000, 0.0) == 0.0
    assert admission.owed_s(stranger(2), 50, 0, 0.0) == 0.5
    assert (admission.too_much(stranger(3), 400, 0.4), admission.too_much(stranger(3), 400, 0.6)) == (
        True,
        False,
    )
    assert admission.owed_s(LISTED, 9_999, 0, 0.0) == 0.0
    assert Admission(SipSettings()).owed_s(stranger(1), 9_999, 0, 0.0) == 0.0
