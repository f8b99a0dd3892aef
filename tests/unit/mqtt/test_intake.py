# SPDX-License-Identifier: Apache-2.0
"""Messages sorted: facts, fixes, refusals; what the operator may write in [mqtt]."""

import msgspec
import pytest
from structlog.testing import capture_logs

from core.events import JunctionReported, UnitCalled, UnitReported
from core.ids import CountyCode, UnitId
from device_adapters.fixes.desk import RECORD
from device_adapters.fixes.settings import FixSettings
from device_adapters.mqtt.intake import Intake
from device_adapters.mqtt.settings import MqttSettings

AT_NS = 1_700_000_000_000_000_000
FIX = b'{"lat":28.0,"lon":120.7,"tst":1700000000}'
ROSTER = {UnitId("u1"): (0, CountyCode("330302")), UnitId("u2"): (1, CountyCode("330303"))}
POSITION = "g110/v1/330302/units/u1/position"


def intake() -> Intake:
    return Intake(MqttSettings(), lambda: ROSTER)


def test_a_position_waits_for_the_tick() -> None:
    desk = intake()

    assert desk.read(POSITION, FIX, AT_NS) == ()
    moved = desk.tick(AT_NS + 1)

    assert moved is not None
    assert (moved.n, len(moved.data), moved.at_ns) == (1, 20, AT_NS + 1)
    assert desk.tick(AT_NS + 2) is None


def test_an_event_is_a_fact_at_once() -> None:
    (fact,) = intake().read("g110/v1/330302/units/u1/status", b'{"status":"available"}', AT_NS)

    assert isinstance(fact, UnitReported)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("g110/v1/330302/units/u1/orders", FIX, "bad_topic"),
        (POSITION, b" " * 8_193, "too_large"),
        ("g110/v1/330302/units/u9/position", FIX, "unknown_unit"),
        ("g110/v1/330302/units/u2/position", FIX, "wrong_county"),
        (POSITION, b"{", "unreadable"),
    ],
)
def test_a_refusal_is_counted_by_reason(topic: str, payload: bytes, reason: str) -> None:
    desk = intake()

    assert desk.read(topic, payload, AT_NS) == ()
    assert desk.statistics()[f"rejected_{reason}"] == 1
    assert desk.tick(AT_NS) is None


def test_late_and_duplicate_fixes_are_counted_and_not_shown() -> None:
    desk = intake()
    desk.read(POSITION, FIX, AT_NS)
    desk.tick(AT_NS)

    desk.read(POSITION, FIX, AT_NS)
    desk.read(POSITION, b'{"lat":28.0,"lon":120.7,"tst":1699999999}', AT_NS)

    assert desk.tick(AT_NS) is None
    figures = desk.statistics()
    assert (figures["received_position"], figures["duplicate"], figures["late"]) == (3, 1, 1)


def test_an_emergency_with_a_broken_field_is_mended_and_counted() -> None:
    desk = intake()

    (fact,) = desk.read("g110/v1/330302/units/u1/event", b'{"event":"emergency","lat":"?"}', AT_NS)

    assert isinstance(fact, UnitCalled)
    assert desk.statistics()["mended"] == 1


def test_a_refusal_is_logged_once_for_each_unit_and_change_and_without_the_payload() -> None:
    desk = intake()
    with capture_logs() as logs:
        for payload in (b"{", b"{", b'{"lat":0,"lon":0,"tst":1}', b"{"):
            desk.read(POSITION, payload, AT_NS)

    assert [(entry["unit_id"], entry["reason"]) for entry in logs] == [
        ("u1", "unreadable"),
        ("u1", "null_island"),
        ("u1", "unreadable"),
    ]
    assert {key for entry in logs for key in entry} == {"unit_id", "reason", "event", "log_level"}


def test_a_unit_enrolled_later_is_heard_from_then_on() -> None:
    roster: dict[UnitId, tuple[int, CountyCode]] = {}
    desk = Intake(MqttSettings(), lambda: roster)
    desk.read(POSITION, FIX, AT_NS)

    roster[UnitId("u1")] = (0, CountyCode("330302"))
    desk.read(POSITION, FIX, AT_NS)

    moved = desk.tick(AT_NS)
    assert moved is not None
    assert desk.statistics()["rejected_unknown_unit"] == 1


def test_settings_name_host_and_port() -> None:
    plain, secret = MqttSettings(url="mqtt://broker"), MqttSettings(url="mqtts://10.0.0.1:9999")

    assert (plain.host, plain.port, plain.tls) == ("broker", 1883, False)
    assert (secret.host, secret.port, secret.tls) == ("10.0.0.1", 9999, True)


