# SPDX-License-Identifier: Apache-2.0
"""What is held has an end: calls at once and in a second, repetitions, memory, settings that cannot work."""

import re
from typing import Any

import msgspec
import pytest

from device_adapters.pyvoip.again import GIVE_UP_S, REMEMBERED_MAX, Again, Memory
from device_adapters.pyvoip.room import Room
from device_adapters.pyvoip.settings import PyvoipSettings

PBX = ("192.0.2.1", 5060)


def test_a_second_brings_its_calls_and_the_next_second_as_many() -> None:
    room = Room(calls_max=100, calls_per_s=20)

    first = [room.refusal(held=n, now=10.0) for n in range(25)]
    later = [room.refusal(held=20 + n, now=11.0) for n in range(25)]

    assert first == [""] * 20 + ["refused_rate"] * 5
    assert later == first


def test_a_full_house_refuses_and_takes_again_as_soon_as_one_leaves() -> None:
    room = Room(calls_max=3, calls_per_s=20)

    assert [room.refusal(held=n, now=1.0) for n in (0, 1, 2, 3)] == ["", "", "", "refused_full"]
    assert room.refusal(held=2, now=1.0) == ""


def test_what_nobody_confirms_is_said_ever_later_and_given_up() -> None:
    again, said = Again(), []
    again.said("200", (b"x", PBX), now=0.0)

    for tenth in range(400):
        said += [tenth / 10 for _ in again.due(tenth / 10)]

    assert said[:6] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5]
    assert said[-1] < GIVE_UP_S
    assert again.given_up(GIVE_UP_S - 0.1) == []
    assert again.given_up(GIVE_UP_S) == ["200"]
    assert len(again) == 0


def test_what_is_confirmed_is_not_said_again() -> None:
    again = Again()
    again.said("200", (b"x", PBX), now=0.0)

    assert again.settle("200")
    assert not again.settle("200")
    assert list(again.due(5.0)) == []


def test_an_answer_is_remembered_as_long_as_it_may_be_asked_for() -> None:
    memory = Memory()
    memory.keep("a", (b"180", PBX), now=0.0)
    memory.keep("b", (b"486", PBX), now=1.0)
    memory.keep("a", (b"200", PBX), now=20.0)

    memory.forget(now=33.0)

    assert (memory.answer("a"), memory.answer("b")) == ((b"200", PBX), None)


def test_the_memory_is_bounded() -> None:
    memory = Memory()
    for n in range(REMEMBERED_MAX + 10):
        memory.keep(n, (b"", PBX), now=0.0)

    assert len(memory) == REMEMBERED_MAX
    assert memory.answer(9) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"server": "udp:pbx"}, "pyvoip.server must be HOST or HOST:PORT"),
        ({"server": "pbx:0"}, "pyvoip.server must be HOST or HOST:PORT"),
        ({"server": "pbx:70000"}, "pyvoip.server must be HOST or HOST:PORT"),
        ({"username": "1 1"}, "pyvoip.username"),
        ({"name": ""}, "pyvoip.name"),
        ({"county": "3303"}, "pyvoip.county must be six digits"),
        ({"rtp_port_max": 41_050}, "must hold a port for each of calls_max"),
        ({"heartbeat_s": 6.0}, "pyvoip.heartbeat_s must be below"),
        ({"restart_s_min": 20.0}, "pyvoip.restart_s_min"),
        ({"calls_max": 101}, "<= 100"),
        ({"calls_per_s": 21}, "<= 20"),
    ],
)
def test_what_cannot_work_is_told_by_name(given: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=re.escape(said)):
        msgspec.convert(given, PyvoipSettings)


def test_the_port_may_be_left_out() -> None:
    plain, other = PyvoipSettings(server="pbx.example"), PyvoipSettings(server="192.0.2.1:5080")

    assert (plain.server_host, plain.server_port) == ("pbx.example", 5060)
    assert (other.server_host, other.server_port) == ("192.0.2.1", 5080)
