# SPDX-License-Identifier: Apache-2.0
"""Our own requests: how often they are said, and who hears what became of them."""

from collections import Counter
from itertools import pairwise

import pytest

from core.ids import Leg
from device_adapters.sip.events import Ended
from device_adapters.sip.layer import C_S, TransactionLayer
from device_adapters.sip.message import Request, Response, read_message
from device_adapters.sip.request import request
from device_adapters.sip.timers import Timers
from device_adapters.sip.transaction import CLIENT, REINVITE, Machine, Outcome, Purpose, Transaction
from tests.unit.sip.peer import THERE, Peer, endpoint, events, ringing, run_to, talking

ENDS = ("<sip:110@x>;tag=leg0", "<sip:1@x>;tag=f", "call-a")


class Asking:
    """A layer with one request out, and what its owner was told."""

    def __init__(self, machine: Machine, transport: str = "UDP") -> None:
        self.timers = Timers()
        self.layer = TransactionLayer(self.timers, 0.5, Counter(), transport)
        self.told: list[tuple[Purpose | None, str, Outcome]] = []
        self.layer.owner = self.owner
        method = "INVITE" if machine is REINVITE else "UPDATE"
        via = f"SIP/2.0/{transport} 192.0.2.110:5060;branch=z9hG4bKx"
        data = request(method, "sip:1@x", via, ["<sip:r;lr>"], ENDS, 7)
        self.asked = read_message(data)
        self.layer.ask(machine, ("z9hG4bKx", method), Purpose.REFRESH, Leg("leg0"), data, THERE, 0.0)
        self.sent()

    def owner(self, asked: Transaction, outcome: Outcome, response: Response | None, now: float) -> None:
        self.told.append((asked.purpose, asked.leg, outcome))

    def sent(self) -> list[str]:
        taken = [data.split(b" ", 1)[0].decode() for data, _ in self.layer.outgoing]
        self.layer.outgoing.clear()
        return taken

    def run_to(self, end: float) -> list[float]:
        """Return when something was sent."""
        times = []
        while (due := self.timers.next_due()) is not None and due <= end:
            timer, key = self.timers.pop_due(due) or pytest.fail("due and not due")
            self.layer.fire(timer, key, due)  # type: ignore[arg-type]
            times += [due] * len(self.sent())
        return times

    def hear(self, status: int, now: float) -> list[str]:
        text = f"SIP/2.0 {status} X\r\nVia: {self.asked.get('via')}\r\nTo: <sip:1@x>;tag=f\r\n"
        answer = read_message(f"{text}CSeq: {self.asked.get('cseq')}\r\n\r\n".encode())
        assert isinstance(answer, Response)
        self.layer.got(answer, now)
        return self.sent()


def test_a_reinvite_nobody_answers_is_said_seven_times_and_given_up_after_64_t1() -> None:
    asking = Asking(REINVITE)

    times = asking.run_to(100.0)

    assert times == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert asking.told == [(Purpose.REFRESH, "leg0", Outcome.TIMEOUT)]
    assert (len(asking.layer), len(asking.timers)) == (0, 0)


def test_an_update_nobody_answers_is_said_each_four_seconds_at_last() -> None:
    asking = Asking(CLIENT)

    times = asking.run_to(100.0)

    assert times[:4] == [0.5, 1.5, 3.5, 7.5]
    assert {later - sooner for sooner, later in pairwise(times[3:])} == {4.0}
    assert asking.told == [(Purpose.REFRESH, "leg0", Outcome.TIMEOUT)]
    assert (len(asking.layer), len(asking.timers)) == (0, 0)


def test_a_refused_reinvite_is_confirmed_by_the_transaction_each_time() -> None:
    asking = Asking(REINVITE)

    first, again = asking.hear(488, 0.1), asking.hear(488, 0.6)

    assert (first, again) == (["ACK"], ["ACK"])
    assert asking.told == [(Purpose.REFRESH, "leg0", Outcome.FINAL)]
    assert asking.run_to(100.0) == []
    assert (len(asking.layer), len(asking.timers)) == (0, 0)


def test_the_ack_of_a_refusal_goes_the_way_of_the_invite() -> None:
    asking = Asking(REINVITE)
    sent = asking.layer.outgoing

    text = f"SIP/2.0 491 X\r\nVia: {asking.asked.get('via')}\r\nTo: <sip:1@x>;tag=other\r\nCSeq: 7 INVITE\r\n\r\n"
    answer = read_message(text.encode())
    assert isinstance(answer, Response)
    asking.layer.got(answer, 0.1)

    ack = read_message(sent[0][0])
    assert isinstance(ack, Request)
    assert (ack.method, ack.uri, ack.cseq, ack.to_tag) == ("ACK", "sip:1@x", 7, "other")
    assert (ack.get("via"), ack.get("route")) == (asking.asked.get("via"), "<sip:r;lr>")
    assert sent[0][1] == THERE


