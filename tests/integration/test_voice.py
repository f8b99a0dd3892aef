# SPDX-License-Identifier: Apache-2.0
"""A caller on a trunk hears a real gateway: a softphone nobody here wrote, and fifty at once by our own ears."""

import os
import signal
import socket
import struct
import wave
from array import array
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import numpy as np
import pytest

from gateway.demo.child import Gateway, gateway
from gateway.journal.reader import entries
from tests.integration import house, voice
from tests.integration.sip_hand import Hand
from tests.integration.test_sip_baresip import BARESIP, MODULES, Telephone

NOBODY = ["--redis", "redis://127.0.0.1:1", "--mqtt", "mqtt://127.0.0.1:1", "--http", ""]
AT_ONCE = 50


def free_even_port() -> int:
    """Return an even port below which Linux draws none, and from which on a hundred seem free."""
    for first in range(20_000, 30_000, 200):
        try:
            with ExitStack() as bound:
                for port in range(first, first + 200, 2):
                    probe = bound.enter_context(closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no hundred ports are free")


# A softphone and a whole gateway


@contextmanager
def serving(folder: Path, sip_port: int = 0, **voice_settings: object) -> Iterator[Gateway]:
    first = free_even_port()
    given = {
        "host": "127.0.0.1",
        "port_min": first,
        "port_max": first + 99,
        "calls_max": 20,
        **voice_settings,
    }
    lines = [f"{name} = {msgspec.json.encode(value).decode()}" for name, value in given.items()]
    config = folder / "gateway.toml"
    config.write_text("\n".join(["[voice]", "on = true", *lines, ""]))
    arguments = ["--config", str(config), "--answer", "immediately", *NOBODY]
    with gateway(folder, *arguments, sip_port=sip_port) as running:
        running.wait_ready()
        yield running


def facts(running: Gateway, kind: str) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(entry.fact()) for entry in entries(running.data) if entry.type == kind]


@pytest.mark.real
@pytest.mark.skipif(not (BARESIP and MODULES), reason="baresip is not installed (apt install baresip-core)")
def test_a_softphone_hears_the_announcement_presses_a_key_and_is_heard(tmp_path: Path) -> None:
    assert MODULES is not None
    if not (MODULES / "sndfile.so").exists():
        pytest.skip("baresip has no sndfile.so to record by")
    with serving(tmp_path, silent_s=2) as running, _telephone(tmp_path) as telephone:
        host, port = running.sip_address
        telephone.command("dial", f"sip:110@{host}:{port}")
        telephone.wait("CALL_ESTABLISHED")
        house.until(lambda: "Set audio encoder: PCMA 8000Hz" in telephone.said())
        telephone.command("sndcode", "5")
        house.until(lambda: facts(running, "call.key"))
        house.until(lambda: _recorded_s(tmp_path) > 2.5)
        telephone.command("hangup")
        telephone.wait("CALL_CLOSED")
        house.until(lambda: facts(running, "call.ended"))

        assert [fact["key"] for fact in facts(running, "call.key")] == ["5"]
        assert facts(running, "call.silent") == []
    samples = _recorded(tmp_path)
    assert voice.tone_in(samples)[0] == 450


