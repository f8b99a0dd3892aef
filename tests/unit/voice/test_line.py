# SPDX-License-Identifier: Apache-2.0
"""One caller's line: where it speaks to, whom it hears, when it is silent."""

import struct
from collections import Counter
from itertools import count

import msgspec
import pytest

from core.ids import Leg
from device_adapters import prompts
from device_adapters.g711 import FRAME, QUIET, Law, encoded
from device_adapters.prompts import tone
from device_adapters.voice.line import Line, frames_of
from device_adapters.voice.rtp import Stream
from device_adapters.voices import Side

SIDE = Side(host="192.0.2.9", port=20_000, law="PCMA", number=8, keys=101)
THERE = ("192.0.2.9", 20_000)
TONE = prompts.announcement("")
LOUD = encoded(tone(700, 0.02), "PCMA")
sequence = count()


def line(side: Side = SIDE) -> Line:
    return Line(Leg("leg"), side, Stream(1, 65_530, 2**32 - 200), 0.0)


def rtp(payload: bytes = LOUD, kind: int = 8, timestamp: int = 0) -> bytes:
    return struct.pack(">BBHII", 0x80, kind, next(sequence) & 0xFFFF, timestamp, 7) + payload


def hear(ours: Line, came_from: tuple[str, int] = THERE, now: float = 1.0, data: bytes = b"") -> Counter[str]:
    counters: Counter[str] = Counter()
    ours.hear(data or rtp(), came_from, now, counters)
    return counters


@pytest.mark.parametrize(("law", "number"), [("PCMA", 8), ("PCMU", 0), ("PCMA", 97)])
def test_the_announcement_is_said_in_the_law_agreed_on_and_quiet_follows(law: Law, number: int) -> None:
    ours = line(msgspec.structs.replace(SIDE, law=law, number=number))
    frames = TONE.frames[law]

    said = [ours.say(TONE, 60) for _ in range(61)]

    assert [packet[12:] for packet in said] == [*frames, *[QUIET[law]] * 10, frames[0]]
    assert {packet[1] & 0x7F for packet in said} == {number}


def test_an_announcement_that_is_said_once_is_followed_by_quiet_for_ever() -> None:
    ours = line()
    said = [ours.say(TONE, 0)[12:] for _ in range(200)]

    assert said[len(TONE.frames["PCMA"]) :] == [QUIET["PCMA"]] * 150


def test_a_question_goes_first_and_asked_twice_is_asked_once() -> None:
    ours = line()
    question = [b"a" * FRAME, b"b" * FRAME]
    ours.ask(question)
    ours.ask(question)

    assert [ours.say(TONE, 0)[12:] for _ in range(3)] == [*question, TONE.frames["PCMA"][0]]


def test_nothing_is_said_to_who_holds_us_and_time_goes_on() -> None:
    ours = line()
    first = ours.say(TONE, 0)
    ours.change(msgspec.structs.replace(SIDE, hears=False), 1.0)
    assert [ours.say(TONE, 0) for _ in range(3)] == [b"", b"", b""]
    ours.change(SIDE, 2.0)

    then = ours.say(TONE, 0)
    assert struct.unpack(">HI", then[2:8])[0] == struct.unpack(">HI", first[2:8])[0] + 1
    assert (struct.unpack(">HI", then[2:8])[1] - struct.unpack(">HI", first[2:8])[1]) % 2**32 == 4 * FRAME
    assert then[1] & 0x80


@pytest.mark.parametrize("host", ["", "caller.example", "0.0.0.0", "239.0.0.1", "2001:db8::1"])
def test_where_nobody_can_be_nothing_is_sent_until_somebody_is_heard(host: str) -> None:
    ours = line(msgspec.structs.replace(SIDE, host=host))
    assert ours.say(TONE, 0) == b""

    hear(ours, ("198.51.100.7", 4000))

    assert ours.far == ("198.51.100.7", 4000)
    assert ours.say(TONE, 0)


def test_who_is_behind_a_translation_is_spoken_to_where_heard_from() -> None:
    ours = line()
    hear(ours, ("192.0.2.9", 61_000))

    assert ours.far == ("192.0.2.9", 61_000)


