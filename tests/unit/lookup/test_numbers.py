# SPDX-License-Identifier: Apache-2.0
"""The three fields: one number however it is spelt, a line, an answer."""

import json

import pytest

from device_adapters.datum import gcj02_from_wgs84
from device_adapters.lookup import numbers
from device_adapters.lookup.numbers import Subscriber, UnreadableAnswerError, read_answer, spelt
from device_adapters.lookup.table import BadLineError


@pytest.mark.parametrize(
    ("number", "dialled"),
    [
        ("+8613800138000", "13800138000"),
        ("008613800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("013800138000", "13800138000"),
        ("138-0013-8000", "13800138000"),
        ("+86 577 8888 0000", "057788880000"),
        ("+86057788880000", "057788880000"),
        ("0577-88880000", "057788880000"),
        ("88880000", "057788880000"),
        ("01082600000", "01082600000"),
        ("+861082600000", "01082600000"),
        ("10086", "10086"),
        ("+85221234567", "0085221234567"),
        ("+1 (202) 555-0100", "0012025550100"),
        ("", ""),
        ("+", ""),
        ("11", ""),
        ("alice", ""),
        ("１３８００１３８０００", ""),
        ("²²²²", ""),
        ("9" * 19, ""),
    ],
)
def test_one_number_is_spelt_one_way(number: str, dialled: str) -> None:
    assert spelt(number, "0577") == dialled


def test_zeros_at_the_beginning_make_another_number() -> None:
    assert len({numbers.number_key(number) for number in ("577", "0577", "00577")}) == 3
    assert numbers.number_key("9" * numbers.DIGITS_MAX) < 2**63


def test_a_line_is_read() -> None:
    row = numbers.row_of(
        {
            "number": " 0577-88880000",
            "name": " 王 小明 ",
            "address": "府学巷\t2号",
            "lat": "28",
            "lon": "120.5",
        },
        "0577",
    )

    assert row == (1057788880000, "王 小明", "府学巷 2号", 28.0, 120.5, 0.0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"number": "", "name": "x"}, "no number"),
        ({"number": "x", "name": "x"}, "no number"),
        ({"number": "88880000"}, "nothing but a number"),
        ({"number": "88880000", "name": "x", "lat": "28"}, "lon is no number"),
        ({"number": "88880000", "lat": "north", "lon": "1"}, "lat is no number"),
        ({"number": "88880000", "lat": "nan", "lon": "1"}, "lat is no number"),
        ({"number": "88880000", "lat": "91", "lon": "1"}, "no place on Earth"),
        ({"number": "88880000", "lat": "0", "lon": "0"}, "no place on Earth"),
        ({"number": "88880000", "lat": "1", "lon": "1", "uncertainty_m": "-1"}, "uncertainty_m out of range"),
        ({"number": "88880000", "name": "\ufffd"}, "neither UTF-8 nor GBK"),
    ],
)
def test_a_line_of_no_use_is_named(line: dict[str, str], reason: str) -> None:
    with pytest.raises(BadLineError, match=reason):
        numbers.row_of(line, "")


def test_what_is_asked_carries_the_number_alone() -> None:
    assert numbers.target("/find?n={number}&x=1", "0577/ &") == "/find?n=0577%2F%20%26&x=1"


def answer(**said: object) -> bytes:
    return json.dumps(said).encode()


def test_an_answer_is_read() -> None:
    found = read_answer(
        answer(name=" 王小明 ", address="府学巷2号", lat="51.5", lon=-0.1, other=[1], uncertainty_m=30),
        "gcj02",
    )

    assert found is not None
    assert found[:2] == ("王小明", "府学巷2号")
    assert found.location is not None
    assert (found.location.lat, found.location.lon, found.location.uncertainty_m) == (51.5, -0.1, 30.0)
    assert (found.location.source, found.location.datum, found.location.address) == (
        "lookup",
        "gcj02",
        "府学巷2号",
    )


@pytest.mark.parametrize(("crs", "datum"), [(None, "gcj02"), ("GCJ02", "wgs84")])
def test_an_answer_s_coordinates_become_true_ones(crs: str | None, datum: str) -> None:
    lat, lon = gcj02_from_wgs84(28.0, 120.7)

    found = read_answer(answer(lat=lat, lon=lon, crs=crs), datum)

    assert found is not None
    assert found.location is not None
    assert (found.location.lat, found.location.lon) == pytest.approx((28.0, 120.7), abs=1e-8)
    assert found.location.datum == "gcj02"


@pytest.mark.parametrize("said", [{}, {"name": "", "address": " "}, {"name": None, "lat": 1.0}])
def test_an_answer_that_says_nothing_is_nobody(said: dict[str, object]) -> None:
    assert read_answer(answer(**said), "wgs84") is None


@pytest.mark.parametrize("uncertainty_m", [-1, "inf", "nan", 1e9])
def test_an_absurd_uncertainty_is_none(uncertainty_m: object) -> None:
    found = read_answer(answer(lat=1, lon=1, uncertainty_m=uncertainty_m), "wgs84")

    assert isinstance(found, Subscriber)
    assert found.location is not None
    assert found.location.uncertainty_m == 0.0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"name": "\xff"}',
        b'{"name": 1',
        b"[" * 60_000,
        b'{"x":' * 20_000,
        answer(name=[1]),
        answer(name="x", lat="north", lon=1),
        answer(name="x", lat=91, lon=1),
        answer(name="x", lat=0, lon=0),
        answer(name="x", lat="nan", lon="nan"),
        answer(name="x", lat=1, lon=1, crs="epsg:3857"),
    ],
)
def test_what_is_no_answer_is_told(data: bytes) -> None:
    with pytest.raises(UnreadableAnswerError):
        read_answer(data, "wgs84")
