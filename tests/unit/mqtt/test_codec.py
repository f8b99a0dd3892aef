# SPDX-License-Identifier: Apache-2.0
"""Payloads: what is understood, and by which name the rest is refused."""

import json

import pytest

from core.effects import OrderUnit
from core.ids import CountyCode, IncidentId, OrderId, UnitId
from device_adapters import datum
from device_adapters.fixes import Fix
from device_adapters.mqtt import codec
from device_adapters.mqtt.payload import WireError

NOW_S = 1_700_000_000
AT_NS = NOW_S * 1_000_000_000
U1 = UnitId("u1")


def position(payload: bytes) -> Fix:
    return codec.decode_position(payload, U1, AT_NS, 120)


def said(**fields: object) -> bytes:
    return json.dumps({"lat": 28.0, "lon": 120.7, "tst": NOW_S} | fields).encode()


def test_a_position_becomes_integers_of_the_record() -> None:
    fix = position(said(lat=28.0123456, lon=120.6543217, vel=36, cog=271.25, seq=7, acc=5, batt=88))

    assert fix == Fix(280_123_456, 1_206_543_217, NOW_S, 1_000, 27_125, 7, accuracy_m=5)


def test_a_phone_with_owntracks_is_a_radio() -> None:
    fix = position(said(_type="location", tid="ab", vel=-1, cog=None, alt=3, t="u"))

    assert (fix.speed_cm_s, fix.course_cdeg, fix.seq) == (0, 36_000, 0)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"lat": 90.1}, "out_of_range"),
        ({"lon": -180.1}, "out_of_range"),
        ({"lat": 0, "lon": 0}, "null_island"),
        ({"tst": NOW_S + 121}, "future"),
        ({"tst": NOW_S * 1000}, "future"),
        ({"tst": -1}, "out_of_range"),
        ({"unit": "u2"}, "wrong_unit"),
        ({"unit_id": "u2"}, "wrong_unit"),
        ({"unit_id": 1}, "wrong_unit"),
        ({"crs": "osgb36"}, "unknown_crs"),
        ({"lat": "28"}, "unreadable"),
        ({"lat": None}, "unreadable"),
        ({"seq": -1}, "unreadable"),
        ({"lat": float("nan")}, "not_finite"),
        ({"lon": float("-inf")}, "not_finite"),
    ],
)
def test_a_position_that_cannot_be_used_is_refused_by_name(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(WireError, match=f"^{reason}$"):
        position(said(**fields))


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"null", b"[]", b"\xff\xfe", b"NaN", b'{"x":' + b"[" * 8_000, b'{"lat":1e999}', b"9" * 8_000],
)
def test_what_is_no_position_is_unreadable(payload: bytes) -> None:
    with pytest.raises(WireError, match=r"^(unreadable|not_finite)$"):
        position(payload)


def test_a_clock_120_seconds_ahead_is_still_believed() -> None:
    assert position(said(tst=NOW_S + 120)).tst == NOW_S + 120


def test_the_own_unit_id_in_the_payload_is_no_fault() -> None:
    assert position(said(unit="u1", unit_id="u1")).tst == NOW_S


def test_speed_is_capped_where_the_record_ends() -> None:
    assert position(said(vel=1e300)).speed_cm_s == 65_535


def test_a_full_turn_is_north() -> None:
    assert position(said(cog=360)).course_cdeg == 0
    assert position(said(cog=-90)).course_cdeg == 27_000


def test_gcj02_and_bd09_are_converted_once_at_the_edge() -> None:
    true = (28.0, 120.7)
    gcj, bd = datum.gcj02_from_wgs84(*true), datum.bd09_from_wgs84(*true)

    for crs, (lat, lon) in (("gcj02", gcj), ("bd09", bd), ("wgs84", true)):
        fix = position(said(lat=lat, lon=lon, crs=crs))
        assert (fix.lat_e7, fix.lon_e7) == (280_000_000, 1_207_000_000)


def test_a_status_becomes_a_fact() -> None:
    fact, left_out = codec.decode_status(b'{"status":"on_scene","tst":1700000000,"seq":3}', U1, AT_NS, 120)

    assert left_out is None
    assert (fact.unit_id, fact.status, fact.tst, fact.seq, fact.at_ns) == (U1, "on_scene", NOW_S, 3, AT_NS)


def test_the_status_emergency_is_not_refused_for_a_clock_that_is_ahead() -> None:
    ahead = b'"tst":99999999999,"seq":3}'
    fact, left_out = codec.decode_status(b'{"status":"emergency",' + ahead, U1, AT_NS, 120)

    assert (fact.status, fact.tst, fact.seq, left_out) == ("emergency", 0, 3, "future")
    with pytest.raises(WireError, match="future"):
        codec.decode_status(b'{"status":"available",' + ahead, U1, AT_NS, 120)