def test_another_host_is_heard_only_until_the_caller_is() -> None:
    ours = line()
    assert hear(ours, ("198.51.100.7", 4000))["rtp_heard"]
    assert hear(ours, ("198.51.100.8", 4000))["rtp_strangers"]
    assert hear(ours, THERE)["rtp_heard"]

    assert hear(ours, ("198.51.100.7", 4000)) == {"rtp_strangers": 1}
    assert hear(ours, ("192.0.2.9", 5)) == {"rtp_strangers": 1}, "another caller of the same carrier"
    assert ours.far == THERE


def test_a_translation_that_drew_another_port_is_followed_after_a_silence() -> None:
    ours = line()
    hear(ours, ("192.0.2.9", 61_000), now=1.0)

    assert hear(ours, ("192.0.2.9", 61_002), now=2.0) == {"rtp_strangers": 1}
    assert hear(ours, ("192.0.2.9", 61_002), now=4.0) == {"rtp_heard": 1}


def test_another_telephone_is_spoken_to_where_it_said() -> None:
    ours = line()
    hear(ours)
    ours.change(msgspec.structs.replace(SIDE, host="192.0.2.10", port=7000), 2.0)

    assert ours.far == ("192.0.2.10", 7000)
    assert hear(ours, ("192.0.2.10", 7000)) == {"rtp_heard": 1}


def test_behind_both_families_an_ipv4_caller_is_known_as_the_socket_shows_it() -> None:
    ours = Line(Leg("leg"), SIDE, Stream(1, 2, 3), 0.0, v6=True)

    assert ours.far == ("::ffff:192.0.2.9", 20_000)
    assert hear(ours, ("::ffff:192.0.2.9", 20_000)) == {"rtp_heard": 1}


def test_a_key_counts_as_somebody_and_is_told_once() -> None:
    ours, counters = line(), Counter[str]()
    key = struct.pack(">BBH", 4, 10, 160)

    told = [ours.hear(rtp(key, 101, timestamp=50), THERE, 1.0, counters) for _ in range(5)]

    assert told == ["4", "", "", "", ""]
    assert ours.silence(99.0, 10, 0) == ""


def test_a_key_under_a_number_that_was_not_agreed_on_is_none() -> None:
    assert hear(line(), data=rtp(b"\x01\x0a\x00\xa0", 96)) == {"rtp_other": 1}


def test_who_is_not_heard_is_silent_once() -> None:
    ours = line()
    for n in range(100):
        hear(ours, now=n / 50, data=rtp(QUIET["PCMA"]))

    assert [ours.silence(now, 10, 0) for now in (9.9, 10.0, 20.0)] == ["", "silent", ""]


def test_who_spoke_and_is_heard_no_more_is_told_of_once() -> None:
    ours = line()
    for n in range(5):
        hear(ours, now=n / 50)

    assert [ours.silence(now, 10, 30) for now in (29.0, 31.0, 99.0)] == ["", "dead", ""]


def test_who_holds_us_without_a_word_is_not_missed() -> None:
    ours = line()
    for n in range(5):
        hear(ours, now=n / 50)
    ours.change(msgspec.structs.replace(SIDE, hears=False, speaks=False), 1.0)
    assert ours.silence(500.0, 10, 30) == ""
    ours.change(SIDE, 500.0)

    assert [ours.silence(now, 10, 30) for now in (520.0, 530.0)] == ["", "dead"]


def test_never_is_never() -> None:
    assert line().silence(1e6, 0, 0) == ""


def test_comfort_noise_is_a_sign_of_life() -> None:
    ours = line()
    for n in range(5):
        hear(ours, now=n / 50)
    hear(ours, now=25.0, data=rtp(b"\x40", 13))

    assert ours.silence(31.0, 10, 30) == ""


@pytest.mark.parametrize("data", [b"x", b"\0" * 200, rtp(kind=18)])
def test_what_cannot_be_heard_is_counted_and_moves_nobody(data: bytes) -> None:
    ours = line()
    counted = hear(ours, ("198.51.100.7", 1), data=data)

    assert sum(counted.values()) == 1
    assert ours.far == THERE


def test_a_second_has_fifty_frames() -> None:
    assert frames_of(1.0) == 50
