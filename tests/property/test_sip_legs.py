# SPDX-License-Identifier: Apache-2.0
"""Whatever several callers and the gateway do, in any order, each leg ends once and leaves nothing."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.ids import Leg
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Abandoned, Ended, Invited, SipEvent
from device_adapters.sip.message import Request, Response, read_message
from device_adapters.sip.settings import SipSettings
from tests.unit.sip.peer import HERE, SDP, Peer

HELD_SDP = SDP.replace("sendrecv", "sendonly")
VIDEO = SDP.replace("m=audio", "m=video")
EXTRAS = (
    "",
    "Supported: 100rel, timer\r\nSession-Expires: 120;refresher=uac\r\nAllow: INVITE, UPDATE\r\n",
    "Require: 100rel\r\nSupported: timer\r\nSession-Expires: 90;refresher=uas\r\n",
    "Supported: timer\r\nSession-Expires: 30\r\n",
    "Session-Expires: 30\r\nExpires: 40\r\nMin-SE: 200\r\n",
)
BODIES = ("", SDP, HELD_SDP, VIDEO, "no description")
KINDS = ("application/sdp", "application/dtmf-relay", "application/x-unknown")
METHODS = ("INVITE", "UPDATE", "PRACK", "INFO", "BYE", "OPTIONS", "ACK", "CANCEL", "REFER", "DANCE")
STATUSES = (100, 180, 200, 202, 302, 401, 405, 408, 422, 481, 488, 491, 500, 503, 603)
LEGS = 3

legs = st.integers(0, LEGS - 1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("invite"), legs, st.sampled_from(EXTRAS), st.sampled_from(BODIES)),
        st.tuples(
            st.just("say"),
            legs,
            st.sampled_from(METHODS),
            st.integers(1, 6),
            st.sampled_from(BODIES),
            st.sampled_from(KINDS),
            st.booleans(),
        ),
        st.tuples(
            st.just("respond"), st.sampled_from(STATUSES), st.sampled_from(BODIES), st.integers(0, 400)
        ),
        st.tuples(st.just("command"), legs, st.sampled_from(["ring", "queue", "answer", "hang_up"])),
        st.tuples(st.just("confirm"), legs),
        st.tuples(st.just("talk"), legs, st.sampled_from(EXTRAS), st.sampled_from(BODIES[:3])),
        st.tuples(st.just("till_asked")),
        st.tuples(st.just("wait"), st.sampled_from([0.1, 0.6, 5.0, 33.0, 50.0, 100.0])),
        st.tuples(st.just("unreachable")),
        st.tuples(st.just("adopt"), legs, st.sampled_from(["ringing", "answered"])),
        st.tuples(st.just("drain"), st.booleans()),
    ),
    max_size=30,
)


class Table:
    """Three callers, the gateway's commands, and a clock."""

    def __init__(self, transport: str, settings: SipSettings) -> None:
        numbers = iter(range(10_000))
        self.sip = Endpoint(settings, HERE, lambda: f"leg{next(numbers)}", transport)  # type: ignore[arg-type]
        self.peers = [Peer(self.sip, f"p{number}") for number in range(LEGS)]
        self.now = 1000.0
        self.told: list[SipEvent] = []
        self.theirs: list[Request] = []
        self.dialled = 0

    def play(self, step: tuple[object, ...]) -> None:
        name, *given = step
        getattr(self, f"do_{name}")(*given)
        self.take()

    def take(self) -> None:
        for data, _ in self.sip.datagrams_to_send(self.now):
            message = read_message(data)
            if isinstance(message, Request):
                self.theirs.append(message)
                continue
            assert isinstance(message, Response)
            for peer in self.peers:
                if message.call_id == f"call-{peer.name}":
                    tag = message.get("to").rpartition(";tag=")[2]
                    peer.to_tag = tag if tag.startswith("leg") else peer.to_tag
                    peer.rseq = int(message.get("rseq") or peer.rseq)
        self.told += [event for event in iter(self.sip.next_event, None) if isinstance(event, SipEvent)]

    def hear(self, text: str) -> None:
        self.sip.receive_datagram(text.encode(), self.peers[0].addr, self.now)

    def do_invite(self, number: int, extra: str, body: str) -> None:
        self.dialled += 1
        self.peers[number] = Peer(self.sip, f"p{number}.{self.dialled}")
        self.hear(self.peers[number].text("INVITE", extra=extra, body=body))

    def do_say(self, number: int, method: str, cseq: int, body: str, kind: str, same_branch: bool) -> None:
        peer = self.peers[number]
        self.dialled += 1
        branch = peer.branch if same_branch else f"z9hG4bK-{self.dialled}"
        extra = f"RAck: {peer.rseq} 1 INVITE\r\n" if method == "PRACK" else ""
        self.hear(peer.text(method, cseq, branch, extra=extra, body=body, kind=kind))

    def do_respond(self, status: int, body: str, seconds: int) -> None:
        for asked in self.theirs[-2:]:
            self.hear(
                f"SIP/2.0 {status} X\r\nVia: {asked.get('via')}\r\nFrom: {asked.get('from')}\r\n"
                f"To: {asked.get('to')}\r\nCall-ID: {asked.call_id}\r\nCSeq: {asked.get('cseq')}\r\n"
                f"Min-SE: {seconds}\r\nSession-Expires: {seconds}\r\nRetry-After: {seconds}\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            )

    def do_confirm(self, number: int) -> None:
        self.hear(self.peers[number].text("ACK", 1, f"z9hG4bK-{self.dialled}-ack"))

    def do_command(self, number: int, name: str) -> None:
        leg = Leg(self.peers[number].to_tag or "leg0")
        if name == "queue":
            self.sip.queue(leg, number + 1, self.now)
        else:
            getattr(self.sip, name)(leg, self.now)

    def do_wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.sip.get_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.sip.handle_timer(self.now)
            self.take()
        self.now = end

    def do_talk(self, number: int, extra: str, body: str) -> None:
        """Dial, be answered and confirm it."""
        self.do_invite(number, extra, body)
        self.take()
        self.do_command(number, "answer")
        self.take()
        self.do_confirm(number)

    def do_till_asked(self) -> None:
        """Let time pass until we ask somebody something, at most an hour."""
        known, end = len(self.theirs), self.now + 3600.0
        while len(self.theirs) == known and (due := self.sip.get_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.sip.handle_timer(self.now)
            self.take()

    def do_unreachable(self) -> None:
        asked = self.sip._layer._asked.values()
        lost = [(one.last, one.peer) for one in asked if one.peer == self.peers[0].addr]
        self.sip.unreachable(lost, self.now)

    def do_adopt(self, number: int, state: str) -> None:
        self.dialled += 1
        peer = self.peers[number] = Peer(self.sip, f"p{number}.{self.dialled}")
        leg = Leg(f"leg-before-{self.dialled}")
        raw = peer.text("INVITE", body=SDP).encode()
        assert self.sip.adopt(raw, peer.addr, leg, state, self.now)  # type: ignore[arg-type]
        self.told.append(
            Invited(leg=leg, sip_call_id=f"call-{peer.name}", at=self.now, peer=peer.addr, raw=raw)
        )

    def do_drain(self, on: bool) -> None:
        self.sip.drain(on)

    def end(self) -> None:
        """Hang up on whoever is still rung for ever, and let every deadline come, nobody answering."""
        for leg in {event.leg for event in self.told}:
            self.sip.hang_up(leg, self.now)
            self.take()
        self.do_wait(4000.0)


@given(
    st.sampled_from(["UDP", "TCP"]),
    st.sampled_from(["supported", "required", "never"]),
    st.sampled_from([1, 4, 500_000]),
    steps,
)
def test_whatever_is_said_a_leg_ends_once_and_leaves_nothing(
    transport: str, reliable: str, transactions_max: int, play: list[tuple[object, ...]]
) -> None:
    settings = SipSettings(reliable_ring=reliable, transactions_max=transactions_max)  # type: ignore[arg-type]
    table = Table(transport, settings)
    for step in play:
        table.play(step)

    table.end()

    held = table.sip.statistics()
    assert (held["calls"], held["transactions"], held["timers"]) == (0, 0, 0)
    assert len(table.sip._station.traces) == 0
    assert (table.sip._layer.remembered.strangers, table.sip._layer._asked, table.sip._layer._merged) == (
        0,
        {},
        {},
    )
    begun = Counter(event.leg for event in table.told if isinstance(event, Invited))
    ended = Counter(event.leg for event in table.told if isinstance(event, Abandoned | Ended))
    assert begun == ended
    assert set(begun.values()) <= {1}
