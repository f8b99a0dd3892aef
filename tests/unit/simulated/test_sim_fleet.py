# SPDX-License-Identifier: Apache-2.0
"""What the radios of a county say."""

from collections import Counter
from typing import Any

import msgspec

from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.crew import Habits
from device_adapters.simulated.fleet import CountyFleet
from device_adapters.simulated.roster import roster
from device_adapters.simulated.sayings import Report
from device_adapters.simulated.streets import distance_m, offset

LUCHENG = BY_CODE["330302"]
PLACE = (28.012, 120.664)


def fleet(units: int = 12, seed: int = 5, compress: float = 20.0) -> CountyFleet:
    return CountyFleet(
        LUCHENG, roster((LUCHENG,), units, seed), seed=seed, compress=compress, epoch_s=1_700_000_000
    )


def order(
    order_id: str = "o1", version: int = 1, cancelled: bool = False, place: tuple[float, float] = PLACE
) -> bytes:
    body = {
        "order_id": order_id,
        "incident_id": "i1",
        "version": version,
        "level": 2,
        "lat": place[0],
        "lon": place[1],
    }
    return msgspec.json.encode({**body, "cancelled": cancelled, "deadline": 1_700_000_180})


def said(reports: list[Report], kind: str, field: str) -> list[Any]:
    return [msgspec.json.decode(report.payload)[field] for report in reports if report.kind == kind]


def play(county: CountyFleet, until: float, start: float = 0.0) -> list[tuple[float, Report]]:
    heard = []
    while county.next_due() <= until:
        now = max(start, county.next_due())
        heard += [(now, report) for report in county.due(now)]
    return heard


def first_signer(county: CountyFleet) -> str:
    """A unit that will not decline (3 % do): with this seed the first."""
    return "LC-P-001"


def test_the_same_seed_drives_the_same_way() -> None:
    assert play(fleet(), 30) == play(fleet(), 30)
    assert play(fleet(), 30) != play(fleet(seed=6), 30)


def test_each_unit_reports_every_one_to_two_seconds() -> None:
    heard = play(fleet(units=20), 60)

    assert 20 * 30 <= len(heard) <= 20 * 61
    fix = msgspec.json.decode(heard[0][1].payload)
    assert {"lat", "lon", "tst", "vel", "cog", "seq"} <= set(fix)
    assert distance_m(LUCHENG.centre, (fix["lat"], fix["lon"])) < 6_000
    assert 0 <= fix["vel"] <= 71


def test_no_unit_drives_faster_than_a_gateway_believes_on_duty_or_off_it() -> None:
    county = fleet(units=40, compress=20.0)
    seen: dict[str, tuple[float, tuple[float, float]]] = {}
    for row, unit_id in enumerate(county.unit_ids[::2]):
        here = county.where(unit_id, 45.0)
        county.order(unit_id, order(f"o{row}", place=offset((here.lat, here.lon), 50.0 * row, 0.0)), 45.0)

    steps: list[float] = []
    for now, report in play(county, 400, start=45.0):
        if report.kind == "position":
            said_now = msgspec.json.decode(report.payload)
            there = said_now["lat"], said_now["lon"]
            before_s, before = seen.get(report.unit_id, (now, there))
            if now > before_s:
                steps.append(distance_m(before, there) / (now - before_s))
                assert said_now["vel"] <= 3.6 * 55.1
            seen[report.unit_id] = now, there

    assert 30 < max(steps) <= 55.1
    assert county.signed >= 18


def test_after_a_stall_each_radio_speaks_once_and_then_in_its_own_turn_again() -> None:
    county = CountyFleet(
        LUCHENG,
        roster((LUCHENG,), 200, 5),
        seed=5,
        compress=20.0,
        epoch_s=1_700_000_000,
        fix_every_s=(1.0, 1.0),
    )

    at_once = county.due(2.5)
    heard = play(county, until=5.0, start=2.5)

    assert Counter(report.unit_id for report in at_once) == dict.fromkeys(county.unit_ids, 1)
    tenths = Counter(int(10 * now) for now, _ in heard if 3.0 <= now < 5.0)
    assert sum(tenths.values()) == 400
    assert max(tenths.values()) < 40, "two hundred radios, each with a turn of its own"


