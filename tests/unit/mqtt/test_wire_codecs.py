# SPDX-License-Identifier: Apache-2.0
"""Foreign payloads in the shape their makers document, decoded to what they mean. The figures are our own."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from core.events import OrderAcked, UnitCalled, UnitLinked, UnitReported
from device_adapters import datum
from device_adapters.fixes import COURSE_TURN, Fix
from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire import CODECS, CodecName
from device_adapters.mqtt.wire.said import Button, Left, Passed, Reading, Said

NOON = int(datetime(2026, 7, 1, 4, 0, 0, tzinfo=UTC).timestamp())
"12:00:00 in Beijing."
AT_NS = NOON * 1_000_000_000
PHONE = "013900000001"


def hear(name: CodecName, payload: object, key: str = "", **how: Any) -> list[Said]:
    field = CODECS[name].unit_from
    said = payload if isinstance(payload, bytes) else json.dumps(payload, ensure_ascii=False).encode()
    path = () if key or not field.startswith("field:") else tuple(field[6:].split("."))
    settings = {"utc_offset_s": 28_800, "unit_field": path, "source": "s", **how}
    return CODECS[name].read(said, key, Reading(**settings), AT_NS)


def refused(name: CodecName, payload: object, key: str = "", **how: Any) -> str:
    with pytest.raises(WireError) as wrong:
        hear(name, payload, key, **how)
    return wrong.value.reason


def fix(
    lat_e7: int,
    lon_e7: int,
    tst: int,
    speed_cm_s: int = 0,
    course_cdeg: int = COURSE_TURN,
    **more: Any,
) -> Fix:
    return Fix(lat_e7, lon_e7, tst, speed_cm_s, course_cdeg, more.pop("seq", 0), source="s", **more)


# OwnTracks

LOCATION = {
    "_type": "location", "BSSID": "0a:0b", "acc": 12, "alt": 20, "batt": 71, "bs": 1, "cog": 270, "conn": "m",
    "created_at": NOON + 1, "lat": 28.0106, "lon": 120.6701, "m": 1, "tid": "p7", "tst": NOON, "vac": 3, "vel": 36,
}  # fmt: skip


def test_owntracks_a_phones_location_is_a_fix() -> None:
    assert hear("owntracks", LOCATION, "P7") == [
        ("P7", fix(280_106_000, 1_206_701_000, NOON, 1_000, 27_000, accuracy_m=12))
    ]


@pytest.mark.parametrize("accuracy", [{}, {"acc": 0}])
def test_owntracks_a_fix_without_accuracy_is_kept(accuracy: dict[str, int]) -> None:
    said = {key: value for key, value in LOCATION.items() if key != "acc"}

    ((_, heard),) = hear("owntracks", {**said, **accuracy}, "P7")

    assert isinstance(heard, Fix)
    assert heard.accuracy_m == 0


def test_owntracks_a_will_says_that_the_phone_is_gone() -> None:
    ((key, heard),) = hear("owntracks", {"_type": "lwt", "tst": NOON - 900}, "P7")

    assert (key, heard) == ("P7", UnitLinked(at_ns=AT_NS, unit_id="P7", link="offline"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "counted"),
    [
        ("transition", "transition"),
        ("status", "status"),
        ("waypoints", "waypoints"),
        ("x", "other"),
        (7, "other"),
    ],
)
def test_owntracks_other_types_are_passed_by_name(kind: object, counted: str) -> None:
    assert hear("owntracks", {"_type": kind, "event": "enter"}, "P7") == [("P7", Passed(counted))]


def test_owntracks_what_cannot_be_used_is_named() -> None:
    assert refused("owntracks", {"_type": "encrypted", "data": "…"}, "P7") == "encrypted"
    assert refused("owntracks", {"_type": "location", "lat": 28.0, "lon": 120.7}, "P7") == "no_time"
    assert refused("owntracks", {**LOCATION, "lat": 0, "lon": 0}, "P7") == "null_island"
    assert refused("owntracks", {**LOCATION, "tst": NOON + 121}, "P7") == "future"
    assert refused("owntracks", {**LOCATION, "lat": "28"}, "P7") == "unreadable"


# Traccar

FORWARDED: dict[str, Any] = {
    "position": {
        "id": 0, "deviceId": 7, "protocol": "jt808", "serverTime": "2026-07-01T04:00:01.000+00:00",
        "deviceTime": "2026-07-01T04:00:00.000+00:00", "fixTime": "2026-07-01T03:59:58.000+00:00", "outdated": False,
        "valid": True, "latitude": 28.0106, "longitude": 120.6701, "altitude": 21.0, "speed": 19.4384, "course": 92.5,
        "address": None, "accuracy": 0.0, "attributes": {"ignition": True, "batteryLevel": 80, "motion": True},
    },
    "device": {"id": 7, "name": "Car 7", "uniqueId": "860000000000007", "status": "online"},
}  # fmt: skip


def traccar(position: dict[str, Any], **attributes: object) -> dict[str, Any]:
    return {
        **FORWARDED,
        "position": {**FORWARDED["position"], **position, "attributes": attributes},
    }


def test_traccar_knots_and_iso_time_become_a_fix() -> None:
    assert hear("traccar", FORWARDED, km_h=1.852) == [
        ("860000000000007", Button(NOON)),
        ("860000000000007", fix(280_106_000, 1_206_701_000, NOON - 2, 1_000, 9_250)),
    ]


def test_traccar_old_versions_write_milliseconds() -> None:
    heard = hear("traccar", traccar({"fixTime": NOON * 1_000, "deviceTime": NOON * 1_000}), km_h=1.852)

    assert isinstance(heard[1][1], Fix)
    assert heard[1][1].tst == NOON


@pytest.mark.parametrize(
    ("alarm", "event"),
    [
        ("sos", "emergency"),
        ("lowBattery,sos", "emergency"),
        ("fallDown", "man_down"),
        ("fallDown,sos", "emergency"),
    ],
)
def test_traccar_an_alarm_is_a_call_with_its_place(alarm: str, event: str) -> None:
    (_, button), (_, place) = hear("traccar", traccar({}, alarm=alarm))

    assert isinstance(button, Button)
    assert isinstance(place, Fix)
    assert button.call is not None
    assert (button.call.event, button.call.tst) == (event, NOON)
    assert (button.call.lat, button.call.lon) == (28.0106, 120.6701)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"valid": False}, "no_fix"),
        ({"outdated": True}, "outdated"),
        ({"latitude": 280.0}, "out_of_range"),
        ({"latitude": None}, "no_fix"),
        ({"latitude": "north"}, "unreadable"),
        ({"fixTime": "yesterday"}, "no_time"),
        ({"speed": "fast"}, "unreadable"),
    ],
)
def test_traccar_a_broken_fix_never_takes_the_alarm_with_it(broken: dict[str, Any], reason: str) -> None:
    quiet = hear("traccar", traccar(broken))
    (_, button), left = hear("traccar", traccar(broken, alarm="sos"))

    assert quiet[1] == ("860000000000007", Left(reason))  # type: ignore[arg-type]
    assert isinstance(button, Button)
    assert button.call is not None
    assert (button.call.event, button.call.lat) == ("emergency", None)
    assert left == ("860000000000007", Left(reason, mended=True))  # type: ignore[arg-type]


def test_traccar_nan_is_no_reason_to_miss_an_alarm() -> None:
    payload = json.dumps(traccar({"altitude": float("nan")}, alarm="sos")).encode()

    (_, button), _ = hear("traccar", payload)

    assert isinstance(button, Button)
    assert button.call is not None


def test_traccar_a_forwarded_event_is_heard_for_its_alarm() -> None:
    device = FORWARDED["device"]
    alarm = {"event": {"type": "alarm", "eventTime": "2026-07-01T04:00:00Z", "attributes": {"alarm": "sos"}}}
    online = {"event": {"type": "deviceOnline", "attributes": {}}}

    (_, button), (_, left) = hear("traccar", {**alarm, "device": device})

    assert isinstance(button, Button)
    assert button.call is not None
    assert button.call.tst == NOON
    assert left == Left("no_fix", mended=True)
    assert hear("traccar", {**online, "device": device}) == [("860000000000007", Passed("event"))]


# JT/T 808

REPORT: dict[str, Any] = {
    "alarm": 0, "status": 3, "latitude": 28_010_600, "longitude": 120_670_100, "altitude": 21, "speed": 360,
    "direction": 270, "time": "260701120000", "extra": {"mileage": 1234, "gnss_sat_num": 11},
}  # fmt: skip


def jt808(body: dict[str, Any], msg_id: int = 512) -> dict[str, Any]:
    return {"header": {"msg_id": msg_id, "encrypt": 0, "len": 60, "phone": PHONE, "msg_sn": 9}, "body": body}


def test_jt808_a_report_in_millionths_and_beijing_time_becomes_a_fix() -> None:
    assert hear("jt808", jt808(REPORT), km_h=0.1) == [
        (PHONE, Button(NOON)),
        (PHONE, fix(280_106_000, 1_206_701_000, NOON, 1_000, 27_000, seq=9)),
    ]


def test_jt808_the_answer_to_a_query_holds_the_same_report() -> None:
    assert hear("jt808", jt808({"seq": 4, "params": REPORT}, 513)) == hear("jt808", jt808(REPORT))


def test_jt808_a_backlog_holds_several() -> None:
    later = {**REPORT, "time": "260701120005"}

    heard = hear("jt808", jt808({"type": 1, "length": 2, "location": [REPORT, later]}, 1796))

    assert [what.tst for _, what in heard if isinstance(what, Fix)] == [NOON, NOON + 5]


def test_jt808_south_and_west_stand_in_the_status() -> None:
    ((_, _), (_, place)) = hear("jt808", jt808({**REPORT, "status": 3 | 4 | 8}))

    assert isinstance(place, Fix)
    assert (place.lat_e7, place.lon_e7) == (-280_106_000, -1_206_701_000)


def test_jt808_alarm_bit_0_is_the_button_whatever_the_fix() -> None:
    located = hear("jt808", jt808({**REPORT, "alarm": 0b101}))
    unlocated = hear("jt808", jt808({**REPORT, "alarm": 1, "status": 1, "time": "000000000000"}))

    assert located[0] == (
        PHONE,
        Button(
            NOON,
            UnitCalled(
                at_ns=AT_NS,
                unit_id=PHONE,  # type: ignore[arg-type]
                event="emergency",
                tst=NOON,
                seq=9,
                lat=28.0106,
                lon=120.6701,
            ),
        ),
    )
    assert unlocated[0] == (
        PHONE,
        Button(0, UnitCalled(at_ns=AT_NS, unit_id=PHONE, event="emergency", seq=9)),  # type: ignore[arg-type]
    )
    assert unlocated[1] == (PHONE, Left("no_fix", mended=True))


def test_jt808_changed_coordinates_are_taken_only_from_a_source_that_says_into_what() -> None:
    changed = jt808({**REPORT, "status": 3 | 32})

    ((_, _), left) = hear("jt808", changed)
    ((_, _), (_, place)) = hear("jt808", changed, crs="gcj02")

    lat, lon = datum.wgs84_from_gcj02(28.0106, 120.6701)
    assert left == (PHONE, Left("encrypted"))
    assert isinstance(place, Fix)
    assert (place.lat_e7, place.lon_e7) == (round(lat * 1e7), round(lon * 1e7))


def test_jt808_the_gateway_may_write_the_number_as_a_number() -> None:
    said = jt808(REPORT)
    said["header"]["phone"] = 13_900_000_001

    assert hear("jt808", said)[0][0] == "13900000001"


@pytest.mark.parametrize(
    ("msg_id", "name"), [(1, "ack"), (2, "heartbeat"), (258, "authentication"), (9, "other")]
)
def test_jt808_other_messages_are_passed_by_name(msg_id: int, name: str) -> None:
    assert hear("jt808", jt808({}, msg_id)) == [("", Passed(name))]


@pytest.mark.parametrize(
    "stamp", ["", "2607011200", "260701120060", "261301120000", "二六零七零一一二零零", None, 7]
)
def test_jt808_a_time_that_is_none_is_named(stamp: object) -> None:
    assert hear("jt808", jt808({**REPORT, "time": stamp}))[1] == (PHONE, Left("no_time"))


# GB/T 28181

NOTIFY = """<?xml version="1.0" encoding="GB2312"?>
<Notify>
  <CmdType>MobilePosition</CmdType>
  <SN>17</SN>
  <DeviceID>33030200001320000007</DeviceID>
  <Name>鹿城巡逻七号</Name>
  <Time>2026-07-01T12:00:00</Time>
  <Longitude>120.6701</Longitude>
  <Latitude>28.0106</Latitude>
  <Speed>36.0</Speed>
  <Direction>270.0</Direction>
  <Altitude>21.5</Altitude>