@contextmanager
def _telephone(folder: Path) -> Iterator[Telephone]:
    """One that speaks a tone and records what it hears."""
    with wave.open(str(folder / "said.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        samples = 9000 * np.sin(2 * np.pi * 700 * np.arange(8000 * 10) / 8000)
        file.writeframes(array("h", samples.astype(int).tolist()).tobytes())
    first = (
        f"module_path {MODULES}\nmodule aufile.so\nmodule sndfile.so\nsnd_path {folder}\n"
        f"audio_source aufile,{folder / 'said.wav'}\n"
    )
    telephone = Telephone(folder / "baresip", first)
    try:
        yield telephone
    finally:
        telephone.close()


def _recorded_s(folder: Path) -> float:
    found = list(folder.glob("*-dec.wav"))
    return found[0].stat().st_size / 16_000 if found else 0.0


def _recorded(folder: Path) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    data = next(folder.glob("*-dec.wav")).read_bytes()[44:]
    return np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.float64)


# Our own ears


class Caller:
    """One caller by hand, with a socket to hear and speak by."""

    def __init__(self, running: Gateway, name: str = "caller") -> None:
        self.hand = Hand(running.sip_address, name)
        self.ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ear.bind(("127.0.0.1", 0))
        self.ear.settimeout(10)
        self.packets: list[tuple[int, int, int, bytes]] = []
        self.far = ("", 0)
        self._cseq = 1

    def __enter__(self) -> "Caller":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ear.close()
        self.hand.__exit__(kind, error, trace)

    def sdp(self, direction: str = "sendrecv", law: int = voice.ALAW, version: int = 1) -> str:
        name = "PCMA" if law == voice.ALAW else "PCMU"
        return (
            f"v=0\r\no=- 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self.ear.getsockname()[1]} RTP/AVP {law} 101\r\na=rtpmap:{law} {name}/8000\r\n"
            f"a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n"
        )

    def dial(self, law: int = voice.ALAW, number: int = 13800138000) -> None:
        sender = f"<sip:{number}@trunk.example>"
        self.hand.say("INVITE", 1, body=self.sdp(law=law), kind="application/sdp", sender=sender)

    def answered(self) -> bytes:
        answer = self.hand.wait(200)
        self.hand.say("ACK", self._cseq)
        return answer

    def offer(self, direction: str) -> bytes:
        """Offer another direction within the call."""
        self._cseq += 1
        body = self.sdp(direction, version=self._cseq)
        self.hand.say("INVITE", self._cseq, body=body, kind="application/sdp")
        while f"CSeq: {self._cseq} INVITE".encode() not in (answer := self.hand.wait(200)):
            pass
        self.hand.say("ACK", self._cseq)
        return answer

    def hang_up(self) -> None:
        self._cseq += 1
        self.hand.say("BYE", self._cseq)
        self.hand.wait(200, "BYE")

    def listen(self, packets: int) -> None:
        """Hear so many more packets."""
        for _ in range(packets):
            data, self.far = self.ear.recvfrom(2048)
            _, kind, sequence, timestamp, _ = struct.unpack(">BBHII", data[:12])
            self.packets.append((kind & 0x7F, sequence, timestamp, data[12:]))

    def forget(self) -> None:
        """Hear no more what has come so far."""
        self.packets.clear()
        self.ear.setblocking(False)
        try:
            while self.ear.recv(2048):
                pass
        except BlockingIOError:
            self.ear.settimeout(10)


@contextmanager
def calling(running: Gateway, name: str = "caller", law: int = voice.ALAW) -> Iterator[Caller]:
    with Caller(running, name) as caller:
        caller.dial(law)
        caller.answered()
        yield caller


def test_fifty_callers_at_once_each_hear_the_announcement_from_a_port_of_their_own(tmp_path: Path) -> None:
    with serving(tmp_path, calls_max=AT_ONCE) as running, ExitStack() as all_:
        callers = [all_.enter_context(Caller(running, f"c{n}")) for n in range(AT_ONCE)]
        for n, caller in enumerate(callers):
            caller.dial(voice.ULAW if n % 5 == 0 else voice.ALAW, 13800138000 + n)
        for caller in callers:
            caller.answered()
        for caller in callers:
            caller.listen(60)
        for caller in callers:
            caller.hang_up()
        house.until(lambda: len(facts(running, "call.ended")) == AT_ONCE)

    assert len({caller.far for caller in callers}) == AT_ONCE
    for n, caller in enumerate(callers):
        law = voice.ULAW if n % 5 == 0 else voice.ALAW
        assert {packet[0] for packet in caller.packets} == {law}
        hz, rest = voice.tone_in(voice.heard(caller.packets, law))
        assert (hz, rest < 0.01) == (450, True)
        first, last = caller.packets[0], caller.packets[-1]
        assert last[1] - first[1] & 0xFFFF == 59, "none is missing"
        assert last[2] - first[2] & 0xFFFF_FFFF >= 59 * voice.FRAME


def test_ports_come_back_and_a_caller_too_many_is_answered_without_a_voice(tmp_path: Path) -> None:
    with serving(tmp_path, calls_max=2) as running:
        with (
            calling(running, "one") as one,
            calling(running, "two") as two,
            Caller(running, "three") as three,
        ):
            three.dial()
            answer = three.answered()
            for caller in (one, two):
                caller.listen(1)
            assert b"m=audio 40000 " in answer
            for caller in (one, two, three):
                caller.hang_up()
        for n in range(5):
            with calling(running, f"later{n}") as later:
                later.listen(1)
                later.hang_up()


def test_a_hold_falls_silent_and_its_end_is_heard(tmp_path: Path) -> None:
    with serving(tmp_path) as running, calling(running) as caller:
        caller.listen(5)
        before = caller.packets[-1]
        answer = caller.offer("sendonly")
        caller.forget()
        caller.ear.settimeout(0.3)
        with pytest.raises(TimeoutError):
            caller.listen(3)  # one or two may have been on their way
        caller.ear.settimeout(10)
        caller.packets.clear()
        caller.offer("sendrecv")
        caller.listen(5)
        after = caller.packets[0]
        caller.hang_up()

    assert b"a=recvonly" in answer
    assert after[1] - before[1] & 0xFFFF < 15, "the sequence has no gap"
    assert after[2] - before[2] & 0xFFFF_FFFF > 12 * voice.FRAME, "time went on"


def test_a_silent_caller_is_told_of_once_is_asked_and_presses_a_key(tmp_path: Path) -> None:
    with serving(tmp_path, silent_s=1, announcement_every_s=0) as running, calling(running) as caller:
        house.until(lambda: facts(running, "call.silent"))
        caller.listen(110)
        _press(caller, 3)
        house.until(lambda: facts(running, "call.key"))
        caller.hang_up()
        house.until(lambda: facts(running, "call.ended"))

        assert len(facts(running, "call.silent")) == 1
        assert [fact["key"] for fact in facts(running, "call.key")] == ["3"]
    asked = voice.heard(caller.packets, voice.ALAW)[8_000:]
    spectrum = np.abs(np.fft.rfft(asked[:8_000]))
    assert abs(int(np.argmax(spectrum)) - 950) <= 10, "three short tones"


def test_callers_hear_again_when_the_worker_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path, restart_s_max=0.5) as running, calling(running) as caller:
        caller.listen(5)
        os.kill(_workers_of(running)[0], signal.SIGKILL)
        house.until(lambda: facts(running, "neighbour.back"))
        caller.forget()
        caller.listen(60)
        caller.hang_up()

        gone = [fact["name"] for fact in facts(running, "neighbour.gone")]
    assert gone.count("voice") == 1
    assert voice.tone_in(voice.heard(caller.packets, voice.ALAW))[0] == 450