def test_an_order_is_delivered_at_once_signed_by_a_hand_and_driven_to() -> None:
    county, unit_id = fleet(), first_signer(fleet())

    at_once = county.order(unit_id, order(), now=10.0)
    later = play(county, 120, start=10.0)

    mine = [(now, report) for now, report in later if report.unit_id == unit_id]
    acks = [(now, msgspec.json.decode(r.payload)["ack"]) for now, r in mine if r.kind == "acks"]
    assert said(at_once, "acks", "ack") == ["delivered"]
    assert [ack for _, ack in acks] == ["signed", "enroute", "on_scene", "clear"]
    assert 0.8 <= acks[0][0] - 10.0 <= 20.0
    assert said([r for _, r in mine], "status", "status") == ["enroute", "on_scene", "available"]
    arrived = next(now for now, ack in acks if ack == "on_scene")
    fix = next(msgspec.json.decode(r.payload) for now, r in mine if r.kind == "position" and now > arrived)
    assert distance_m(PLACE, (fix["lat"], fix["lon"])) < 1


def test_a_unit_that_declines_one_order_goes_to_the_other_it_has_signed() -> None:
    county, unit_id = fleet(), first_signer(fleet())
    county.order(unit_id, order("declined"), now=10.0)
    county.order(unit_id, order("signed"), now=10.0)
    unit = county._units[unit_id]
    first, second = unit.handset.duties
    county._sign(unit, second, 11.0)

    county._decline(unit, first, 12.0)
    acks = [msgspec.json.decode(r.payload) for _, r in play(county, 200, start=12.0) if r.kind == "acks"]

    assert [ack["ack"] for ack in acks if ack["order_id"] == "signed"][-3:] == [
        "enroute",
        "on_scene",
        "clear",
    ]


def test_most_orders_are_signed_in_two_to_six_seconds_and_few_declined() -> None:
    county = fleet(units=600)
    for n, unit_id in enumerate(f"LC-P-{k:03d}" for k in range(1, 251)):
        assert said(county.order(unit_id, order(f"o{n}"), 0.0), "acks", "ack") == ["delivered"]

    acks = [
        (now, msgspec.json.decode(report.payload)["ack"])
        for now, report in play(county, 20.5)
        if report.kind == "acks"
    ]

    signed = [now for now, ack in acks if ack == "signed"]
    assert sum(2 <= now <= 6 for now in signed) > 0.8 * len(signed)
    assert 1 <= county.declined <= 20
    assert len(signed) + county.declined == 250


def test_the_same_order_twice_is_taken_once_but_a_new_version_is_taken() -> None:
    county, unit_id = fleet(), first_signer(fleet())
    county.order(unit_id, order(), 1.0)

    assert county.order(unit_id, order(), 1.1) == []
    assert said(county.order(unit_id, order(version=2), 1.2), "acks", "version") == [2]
    assert county.repeated == 1


def test_a_second_order_waits_until_the_first_is_served() -> None:
    county, unit_id = fleet(), first_signer(fleet())
    county.order(unit_id, order("o1"), 1.0)

    assert said(county.order(unit_id, order("o2"), 1.1), "acks", "ack") == ["delivered"]

    acks = [
        (ack["order_id"], ack["ack"])
        for _, report in play(county, 400, start=1.1)
        if report.kind == "acks" and (ack := msgspec.json.decode(report.payload))
    ]
    served = [("o1", step) for step in ("enroute", "on_scene", "clear")]
    assert [ack for ack in acks if ack[1] != "signed"] == [*served, *(("o2", step) for _, step in served)]
    assert {ack for ack in acks if ack[1] == "signed"} == {("o1", "signed"), ("o2", "signed")}


def test_a_car_holds_four_orders_and_declines_the_fifth() -> None:
    county, unit_id = fleet(), first_signer(fleet())

    said_at_once = [said(county.order(unit_id, order(f"o{n}"), 1.0), "acks", "ack") for n in range(5)]

    assert said_at_once == [["delivered"]] * 4 + [["declined"]]


