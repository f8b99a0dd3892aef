# SPDX-License-Identifier: Apache-2.0
"""The stream listener without a loop: transports are noted down, time is the test's own."""

import asyncio
import resource
from collections.abc import Callable
from typing import Any

import pytest

from core.ids import CountyCode
from device_adapters.sip.connection import LATE_S, LINGER_S, TURN_OCTETS_MAX, Connection
from device_adapters.sip.dialler import DIALS_MAX, HOST_DIALS_MAX, PENDING_MAX, STRANGER_DIALS_MAX, Lost
from device_adapters.sip.events import Address
from device_adapters.sip.next_hop import next_hop
from device_adapters.sip.settings import SipSettings, Trunk
from device_adapters.sip.sockets import room_for
from device_adapters.sip.tcp import StreamListener
from tests.unit.sip.peer import SDP, Peer, endpoint
from tests.waiting import until

PEER: Address = ("192.0.2.9", 40_000)
TRUNK: Address = ("192.0.2.10", 5060)
SAID = Peer(endpoint())
INVITE = SAID.text("INVITE", body=SDP).encode()
BYE = SAID.text("BYE", 2).encode()
OK = SAID.text("BYE").replace("BYE sip:110@example.com SIP/2.0", "SIP/2.0 200 OK").encode()
LISTED = (
    Trunk(name="t", addresses=(TRUNK[0],), county=CountyCode("330302"), transport="tcp", keep_alive_s=0),
)


