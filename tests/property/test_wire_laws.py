# SPDX-License-Identifier: Apache-2.0
"""Laws of foreign payloads: understood, or refused by a name; a press is heard, once; datums lead back."""

import json
import math
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.events import UnitCalled
from core.ids import CountyCode, UnitId
from device_adapters import datum
from device_adapters.fixes import Fix
from device_adapters.mqtt.intake import Intake
from device_adapters.mqtt.payload import Reason, WireError, mended
from device_adapters.mqtt.presses import SILENCE_S, Presses
from device_adapters.mqtt.settings import MqttSettings
from device_adapters.mqtt.sources import Source, overlap
from device_adapters.mqtt.wire import CODECS, CodecName
from device_adapters.mqtt.wire.said import Button, Left, Passed, Reading
from tests.unit.mqtt.test_wire_codecs import (
    AT_NS,
    FEATURE,
    FORWARDED,
    LOCATION,
    NODE,
    NOON,
    NOTIFY,
    REPORT,
    jt808,
)

SAMPLES: dict[CodecName, bytes] = {
    "native": json.dumps({"lat": 28.0, "lon": 120.7, "tst": NOON, "unit_id": "P7"}).encode(),
    "owntracks": json.dumps(LOCATION).encode(),
    "traccar": json.dumps(FORWARDED).encode(),
    "jt808": json.dumps(jt808(REPORT)).encode(),
    "gb28181": NOTIFY.encode("gb2312"),
    "geojson": json.dumps(FEATURE).encode(),
    "meshtastic": json.dumps(NODE).encode(),
    "tetra": b'{"issi": 7, "code": 32770, "tst": 1782878400, "lat": 28.0, "lon": 120.7}',
}
PASSED_NAMES_MAX = 40
REASONS = frozenset(get_args(Reason))

names = st.sampled_from(sorted(CODECS))
keys = st.sampled_from(["", "P7"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**320)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["sos", "260701120000", "2026-07-01T12:00:00", "0x8002", 1e308, -1e308, 2**63]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


def reading(name: CodecName, key: str) -> Reading:
    path = CODECS[name].unit_from.removeprefix("field:")
    codes = {0: "emergency", 0x8002: "available"}
    field = () if key or name in ("owntracks", "gb28181") else tuple(path.split("."))
    return Reading(source="s", crs="gcj02", utc_offset_s=28_800, unit_field=field, codes=codes)


def check(name: CodecName, payload: bytes, key: str) -> None:
    """Read it; whatever comes out can be used as it is."""
    try:
        heard = CODECS[name].read(payload, key, reading(name, key), AT_NS)
    except WireError as wrong:
        heard = [("", Left(wrong.reason))]
    for _, what in heard:
        if isinstance(what, Fix):
            assert -900_000_000 <= what.lat_e7 <= 900_000_000
            assert -1_800_000_000 <= what.lon_e7 <= 1_800_000_000
            assert 0 <= what.tst <= NOON + 120
            assert 0 <= what.speed_cm_s <= 65_535
            assert 0 <= what.course_cdeg <= 36_000
            assert 0 <= what.seq <= 2**53
            assert 0 <= what.accuracy_m <= 1_000_000
        if isinstance(what, Button) and what.call is not None:
            assert what.call.tst == what.tst
        if isinstance(what, Left):
            assert what.reason in REASONS
        if isinstance(what, Passed):
            assert len(what.what) < PASSED_NAMES_MAX


@given(names, st.binary(max_size=300), keys)
@example("tetra", b"1" * 5_000, "")
@example("jt808", b'{"body":' + b"[" * 4_000, "")
@example("traccar", b'{"position":{"latitude":' + b"1" * 5_000 + b"}}", "")
@example("gb28181", "<a>\ud800".encode("utf-16", "surrogatepass"), "P7")
def test_any_bytes_are_understood_or_refused_by_name(name: CodecName, payload: bytes, key: str) -> None:
    check(name, payload, key)


@given(names, keys, st.data())
def test_a_sample_with_bytes_changed_is_understood_or_refused_by_name(
    name: CodecName, key: str, data: st.DataObject
) -> None:
    payload = bytearray(SAMPLES[name])
    for at, byte in data.draw(
        st.dictionaries(st.integers(0, len(payload) - 1), st.integers(0, 255), max_size=4)
    ).items():
        payload[at] = byte
    cut = data.draw(st.integers(0, len(payload)))

    check(name, bytes(payload[:cut]) if cut % 3 == 0 else bytes(payload), key)


shards = st.sampled_from(
    [
        b"\\ud83d", b"\\ude31", b"\\ud8", b"\\u4e", b"\\", b"\\\\", b'\\"', b'"', b"\xe6", b"\xe6\x95", "救".encode(),
        "刀".encode("gb18030"), b"NaN", b"-Infinity", b"1e400", b"\0", b"\n", b"\xef\xbb\xbf", b",", b"{", b"x",
    ]
)  # fmt: skip


@given(names, keys, st.lists(shards, max_size=12).map(b"".join))
def test_shards_of_characters_and_numbers_in_a_cry_raise_nothing_else(
    name: CodecName, key: str, shards_of: bytes
) -> None:
    for field in (b"event", b"status"):
        check(name, b'{"%s":"emergency","tst":1,"unit_id":"P7","text":"%s"}' % (field, shards_of), key)
        check(name, b'{"%s":"emergency","tst":1,"unit_id":"P7","x":%s}' % (field, shards_of), key)


@given(st.lists(shards | st.binary(max_size=3), max_size=20).map(b"".join))
def test_what_is_mended_is_utf8_and_mending_what_is_whole_changes_nothing(written: bytes) -> None:
    mended(written).decode()

    whole = json.dumps({"text": written.decode("utf-8", "replace"), "n": 1.5}, ensure_ascii=False).encode()
    assert mended(whole) == whole


@given(names.filter(lambda name: name != "gb28181"), keys, st.data())
def test_a_sample_with_a_field_changed_is_understood_or_refused_by_name(
    name: CodecName, key: str, data: st.DataObject
) -> None:
    said = json.loads(SAMPLES[name])
    at: Any = said
    while True:
        field = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else list(range(len(at)))))
        if not isinstance(at[field], dict | list) or not at[field] or data.draw(st.booleans()):
            at[field] = data.draw(values)
            break
        at = at[field]

    check(name, json.dumps(said).encode(), key)


