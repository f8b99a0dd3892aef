# SPDX-License-Identifier: Apache-2.0
"""Sources: what the operator may write, whom an id stands for, what is counted, and how orders go out."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from core.effects import OrderUnit
from core.events import OrderAcked, UnitCalled, UnitLinked, UnitReported
from core.ids import CountyCode, IncidentId, OrderId, UnitId
from device_adapters import datum
from device_adapters.fixes.desk import RECORD
from device_adapters.mqtt.intake import Intake
from device_adapters.mqtt.settings import MqttSettings
from device_adapters.mqtt.sources import Source, filters
from device_adapters.mqtt.wire import CODECS
from gateway.config import load
from tests.unit.mqtt.test_wire_codecs import AT_NS, FORWARDED, LOCATION, NOON, REPORT, jt808, traccar

LUCHENG = CountyCode("330302")
ROSTER = {UnitId("P7"): (0, LUCHENG), UnitId("P8"): (1, LUCHENG), UnitId("B1"): (2, CountyCode("330303"))}
PHONES = Source(name="phones", filter="owntracks/#", codec="owntracks")
CARS = Source(
    name="cars",
    filter="jt808/+/up",
    codec="jt808",
    crs="gcj02",
    units={"013900000001": "P7", "013900000002": "P8", "013900000003": "B1"},
    county="330302",
    orders="jt808/{id}/dn",
)
TRACKERS = Source(name="trackers", filter="traccar", codec="traccar", units={"860000000000007": "P7"})
RADIOS = Source(
    name="radios",
    filter="tetra/+/status",
    codec="tetra",
    unit_from="level:2",
    prefix="P",
    codes={"0x8002": "available"},
)


def intake(*sources: Source) -> Intake:
    return Intake(MqttSettings(sources=sources), lambda: ROSTER)


def said(payload: object) -> bytes:
    return json.dumps(payload).encode()


def shown(desk: Intake) -> dict[int, tuple[int, int]]:
    moved = desk.tick(AT_NS)
    return {row[0]: (row[1], row[2]) for row in RECORD.iter_unpack(moved.data if moved else b"")}


def order(unit: str = "P7", **more: Any) -> OrderUnit:
    return OrderUnit(
        county=LUCHENG,
        unit_id=UnitId(unit),
        order_id=OrderId("o18"),
        incident_id=IncidentId("i17"),
        version=1,
        level=1,
        category="robbery",
        lat=28.0105,
        lon=120.6702,
        address="五马街1号",
        text="",
        deadline=NOON + 180,
        **more,
    )


# Who is meant


def test_a_foreign_id_stands_for_the_unit_the_table_names() -> None:
    desk = intake(CARS)
    report = {**jt808(REPORT), "header": {"msg_id": 512, "phone": "013900000002"}}

    assert desk.read("jt808/013900000002/up", said(report), AT_NS) == ()

    lat, lon = datum.wgs84_from_gcj02(28.0106, 120.6701)
    assert shown(desk) == {1: (round(lat * 1e7), round(lon * 1e7))}
    figures = desk.statistics()
    assert (figures["source_cars_received"], figures["source_cars_fixes"]) == (1, 1)


def test_the_topic_may_name_the_unit_and_a_prefix_may_make_it_ours() -> None:
    (fact,) = intake(RADIOS).read("tetra/8/status", b"32770", AT_NS)

    assert fact == UnitReported(at_ns=AT_NS, unit_id=UnitId("P8"), status="available")


def test_without_a_table_the_foreign_id_is_the_unit_id() -> None:
    desk = intake(PHONES)

    desk.read("owntracks/P7/phone", said(LOCATION), AT_NS)

    assert set(shown(desk)) == {0}


@pytest.mark.parametrize(
    ("source", "topic", "payload", "reason"),
    [
        (CARS, "jt808/x/up", {**jt808(REPORT), "header": {"msg_id": 512, "phone": "7"}}, "unknown_id"),
        (
            CARS,
            "jt808/x/up",
            {**jt808(REPORT), "header": {"msg_id": 512, "phone": "013900000003"}},
            "wrong_county",
        ),
        (CARS, "jt808/x/up", {**jt808(REPORT), "header": {"msg_id": 512}}, "no_unit"),
        (CARS, "jt808/x/up", "x" * 9_000, "too_large"),
        (PHONES, "owntracks/P9/phone", LOCATION, "unknown_unit"),
        (PHONES, "owntracks", LOCATION, "no_unit"),
        (PHONES, "owntracks/P7/phone", {**LOCATION, "tst": NOON + 500}, "future"),
        (RADIOS, "tetra/7/status", 9, "unknown_code"),
        (PHONES, "owntrack/P7/phone", LOCATION, "bad_topic"),
    ],
)
def test_what_cannot_be_used_is_counted_by_reason(
    source: Source, topic: str, payload: object, reason: str
) -> None:
    desk = intake(source)

    assert desk.read(topic, said(payload), AT_NS) == ()

    assert desk.statistics()[f"rejected_{reason}"] == 1
    assert shown(desk) == {}


def test_an_unknown_id_is_logged_once_and_of_a_number_only_the_end() -> None:
    desk = intake(CARS)
    with capture_logs() as logs:
        for phone in ("013911112222", "013911112222", "short", "013911112222", "+86-13911113333"):
            desk.read("jt808/x/up", said({**jt808(REPORT), "header": {"msg_id": 512, "phone": phone}}), AT_NS)

    told = [(entry["unit_id"], entry["reason"]) for entry in logs]
    assert told == [
        ("cars:…2222", "unknown_id"),
        ("cars:short", "unknown_id"),
        ("cars:…3333", "unknown_id"),
    ]
    assert desk.statistics()["source_cars_rejected_unknown_id"] == 5


def test_what_is_not_for_us_is_counted_by_name_and_is_no_refusal() -> None:
    desk = intake(PHONES)

    desk.read("owntracks/P7/phone/event", said({"_type": "transition", "event": "enter"}), AT_NS)

    figures = desk.statistics()
    assert figures["source_phones_ignored_transition"] == 1
    assert not any(name.startswith("rejected") for name in figures)


def test_the_contracts_own_topics_are_heard_as_ever_beside_sources() -> None:
    desk = intake(PHONES, CARS, TRACKERS, RADIOS)

    (fact,) = desk.read("g110/v1/330302/units/P7/status", b'{"status":"available"}', AT_NS)

    assert isinstance(fact, UnitReported)


# Cries for help


def test_a_button_that_each_report_shows_again_calls_once_for_each_press() -> None:
    desk = intake(CARS)

    def report(second: int, alarm: int) -> list[object]:
        body = {**REPORT, "alarm": alarm, "time": f"2607011159{second:02d}"}
        return [*desk.read("jt808/013900000001/up", said(jt808(body)), AT_NS)]

    heard = [
        report(second, alarm) for second, alarm in ((1, 0), (2, 1), (3, 1), (3, 1), (4, 0), (9, 1), (9, 1))
    ]

    assert [len(facts) for facts in heard] == [0, 1, 0, 0, 0, 1, 1]
    assert heard[5] == heard[6], "the broker brought it twice: the engine knows it again"
    (call,) = heard[1]
    assert isinstance(call, UnitCalled)
    lat, lon = datum.wgs84_from_gcj02(28.0106, 120.6701)
    assert (call.unit_id, call.event, call.tst, call.seq) == ("P7", "emergency", NOON - 58, 9)
    assert (call.lat, call.lon) == pytest.approx((lat, lon), abs=1e-7)
    assert desk.statistics()["source_cars_held"] == 5


def test_a_pendant_that_tells_nothing_but_its_presses_is_heard_at_each() -> None:
    desk = intake(TRACKERS)

    def pressed(clock: str) -> int:
        event = {"type": "alarm", "eventTime": f"2026-07-01T{clock}Z", "attributes": {"alarm": "sos"}}
        return len(desk.read("traccar", said({"event": event, "device": FORWARDED["device"]}), AT_NS))

    heard = [pressed(clock) for clock in ("03:00:00", "03:00:20", "03:01:10", "03:30:00", "04:00:00")]

    assert heard == [1, 0, 0, 1, 1]


def test_an_alarm_with_a_broken_place_is_a_call_and_counted_as_mended() -> None:
    desk = intake(TRACKERS)

    (call,) = desk.read("traccar", said(traccar({"valid": False}, alarm="sos")), AT_NS)

    assert isinstance(call, UnitCalled)
    assert (call.unit_id, call.tst, call.lat) == ("P7", NOON, None)
    figures = desk.statistics()
    assert figures["mended"] == 1
    assert not any(name.startswith("rejected") for name in figures)


def test_a_press_of_somebody_nobody_knows_is_not_spent_on_them() -> None:
    roster = dict(ROSTER)
    del roster[UnitId("P7")]
    desk = Intake(MqttSettings(sources=(TRACKERS,)), lambda: roster)
    pressed = said(traccar({}, alarm="sos"))
    assert desk.read("traccar", pressed, AT_NS) == ()

    roster[UnitId("P7")] = (0, LUCHENG)

    assert [type(fact) for fact in desk.read("traccar", pressed, AT_NS)] == [UnitCalled]


def test_each_emergency_code_is_a_press() -> None:
    desk = intake(RADIOS)

    heard = [desk.read("tetra/7/status", b"0", AT_NS) for _ in range(2)]

    assert [[type(fact) for fact in facts] for facts in heard] == [[UnitCalled], [UnitCalled]]


# On the air


def test_a_phone_is_on_the_air_from_its_first_fix_to_its_will() -> None:
    desk = intake(PHONES)
    will = said({"_type": "lwt", "tst": NOON})

    heard = [
        desk.read("owntracks/P7/phone", payload, AT_NS)
        for payload in (
            said(LOCATION),
            said({**LOCATION, "tst": NOON + 1}),
            will,
            said({**LOCATION, "tst": NOON + 2}),
        )
    ]

    links = [[fact.link for fact in facts if isinstance(fact, UnitLinked)] for facts in heard]
    assert links == [["online"], [], ["offline"], ["online"]]


def test_a_phone_that_leaves_the_air_does_not_take_a_radio_with_it_that_is_on_it() -> None:
    desk = intake(PHONES)
    will, link = said({"_type": "lwt", "tst": NOON}), "g110/v1/330302/units/P7/link"
    desk.read(link, b"online", AT_NS)
    desk.read("owntracks/P7/phone", said(LOCATION), AT_NS)

    assert desk.read("owntracks/P7/phone", will, AT_NS) == ()
    assert desk.statistics()["source_phones_ignored_link"] == 1

    desk.read(link, b"offline", AT_NS)
    assert len(desk.read("owntracks/P7/phone", will, AT_NS)) == 1


# Orders out


def test_an_order_to_a_terminal_is_a_text_with_the_place_in_its_datum() -> None:
    redirected = intake(CARS).redirected(order())

    assert redirected is not None
    topic, payload = redirected
    assert topic == "jt808/013900000001/dn"
    told = json.loads(payload)
    lat, lon = datum.gcj02_from_wgs84(28.0105, 120.6702)
    assert told["header"] == {"msg_id": 33_536}
    assert told["body"]["flag"] == 0b1101
    assert told["body"]["text"] == f"【指令】o18 1级 robbery 五马街1号 GCJ02 {lat:.6f},{lon:.6f}"


def test_a_withdrawal_is_a_text_too_and_no_text_is_longer_than_a_terminal_takes() -> None:
    desk = intake(CARS)

    withdrawn, endless = (
        desk.redirected(order(cancelled=True)),
        desk.redirected(msgspec.structs.replace(order(), address="警" * 4_000)),
    )

    assert withdrawn is not None
    assert endless is not None
    assert json.loads(withdrawn[1])["body"]["text"] == "【撤销】指令o18已撤销"
    assert len(json.loads(endless[1])["body"]["text"].encode("gbk")) == 1_024


@pytest.mark.parametrize(
    ("more", "begins"),
    [
        ({"supersedes": 1}, "【更新指令】o18"),
        ({"stacked": True}, "【后续指令】o18"),
        ({"alert": 2, "level": 3}, "【指令】o18"),
    ],
)
def test_a_text_says_what_an_order_is_to_the_ones_before_it(more: dict[str, Any], begins: str) -> None:
    redirected = intake(CARS).redirected(msgspec.structs.replace(order(), **more))

    assert redirected is not None
    body = json.loads(redirected[1])["body"]
    assert body["text"].startswith(begins)
    assert body["flag"] & 1, "urgent"


def test_an_order_to_a_source_that_declares_a_datum_says_so() -> None:
    fleet = Source(
        name="fleet",
        filter="fleet/+/up",
        codec="native",
        unit_from="level:2",
        prefix="P",
        crs="gcj02",
        orders="fleet/{id}/dn",
    )

    redirected = intake(fleet).redirected(order())

    assert redirected is not None
    topic, payload = redirected
    told = json.loads(payload)
    assert topic == "fleet/7/dn"
    assert (told["crs"], (told["lat"], told["lon"])) == ("gcj02", datum.gcj02_from_wgs84(28.0105, 120.6702))


def test_a_unit_no_source_brings_orders_to_hears_them_by_the_contract() -> None:
    desk = intake(CARS, TRACKERS, PHONES)

    assert desk.redirected(order("S1")) is None
    assert intake(TRACKERS, PHONES).redirected(order()) is None


def test_what_a_fleet_answers_comes_back_under_the_units_own_id() -> None:
    fleet = Source(name="fleet", filter="fleet/+/up", codec="native", unit_from="level:2", prefix="P")

    (fact,) = intake(fleet).read("fleet/7/up", said({"order_id": "o18", "ack": "signed", "tst": NOON}), AT_NS)

    assert isinstance(fact, OrderAcked)
    assert (fact.unit_id, fact.ack) == ("P7", "signed")


# What the operator may write


def test_sources_that_may_carry_calls_come_by_the_events_line() -> None:
    quiet = msgspec.structs.replace(TRACKERS, line="positions")

    assert filters((PHONES, CARS, quiet), "positions") == ("owntracks/#", "traccar")
    assert filters((PHONES, CARS, quiet), "events") == ("jt808/+/up",)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "Cars"}, "name must match"),
        ({"filter": ""}, "is empty"),
        ({"filter": "a/#/b"}, "has a # that is not the whole last level"),
        ({"filter": "a/b#"}, "has a # that is not the whole last level"),
        ({"filter": "a/b+"}, "has a + that is not a whole level"),
        ({"filter": "$share/g/a"}, "begins with $"),
        ({"filter": "+/#"}, "covers the contract's own topics"),
        ({"filter": "g110/v1/330302/units/P7/position"}, "covers the contract's own topics"),
        ({"codec": "nmea"}, "Invalid enum value 'nmea'"),
        ({"crs": "wgs72"}, "Invalid enum value 'wgs72'"),
        ({"unit_from": "topic"}, "unit_from must be level:N or field:NAME"),
        ({"unit_from": "level:9"}, "unit_from names level 9, and filter has 2"),
        ({"units": {"a": "P7", "b": "P7"}}, "unit 'P7' stands for two ids, 'a' and 'b'"),
        ({"units": {"a": "P 7"}}, "unit id 'P 7' must match"),
        ({"units": {"a b": "P7"}}, "no payload can name the id 'a b'"),
        ({"units": {"+": "P7"}, "orders": "out/{id}"}, "no order can be sent to the id '+'"),
        ({"units": {"a": "P7"}, "prefix": "P"}, "give one of units, units_file and prefix"),
        ({"prefix": "P 7"}, "prefix must match"),
        ({"county": "3303"}, "county must be six digits"),
        ({"utc_offset_s": 28_800_000}, "utc_offset_s must be"),
        ({"codes": {"0": "emergency"}}, "codes are for codec tetra"),
        ({"codec": "tetra", "codes": {"65536": "available"}}, "'65536' is no status of 16 bits"),
        ({"codec": "tetra", "codes": {"1": "asleep"}}, "'asleep' must be one of"),
        ({"orders": "out/{id}"}, "orders need units, units_file or prefix"),
        ({"orders": "out", "prefix": "P"}, "orders must hold {id}"),
        ({"orders": "out/{id}/#", "prefix": "P"}, "orders must hold {id}"),
        ({"orders": "a/{id}", "prefix": "P"}, "orders would be heard by its own filter"),
        ({"speed": "knots"}, "unknown field `speed`"),
    ],
)
def test_a_source_that_cannot_work_is_refused_by_name(table: dict[str, object], said: str) -> None:
    sources = [{"name": "s", "filter": "a/+", "codec": "geojson", **table}]

    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.convert({"sources": sources}, MqttSettings)

    assert said in str(wrong.value)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ({"filter": "a/+"}, {"filter": "b/+", "name": "s"}, "have one name"),
        ({"filter": "a/+"}, {"filter": "a/b"}, "overlap: one message would be two"),
        ({"filter": "a/#"}, {"filter": "+"}, "overlap"),
        (
            {"units": {"1": "P7"}, "orders": "x/{id}"},
            {"units": {"2": "P7"}, "orders": "y/{id}"},
            "orders for unit 'P7'",
        ),
        (
            {"prefix": "P", "orders": "x/{id}"},
            {"units": {"2": "P7"}, "orders": "y/{id}"},
            "orders for unit 'P7'",
        ),
        ({"prefix": "P", "orders": "x/{id}"}, {"prefix": "PA", "orders": "y/{id}"}, "orders for unit 'PA…'"),
    ],
)
def test_sources_that_cannot_stand_side_by_side_are_refused_by_name(
    one: dict[str, object], other: dict[str, object], said: str
) -> None:
    base = {"codec": "geojson"}
    sources = [{"name": "s", "filter": "a/+", **base, **one}, {"name": "t", "filter": "b/+", **base, **other}]

    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.convert({"sources": sources}, MqttSettings)

    assert said in str(wrong.value)


@pytest.mark.timeout(20)
def test_two_large_fleets_with_orders_are_compared_in_no_time() -> None:
    fleets = [
        Source(
            name=name,
            filter=f"{name}/+/up",
            codec="jt808",
            units={f"{name}{n}": f"{name}{n}" for n in range(60_000)},
            orders=f"{name}/{{id}}/dn",
        )
        for name in ("a", "b")
    ]

    MqttSettings(sources=tuple(fleets))


def test_a_unit_may_have_a_tracker_and_a_radio() -> None:
    MqttSettings(sources=(CARS, TRACKERS, RADIOS))


def test_sources_are_taken_anew_and_keep_their_counters() -> None:
    desk = intake(TRACKERS)
    desk.read("traccar", said(FORWARDED), AT_NS)

    desk.take_sources([msgspec.structs.replace(TRACKERS, units={"860000000000007": "P8"})])
    desk.read("traccar", said(FORWARDED), AT_NS)

    assert set(shown(desk)) == {0, 1}
    assert desk.statistics()["source_trackers_received"] == 2


# What we tell integrators

ROOT = Path(__file__).resolve().parents[3]


def examples() -> list[tuple[str, str, str]]:
    """Return topic, source and sample of each codec in docs/integrate.md."""
    page = (ROOT / "docs" / "integrate.md").read_text("utf-8")
    section = page.partition("## A foreign fleet\n")[2].partition("\n## ")[0]
    found = []
    for part in re.split(r"^\*\*(?=\w+\*\*:)", section, flags=re.MULTILINE)[1:]:
        text, source, sample = re.split(r"```\w+\n", part)
        topic = re.findall(r"[Tt]opic\s`([^`]+)`", text)[-1]
        found.append((topic, source.partition("```")[0], sample.partition("```")[0]))
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda example: example[0])
def test_the_samples_for_integrators_are_understood(example: tuple[str, str, str]) -> None:
    topic, source, sample = example
    settings = msgspec.convert({"sources": [{"name": "s", **tomllib.loads(source)}]}, MqttSettings)
    desk = Intake(settings, lambda: ROSTER)

    facts = desk.read(topic, sample.encode(), AT_NS)

    heard = {fact.unit_id for fact in facts if isinstance(fact, UnitCalled | UnitReported)}
    assert heard | {UnitId(f"P{index + 7}") for index in shown(desk)} == {UnitId("P7")}
    assert not any("rejected" in name for name in desk.statistics())


def test_there_is_a_sample_for_each_codec() -> None:
    assert {tomllib.loads(source)["codec"] for _, source, _ in examples()} == set(CODECS)


def test_the_example_of_the_configuration_is_a_good_one(tmp_path: Path) -> None:
    lines = (ROOT / "docs" / "run" / "gateway.toml").read_text("utf-8").splitlines()
    text = "\n".join(line[3:] for line in lines if line.startswith("#  ")).replace("units_file", "#")
    path = tmp_path / "gateway.toml"
    path.write_text(text.replace('orders = "jt808/{id}/dn"', ""), "utf-8")

    cars, tetra = load(path, {}).mqtt.sources

    assert (cars.crs, cars.comes_by, tetra.codes["0x8004"]) == ("gcj02", "events", "on_scene")