def test_an_order_told_again_louder_beeps_and_is_no_second_order() -> None:
    county, unit_id = fleet(), first_signer(fleet())
    county.order(unit_id, order(), 1.0)
    louder = msgspec.json.encode({**msgspec.json.decode(order()), "alert": 1})

    assert county.hear(unit_id, "orders", louder, 31.0) == []
    assert county.hear(unit_id, "alerts", louder, 31.1) == []
    assert (county.beeps, county.repeated) == (1, 1)
    acks = [report for _, report in play(county, 400, start=1.0) if report.kind == "acks"]
    assert said(acks, "acks", "ack") == ["signed", "enroute", "on_scene", "clear"]


def test_an_alert_that_is_the_first_word_of_an_order_is_the_order() -> None:
    county, unit_id = fleet(), first_signer(fleet())
    louder = msgspec.json.encode({**msgspec.json.decode(order()), "alert": 2})

    assert said(county.hear(unit_id, "alerts", louder, 1.0), "acks", "ack") == ["delivered"]


def test_a_version_that_came_late_is_left_alone() -> None:
    county, unit_id = fleet(), first_signer(fleet())
    county.order(unit_id, order(version=2), 1.0)

    assert county.order(unit_id, order(version=1), 1.1) == []
    assert county.order(unit_id, order(version=1, cancelled=True), 1.2) == []
    assert said([r for _, r in play(county, 60, start=1.2)], "acks", "version")[0] == 2


def test_a_change_on_the_way_is_signed_and_the_car_arrives_once() -> None:
    county, unit_id = fleet(compress=2.0), first_signer(fleet())
    county.order(unit_id, order(), 1.0)
    heard = play(county, 40, start=1.0)
    assert said([r for _, r in heard], "acks", "ack") == ["signed", "enroute"]

    county.order(unit_id, order(version=2), 40.0)
    acks = [msgspec.json.decode(r.payload) for _, r in play(county, 900, start=40.0) if r.kind == "acks"]

    assert [ack["ack"] for ack in acks] == ["signed", "enroute", "on_scene", "clear"]
    assert {ack["version"] for ack in acks} == {2}


def test_a_question_whether_they_are_well_is_answered_once_by_a_hand() -> None:
    county = fleet()
    for number in (1, 1, 2):
        county.hear("LC-P-001", "prompts", b'{"prompt": %d}' % number, 1.0)

    events = [(now, report) for now, report in play(county, 30, start=1.0) if report.kind == "event"]

    assert said([report for _, report in events], "event", "event") == ["check_in"]
    assert said([report for _, report in events], "event", "prompt") == [2]
    assert 0.8 <= events[0][0] - 1.0 <= 20.0


def test_buttons_are_pressed_at_the_rate_asked_for_and_never_by_default() -> None:
    def presses(habits: Habits) -> int:
        county = CountyFleet(
            LUCHENG,
            roster((LUCHENG,), 60, 5),
            seed=5,
            compress=20.0,
            epoch_s=1_700_000_000,
            fix_every_s=(30.0, 30.0),
            habits=habits,
        )
        cries = said([report for _, report in play(county, 600)], "event", "event")
        assert set(cries) <= {"emergency"}
        assert county.pressed == len(cries)
        return len(cries)

    assert presses(Habits()) == 0
    assert 35 <= presses(Habits(presses_per_h=6.0)) <= 90


def test_a_cancelled_order_is_dropped_and_its_steps_with_it() -> None:
    county, unit_id = fleet(), first_signer(fleet())
    county.order(unit_id, order(), 1.0)

    freed = county.order(unit_id, order(version=2, cancelled=True), 1.5)
    later = play(county, 60, start=1.5)

    assert said(freed, "status", "status") == ["available"]
    assert [report for _, report in later if report.kind == "acks"] == []


def test_what_is_unreadable_or_for_a_stranger_is_counted() -> None:
    county = fleet()

    assert county.order("LC-P-001", b"{", 0.0) == []
    assert county.order("XX-9", order(), 0.0) == []
    assert county.unreadable == 2


def test_radios_say_when_they_are_switched_on_and_off() -> None:
    county = fleet(units=4)

    assert [report.kind for report in county.start(0.0)] == ["link", "status"] * 4
    assert {report.payload for report in county.end()} == {b"offline"}