@pytest.mark.parametrize(
    ("broken", "reason", "kept"),
    [
        (b'"tst":"noon","seq":3', "unreadable", (0, 3)),
        (b'"tst":1700000000,"seq":-1', "unreadable", (NOW_S, 0)),
        (b'"tst":1700000000,"seq":3,"battery":NaN', "not_finite", (NOW_S, 3)),
        (b'"tst":1700000000,"seq":3,"name":"half \\ud83d"', "unreadable", (NOW_S, 3)),
    ],
)
def test_the_status_emergency_is_not_refused_for_a_broken_field_and_others_are(
    broken: bytes, reason: str, kept: tuple[int, int]
) -> None:
    fact, why = codec.decode_status(b'{"status":"emergency",%s}' % broken, U1, AT_NS, 120)

    assert (fact.status, fact.tst, fact.seq, why) == ("emergency", *kept, reason)
    with pytest.raises(WireError, match=reason):
        codec.decode_status(b'{"status":"available",%s}' % broken, U1, AT_NS, 120)


def test_the_status_emergency_in_anothers_name_is_refused() -> None:
    with pytest.raises(WireError, match="wrong_unit"):
        codec.decode_status(b'{"status":"emergency","unit":"u2","tst":"noon"}', U1, AT_NS, 120)


def test_a_status_nobody_knows_is_refused() -> None:
    with pytest.raises(WireError, match="unreadable"):
        codec.decode_status(b'{"status":"asleep","tst":1}', U1, AT_NS, 120)


def test_an_emergency_keeps_its_place_and_words() -> None:
    payload = b'{"event":"emergency","tst":1700000000,"seq":1,"lat":28.0,"lon":120.7,"text":"help"}'

    fact, left_out = codec.decode_event(payload, U1, AT_NS, 120)

    assert (fact.event, fact.lat, fact.lon, fact.text, left_out) == ("emergency", 28.0, 120.7, "help", None)


@pytest.mark.parametrize(
    ("payload", "left_out"),
    [
        (b'{"event":"emergency","tst":99999999999}', "future"),
        (b'{"event":"man_down","tst":1700000000,"lat":0,"lon":0}', "null_island"),
        (b'{"event":"emergency","tst":"noon","lat":[]}', "unreadable"),
        (b'{"event":"emergency","seq":1' + b"0" * 5_000 + b"}", "unreadable"),
        (b'{"event":"emergency","lat":NaN,"lon":NaN}', "not_finite"),
    ],
)
def test_an_emergency_is_never_refused_for_what_stands_beside_it(payload: bytes, left_out: str) -> None:
    fact, why = codec.decode_event(payload, U1, AT_NS, 120)

    assert fact.event in {"emergency", "man_down"}
    assert (fact.lat, fact.lon, why) == (None, None, left_out)


@pytest.mark.parametrize(
    ("broken", "reason", "kept"),
    [
        (b'"seq":4,"lat":NaN,"lon":NaN,"text":"knife","prompt":7', "not_finite", (4, None, None, "knife", 7)),
        (b'"seq":null,"lat":28.0,"lon":120.7,"text":"knife"', "unreadable", (0, 28.0, 120.7, "knife", 0)),
        (b'"seq":4,"lat":28.0,"lon":120.7,"crs":3,"text":null', "unreadable", (4, None, None, "", 0)),
        (b'"seq":4,"lat":28.0,"lon":120.7,"text":"\xb5\xb6"', "unreadable", (4, 28.0, 120.7, "刀", 0)),
        (b'"seq":4,"text":"\\ud83d\\ude31 \\ud83d"', "unreadable", (4, None, None, "😱 �", 0)),
        ('"seq":4,"text":"\\ud83救"'.encode(), "unreadable", (4, None, None, "�救", 0)),
        (b'"seq":4,"text":"C:\\\\ud8","prompt":-1', "unreadable", (4, None, None, "C:\\ud8", 0)),
        (b'"seq":4,"text":"NaN jing lu","prompt":-1', "unreadable", (4, None, None, "NaN jing lu", 0)),
        (b'"seq":4,"lat":28.0,"lon":120.7,"text":3,"x":1e400', "unreadable", (4, 28.0, 120.7, "", 0)),
        (b'"seq":4,"text":"a\tb\nc"', "unreadable", (4, None, None, "a b c", 0)),
        ('"seq":4,"text":"救命'.encode() + b'\xe5\xbf"', "unreadable", (4, None, None, "救命�", 0)),
        (b'"seq":4,"lat":nan,"lon":-nan', "not_finite", (4, None, None, "", 0)),
        (b'"seq":4,"lat":-inf,"lon":inf,"text":"nan inf"', "not_finite", (4, None, None, "nan inf", 0)),
        (b'"seq":4,"text":"C:\\x it\\\'s","prompt":7', "unreadable", (4, None, None, "C:�x it�'s", 7)),
        (b'"seq":4,"unit":1e400,"prompt":7', "unreadable", (4, None, None, "", 7)),
        (b'"seq":4,"unit":"u\\ud83d"', "unreadable", (4, None, None, "", 0)),
        (b'"seq":4,"unit":"u1\0"', "unreadable", (4, None, None, "", 0)),
        (b'"seq":4,"lat":,"lon":120.7', "unreadable", (4, None, None, "", 0)),
        (b'"seq":4,"unit":1.5', "unreadable", (4, None, None, "", 0)),
    ],
)
@pytest.mark.parametrize("event", ["emergency", "man_down", "check_in"])
def test_of_a_cry_with_a_broken_field_the_others_are_kept(
    event: str, broken: bytes, reason: str, kept: tuple[object, ...]
) -> None:
    payload = b'{"event":"%s","tst":1700000000,%s}' % (event.encode(), broken)

    fact, why = codec.decode_event(payload, U1, AT_NS, 120)

    assert (fact.event, fact.seq, fact.lat, fact.lon, fact.text, fact.prompt) == (event, *kept)
    assert (fact.tst, why) == (1_700_000_000, reason)


