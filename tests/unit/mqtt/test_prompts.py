# SPDX-License-Identifier: Apache-2.0
"""Safety checks on their way to officers."""

import json

from core.effects import PromptUnit
from core.events import UnitCalled
from core.ids import CountyCode, IncidentId, OrderId, UnitId
from device_adapters.mqtt.codec import decode_event
from device_adapters.mqtt.prompts import Prompts, as_message

NOW_S = 1_700_000_000
U1, U2 = UnitId("u1"), UnitId("u2")


def prompt(number: int, unit_id: UnitId = U1, deadline: int = NOW_S + 30) -> PromptUnit:
    return PromptUnit(
        county=CountyCode("330302"),
        unit_id=unit_id,
        prompt=number,
        order_id=OrderId("o1"),
        incident_id=IncidentId("i1"),
        deadline=deadline,
        text="安全确认",
    )


def test_a_question_is_published_where_its_unit_listens_and_is_answered_by_an_event() -> None:
    message = as_message(prompt(17), NOW_S)

    assert message.topic == "g110/v1/330302/units/u1/prompts"
    assert json.loads(message.payload) == {
        "prompt": 17,
        "kind": "check_in",
        "order_id": "o1",
        "incident_id": "i1",
        "deadline": NOW_S + 30,
        "text": "安全确认",
    }
    assert (message.expiry_s, message.reply_to) == (30, "g110/v1/330302/units/u1/event")
    said = b'{"event": "check_in", "tst": 1700000001, "prompt": 17}'
    assert decode_event(said, U1, NOW_S * 10**9, 120) == (
        UnitCalled(at_ns=NOW_S * 10**9, unit_id=U1, event="check_in", tst=NOW_S + 1, prompt=17),
        None,
    )


def test_an_answer_with_a_clock_far_ahead_is_an_answer_all_the_same() -> None:
    fact, why = decode_event(b'{"event": "check_in", "tst": 1800000000, "prompt": 3}', U1, NOW_S * 10**9, 120)

    assert (fact.event, fact.tst, fact.prompt, why) == ("check_in", 0, 3, "future")


def test_while_the_line_is_down_the_newest_question_of_each_unit_waits() -> None:
    prompts = Prompts()
    for one in (prompt(1), prompt(2, U2), prompt(3)):
        prompts.put(one)

    left = []
    while (due := prompts.due(NOW_S)) is not None:
        left.append(due.prompt)
        prompts.left(due)

    assert (left, prompts.sent, len(prompts)) == ([2, 3], 2, 0)


def test_what_nobody_waits_for_any_more_is_not_asked() -> None:
    prompts = Prompts()
    prompts.put(prompt(1, deadline=NOW_S))
    prompts.put(prompt(2, U2))

    assert prompts.due(NOW_S) == prompt(2, U2)
    assert (prompts.expired, len(prompts)) == (1, 1)
