# SPDX-License-Identifier: Apache-2.0
"""A million calls and a million broken messages: nothing grows, nothing is left, nothing is raised.

SOAK_CALLS, SOAK_RATE and SOAK_MESSAGES make them shorter to try.
"""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from core.events import CallReceived, Fact
from core.ids import Leg
from device_adapters.sip.adapter import SipAdapter
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Abandoned, Ended, Invited
from device_adapters.sip.settings import SipSettings
from tests.integration.house import until
from tests.integration.sip_exchange import SIPP, Desk, Exchange, exchange
from tests.integration.sip_mutator import Mutator, request

CALLS = int(os.environ.get("SOAK_CALLS", "1_000_000"))
RATE = int(os.environ.get("SOAK_RATE", "1000"))
MESSAGES = int(os.environ.get("SOAK_MESSAGES", "1_000_000"))
SEED = int(os.environ.get("SOAK_SEED", "110"))
RSS_GROWTH_MIB_MAX = 24
"27 octets for each of 900,000 calls."
FULL_S = 40.0
"Longer than 64 T1: from then on as many transactions end as begin, and the house may be weighed."
FEW_MESSAGES = 20_000
SERVED = 500
"Messages thrown at one call before the next one is set up."
HERE, THERE = ("192.0.2.110", 5060), ("192.0.2.9", 5060)
QUIET_S = 7300.0
"Longer than any timer of a leg: its session and its refreshing, twice."


class CountingDesk(Desk):
    """Answers each call and keeps nothing but counts: a list of a million facts would be our own leak."""

    def __init__(self, adapter: SipAdapter) -> None:
        super().__init__(adapter)
        self.counts: Counter[str] = Counter()

    def feed(self, fact: Fact) -> int:
        self.counts[type(fact).__name__] += 1
        if isinstance(fact, CallReceived):
            self._answer(fact.leg)
        return 0