</Notify>
"""
CAMERA = "33030200001320000007"
SEEN = [(CAMERA, fix(280_106_000, 1_206_701_000, NOON, 1_000, 27_000))]


@pytest.mark.parametrize(
    "document",
    [
        NOTIFY.encode("gb2312"),
        NOTIFY.replace("GB2312", "UTF-8").encode(),
        NOTIFY.replace("GB2312", "UTF-8").encode("gb18030"),
        NOTIFY.split("\n", 1)[1].encode(),
        b"\xef\xbb\xbf" + NOTIFY.replace("GB2312", "utf-8").encode(),
        b"\r\n" + NOTIFY.replace("\n", "\r\n").encode("gb2312"),
    ],
    ids=["gb2312", "utf-8", "says utf-8 and is not", "says nothing", "with a mark", "with CRLF"],
)
def test_gb28181_a_position_in_any_of_its_encodings_is_a_fix(document: bytes) -> None:
    assert hear("gb28181", document) == SEEN


def test_gb28181_a_target_goes_before_the_device_that_speaks_for_it() -> None:
    said = NOTIFY.replace("<SN>", "<TargetID>33030200001360000001</TargetID><SN>")

    assert hear("gb28181", said.encode("gb2312"))[0][0] == "33030200001360000001"
    assert hear("gb28181", said.encode("gb2312"), unit_field=("DeviceID",))[0][0] == CAMERA


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("?>\n", '?>\n<!DOCTYPE Notify [<!ENTITY a "aaaa">]>\n'),
        ("?>\n", '?>\n<!doctype Notify SYSTEM "file:///etc/passwd">\n'),
        ("<SN>17</SN>", "<SN>&a;</SN>"),
        ("<SN>17</SN>", "<a>" * 300),
        ("</Notify>", ""),
        ("120.6701", "東"),
        ("<SN>17</SN>", "\0"),
    ],
)
def test_gb28181_hostile_xml_is_unreadable(before: str, after: str) -> None:
    assert refused("gb28181", NOTIFY.replace(before, after).encode("gb18030")) == "unreadable"


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("120.6701", "NaN", "out_of_range"),
        ("120.6701", "inf", "out_of_range"),
        ("120.6701", "", "no_fix"),
        ("2026-07-01T12:00:00", "", "no_time"),
        ("2026-07-01T12:00:00", "2026-07-01T12:30:00", "future"),
        (CAMERA, "", "no_unit"),
    ],
)
def test_gb28181_what_cannot_be_used_is_named(before: str, after: str, reason: str) -> None:
    assert refused("gb28181", NOTIFY.replace(before, after).encode("gb2312")) == reason


@pytest.mark.parametrize(("kind", "name"), [("Keepalive", "Keepalive"), ("Alarm", "Alarm"), ("Own", "other")])
def test_gb28181_other_commands_are_passed_by_name(kind: str, name: str) -> None:
    assert hear("gb28181", NOTIFY.replace("MobilePosition", kind).encode("gb2312")) == [("", Passed(name))]


# GeoJSON

FEATURE: dict[str, Any] = {
    "type": "Feature",
    "id": "boat-3",
    "geometry": {"type": "Point", "coordinates": [120.6701, 28.0106, 3.0]},
    "properties": {"time": "2026-07-01T12:00:00+08:00", "speed": 36, "heading": 270, "accuracy": 4.6},
}


def test_geojson_longitude_stands_first() -> None:
    assert hear("geojson", FEATURE) == [
        ("boat-3", fix(280_106_000, 1_206_701_000, NOON, 1_000, 27_000, accuracy_m=5))
    ]


@pytest.mark.parametrize(
    "time",
    [
        {"tst": NOON},
        {"timestamp": NOON * 1_000},
        {"time": "2026-07-01T04:00:00Z"},
        {"time": "2026-07-01 12:00"},
    ],
)
def test_geojson_a_time_may_be_seconds_milliseconds_or_iso(time: dict[str, object]) -> None:
    ((_, place),) = hear("geojson", {**FEATURE, "properties": time})

    assert isinstance(place, Fix)
    assert place.tst == NOON


def test_geojson_one_bad_feature_does_not_hide_the_others() -> None:
    bad = {**FEATURE, "id": "boat-4", "geometry": {"type": "Point", "coordinates": [120.6]}}
    area = {**FEATURE, "id": "area", "geometry": {"type": "Polygon", "coordinates": []}}

    heard = hear("geojson", {"type": "FeatureCollection", "features": [bad, area, "?", FEATURE]})

    assert [(key, type(what)) for key, what in heard] == [("", Left), ("", Passed), ("boat-3", Fix)]


# Meshtastic

NODE: dict[str, Any] = {
    "channel": 0, "from": 2_130_636_288, "id": 452_664_778, "sender": "!a1b2c3d4", "timestamp": NOON + 3,
    "to": 4_294_967_295, "type": "position",
    "payload": {"latitude_i": 280_106_000, "longitude_i": 1_206_701_000, "altitude": 21, "time": NOON,
                "ground_speed": 36, "ground_track": 27_000_000, "sats_in_view": 8},
}  # fmt: skip


def test_meshtastic_the_node_that_moves_is_named_not_the_one_that_heard_it() -> None:
    assert hear("meshtastic", NODE) == [("!7efeee00", fix(280_106_000, 1_206_701_000, NOON, 1_000, 27_000))]


def test_meshtastic_other_types_are_passed_by_name() -> None:
    assert hear("meshtastic", {**NODE, "type": "telemetry"}) == [("", Passed("telemetry"))]
    assert refused("meshtastic", {**NODE, "payload": "text"}) == "no_fix"


# TETRA and PDT

TABLE: dict[str, Any] = {
    "codes": {0: "emergency", 0x8002: "available", 0x8003: "enroute", 5: "man_down", 6: "ignored"}
}


@pytest.mark.parametrize("code", [32_770, "32770", "0x8002"])
def test_tetra_a_status_is_what_the_table_says(code: object) -> None:
    ((key, heard),) = hear("tetra", {"issi": 3_300_007, "code": code, "tst": NOON, "seq": 4}, **TABLE)

    assert key == "3300007"
    assert heard == UnitReported(at_ns=AT_NS, unit_id="3300007", status="available", tst=NOON, seq=4)  # type: ignore[arg-type]


@pytest.mark.parametrize("payload", [b"32771", b" 32771\n", b"0x8003"])
def test_tetra_the_bare_number_will_do_when_the_topic_names_the_radio(payload: bytes) -> None:
    ((key, heard),) = hear("tetra", payload, "3300007", **TABLE)

    assert isinstance(heard, UnitReported)
    assert (key, heard.status, heard.tst) == ("3300007", "enroute", 0)


def test_tetra_code_0_is_an_emergency_and_no_broken_field_beside_it_matters() -> None:
    whole = hear("tetra", {"issi": 7, "code": 0, "tst": NOON, "lat": 28.0106, "lon": 120.6701}, **TABLE)
    broken = hear("tetra", {"issi": 7, "code": 0, "tst": "?", "lat": 280, "lon": 1}, **TABLE)
    status = hear("tetra", {"issi": 7, "status": 5}, **TABLE)

    called = UnitCalled(at_ns=AT_NS, unit_id="7", event="emergency")  # type: ignore[arg-type]
    assert [what for _, what in broken] == [
        called,
        Left("no_time", mended=True),
        Left("out_of_range", mended=True),
    ]
    assert isinstance(whole[0][1], UnitCalled)
    assert (whole[0][1].tst, whole[0][1].lat) == (NOON, 28.0106)
    assert isinstance(status[0][1], UnitCalled)
    assert status[0][1].event == "man_down"


def test_tetra_what_the_table_does_not_know_is_named() -> None:
    assert refused("tetra", {"issi": 7, "code": 77}, **TABLE) == "unknown_code"
    assert refused("tetra", {"issi": 7, "code": 65_536}, **TABLE) == "unreadable"
    assert refused("tetra", {"code": 0}, **TABLE) == "no_unit"
    assert refused("tetra", b"nothing", "7", **TABLE) == "unreadable"
    assert hear("tetra", {"issi": 7, "code": 6}, **TABLE) == [("7", Passed("code"))]


# The contract's own payloads under another topic


def test_native_each_of_the_contracts_payloads_is_known_by_its_fields() -> None:
    kinds = [
        type(hear("native", said, "P7")[0][1])
        for said in (
            {"lat": 28.0106, "lon": 120.6701, "tst": NOON},
            {"status": "available", "tst": NOON},
            {"event": "emergency", "tst": NOON, "lat": 28.0106, "lon": 120.6701},
            {"order_id": "o18", "version": 1, "ack": "signed", "tst": NOON},
            {"link": "online"},
        )
    ]

    assert kinds == [Fix, UnitReported, UnitCalled, OrderAcked, UnitLinked]


def test_native_the_sources_datum_is_the_one_of_a_payload_that_names_none() -> None:
    said = {"lat": 28.0106, "lon": 120.6701, "tst": NOON}
    shifted = datum.wgs84_from_gcj02(28.0106, 120.6701)

    ((_, place),) = hear("native", said, "P7", crs="gcj02")
    ((_, own),) = hear("native", {**said, "crs": "wgs84"}, "P7", crs="gcj02")
    ((_, call),) = hear("native", {**said, "event": "emergency"}, "P7", crs="gcj02")

    assert isinstance(place, Fix)
    assert isinstance(own, Fix)
    assert isinstance(call, UnitCalled)
    assert (place.lat_e7, place.lon_e7) == (round(shifted[0] * 1e7), round(shifted[1] * 1e7))
    assert (own.lat_e7, own.lon_e7, own.source) == (280_106_000, 1_206_701_000, "s")
    assert (call.lat, call.lon) == shifted


@pytest.mark.parametrize("beside", [b'"event":""', b'"event":0', b'"event":"check_in"', b'"ack":""'])
def test_native_hears_the_status_emergency_whatever_stands_beside_it(beside: bytes) -> None:
    heard = hear("native", b'{"unit_id":"P7",%s,"status":"emergency"}' % beside)

    assert [what.status for _, what in heard if isinstance(what, UnitReported)] == ["emergency"]


def test_native_a_cry_is_heard_through_a_broken_field() -> None:
    called, left = hear("native", b'{"event":"emergency","lat":NaN,"tst":"?"}', "P7")

    assert called == ("P7", UnitCalled(at_ns=AT_NS, unit_id="P7", event="emergency"))  # type: ignore[arg-type]
    assert isinstance(left[1], Left)
    assert left[1].mended


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 5_000, b"1" * 5_000])
def test_what_nobody_can_read_is_refused_by_name(name: CodecName, payload: bytes) -> None:
    assert refused(name, payload, "P7") in ("unreadable", "unknown_code")
