# SPDX-License-Identifier: Apache-2.0
"""An extension of a real kamailio, called by real sipp and real baresip: hang-ups, voice both ways, a dead worker."""

import asyncio
import os
import shutil
import signal
import subprocess
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.effects import AnswerCaller, ChallengeCaller, HangUpCaller
from core.events import (
    CallAbandoned,
    CallEnded,
    CallKeyPressed,
    CallReceived,
    CallSilent,
    NeighbourBack,
    NeighbourGone,
)
from core.ids import Leg
from tests.integration import voice
from tests.integration.pbx import Desk, Pbx, extension, kamailio
from tests.waiting import until

SIPP = shutil.which("sipp") or ""
BARESIP = shutil.which("baresip") or ""
MODULES = Path("/usr/lib/baresip/modules")
SCENARIOS = Path(__file__).parent / "scenarios"
CANCEL = Path(__file__).parent.parent / "unit" / "sip" / "scenarios" / "cancel.xml"
DEAF = 9  # discard: a telephone that neither hears nor speaks

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not SIPP, reason="sipp is not installed (apt install sip-tester)"),
]


@pytest.fixture
def pbx(tmp_path: Path) -> Iterator[Pbx]:
    with kamailio(tmp_path) as running:
        yield running


async def sipp(
    pbx: Pbx, folder: Path, scenario: str | Path, *arguments: str, ears: int = DEAF, law: int = voice.ALAW
) -> "asyncio.subprocess.Process":
    """Call 110; the callers' voice is at port `ears`."""
    return await asyncio.create_subprocess_exec(
        SIPP, f"127.0.0.1:{pbx.port}", "-sf", str(SCENARIOS / scenario), "-i", "127.0.0.1",
        "-timeout", "40", "-timeout_error", "-nostdin", "-key", "ears", str(ears), "-key", "law", str(law), *arguments,
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip


async def done(process: "asyncio.subprocess.Process") -> None:
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode("utf-8", "replace")[-4000:]


async def test_calls_come_through_the_pbx_and_each_is_told_of_once(pbx: Pbx, tmp_path: Path) -> None:
    async with extension(tmp_path, pbx) as (adapter, desk):
        await done(await sipp(pbx, tmp_path, "pbx_call.xml", "-m", "60", "-r", "15", "-d", "300"))
        await until(lambda: desk.told()["CallEnded"] == 60)

        first = desk.of(CallReceived)[0]

    assert isinstance(first, CallReceived)
    assert (first.caller, first.called, first.trunk) == ("13800138000", "110", "pbx")
    assert first.display_name.startswith("Caller ")
    assert (first.peer, first.raw, first.leg[:4]) == (f"127.0.0.1:{pbx.port}", b"", "pbx-")
    assert desk.told() == {"CallReceived": 60, "CallAnswered": 60, "CallEnded": 60}
    assert {fact.reason for fact in desk.of(CallEnded)} == {"bye"}  # type: ignore[attr-defined]
    assert "guest_faults" not in adapter.statistics()


async def test_no_call_is_lost_or_doubled_when_one_datagram_in_twenty_is(pbx: Pbx, tmp_path: Path) -> None:
    async with extension(tmp_path, pbx) as (_, desk):
        await done(
            await sipp(pbx, tmp_path, "pbx_call.xml", "-m", "40", "-r", "15", "-d", "300", "-lost", "5")
        )
        await until(lambda: desk.told()["CallEnded"] == 40)

    assert desk.told() == {"CallReceived": 40, "CallAnswered": 40, "CallEnded": 40}


async def test_a_caller_who_hangs_up_while_ringing_is_told_of_and_never_answered(
    pbx: Pbx, tmp_path: Path
) -> None:
    async with extension(tmp_path, pbx, answers=False) as (adapter, desk):
        await done(await sipp(pbx, tmp_path, CANCEL, "-m", "20", "-r", "15"))
        await until(lambda: desk.told()["CallAbandoned"] == 20)
        for fact in desk.of(CallReceived):
            assert isinstance(fact, CallReceived)
            adapter.send(AnswerCaller(leg=fact.leg))

    assert desk.told() == {"CallReceived": 20, "CallAbandoned": 20}
    assert {fact.reason for fact in desk.of(CallAbandoned)} == {"cancel"}  # type: ignore[attr-defined]
    assert adapter.statistics()["orders_late"] == 20


async def test_a_call_we_hang_up_on_ends_at_the_caller(pbx: Pbx, tmp_path: Path) -> None:
    async with extension(tmp_path, pbx) as (adapter, desk):
        calling = await sipp(pbx, tmp_path, "pbx_cut_off.xml", "-m", "1")
        await until(lambda: desk.told()["CallAnswered"])
        adapter.send(HangUpCaller(leg=_leg(desk)))
        await done(calling)

    assert [fact.reason for fact in desk.of(CallEnded)] == ["hung_up"]  # type: ignore[attr-defined]


async def test_a_password_the_pbx_refuses_is_a_neighbour_gone(tmp_path: Path) -> None:
    with kamailio(tmp_path, password="another") as pbx:
        async with extension(tmp_path, pbx, registered=False) as (_, desk):
            await until(lambda: desk.of(NeighbourGone))

    gone = desk.of(NeighbourGone)
    assert [(fact.name, fact.reason) for fact in gone] == [  # type: ignore[attr-defined]
        ("pbx", f"127.0.0.1:{pbx.port} refuses our name: 401")
    ]


@pytest.mark.parametrize("law", [voice.ALAW, voice.ULAW])
async def test_the_announcement_arrives_in_the_law_agreed_on(pbx: Pbx, tmp_path: Path, law: int) -> None:
    async with voice.ear() as ear, extension(tmp_path, pbx) as (_, desk):
        await done(await sipp(pbx, tmp_path, "pbx_call.xml", "-m", "1", "-d", "1500", ears=ear.port, law=law))
        await until(lambda: desk.told()["CallEnded"])

    assert {packet[0] for packet in ear.packets} == {law}
    assert voice.tone_in(voice.heard(ear.packets, law))[0] == 450
    assert voice.tone_in(voice.heard(ear.packets, law))[1] < 0.01, "the wrong law sounds, but not like this"
    first, last = ear.packets[0], ear.packets[-1]
    steps = last[1] - first[1] & 0xFFFF
    assert steps == len(ear.packets) - 1
    assert last[2] - first[2] & 0xFFFF_FFFF >= steps * voice.FRAME


async def test_a_caller_who_speaks_is_heard_and_one_who_does_not_is_silent(pbx: Pbx, tmp_path: Path) -> None:
    async with (
        voice.ear() as speaking,
        voice.ear() as silent,
        extension(tmp_path, pbx, {"silent_s": 2}) as (adapter, desk),
    ):
        calls = [
            await sipp(pbx, tmp_path, "pbx_call.xml", "-m", "1", "-d", "3500", ears=ear.port)
            for ear in (speaking, silent)
        ]
        await until(lambda: speaking.packets and silent.packets)
        for frame in voice.tone(700, voice.ALAW, 20):
            speaking.say(frame, voice.ALAW)
            silent.say(b"\xd5" * voice.FRAME, voice.ALAW)
        await until(lambda: desk.of(CallSilent))
        for call in calls:
            await done(call)
        await until(lambda: desk.told()["CallEnded"] == 2 and adapter.statistics()["rtp_heard"] >= 40)
        counted = adapter.statistics()

    assert (counted["rtp_heard"], counted["rtp_loud"], counted["silent"]) == (40, 20, 1)
    assert len(desk.of(CallSilent)) == 1


async def test_each_key_is_told_once_though_its_first_packets_are_lost(pbx: Pbx, tmp_path: Path) -> None:
    async with voice.ear() as ear, extension(tmp_path, pbx) as (adapter, desk):
        calling = await sipp(pbx, tmp_path, "pbx_call.xml", "-m", "1", "-d", "2000", ears=ear.port)
        await until(lambda: ear.packets)
        for event, lost in ((1, 0), (1, 2), (11, 4)):
            ear.press(event, lost=lost)
        adapter.send(ChallengeCaller(leg=_leg(desk), why="silent"))
        await until(lambda: len(desk.of(CallKeyPressed)) == 3)
        await done(calling)

    assert [fact.key for fact in desk.of(CallKeyPressed)] == ["1", "1", "#"]  # type: ignore[attr-defined]
    spectrum = np.abs(np.fft.rfft(voice.heard(ear.packets, voice.ALAW)[:12_000]))
    assert spectrum[round(950 * 12_000 / 8000) + np.arange(-8, 9)].max() > 20 * np.median(spectrum)


async def test_a_caller_too_many_is_told_that_we_are_busy(pbx: Pbx, tmp_path: Path) -> None:
    async with extension(tmp_path, pbx, {"calls_max": 2}) as (adapter, desk):
        calling = await sipp(pbx, tmp_path, "pbx_call.xml", "-m", "3", "-r", "10", "-d", "1500")
        output, _ = await calling.communicate()
        await until(lambda: desk.told()["CallEnded"] == 2 and adapter.statistics().get("refused_full"))

    assert b"486" in output
    assert desk.told() == {"CallReceived": 2, "CallAnswered": 2, "CallEnded": 2}
    assert adapter.statistics()["refused_full"] == 1


async def test_a_worker_that_is_killed_ends_each_leg_once_and_the_next_call_is_taken(
    pbx: Pbx, tmp_path: Path
) -> None:
    async with extension(tmp_path, pbx) as (adapter, desk):
        answered = await sipp(pbx, tmp_path, "pbx_cut_off.xml", "-m", "2")
        await until(lambda: desk.told()["CallAnswered"] == 2)
        desk.answers = False
        ringing = await sipp(pbx, tmp_path, "pbx_call.xml", "-m", "1")
        await until(lambda: desk.told()["CallReceived"] == 3)

        os.kill(adapter.supervisor.pid, signal.SIGKILL)
        await until(lambda: desk.of(NeighbourGone))
        desk.answers = True
        next_one = await sipp(pbx, tmp_path, "pbx_call.xml", "-m", "1", "-d", "200")

        await done(answered)  # the new worker says BYE for the dead one
        refused, _ = await ringing.communicate()
        await done(next_one)
        await until(lambda: desk.told()["CallEnded"] == 3 and desk.of(NeighbourBack))

    assert b"480" in refused
    assert desk.told() == {
        "CallReceived": 4, "CallAnswered": 3, "CallEnded": 3, "CallAbandoned": 1,
        "NeighbourGone": 1, "NeighbourBack": 1,
    }  # fmt: skip
    assert sorted(fact.reason for fact in desk.of(CallEnded)) == ["bye", "gone", "gone"]  # type: ignore[attr-defined]
    assert [fact.reason for fact in desk.of(CallAbandoned)] == ["gone"]  # type: ignore[attr-defined]


async def test_a_worker_that_hangs_is_killed_and_started_again(pbx: Pbx, tmp_path: Path) -> None:
    async with extension(tmp_path, pbx, {"heartbeat_s_max": 0.5}) as (adapter, desk):
        first = adapter.supervisor.pid
        os.kill(first, signal.SIGSTOP)
        await until(lambda: desk.of(NeighbourBack), 20)
        await done(await sipp(pbx, tmp_path, "pbx_call.xml", "-m", "1", "-d", "100"))

    assert adapter.supervisor.starts == 2
    assert [fact.reason for fact in desk.of(NeighbourGone)] == ["the worker does not answer"]  # type: ignore[attr-defined]


@pytest.mark.skipif(not BARESIP, reason="baresip is not installed (apt install baresip-core)")
@pytest.mark.skipif(not (MODULES / "sndfile.so").exists(), reason="baresip has no sndfile.so to record by")
@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
async def test_a_telephone_hears_us_and_is_heard(pbx: Pbx, tmp_path: Path, codec: str) -> None:
    home = _telephone(tmp_path, pbx, codec)
    async with extension(tmp_path, pbx, {"silent_s": 2}) as (adapter, desk):
        calling = await asyncio.create_subprocess_exec(
            BARESIP, "-f", str(home), "-t", "4", "-e", f"/dial sip:110@127.0.0.1:{pbx.port}",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=home,
        )  # fmt: skip
        await until(lambda: desk.told()["CallAnswered"])
        assert calling.stdout is not None
        output = await calling.stdout.read()
        await calling.wait()
        await until(lambda: desk.told()["CallEnded"])
        counted = adapter.statistics()

    with wave.open(str(next(home.glob("*-dec.wav"))), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(float)
    assert voice.tone_in(samples)[0] == 450, output.decode("utf-8", "replace")[-2000:]
    assert counted["rtp_loud"] > 50
    assert not desk.of(CallSilent)


def _telephone(folder: Path, pbx: Pbx, codec: str) -> Path:
    """Write baresip's configuration, and the file it speaks from."""
    home = folder / "baresip"
    home.mkdir()
    with wave.open(str(home / "said.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        samples = 9000 * np.sin(2 * np.pi * 700 * np.arange(8000 * 6) / 8000)
        file.writeframes(array("h", samples.astype(int).tolist()).tobytes())
    (home / "config").write_text(
        f"sip_listen 127.0.0.1:0\nnet_interface 127.0.0.1\nmodule_path {MODULES}\nsnd_path {home}\n"
        f"audio_source aufile,{home / 'said.wav'}\naudio_player aubridge,nobody\n"
        + "".join(f"module {name}.so\n" for name in ("g711", "aufile", "aubridge", "sndfile", "stdio"))
        + "module_app account.so\nmodule_app menu.so\n"
    )
    (home / "accounts").write_text(f"<sip:13800138000@127.0.0.1:{pbx.port}>;regint=0;audio_codecs={codec}\n")
    (home / "contacts").write_text("")
    return home


def _leg(desk: Desk) -> Leg:
    received = desk.of(CallReceived)[0]
    assert isinstance(received, CallReceived)
    return received.leg
