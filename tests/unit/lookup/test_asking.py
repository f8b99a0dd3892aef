# SPDX-License-Identifier: Apache-2.0
"""Whom we ask, what a location server may say, and when a service counts as away."""

import pytest

from device_adapters.lookup.breaker import Breaker
from device_adapters.lookup.held import NoPlaceError, asked_at, read_answer
from device_adapters.lookup.settings import LookupSettings, Origin, origin_of
from device_adapters.pidf import UnreadableLocationError
from tests.unit.adapters.test_shapes import POINT, document, said

LISTED = frozenset({Origin("https", "lis.example.com", 443), Origin("http", "192.0.2.20", 8080)})


@pytest.mark.parametrize(
    ("reference", "host", "target"),
    [
        ("https://lis.example.com/a/b?c=d#e", "lis.example.com", "/a/b?c=d"),
        ("HTTPS://LIS.example.com:443", "lis.example.com", "/"),
        ("http://192.0.2.20:8080/x", "192.0.2.20", "/x"),
    ],
)
def test_a_listed_server_is_asked(reference: str, host: str, target: str) -> None:
    asked = asked_at(reference, LISTED)

    assert asked is not None
    assert (asked[0].host, asked[1]) == (host, target)


@pytest.mark.parametrize(
    "reference",
    [
        "http://lis.example.com/",
        "https://lis.example.com:8443/",
        "https://lis.example.com.evil.example/",
        "https://lis.example.com@evil.example/",
        "https://evil.example/https://lis.example.com/",
        "https://user@lis.example.com/",
        "https://lis.example.com\\@evil.example/",
        "http://192.0.2.20/",
        "http://127.0.0.1:8080/",
        "http://[::1]/",
        "http://[::1",
        "http://x:99999/",
        "sip:loc@lis.example.com",
        "file:///etc/passwd",
        "https://lis.example.com/\r\nHost: evil.example",
        "https://lis.example.com/ x",
        "https:///a",
        "",
        "https://lis.example.com/" + "x" * 600,
    ],
)
def test_nobody_else_is_ever_asked(reference: str) -> None:
    assert asked_at(reference, LISTED) is None


def test_a_held_response_is_read() -> None:
    response = b'<locationResponse xmlns="urn:ietf:params:xml:ns:geopriv:held">%s</locationResponse>'

    place = read_answer(response % document(said(POINT, "2026-07-01T08:00:00Z")))

    assert place.location is not None
    assert (place.location.lat, place.location.source, place.location.at_ms) == (
        33.0,
        "held",
        1_782_892_800_000,
    )


@pytest.mark.parametrize(
    ("code", "told"), [("locationUnknown", "locationUnknown"), ("x y", "generalLisError")]
)
def test_a_server_that_knows_no_place_is_told_by_its_code(code: str, told: str) -> None:
    with pytest.raises(NoPlaceError, match=told):
        read_answer(f'<error xmlns="urn:ietf:params:xml:ns:geopriv:held" code="{code}"/>'.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"error",
        b"<error",
        b"<!DOCTYPE error><error code='timeout'/>",
        b"<html>error</html>",
        b"<error>" * 9_000,
    ],
)
def test_what_is_no_answer_is_no_place(data: bytes) -> None:
    with pytest.raises(UnreadableLocationError):
        read_answer(data)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"phone_url": "http://192.0.2.1/find"}, "must have {number} once"),
        ({"phone_url": "http://{number}.example/"}, "behind the host"),
        ({"phone_url": "ftp://192.0.2.1/{number}"}, "must be http://host:port"),
        ({"phone_url": "http://a:b@192.0.2.1/{number}"}, "no user"),
        ({"held_origins": ("https://lis.example.com/path",)}, "scheme, host and port alone"),
        ({"held_origins": ("lis.example.com",)}, "must be http://host:port"),
        ({"retry_s_min": 5.0, "retry_s_max": 1.0}, "retry_s_min"),
        ({"late_s": 1.0}, "late_s must not be below"),
        ({"keyfile": "k.pem"}, "keyfile without"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        LookupSettings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a", Origin("https", "a", 443)),
        ("HTTP://A:81/x", Origin("http", "a", 81)),
        ("http://[2001:db8::1]:8080", Origin("http", "2001:db8::1", 8080)),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: Origin) -> None:
    assert origin_of(url) == origin


def test_a_service_is_away_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(3, 1.0, 4.0)

    went = [
        breaker.failed(0.0),
        breaker.failed(0.0),
        breaker.answered(),
        breaker.failed(0.0),
        breaker.failed(0.0),
    ]

    assert (went, breaker.away) == ([False] * 5, False)
    assert breaker.failed(0.0)
    assert breaker.away


def test_one_that_is_away_gets_one_question_after_each_pause_and_pauses_double() -> None:
    breaker = Breaker(1, 1.0, 4.0)
    breaker.failed(0.0)

    asked = [at for at in range(200) if breaker.may_ask(at / 10)]

    assert asked == [10, 30, 70, 110, 150, 190]


def test_one_answer_and_it_is_back_with_the_shortest_pause_ahead() -> None:
    breaker = Breaker(1, 1.0, 4.0)
    breaker.failed(0.0)
    breaker.may_ask(1.0)

    assert breaker.answered()
    assert not breaker.answered()
    assert breaker.may_ask(1.0)
    assert breaker.failed(2.0)
    assert not breaker.may_ask(2.9)
    assert breaker.may_ask(3.0)


def test_failures_of_questions_asked_before_it_went_do_not_make_it_wait_longer() -> None:
    breaker = Breaker(1, 1.0, 64.0)

    told = [breaker.failed(0.0) for _ in range(64)]

    assert told.count(True) == 1
    assert breaker.may_ask(1.0)