def rss_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.real
@pytest.mark.soak
@pytest.mark.skipif(not SIPP, reason="sipp is not installed (apt install sip-tester)")
@pytest.mark.timeout(1200 + 4 * CALLS / RATE)
def test_a_million_calls_leave_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = SipSettings(listen=("udp:127.0.0.1:0",))  # T1 as sipp's: a shorter one forgets its repeats
    with exchange(settings, CountingDesk) as running:
        desk = running.desk
        assert isinstance(desk, CountingDesk)
        open_before = descriptors()
        host, port = running.address
        with (tmp_path / "sipp.log").open("w") as log:
            calling = subprocess.Popen(
                [SIPP, f"{host}:{port}", "-i", "127.0.0.1", "-sn", "uac", "-d", "0", "-r", str(RATE), "-m", str(CALLS),
                 "-nostdin", "-trace_err", "-error_file", str(tmp_path / "sipp.err"), "-buff_size", "4194304"],
                cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        started = time.monotonic()
        until(
            lambda: (
                calling.poll() is not None
                or (desk.counts["CallEnded"] >= CALLS // 10 and time.monotonic() - started > FULL_S)
            ),
            600 + CALLS / RATE,
        )
        early = rss_mib()
        code = calling.wait(600 + 3 * CALLS / RATE)
        seconds = time.monotonic() - started
        late = rss_mib()
        held = running.statistics()
        settled(running, 64 * settings.t1_ms / 1000 + 60)
        after = running.statistics()
        still_open = descriptors()

    errors = tmp_path / "sipp.err"
    with capsys.disabled():
        print(
            f"\n{CALLS} calls in {seconds:.0f} s: {early:.1f} MiB with full tables, {late:.1f} MiB at the end, "
            f"{held['transactions']} transactions and {held['timers']} timers at the last call"
        )
    assert idle(after), after
    assert code == 0, errors.read_text()[-3000:] if errors.exists() else code
    assert desk.counts == {"CallReceived": CALLS, "CallAnswered": CALLS, "CallEnded": CALLS}
    assert late - early < RSS_GROWTH_MIB_MAX, f"{late - early:.1f} MiB more"
    assert still_open <= open_before
    assert (after.get("kernel_drops", 0), after.get("socket_errors", 0)) == (0, 0)


def settled(running: Exchange, seconds: float) -> None:
    """Wait until nothing is held, or so long."""
    end = time.monotonic() + seconds
    while not idle(running.statistics()) and time.monotonic() < end:
        time.sleep(0.1)


def idle(held: dict[str, int]) -> bool:
    return held["calls"] == held["transactions"] == held["timers"] == 0


class Storm:
    """Broken messages at living calls; whatever is raised is ours."""

    def __init__(self, seed: int) -> None:
        tags = count()
        self.sip = Endpoint(SipSettings(), HERE, lambda: f"leg{next(tags)}")
        self._mutator = Mutator(seed)
        self._now = 0.0
        self._living: set[Leg] = set()

    def rage(self, messages: int) -> None:
        """Throw so many; then let every timer run out."""
        chance, tag = self._mutator.chance, ""
        for number in range(messages):
            call = number - number % SERVED
            if number == call:
                tag = self._serve(call)
            self._now += chance.choice((0.0, 0.001, 0.05))
            data = self._mutator.damaged(self._mutator.sample(call, tag))
            self.sip.receive_datagram(data, THERE, self._now)
            for leg in self._told():
                self._decide(leg)
            self._pass_time(self._now)
        self._abate()

    def _serve(self, call: int) -> Leg:
        """Set up a good call and return our tag; it is rung, and answered every other time."""
        self.sip.receive_datagram(request("INVITE", call), THERE, self._now)
        legs = self._told()
        assert len(legs) == 1, "a good call is told of once"
        self.sip.ring(legs[0], self._now)
        if call // SERVED % 2:
            self.sip.answer(legs[0], self._now)
        return legs[0]

    def _told(self) -> list[Leg]:
        """Take every event; return the new legs."""
        new = []
        while (event := self.sip.next_event()) is not None:
            if isinstance(event, Invited):
                new.append(event.leg)
                self._living.add(event.leg)
            elif isinstance(event, Abandoned | Ended):
                self._living.remove(event.leg)
        return new

    def _decide(self, leg: Leg) -> None:
        """Do as a desk would, by chance."""
        acts: tuple[Callable[[Leg, float], object], ...] = (self.sip.ring, self.sip.answer, self.sip.hang_up)
        for act in self._mutator.chance.sample(acts, self._mutator.chance.randrange(3)):
            act(leg, self._now)

    def _pass_time(self, end: float) -> None:
        self.sip.datagrams_to_send(self._now)
        while (due := self.sip.get_timer()) is not None and due <= end:
            self.sip.handle_timer(due)
            self.sip.datagrams_to_send(due)
            self._told()

    def _abate(self) -> None:
        """Hang up on whoever is still there, and wait until nothing is due."""
        for leg in sorted(self._living):
            self.sip.hang_up(leg, self._now)
        self._told()
        self._pass_time(self._now + QUIET_S)


def alive(sip: Endpoint) -> bool:
    sip.receive_datagram(request("OPTIONS", 10**9), THERE, 10.0**7)
    return [data[:12] for data, _ in sip.datagrams_to_send(10.0**7)] == [b"SIP/2.0 200 "]


def test_a_storm_of_broken_messages_raises_nothing_and_leaves_nothing() -> None:
    storm = Storm(SEED)

    storm.rage(FEW_MESSAGES)

    assert idle(storm.sip.statistics())
    assert alive(storm.sip)


@pytest.mark.soak
@pytest.mark.timeout(1200 + MESSAGES / 500)
def test_a_million_broken_messages_raise_nothing_and_leave_nothing() -> None:
    storm = Storm(SEED + 1)

    storm.rage(MESSAGES)

    assert idle(storm.sip.statistics())
    assert alive(storm.sip)