class NotedTransport(asyncio.Transport):
    """Notes down what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.end = ""
        self.high = 0
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write(self, data: Any) -> None:
        assert not self.end, "written to after its end"
        self.written.append(bytes(data))

    def write_eof(self) -> None:
        self.written.append(b"<eof>")

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high or 0

    def is_closing(self) -> bool:
        return self.end != ""

    def close(self) -> None:
        self.end = self.end or "closed"

    def abort(self) -> None:
        self.end = "aborted"


class House:
    """A listener, its time, and what it heard."""

    def __init__(self, **settings: Any) -> None:
        self.now = 1000.0
        self.heard: list[tuple[bytes, Address]] = []
        self.legs: set[Address] = set()
        self.lost: Lost = []
        self.listener = StreamListener(
            "tcp",
            SipSettings(listen=("tcp:127.0.0.1:0",), **settings),
            lambda data, addr: self.heard.append((data, addr)),
            lambda: self.now,
            holding=lambda: self.legs,
            unreachable=self.lost.extend,
        )

    def come(self, peer: Address = PEER) -> tuple[Connection, NotedTransport]:
        connection = self.listener.admit(peer)
        assert connection is not None
        transport = NotedTransport()
        connection.connection_made(transport)
        return connection, transport

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.listener.sweep(self.now)

    def counted(self, name: str) -> int:
        return self.listener.statistics().get(name, 0)


def test_what_is_heard_is_told_with_where_it_came_from() -> None:
    house = House()
    connection, _ = house.come()

    connection.data_received(INVITE + BYE[:20])
    connection.data_received(BYE[20:])

    assert house.heard == [(INVITE, PEER), (BYE, PEER)]


async def test_one_who_says_very_much_at_once_takes_turns_with_others() -> None:
    house = House()
    loud, transport = house.come()
    brief, _ = house.come(("192.0.2.9", 40_001))
    many = 4 * TURN_OCTETS_MAX // len(BYE)

    loud.data_received(BYE * many)
    assert not transport.reading
    brief.data_received(INVITE)

    assert len(house.heard) <= 1 + TURN_OCTETS_MAX // len(BYE)
    assert house.heard[-1][0] == INVITE
    for _ in range(5):
        await asyncio.sleep(0)
    assert [data for data, peer in house.heard if peer == PEER] == [BYE] * many
    assert transport.reading


async def test_a_stranger_who_says_too_much_is_read_later_and_loses_nothing() -> None:
    house = House(trunks=LISTED)
    noted: list[tuple[Address, int]] = []

    def owed_s(peer: Address, messages: int, octets: int, now: float) -> float:
        noted.append((peer, messages))
        return 0.001

    house.listener._owed_s = owed_s
    stranger, strangers = house.come()
    trunk, trunks = house.come(TRUNK)

    stranger.data_received(INVITE)
    trunk.data_received(INVITE)
    assert (strangers.reading, trunks.reading, noted) == (False, True, [(PEER, 1)])
    await until(lambda: strangers.reading)
    stranger.data_received(INVITE * 100)
    assert len(house.heard) < 100
    await until(lambda: strangers.reading)

    assert len(house.heard) == 102
    assert sum(messages for _, messages in noted) == 101


async def test_what_has_not_had_its_turn_when_the_frame_is_lost_is_not_heard() -> None:
    house = House()
    loud, transport = house.come()

    loud.data_received(BYE.replace(b"Length: 0", b"Length: x") + BYE * (TURN_OCTETS_MAX // len(BYE)))
    await asyncio.sleep(0)

    assert house.heard == []
    assert transport.reading, "or its goodbye would never be read"


def test_an_answer_goes_out_where_the_question_came_in() -> None:
    house = House()
    _, transport = house.come()
    _, other = house.come(("192.0.2.9", 40_001))

    house.listener.send(OK, PEER)

    assert transport.written == [OK]
    assert other.written == []


def test_keep_alives_are_answered_once_for_all_that_came_together() -> None:
    house = House()
    connection, transport = house.come()

    connection.data_received(b"\r\n\r\n")
    connection.data_received(INVITE + b"\r\n\r\n" * 1000 + BYE)
    connection.data_received(b"\r\n")

    assert transport.written == [b"\r\n", b"\r\n"]
    assert house.counted("keep_alives") == 1001
    assert len(house.heard) == 2


def test_a_lost_frame_is_answered_with_400_and_nothing_more_is_heard() -> None:
    house = House()
    connection, transport = house.come()

    connection.data_received(INVITE.replace(b"Content-Length: ", b"Content-Length: -") + BYE)
    connection.data_received(BYE)

    assert transport.written[0].startswith(b"SIP/2.0 400 ")
    assert transport.written[1:] == [b"<eof>"]
    assert transport.end == "", "a reset would overtake the refusal"
    assert house.heard == []
    assert house.counted("anomaly_content_length") == 1
    house.wait(LINGER_S)
    assert transport.end == "aborted"


def test_what_is_not_sip_is_hung_up_on() -> None:
    house = House()
    connection, transport = house.come()

    connection.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert (transport.written, transport.end) == ([], "closed")
    assert house.counted("anomaly_not_sip") == 1


def test_a_message_without_length_is_taken_and_counted() -> None:
    house = House()
    connection, _ = house.come()

    connection.data_received(BYE.replace(b"Content-Length: 0\r\n", b""))

    assert len(house.heard) == 1
    assert house.counted("anomaly_no_content_length") == 1


def test_a_stranger_who_says_nothing_is_hung_up_on_whatever_line_ends_he_sends() -> None:
    house = House()
    connection, transport = house.come()

    for _ in range(4):
        connection.data_received(b"\r\n\r\n")
        house.wait(LATE_S / 4)

    assert transport.end == "aborted"
    assert house.counted("connections_late") == 1


def test_a_trunk_may_be_silent_but_not_stop_in_the_middle_of_a_message() -> None:
    house = House(trunks=LISTED)
    connection, transport = house.come(TRUNK)

    house.wait(LATE_S)
    assert transport.end == ""
    connection.data_received(INVITE[:9])
    house.wait(LATE_S / 2)
    connection.data_received(INVITE[9:20])
    house.wait(LATE_S / 2)

    assert transport.end == "aborted"


def test_a_message_that_begins_late_has_its_own_time() -> None:
    house = House()
    connection, transport = house.come()
    connection.data_received(INVITE)

    house.wait(LATE_S - 1)
    connection.data_received(BYE[:9])
    house.wait(LATE_S - 1)
    connection.data_received(BYE[9:] + BYE[:9])
    house.wait(LATE_S - 1)

    assert transport.end == ""
    house.wait(1)
    assert transport.end == "aborted"


def test_a_silent_connection_is_closed_unless_a_leg_came_over_it() -> None:
    house = House(connection_idle_s=900)
    talking, held = house.come()
    silent, closed = house.come(("192.0.2.9", 40_001))
    for connection in (talking, silent):
        connection.data_received(INVITE)
    house.legs.add(PEER)

    house.wait(900)

    assert (held.end, closed.end) == ("", "closed")
    assert house.counted("connections_idle") == 1
    house.legs.clear()
    house.wait(1)
    assert held.end == "closed"


def test_one_stranger_has_so_many_connections_and_no_more_and_a_trunk_as_many_as_fit() -> None:
    house = House(trunks=LISTED, connections_per_peer_max=2)
    first, _ = house.come(("192.0.2.9", 1))
    house.come(("192.0.2.9", 2))

    assert house.listener.admit(("192.0.2.9", 3)) is None
    assert house.listener.admit(("192.0.2.8", 3)) is not None
    for port in range(1, 6):
        house.come((TRUNK[0], port))
    first.connection_lost(None)
    house.come(("192.0.2.9", 4))

    assert house.counted("connections_refused_peer") == 1
    assert house.counted("connections") == 8


def test_when_all_places_are_taken_the_stranger_silent_longest_makes_room_for_a_trunk() -> None:
    house = House(trunks=LISTED, connections_max=3)
    house.legs.add(("192.0.2.7", 1))
    _, calling = house.come(("192.0.2.7", 1))
    house.now += 1
    _, silent = house.come(("192.0.2.8", 1))
    house.now += 1
    _, lately = house.come(("192.0.2.9", 1))

    assert house.listener.admit(("192.0.2.6", 1)) is None
    house.come(TRUNK)

    assert (calling.end, silent.end, lately.end) == ("", "aborted", "")
    assert (house.counted("connections_refused_full"), house.counted("connections_displaced")) == (1, 1)


def test_trunks_make_no_room_for_each_other() -> None:
    house = House(trunks=LISTED, connections_max=1)
    house.come(TRUNK)

    assert house.listener.admit((TRUNK[0], 5062)) is None


def test_only_trunks_may_connect_where_only_trunks_may() -> None:
    house = House(trunks=LISTED, only_trunks=True)

    assert house.listener.admit(PEER) is None
    assert house.listener.admit(TRUNK) is not None
    assert house.counted("unknown_source") == 1


def test_a_peer_that_does_not_read_is_dropped() -> None:
    house = House()
    connection, transport = house.come()

    assert transport.high > 0
    connection.pause_writing()

    assert transport.end == "aborted"
    assert house.counted("slow_readers") == 1
    house.listener.send(OK, PEER)
    assert transport.written == []


def test_an_address_taken_again_is_the_new_connection_s_even_when_the_old_one_is_noticed_late() -> None:
    house = House()
    old, _ = house.come()
    _, transport = house.come()

    old.connection_lost(None)
    house.listener.send(OK, PEER)

    assert transport.written == [OK]
    assert house.counted("connections") == 1


def test_what_waits_for_a_connection_has_a_limit_and_so_have_the_connections_waited_for() -> None:
    house = House()

    for _ in range(PENDING_MAX + 1):
        house.listener.send(OK, PEER)
    assert house.counted("undelivered") == 1
    for number in range(DIALS_MAX + 9):
        house.listener.send(OK, (f"198.51.{number // 250}.{number % 250}", 40_000))

    assert house.counted("connections_dialling") == STRANGER_DIALS_MAX
    assert house.counted("undelivered") == 1 + DIALS_MAX + 9 - STRANGER_DIALS_MAX + 1
    assert len(house.lost) == house.counted("undelivered")


def test_one_stranger_s_dials_and_all_strangers_together_leave_room_for_trunks() -> None:
    house = House(trunks=LISTED)

    for port in range(1000, 1300):
        house.listener.send(OK.replace(b"192.0.2.9:5060", b"192.0.2.9:%d" % port), ("203.0.113.66", port))
    assert house.counted("connections_dialling") == HOST_DIALS_MAX
    for number in range(DIALS_MAX):
        house.listener.send(OK, (f"203.0.114.{number}", 40_000))
    assert house.counted("connections_dialling") == STRANGER_DIALS_MAX
    for port in range(DIALS_MAX):
        house.listener.send(OK.replace(b"192.0.2.9:5060", b"192.0.2.10:%d" % (6000 + port)), (TRUNK[0], 9))

    assert house.counted("connections_dialling") == DIALS_MAX


async def test_what_could_not_be_carried_is_told_with_the_peer_it_was_meant_for() -> None:
    house = House()
    other = ("192.0.2.9", 40_007)

    async def refuse(to: Address) -> Connection:
        raise ConnectionRefusedError

    house.listener._dialler._connect = refuse
    async with asyncio.TaskGroup() as tasks:
        house.listener._dialler.start(tasks)
        house.listener.send(BYE, PEER)
        house.listener.send(OK, other)

    assert house.lost == [(BYE, PEER), (OK, other)]
    assert (house.counted("undelivered"), house.counted("connect_failed")) == (2, 1)
    for _ in range(HOST_DIALS_MAX + 1):
        async with asyncio.TaskGroup() as tasks:
            house.listener._dialler.start(tasks)
            house.listener.send(BYE, PEER)
    assert house.counted("connect_failed") == HOST_DIALS_MAX + 2, "a dial that is over makes room"


def test_what_nobody_can_be_sent_is_counted() -> None:
    house = House()

    house.listener.send(b"no SIP", PEER)
    house.listener.close()
    house.listener.send(OK, PEER)

    assert house.counted("undelivered") == 2
    assert house.lost == [(b"no SIP", PEER), (OK, PEER)]


LISTED_HOSTS = ("192.0.2.10",)


def named(change: Callable[[str], str], message: bytes = BYE) -> Address | None:
    return next_hop(change(message.decode()).encode(), PEER, LISTED_HOSTS, 5060)


@pytest.mark.parametrize(
    ("via", "port"),
    [("192.0.2.9:5070", 5070), ("192.0.2.9", 5060), ("sbc.example:5080;received=192.0.2.9", 5080)],
)
def test_a_response_goes_to_the_port_of_its_via_on_the_address_it_came_from(via: str, port: int) -> None:
    assert named(lambda text: text.replace("192.0.2.9:5060;", f"{via};", 1), OK) == ("192.0.2.9", port)


@pytest.mark.parametrize(
    ("uri", "route", "place"),
    [
        ("sip:caller@192.0.2.9:5070", "", ("192.0.2.9", 5070)),
        ("sip:caller@192.0.2.9;transport=tcp", "", ("192.0.2.9", 5060)),
        ("sip:caller@sbc.example:5070", "", ("192.0.2.9", 5070)),
        ("sip:caller@10.0.0.1:5070", "", ("192.0.2.9", 5070)),
        ("sip:caller@192.0.2.10:5070", "", ("192.0.2.10", 5070)),
        ("sip:caller@192.0.2.9:5070", "Route: <sip:192.0.2.10;lr>, <sip:x;lr>\r\n", ("192.0.2.10", 5060)),
        ("tel:13800138000", "", ("192.0.2.9", 5060)),
    ],
)
def test_a_request_goes_to_its_route_or_target_but_never_to_a_third(
    uri: str, route: str, place: Address
) -> None:
    assert (
        named(lambda text: text.replace("sip:110@example.com", uri, 1).replace("From:", f"{route}From:", 1))
        == place
    )


def test_a_trunk_s_address_of_ipv6_is_known_in_every_spelling() -> None:
    told = BYE.replace(b"sip:110@example.com", b"sip:a@[2001:DB8:0::9]:5080")

    assert next_hop(told, PEER, ("2001:db8::9",), 5060) == ("2001:db8::9", 5080)


def test_what_cannot_be_read_goes_nowhere() -> None:
    assert next_hop(b"no SIP", PEER, (), 5060) is None
    assert named(lambda text: text.replace("SIP/2.0/UDP 192", "192"), OK) is None


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "room", "asked"),
    [
        (1024, 65_536, 4000, 4000, 4512),
        (1024, 2048, 4000, 1536, 2048),
        (65_536, 65_536, 4000, 4000, None),
        (256, 256, 4000, 1, 256),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, 4000, 4000, None),
    ],
)
def test_connections_never_take_the_files_of_the_journal(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, wanted: int, room: int, asked: int | None
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda which, limits: given.append(limits))

    assert room_for(wanted) == room
    assert given == ([] if asked is None else [(asked, hard)])