@given(
    st.text(max_size=20), st.sampled_from(["Time", "Longitude", "Latitude", "Speed", "Direction", "DeviceID"])
)
def test_a_field_of_xml_changed_is_understood_or_refused_by_name(text: str, field: str) -> None:
    start, end = f"<{field}>", f"</{field}>"
    before, _, rest = NOTIFY.partition(start)
    said = before + start + text + end + rest.partition(end)[2]

    check("gb28181", said.encode("gb18030", errors="replace"), "")


HOUSE = MqttSettings(
    sources=tuple(Source(name=name, filter=f"{name}/#", codec=name, prefix="P") for name in sorted(CODECS))
)
house_topics = st.builds(
    lambda name, rest: "/".join((name, *rest)),
    names,
    st.lists(st.sampled_from(["", "7", "event", "+", "é\0"]), max_size=3),
)


@given(st.lists(st.tuples(house_topics, st.binary(max_size=80) | st.sampled_from(list(SAMPLES.values())))))
def test_whatever_a_source_sends_is_accounted_for(messages: list[tuple[str, bytes]]) -> None:
    desk = Intake(HOUSE, lambda: ROSTER)

    for topic, payload in messages:
        desk.read(topic, payload, AT_NS)

    figures = desk.statistics()
    assert sum(n for name, n in figures.items() if name.endswith("_received")) == len(messages)
    sources = sum(n for name, n in figures.items() if name.startswith("source_") and "_rejected_" in name)
    assert sources == sum(n for name, n in figures.items() if name.startswith("rejected_"))


# Buttons

ROSTER = {UnitId(f"P{n}"): (n, CountyCode("330302")) for n in range(4)}
FLEET = Source(name="cars", filter="cars/+", codec="jt808", units={f"0{n}": f"P{n}" for n in range(4)})


def told(car: int, second: int, held: bool) -> bytes:
    at = NOON - 1_000 + second
    minute, rest = divmod(second - 1_000 + 3_600, 60)
    stamp = f"26070111{minute:02d}{rest:02d}" if minute < 60 else f"26070112{minute - 60:02d}{rest:02d}"
    report = {**REPORT, "alarm": int(held), "time": stamp}
    said = jt808(report)
    said["header"]["phone"] = f"0{car}"
    said["header"]["msg_sn"] = at % 65_536
    return json.dumps(said).encode()


reports = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 900), st.booleans()), max_size=30)