def test_each_2xx_of_a_reinvite_reaches_its_owner_for_64_t1() -> None:
    asking = Asking(REINVITE)

    sent = [asking.hear(200, now) for now in (0.1, 0.6, 31.0)]
    late = asking.run_to(100.0), asking.hear(200, 100.0)

    assert sent == [[], [], []]
    assert [outcome for _, _, outcome in asking.told] == [Outcome.FINAL] * 3
    assert late == ([], [])


def test_a_reinvite_that_was_heard_waits_three_minutes_and_no_longer() -> None:
    asking = Asking(REINVITE)
    asking.hear(100, 0.1)

    assert asking.run_to(C_S) == []
    asking.run_to(C_S + 1)

    assert [outcome for _, _, outcome in asking.told] == [Outcome.PROVISIONAL, Outcome.UNREACHABLE]
    assert (len(asking.layer), len(asking.timers)) == (0, 0)


@pytest.mark.parametrize("machine", [CLIENT, REINVITE])
def test_over_a_connection_nothing_is_said_twice_and_nothing_lingers_after_a_refusal(
    machine: Machine,
) -> None:
    asking = Asking(machine, "TCP")

    assert asking.run_to(31.9) == []
    asking.hear(500, 31.9)

    assert (len(asking.layer), len(asking.timers)) == (0, 0)


@pytest.mark.parametrize("machine", [CLIENT, REINVITE])
@pytest.mark.parametrize("transport", ["UDP", "TLS"])
def test_a_connection_that_does_not_open_is_told_to_whoever_asked(machine: Machine, transport: str) -> None:
    asking = Asking(machine, transport)

    asking.layer.unreachable([(asking.asked.raw, ("192.0.2.99", 5060)), (b"another", THERE)], 1.0)
    assert asking.told == []
    asking.layer.unreachable([(asking.asked.raw, THERE)], 1.0)

    assert asking.told == [(Purpose.REFRESH, "leg0", Outcome.UNREACHABLE)]
    assert (len(asking.layer), len(asking.timers)) == (0, 0)


def test_an_answer_for_a_server_transaction_of_the_same_branch_is_nobodys() -> None:
    sip = endpoint()
    caller, _ = ringing(sip)

    caller.say(f"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP x;branch={caller.branch}\r\nCSeq: 1 INVITE\r\n\r\n")

    assert sip.statistics()["responses_unasked"] == 1


def test_a_leg_whose_bye_cannot_be_carried_is_let_go_at_once() -> None:
    sip = endpoint()
    caller, leg = talking(sip)
    sip.hang_up(leg, 1.0)
    caller.heard()

    sip.unreachable(caller.sent, 1.0)

    assert events(sip) == [Ended(leg=leg, sip_call_id="call-a", at=1.0, reason="hung_up")]
    held = sip.statistics()
    assert held["calls"] == 0
    run_to(sip, 100.0)
    assert sip.statistics()["transactions"] == 0


def test_over_tcp_answers_and_requests_go_back_by_the_connection_and_say_so() -> None:
    sip = endpoint(transport="TCP")
    caller = Peer(sip, addr=("192.0.2.9", 40_001))
    text = caller.text("INVITE").replace("SIP/2.0/UDP 192.0.2.9:40001", "SIP/2.0/TCP 192.0.2.9:5060")
    assert caller.say(text) == [100]
    sip.answer(Leg("leg0"), 0.0)
    assert caller.heard() == [200]
    assert caller.last[0].get("contact") == "<sip:110@192.0.2.110:5060;transport=tcp>"
    assert caller.sent[0][1] == caller.addr
    caller.addr = ("192.0.2.9", 40_002)
    caller.ack()

    sip.hang_up(Leg("leg0"), 1.0)

    caller.heard(1.0)
    assert caller.sent[0][1] == ("192.0.2.9", 40_002)
    assert caller.last[0].get("via").startswith("SIP/2.0/TCP 192.0.2.110:5060;branch=z9hG4bK")
    assert run_to(sip, 30.0) == []


def test_over_tcp_the_answer_is_still_repeated_for_the_hops_behind_it() -> None:
    """RFC 3261 13.3.1.4: the 200 of an INVITE is repeated whatever the transport."""
    sip = endpoint(transport="TCP")
    _, leg = ringing(sip)
    sip.answer(leg, 0.0)

    assert [word for _, word in run_to(sip, 1.6)] == ["200", "200", "200"]


def test_who_called_us_by_sips_is_answered_with_a_sips_contact() -> None:
    sip = endpoint(transport="TLS")
    caller, other = Peer(sip), Peer(sip, "b")
    caller.uri = "sips:110@example.com"
    for peer in (caller, other):
        peer.invite()
    sip.ring(Leg("leg0"), 0.0)
    sip.ring(Leg("leg1"), 0.0)

    caller.heard()

    assert [message.get("contact") for message in caller.last] == [
        "<sips:110@192.0.2.110:5060>",
        "<sip:110@192.0.2.110:5060;transport=tls>",
    ]
