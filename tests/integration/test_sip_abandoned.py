# SPDX-License-Identifier: Apache-2.0
"""Who hangs up before a seat takes the call: told once, to be rung back, and not sent to the end of the line."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.house import House, house, until
from tests.integration.sip_hand import Hand, status

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("line")
    (folder / "gateway.toml").write_text("[dispatch]\nqueue_tell_s = 1\n")
    with house(folder, "--config", str(folder / "gateway.toml"), "--answer", "seats") as running:
        yield running


def hand(home: House, number: str) -> Hand:
    return Hand(home.gateway.sip_address, f"from-{number}")


def identity(number: str) -> str:
    return f"P-Asserted-Identity: <tel:+86{number}>"


def waiting(home: House, caller: Hand) -> dict[str, Any]:
    until(lambda: [made for made in home.of("call.waiting") if made["sip_call_id"] == caller.call_id])
    return [made for made in home.of("call.waiting") if made["sip_call_id"] == caller.call_id][-1]


def tasks(home: House, number: str) -> list[dict[str, Any]]:
    """Return every word about this caller's call-back."""
    return [made for made in home.of("callback.updated") if made["caller"] == f"+86{number}"]


def take(home: House, call_id: str) -> None:
    with home.redis() as seat:
        command = {
            "type": "call.take",
            "data": json.dumps({"call_id": call_id}),
            "by": "s1",
            "command_id": call_id,
        }
        seat.xadd("g110:{330302}:commands", command)


def test_a_hang_up_is_told_once_and_opens_a_call_back(home: House) -> None:
    number = "13800138001"
    with hand(home, number) as caller:
        caller.ring(identity(number))
        call = caller.give_up()

    until(lambda: tasks(home, number))
    assert home.call_ids("call.abandoned")[call] == 1
    left = [made for made in home.of("call.abandoned") if made["sip_call_id"] == call]
    assert len(left) == 1
    task = tasks(home, number)[-1]
    assert (task["state"], task["rings"], task["call_ids"]) == ("open", 1, [left[0]["call_id"]])


def test_who_rings_again_has_the_place_of_the_first_ring_and_talking_settles_the_call_back(
    home: House,
) -> None:
    number, others = "13800138002", "13800138003"
    with hand(home, number) as first, hand(home, others) as other, hand(home, number) as again:
        first.ring(identity(number))
        given_up = waiting(home, first)
        first.give_up()
        until(lambda: tasks(home, number))
        other.ring(identity(others))
        behind = waiting(home, other)

        again.ring(identity(number))
        restored = waiting(home, again)

        assert restored["restored_from"] == given_up["call_id"]
        assert restored["waiting_since_us"] < behind["waiting_since_us"]
        assert restored["urgency_ms"] < behind["urgency_ms"]
        take(home, restored["call_id"])
        again.wait(200)
        again.say("ACK", 1)
        until(lambda: tasks(home, number)[-1]["state"] == "reached")
        again.say("BYE", 2)
        again.wait(200, "BYE")
        other.give_up()

    assert [task["state"] for task in tasks(home, number)] == ["open", "returned", "reached"]


def test_a_caller_in_line_is_told_the_place_and_told_again_when_it_changes(home: House) -> None:
    with hand(home, "13800138004") as first, hand(home, "13800138005") as second:
        first.ring(identity("13800138004"))
        waiting(home, first)
        second.ring(identity("13800138005"))

        place = second.last(182)
        first.give_up()
        moved = second.wait(182)
        second.give_up()

    assert place.startswith(b"SIP/2.0 182 Queued; position 2\r\n")
    assert moved.startswith(b"SIP/2.0 182 Queued; position 1\r\n")
    assert status(second.heard[-1]) == 487
