# SPDX-License-Identifier: Apache-2.0
"""pyVoIP as the worker holds it: what its own classes get wrong with voice, ports and numbers."""

import socket
import struct
from collections import Counter
from collections.abc import Iterator

import pytest

from device_adapters.pyvoip import legible, media
from device_adapters.pyvoip.adapter import is_installed
from device_adapters.pyvoip.guest import NoPortError
from device_adapters.pyvoip.settings import PyvoipSettings

if not is_installed():
    pytest.skip("pyVoIP is not installed (pip install 'gateway110[pyvoip]')", allow_module_level=True)

from device_adapters.pyvoip.worker import Phone, Sound

INVITE = legible.read(
    b"INVITE sip:110@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <tel:1>;tag=a\r\nTo: <sip:110@h>\r\n"
    b"Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
)
ALAW, ULAW, EVENT = 8, 0, 101


@pytest.fixture
def far() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(5)
        yield opened


def phone(ports: int = 3) -> Phone:
    first = 30_000
    settings = PyvoipSettings(
        server="127.0.0.1", rtp_port_min=first, rtp_port_max=first + ports - 1, calls_max=ports
    )
    return Phone(settings, "", "127.0.0.1", Counter())


def call(at: Phone, port: int, *formats: int) -> Sound:
    names = {ALAW: "PCMA", ULAW: "PCMU", EVENT: "telephone-event"}
    voice = media.Voice("127.0.0.1", port, {n: names[n] for n in formats}, "sendrecv", 0, {})
    return at.call(INVITE, voice)


def packet(kind: int, payload: bytes, first: int = 0x80, timestamp: int = 1) -> bytes:
    return struct.pack(">BBHII", first, kind, 1, timestamp, 7) + payload


def test_the_law_offered_first_is_talked() -> None:
    assert call(phone(), 1, ALAW, ULAW, EVENT).law == "PCMA"
    assert call(phone(), 1, EVENT, ULAW, ALAW).law == "PCMU"


def test_full_numbers_turn_over_and_no_header_is_short(far: socket.socket) -> None:
    sound = call(phone(), far.getsockname()[1], ALAW)
    sound.outSequence, sound.outTimestamp = 0xFFFF, 0xFFFF_FFFF - 159
    sound.open()
    for _ in range(2):
        sound.say(b"\xd5" * 160)
    sound.close()

    heads = [struct.unpack(">BBHII", far.recv(2000)[:12]) for _ in range(2)]
    assert [(kind, number, at) for _, kind, number, at, _ in heads] == [
        (0x88, 0xFFFF, 0xFFFF_FFFF - 159),
        (0x08, 0, 0),
    ]


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"\x80",
        packet(ALAW, b"", first=0x40),
        packet(77, b"x"),
        packet(EVENT, b""),
        packet(EVENT, b"\x10\x0a\0\0"),
        packet(13, b"\x40"),
        packet(ALAW, b"\xbe\xde", first=0x90),
        packet(ALAW, b"", first=0x8F),
    ],
)
def test_an_odd_packet_is_survived(odd: bytes) -> None:
    sound = call(phone(), 1, ALAW, EVENT)

    assert sound.hear(odd) == ""
    assert sound.hear(packet(EVENT, b"\x05\x0a\0\0")) == "5"


def test_the_header_extension_is_no_sound() -> None:
    sound = call(phone(), 1, ALAW)
    loud_extension = struct.pack(">HH", 0xBEDE, 40) + b"\xaa" * 160

    sound.hear(packet(ALAW, loud_extension + b"\xd5" * 160, first=0x90))
    assert sound.loud_frames == 0
    sound.hear(packet(ALAW, b"\xaa" * 160))
    assert sound.loud_frames == 1


def test_a_thousand_calls_leave_nothing_behind() -> None:
    at = phone(ports=2)
    tags = len(at.line.tags)
    for _ in range(1000):
        sound = call(at, 1, ALAW)
        sound.close()

    assert sorted(at.free) == [30_000, 30_001]
    assert (at.assignedPorts, at.session_ids, at.threads, len(at.line.tags)) == ([], [], [], tags)


def test_without_a_port_a_call_is_refused_by_name() -> None:
    at = phone(ports=1)
    call(at, 1, ALAW)

    with pytest.raises(NoPortError):
        call(at, 1, ALAW)
