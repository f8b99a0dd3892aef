# SPDX-License-Identifier: Apache-2.0
"""What a waiting caller is told, and what a caller may tell by keys and by INFO."""

import pytest

from core.ids import Leg
from device_adapters.sip.events import Abandoned, Ended, Keyed
from device_adapters.sip.settings import SipSettings
from device_adapters.sip.trace import read_trace
from tests.unit.sip.peer import Peer, endpoint, events, ringing, run_to, talking

RELAY = "application/dtmf-relay"


def first_line(peer: Peer) -> bytes:
    return peer.sent[0][0].split(b"\r\n", 1)[0]


def test_a_queued_caller_hears_the_place_in_the_line_and_again_each_minute() -> None:
    sip = endpoint()
    caller = Peer(sip)
    caller.invite()

    sip.queue(Leg("leg0"), 4, 0.0)

    assert caller.heard() == [182]
    assert first_line(caller) == b"SIP/2.0 182 Queued; position 4"
    assert run_to(sip, 130.0) == [(60.0, "182"), (120.0, "182")]


def test_the_last_word_is_the_one_repeated() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    sip.queue(leg, 2, 10.0)
    sip.queue(leg, 1, 20.0)
    assert caller.heard() == [182, 182]

    assert run_to(sip, 80.0) == [(80.0, "182")]
    sip.ring(leg, 90.0)

    assert caller.heard() == [180]
    assert run_to(sip, 150.0) == [(150.0, "180")]


def test_a_queued_caller_is_answered_or_leaves_like_any_other() -> None:
    sip = endpoint()
    for name, leg in (("a", "leg0"), ("b", "leg1")):
        Peer(sip, name).invite()
        sip.queue(Leg(leg), 1, 0.0)
    sip.datagrams_to_send(0.0)

    sip.answer(Leg("leg0"), 1.0)
    left = Peer(sip, "b").cancel(1.0)

    assert left == [200, 200, 487]


def test_nobody_is_queued_after_the_answer() -> None:
    sip = endpoint()
    caller, leg = talking(sip)

    sip.queue(leg, 1, 1.0)
    sip.queue(Leg("never"), 1, 1.0)

    assert caller.heard() == []
    assert sip.statistics()["commands_late"] == 2


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        (RELAY, "Signal=5\r\nDuration=160\r\n", "5"),
        (RELAY, "signal = *\nDuration=160", "*"),
        (RELAY, "Duration=160\r\nSignal=#", "#"),
        (RELAY, "Signal=a", "A"),
        (RELAY, "Signal=11", "#"),
        (f"{RELAY};charset=x", "Signal=0", "0"),
        ("application/dtmf", "7", "7"),
        ("Application/DTMF", " 7\r\n", "7"),
    ],
)
def test_a_key_is_told_and_confirmed(kind: str, body: str, key: str) -> None:
    sip = endpoint()
    caller, leg = talking(sip)

    assert caller.within("INFO", 2, 3.0, body=body, kind=kind) == [200]

    assert events(sip) == [Keyed(leg=leg, sip_call_id="call-a", at=3.0, key=key)]


@pytest.mark.parametrize("body", ["Signal=", "Signal=55", "Duration=1", "Signal=!", "5" * 300])
def test_a_key_nobody_can_read_is_confirmed_and_counted(body: str) -> None:
    sip = endpoint()
    caller, _ = talking(sip)

    assert caller.within("INFO", 2, body=body, kind=RELAY) == [200]

    assert events(sip) == []
    assert sip.statistics()["anomaly_key_unreadable"] == 1


def test_a_key_repeated_by_the_network_is_told_once() -> None:
    sip = endpoint()
    caller, _ = talking(sip)
    for now in (1.0, 1.5):
        assert caller.within("INFO", 2, now, body="Signal=1", kind=RELAY) == [200]

    assert len(events(sip)) == 1


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/mixed;boundary=x", 200),
        ("application/EmergencyCallData.eCall.MSD", 200),
        ("application/vnd.3gpp.ussd+xml", 200),
        ("application/octet-stream", 415),
    ],
)
def test_info_of_another_kind_is_let_pass_or_refused(kind: str, status: int) -> None:
    sip = endpoint()
    caller, _ = talking(sip)

    assert caller.within("INFO", 2, body="x", kind=kind) == [status]
    assert caller.within("INFO", 3) == [200]


def test_the_end_of_a_leg_brings_what_was_heard_and_said() -> None:
    sip = endpoint()
    caller, leg = ringing(sip)
    sip.answer(leg, 1.0)
    caller.heard()
    caller.ack(1.5)
    caller.bye(2.5)

    *_, ended = iter(sip.next_event, None)

    assert isinstance(ended, Ended)
    lines = read_trace(ended.trace)
    words = [line.text.split(b" ", 2)[1 if line.text.startswith(b"SIP") else 0].decode() for line in lines]
    assert words == ["INVITE", "100", "180", "200", "ACK", "BYE", "200"]
    assert [line.heard for line in lines] == [True, False, False, False, True, True, False]
    assert [line.at_ms for line in lines] == [0, 0, 0, 1000, 1500, 2500, 2500]


def test_what_comes_after_a_leg_s_end_begins_no_new_trace() -> None:
    sip = endpoint(SipSettings(calls_max=1))
    caller, leg = talking(sip)
    sip.hang_up(leg, 1.0)
    caller.heard()
    other = Peer(sip, "b")
    caller.reply(caller.last[0], 200, 1.1)  # type: ignore[arg-type]
    other.invite(2.0)
    other.cancel(2.0)

    caller.ack(3.0)
    caller.within("INFO", 9, 3.0)
    run_to(sip, 100.0)

    assert len(sip._station.traces) == 0


def test_without_a_trace_setting_nothing_is_kept() -> None:
    sip = endpoint(SipSettings(trace_messages=0))
    caller, _ = ringing(sip)
    caller.cancel(1.0)

    *_, left = iter(sip.next_event, None)

    assert isinstance(left, Abandoned)
    assert left.trace == b""
