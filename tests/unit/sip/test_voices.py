# SPDX-License-Identifier: Apache-2.0
"""A leg with a voice: its own port in our SDP, and where the far side is told whenever that is news."""

from itertools import count

from core.ids import Leg
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Talking
from device_adapters.sip.settings import SipSettings
from device_adapters.voices import Side
from tests.unit.sip.peer import HERE, SDP, THERE, Peer, events, run_to

LEG = Leg("leg0")
OFFER = SDP.replace("RTP/AVP 0 8 101", "RTP/AVP 8 101")
FIRST = Side(host="192.0.2.9", port=20000, law="PCMA", number=8, keys=101)


class Ports:
    """Ports 30000, 30002, … for whoever asks; `left` of them."""

    def __init__(self, left: int = 9) -> None:
        self.left = left
        self.held: dict[Leg, int] = {}
        self.released: list[Leg] = []

    def take(self, leg: Leg) -> int:
        if leg not in self.held and self.left:
            self.left -= 1
            self.held[leg] = 30_000 + 2 * len(self.held)
        return self.held.get(leg, 0)

    def talk(self, leg: Leg, sip_call_id: str, side: Side) -> None:
        raise AssertionError("the endpoint tells; its owner hands on")

    def release(self, leg: Leg) -> None:
        self.released.append(leg)


def endpoint(ports: Ports) -> Endpoint:
    numbers = count()
    return Endpoint(SipSettings(), HERE, lambda: f"leg{next(numbers)}", voices=ports)


def sides(sip: Endpoint) -> list[Side]:
    return [event.side for event in events(sip) if isinstance(event, Talking)]


def answered(sip: Endpoint, body: str = OFFER) -> Peer:
    caller = Peer(sip)
    caller.invite(body=body)
    sip.answer(LEG, 0.1)
    caller.heard()
    return caller


def test_a_leg_is_answered_at_its_own_port_and_told_where_its_voice_goes_once() -> None:
    sip = endpoint(Ports())
    caller = answered(sip)
    body = caller.last[0].body
    caller.ack()

    assert b"m=audio 30000 RTP/AVP 8 101\r\n" in body
    assert sides(sip) == [FIRST]


def test_no_port_is_taken_while_it_rings_and_none_for_who_hangs_up() -> None:
    ports = Ports()
    sip = endpoint(ports)
    caller = Peer(sip)
    caller.invite(body=OFFER)
    sip.ring(LEG, 0.1)
    caller.heard()
    caller.cancel(1.0)

    assert ports.held == {}
    assert ports.released == [LEG]
    assert sides(sip) == []


def test_without_a_free_port_a_caller_is_answered_as_ever() -> None:
    sip = endpoint(Ports(left=0))
    caller = answered(sip)

    assert b"m=audio 40000 RTP/AVP 8 101\r\n" in caller.last[0].body


def test_a_hold_and_its_end_are_told_and_a_repeated_offer_is_not_missed() -> None:
    sip = endpoint(Ports())
    caller = answered(sip)
    caller.ack()
    assert sides(sip) == [FIRST]

    caller.within("INVITE", 2, body=OFFER.replace("sendrecv", "sendonly"))
    held = sides(sip)
    caller.ack(cseq=2)
    caller.within("UPDATE", 3, body=OFFER.replace("20000", "20002"))
    moved = sides(sip)
    caller.within("INVITE", 4, body=OFFER.replace("IP4 192.0.2.9\r\nt", "IP4 0.0.0.0\r\nt"))

    assert [(side.hears, side.speaks) for side in held] == [(False, True)]
    assert [(side.hears, side.port) for side in moved] == [(True, 20002)]
    assert [(side.hears, side.host) for side in sides(sip)] == [(False, "0.0.0.0")]
    assert b"m=audio 30000 " in caller.last[0].body


def test_a_refused_offer_changes_nothing() -> None:
    sip = endpoint(Ports())
    caller = answered(sip)
    caller.ack()
    sides(sip)

    assert caller.within("INVITE", 2, body=OFFER.replace("RTP/AVP 8 101", "RTP/AVP 18")) == [488]

    assert sides(sip) == []


def test_a_late_offer_is_told_with_the_answer_in_the_ack() -> None:
    sip = endpoint(Ports())
    caller = answered(sip, body="")
    assert b"m=audio 30000 RTP/AVP 8 0 101" in caller.last[0].body
    assert sides(sip) == []

    caller.say(caller.text("ACK", 1, "z9hG4bK-late", body=SDP.replace("0 8 101", "0 101")))

    assert sides(sip) == [Side(host="192.0.2.9", port=20000, law="PCMU", number=0, keys=101)]


def test_a_late_offer_answered_in_a_prack_is_told_with_our_200() -> None:
    sip = endpoint(Ports())
    caller = Peer(sip)
    caller.invite(body="", extra="Require: 100rel\r\n")
    sip.ring(LEG, 0.1)
    caller.heard()
    rung = caller.last[-1].body
    caller.prack(body=OFFER)
    assert sides(sip) == []
    sip.answer(LEG, 0.2)
    caller.heard()

    assert b"m=audio 30000 " in rung
    assert sides(sip) == [FIRST]


def test_a_payload_number_that_fits_no_packet_is_no_news() -> None:
    sip = endpoint(Ports())
    answered(sip, body=OFFER.replace("RTP/AVP 8 101", "RTP/AVP 8 200").replace("map:101", "map:200"))

    assert [side.keys for side in sides(sip)] == [-1]


def test_a_leg_taken_up_speaks_at_once_and_says_its_new_port_within_seconds() -> None:
    sip = endpoint(Ports())
    raw = Peer(sip).text("INVITE", body=OFFER, extra="Allow: UPDATE\r\n").encode()

    assert sip.adopt(raw, THERE, LEG, "answered", 100.0, 1_700_000_000)
    assert sides(sip) == [FIRST]
    sent = b"".join(data for data, _ in _sent_by(sip, 111.0))

    assert sent.startswith(b"INVITE ")
    assert b"m=audio 30000 " in sent
    assert b" 1700000000 IN IP4" in sent, "a version beyond what was said before (RFC 3264 8)"


def _sent_by(sip: Endpoint, until: float) -> list[tuple[bytes, tuple[str, int]]]:
    sent: list[tuple[bytes, tuple[str, int]]] = []
    while (due := sip.get_timer()) is not None and due <= until and not sent:
        sip.handle_timer(due)
        sent += sip.datagrams_to_send(due)
    return sent


def test_without_voices_nothing_is_told_of_them() -> None:
    numbers = count()
    sip = Endpoint(SipSettings(), HERE, lambda: f"leg{next(numbers)}")
    caller = answered(sip)
    caller.ack()
    run_to(sip, 1.0)

    assert b"m=audio 40000 " in caller.sent[0][0] if caller.sent else True
    assert sides(sip) == []
