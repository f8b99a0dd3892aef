# SPDX-License-Identifier: Apache-2.0
"""The radios' side of MQTT, byte by byte and without a socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_adapters.simulated import packets
from device_adapters.simulated.packets import PacketError, Splitter, Will
from device_adapters.simulated.session import WAITING_MAX, WINDOW, Login, Session

CONNACK = bytes.fromhex("20020000")
SUBACK = bytes.fromhex("9003000101")
TOPIC = packets.topic_field("g110/v1/330302/units/u1/status", mqtt5=False)


def session(heard: list[tuple[str, bytes]] | None = None, *, mqtt5: bool = False) -> Session:
    said = [] if heard is None else heard
    return Session(
        Login("radio"), ("o/+",), lambda topic, payload: said.append((topic, payload)), mqtt5=mqtt5
    )


def standing(heard: list[tuple[str, bytes]] | None = None) -> Session:
    one = session(heard)
    one.begin(0.0)
    one.receive(CONNACK + SUBACK, 0.1)
    one.outgoing()
    return one


def sent(one: Session) -> list[packets.Packet]:
    return Splitter().feed(one.outgoing())


def puback(mid: int, *more: int) -> bytes:
    return packets.packet(packets.PUBACK, 0, mid.to_bytes(2, "big") + bytes(more))


def test_it_greets_subscribes_and_is_up_when_the_broker_has_granted_that() -> None:
    one = session()

    one.begin(0.0)
    assert one.outgoing() == bytes.fromhex("10 11 0004 4d515454 04 02 001e 0005 726164696f")
    one.receive(CONNACK, 0.1)
    assert one.outgoing() == bytes.fromhex("82 08 0001 0003 6f2f2b 01")
    assert not one.up
    one.receive(SUBACK, 0.2)
    assert one.up


def test_a_last_will_and_a_password_stand_where_the_standard_wants_them() -> None:
    login = Login("r", "u", "p", Will("t", b"offline"))

    three = packets.connect(
        *login[:1], mqtt5=False, keepalive_s=30, username="u", password="p", will=login.will
    )
    five = packets.connect(
        *login[:1], mqtt5=True, keepalive_s=30, username="u", password="p", will=login.will
    )

    tail = "0001 74 0007 6f66666c696e65 0001 75 0001 70"
    assert three == bytes.fromhex("10 1f 0004 4d515454 04 ee 001e 0001 72" + tail)
    assert five == bytes.fromhex("10 21 0004 4d515454 05 ee 001e 00 0001 72 00" + tail)


def test_a_refusal_is_told_with_its_reason() -> None:
    one = session()
    one.begin(0.0)

    with pytest.raises(PacketError, match="0x5"):
        one.receive(bytes.fromhex("20020005"), 0.1)


def test_a_subscription_that_is_not_granted_is_no_connection() -> None:
    one = session()
    one.begin(0.0)

    with pytest.raises(PacketError, match="subscription"):
        one.receive(CONNACK + bytes.fromhex("9003000180"), 0.1)


def test_a_position_is_said_once_or_not_at_all() -> None:
    one = session()
    assert not one.say(TOPIC, b"x")
    one = standing()

    assert one.say(TOPIC, b"x")
    one.lost()
    one.begin(1.0)
    one.receive(CONNACK + SUBACK, 1.1)

    assert [packet.kind for packet in sent(one)] == [packets.CONNECT, packets.SUBSCRIBE]


def test_what_was_not_confirmed_goes_again_first_and_in_order() -> None:
    one = standing()
    for n in range(3):
        one.tell(TOPIC, b"%d" % n, retain=False)
    first = [packets.read_publish(p.flags, p.body, mqtt5=False) for p in sent(one)]
    one.receive(puback(first[0].mid), 0.2)
    one.lost()
    one.tell(TOPIC, b"3", retain=False)

    one.begin(1.0)
    one.receive(CONNACK + SUBACK, 1.1)

    again = [
        packets.read_publish(p.flags, p.body, mqtt5=False) for p in sent(one) if p.kind == packets.PUBLISH
    ]
    assert [said.payload for said in first] == [b"0", b"1", b"2"]
    assert [said.payload for said in again] == [b"1", b"2", b"3"]
    assert (one.confirmed, len(one)) == (1, 3)


def test_no_more_than_the_window_is_on_its_way_and_no_more_than_the_limit_waits() -> None:
    one = standing()
    for _ in range(WAITING_MAX + WINDOW + 5):
        one.tell(TOPIC, b"", retain=False)

    assert len(sent(one)) == WINDOW
    assert (len(one), one.dropped) == (WAITING_MAX + WINDOW, 5)


def test_mqtt_5_may_narrow_the_window_and_the_keepalive() -> None:
    one = session(mqtt5=True)
    one.begin(0.0)
    # Receive Maximum 2, Server Keep Alive 4, and a user property, a text and a length to be left alone
    properties = bytes.fromhex("21 0002 13 0004 26 0001 61 0001 62 12 0001 63 0b 05 25 01")
    body = b"\0\0" + bytes((len(properties),)) + properties
    one.receive(packets.packet(packets.CONNACK, 0, body) + bytes.fromhex("9004 0001 00 01"), 0.1)
    for _ in range(5):
        one.tell(TOPIC, b"", retain=False)

    assert len([p for p in sent(one) if p.kind == packets.PUBLISH]) == 2
    one.tend(2.5)
    assert one.outgoing() == packets.PING
    with pytest.raises(PacketError, match="nothing heard"):
        one.tend(4.2)


def test_a_refused_message_is_counted_and_not_sent_again() -> None:
    one = standing()
    one.tell(TOPIC, b"", retain=False)
    (said,) = sent(one)
    mid = packets.read_publish(said.flags, said.body, mqtt5=False).mid

    one.receive(puback(mid, 0x87, 0), 0.2)

    assert (one.refused, one.confirmed, len(one)) == (1, 0, 0)


def test_an_order_is_heard_and_acknowledged_in_both_versions() -> None:
    for mqtt5 in (False, True):
        heard: list[tuple[str, bytes]] = []
        one = session(heard, mqtt5=mqtt5)
        one.begin(0.0)
        one.outgoing()
        properties = bytes.fromhex("02 00000014".replace(" ", ""))
        extra = bytes((len(properties),)) + properties if mqtt5 else b""
        one.receive(packets.packet(packets.PUBLISH, 2, packets.text("o/u1"), b"\0\7", extra, b"go"), 0.1)

        assert heard == [("o/u1", b"go")]
        assert one.outgoing() == packets.puback(7)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("3405 0001 61 0007", "QoS 2"),
        ("32 02 0009", "cannot be read"),
        ("30 03 0001 ff", "cannot be read"),
        ("f000", "type 15"),
        ("e001 8d", "0x8d"),
        ("30ffffffff01", "four octets"),
        ("30ffffff7f", "octets"),
        ("4001 00", "PUBACK"),
        ("2001 00", "CONNACK"),
    ],
)
def test_what_a_broker_may_not_send_ends_the_connection_by_name(data: str, why: str) -> None:
    one = session()
    one.begin(0.0)

    with pytest.raises(PacketError, match=why):
        one.receive(bytes.fromhex(data), 0.1)


def test_a_silent_broker_is_pinged_and_then_left() -> None:
    one = standing()

    one.tend(10.0)
    assert one.outgoing() == b""
    one.tend(16.0)
    assert one.outgoing() == packets.PING
    one.receive(bytes.fromhex("d000"), 16.1)
    one.tend(31.2)
    assert one.outgoing() == packets.PING
    with pytest.raises(PacketError, match="nothing heard"):
        one.tend(46.2)


@given(st.lists(st.binary(max_size=300), max_size=8), st.data())
def test_however_the_stream_is_cut_the_packets_are_the_same(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(packets.packet(3, 0, body) for body in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    splitter, found = Splitter(), []

    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += splitter.feed(stream[begin:end])

    assert [packet.body for packet in found] == bodies


@given(st.binary(max_size=60))
def test_no_bytes_of_a_broker_do_more_than_end_the_connection(data: bytes) -> None:
    for mqtt5 in (False, True):
        one = session(mqtt5=mqtt5)
        one.begin(0.0)
        try:
            one.receive(data, 0.1)
        except PacketError:
            continue