def test_a_caller_hears_again_when_the_gateway_was_killed_and_is_told_the_new_port(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        with calling(first) as caller:
            caller.listen(5)
            first.kill()
            caller.forget()
            with serving(tmp_path, sip_port=first.sip_address[1]) as second:
                caller.listen(60)
                asked = caller.hand.asked("INVITE")
                caller.hang_up()
                house.until(lambda: facts(second, "call.ended"))

    assert voice.tone_in(voice.heard(caller.packets, voice.ALAW))[0] == 450
    assert f"m=audio {caller.far[1]} ".encode() in asked


def test_the_worker_ends_with_a_gateway_that_is_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as running:
        house.until(lambda: _workers_of(running))
        (worker,) = _workers_of(running)
        running.kill()
        house.until(lambda: not _lives(worker))


def test_check_tells_whether_the_ports_can_be_bound(tmp_path: Path) -> None:
    first = free_even_port()
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'[voice]\non = true\nhost = "127.0.0.1"\nport_min = {first}\nport_max = {first + 9}\ncalls_max = 5\n'
    )
    free = house.run_gateway("check", "--config", str(config), *NOBODY)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("127.0.0.1", first))
        taken = house.run_gateway("check", "--config", str(config), *NOBODY)

    assert f"voice    ok    can bind 5 of 5 ports from {first} on" in free.stdout
    assert "voice    FAULT 4 ports can be bound, and voice.calls_max is 5" in taken.stdout


def _press(caller: Caller, event: int) -> None:
    """Press a key in five packets of one timestamp, from the port that hears (RFC 4733)."""
    for n in range(5):
        head = struct.pack(">BBHII", 0x80, voice.KEYS | (0x80 if n == 0 else 0), n, 1000, 9)
        caller.ear.sendto(head + struct.pack(">BBH", event, 0x80 if n > 1 else 0, 160 * n), caller.far)


def _workers_of(running: Gateway) -> list[int]:
    """Return the voice workers' process ids; a child just begun still goes by our own name."""
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    return [
        int(pid) for pid in children if b"device_adapters.voice" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def _lives(pid: int) -> bool:
    try:
        return " Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:2]
    except OSError:
        return False