@given(reports)
def test_whoever_pressed_is_heard_and_nobody_else(reports: list[tuple[int, int, bool]]) -> None:
    desk = Intake(MqttSettings(sources=(FLEET,)), lambda: ROSTER)

    facts = [fact for report in reports for fact in desk.read("cars/up", told(*report), AT_NS)]

    called = {fact.unit_id for fact in facts if isinstance(fact, UnitCalled)}
    assert called == {f"P{car}" for car, _, held in reports if held}


@given(reports, st.randoms(use_true_random=False))
def test_a_doubled_report_calls_nobody_anew(reports: list[tuple[int, int, bool]], chance: Any) -> None:
    doubled = [report for report in reports for _ in range(chance.choice((1, 2, 3)))]

    def calls(said: list[tuple[int, int, bool]]) -> list[UnitCalled]:
        desk = Intake(MqttSettings(sources=(FLEET,)), lambda: ROSTER)
        facts = [fact for report in said for fact in desk.read("cars/up", told(*report), AT_NS)]
        return list(dict.fromkeys(fact for fact in facts if isinstance(fact, UnitCalled)))

    assert calls(doubled) == calls(reports)


@given(st.lists(st.tuples(st.integers(1, 10_000), st.booleans()), max_size=40, unique_by=lambda one: one[0]))
def test_in_order_a_button_calls_at_each_rising_edge_and_after_silence(
    states: list[tuple[int, bool]],
) -> None:
    presses, held_at = Presses(), -SILENCE_S
    for tst, held in sorted(states):
        if held:
            assert presses.held("P7", tst) == (tst - held_at > SILENCE_S)
        else:
            presses.free("P7", tst)
        held_at = tst if held else -SILENCE_S


def test_an_old_press_out_of_a_backlog_is_heard_once() -> None:
    presses = Presses()
    assert presses.held("P7", 5_000)
    presses.free("P7", 6_000)

    heard = [presses.held("P7", tst) for tst in (2_000, 2_050, 2_100, 2_400, 2_090, 5_010)]

    assert heard == [True, False, False, True, False, False]


def test_the_report_that_was_a_call_is_one_again_so_that_its_fact_is_confirmed_by_the_disk() -> None:
    presses = Presses()

    heard = [
        presses.held("P7", tst, seq) for tst, seq in ((2_000, 7), (2_000, 7), (2_000, 8), (2_001, 9), (0, 0))
    ]

    assert heard == [True, True, False, False, False]


# Filters

levels = st.lists(st.sampled_from(["a", "b", "+"]), min_size=1, max_size=4)
filters = st.builds(lambda path, rest: "/".join(["x", *path, *rest]), levels, st.sampled_from([[], ["#"]]))
topics = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=5).map(
    lambda path: "/".join(["x", *path])
)


@given(filters, filters, topics)
def test_filters_that_take_one_topic_overlap(one: str, other: str, topic: str) -> None:
    desks = [
        Intake(MqttSettings(sources=(Source(name="s", filter=each, codec="geojson"),)), lambda: ROSTER)
        for each in (one, other)
    ]
    for desk in desks:
        desk.read(topic, b"{}", AT_NS)

    both = all(desk.statistics().get("source_s_received") for desk in desks)
    assert not both or overlap(one, other)
    assert overlap(one, other) == overlap(other, one)


# Datums

china = st.tuples(st.floats(18.0, 53.5), st.floats(73.7, 134.8))
elsewhere = st.tuples(st.floats(-90, 90), st.floats(-180, 180)).filter(
    lambda place: not datum.in_china(*place)
)


def apart_m(a: tuple[float, float], b: tuple[float, float]) -> float:
    return math.hypot((a[0] - b[0]) * 111_320, (a[1] - b[1]) * 111_320 * math.cos(math.radians(a[0])))


@pytest.mark.parametrize("crs", ["gcj02", "bd09"])
@given(place=china)
def test_in_and_out_and_out_and_in_lead_back_to_a_millimetre(crs: str, place: tuple[float, float]) -> None:
    out, back = datum.FROM_WGS84[crs], datum.WGS84_FROM[crs]

    assert apart_m(back(*out(*place)), place) < 1e-3
    assert apart_m(out(*back(*place)), place) < 1e-3
    assert 10 < apart_m(out(*place), place) < 2_500


@pytest.mark.parametrize("crs", ["gcj02", "bd09", "wgs84"])
@given(place=elsewhere)
def test_outside_china_nothing_moves(crs: str, place: tuple[float, float]) -> None:
    assert datum.FROM_WGS84[crs](*place) == place
    assert datum.WGS84_FROM[crs](*place) == place