@pytest.mark.parametrize(
    "around", [(b"\xef\xbb\xbf", b""), (b"", b"\0"), (b" ", b"\0\0"), (b"", b"\0ld\xff}")]
)
def test_what_a_device_in_c_puts_around_a_cry_does_not_hide_it(around: tuple[bytes, bytes]) -> None:
    before, after = around

    fact, why = codec.decode_event(before + b'{"event":"emergency","seq":4}' + after, U1, AT_NS, 120)

    assert (fact.event, fact.seq, why) == ("emergency", 4, "unreadable")


def test_nan_in_a_units_name_or_in_words_is_no_number() -> None:
    fact, why = codec.decode_event(
        b'{"event":"emergency","unit":"NaN7","text":3,"lat":NaN}', UnitId("NaN7"), AT_NS, 120
    )

    assert (fact.event, why) == ("emergency", "not_finite")


def test_a_text_with_a_broken_field_is_refused() -> None:
    with pytest.raises(WireError, match="not_finite"):
        codec.decode_event(b'{"event":"text","text":"hi","lat":NaN}', U1, AT_NS, 120)


def test_an_emergency_in_anothers_name_is_refused() -> None:
    with pytest.raises(WireError, match="wrong_unit"):
        codec.decode_event(b'{"event":"emergency","unit":"u2","tst":"noon"}', U1, AT_NS, 120)


def test_a_text_from_the_future_is_refused() -> None:
    with pytest.raises(WireError, match="future"):
        codec.decode_event(b'{"event":"text","text":"hi","tst":99999999999}', U1, AT_NS, 120)


@pytest.mark.parametrize("payload", [b"online", b'"online"', b'{"link":"online"}'])
def test_a_link_is_read_bare_or_as_json(payload: bytes) -> None:
    assert codec.decode_link(payload, U1, AT_NS).link == "online"


def test_an_empty_link_is_refused() -> None:
    with pytest.raises(WireError, match="unreadable"):
        codec.decode_link(b"", U1, AT_NS)


def test_an_ack_names_its_order() -> None:
    payload = b'{"order_id":"o9","version":2,"ack":"declined","tst":1700000000,"seq":4,"reason":"far"}'

    fact = codec.decode_ack(payload, U1, AT_NS, 120)

    assert (fact.order_id, fact.version, fact.ack, fact.reason) == (OrderId("o9"), 2, "declined", "far")


def order(**fields: object) -> OrderUnit:
    whole: dict[str, object] = {
        "county": CountyCode("330302"),
        "unit_id": U1,
        "order_id": OrderId("o1"),
        "incident_id": IncidentId("i1"),
        "version": 1,
        "level": 1,
        "category": "robbery",
        "lat": 28.0,
        "lon": None,
        "address": "五马街 1",
        "text": "go",
        "deadline": NOW_S + 60,
    }
    return OrderUnit(**(whole | fields))  # type: ignore[arg-type]


def test_an_order_has_the_fields_of_the_contract_and_no_more() -> None:
    told = json.loads(codec.encode_order(order()))

    assert list(told) == [
        "order_id",
        "incident_id",
        "version",
        "level",
        "category",
        "lat",
        "lon",
        "address",
        "text",
        "deadline",
    ]
    assert (told["lon"], told["address"]) == (None, "五马街 1")


def test_a_withdrawn_order_says_so() -> None:
    assert json.loads(codec.encode_order(order(cancelled=True)))["cancelled"] is True