@pytest.mark.parametrize(
    "table",
    [
        {"url": "http://broker"},
        {"url": "mqtt://"},
        {"url": "mqtt://me:secret@broker"},
        {"url": "http://me:secret@broker"},
        {"url": "mqtt://broker:99999"},
        {"url": "mqtt://broker:0"},
        {"url": "mqtt://broker:port"},
        {"url": "mqtt://[::1"},
        {"keepalive_s": 65_536},
        {"session_expiry_s": 2**32},
        {"tick_ms": 0},
        {"receive_max": 70_000},
        {"reconnect_s_min": 3.0, "reconnect_s_max": 1.0},
        {"protocol": "3.1"},
        {"keepalive": 3},
    ],
)
def test_settings_that_cannot_work_are_refused_at_start(table: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError, match=next(iter(table))) as refused:
        msgspec.convert(table, MqttSettings)

    assert "secret" not in str(refused.value)


TRAFFIC = "g110/v1/330302/junctions/J-17/traffic"


def test_a_junctions_delay_is_a_fact_in_wgs84() -> None:
    (fact,) = intake().read(TRAFFIC, b'{"lat":28.0,"lon":120.7,"delay_s":45.4,"tst":1699999990}', AT_NS)

    assert fact == JunctionReported(
        at_ns=AT_NS,
        lat=28.0,
        lon=120.7,
        delay_s=45,
        junction="J-17",
        county=CountyCode("330302"),
        tst=1_699_999_990,
    )


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"lat":28.0,"lon":120.7,"delay_s":-1}', "out_of_range"),
        (b'{"lat":28.0,"lon":120.7,"delay_s":3601}', "out_of_range"),
        (b'{"lat":28.0,"lon":120.7}', "unreadable"),
        (b'{"lat":28.0,"lon":120.7,"delay_s":NaN}', "not_finite"),
        (b'{"lat":280.0,"lon":120.7,"delay_s":5}', "out_of_range"),
        (b'{"lat":28.0,"lon":120.7,"delay_s":5,"tst":1700000500}', "future"),
        (b" " * 8_193, "too_large"),
    ],
)
def test_a_junctions_nonsense_is_refused_by_name(payload: bytes, reason: str) -> None:
    desk = intake()

    assert desk.read(TRAFFIC, payload, AT_NS) == ()
    assert desk.statistics()[f"rejected_{reason}"] == 1


def test_a_junction_that_talks_too_much_is_heard_every_thirty_seconds() -> None:
    desk, said = intake(), b'{"lat":28.0,"lon":120.7,"delay_s":45}'

    heard = [desk.read(TRAFFIC, said, AT_NS + second * 1_000_000_000) for second in (0, 5, 29, 30, 31)]

    assert [len(facts) == 1 for facts in heard] == [True, False, False, True, False]
    assert desk.read(TRAFFIC.replace("17", "18"), said, AT_NS) != ()
    assert desk.statistics()["rejected_too_often"] == 3


def test_a_clock_that_is_steadily_ahead_is_corrected_where_that_is_asked_for() -> None:
    desk = Intake(
        MqttSettings(fixes=FixSettings(correct_clocks=True)),
        lambda: {UnitId("u1"): (4, CountyCode("330302"))},
    )

    for second in range(0, 600, 10):
        payload = b'{"lat":28.0,"lon":120.7,"tst":%d}' % (1_700_000_000 + second + 900)
        desk.read(POSITION, payload, AT_NS + second * 1_000_000_000)
    moved = desk.tick(AT_NS)

    assert desk.statistics()["rejected_future"] > 0
    assert moved is not None
    assert next(RECORD.iter_unpack(moved.data))[3] == 1_700_000_590


def test_the_place_of_a_cry_for_help_is_never_gated() -> None:
    desk = intake()
    for second in range(5):
        desk.read(POSITION, b'{"lat":28.0,"lon":120.7,"tst":%d}' % (1_700_000_000 + second), AT_NS)

    (fact,) = desk.read(
        "g110/v1/330302/units/u1/event",
        b'{"event":"emergency","lat":39.9,"lon":116.4,"tst":1700000009}',
        AT_NS,
    )

    assert isinstance(fact, UnitCalled)
    assert (fact.lat, fact.lon) == (39.9, 116.4)


def test_a_jump_is_counted_and_not_shown() -> None:
    desk = intake()
    for second, lat in enumerate((28.0, 28.0001, 28.0002, 29.0)):
        desk.read(POSITION, b'{"lat":%f,"lon":120.7,"tst":%d}' % (lat, 1_700_000_000 + second), AT_NS)
    moved = desk.tick(AT_NS)

    assert desk.statistics()["fixes_jumped"] == 1
    assert moved is not None
    assert next(RECORD.iter_unpack(moved.data))[1] == 280_002_000
