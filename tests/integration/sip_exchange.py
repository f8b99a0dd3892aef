# SPDX-License-Identifier: Apache-2.0
"""A desk that does what was dialled, behind real SIP adapters in a loop of their own; and sipp to dial it.

The adapters live in a thread, so that a scene may wait for sipp as an operator would: by running it.
"""

import asyncio
import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import uvloop

from core.effects import AnswerCaller, HangUpCaller, QueueCaller, RingCaller
from core.events import CallReceived, Fact
from core.ids import CountyCode, Leg
from device_adapters.sip.adapter import SipAdapter
from device_adapters.sip.settings import SipSettings

T = TypeVar("T")
SIPP = shutil.which("sipp") or ""
SCENARIOS = Path(__file__).parent / "scenarios"
LATER_S = 0.4
"How long the desk takes where a scenario has something to say while it rings."
IN_LINE_S = 0.1
SIPP_S_MAX = 25
TRACE_CHARACTERS = 12_000


class WallClock:
    """The adapter's clock."""

    def wall_ns(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def mono_s(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()


class Desk:
    """Does with a call what its dialled name says, and keeps what it was told."""

    def __init__(self, adapter: SipAdapter) -> None:
        self.facts: list[Fact] = []
        self._adapter = adapter

    def feed(self, fact: Fact) -> int:
        """Take a fact at the door."""
        self.facts.append(fact)
        if isinstance(fact, CallReceived):
            self._serve(fact.leg, fact.called)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        """Everything is on the disk at once."""
        then()

    def told(self, call_id: str) -> Counter[str]:
        """Return how often each kind of fact was told of calls whose Call-ID holds this."""
        of = [fact for fact in self.facts if call_id in getattr(fact, "sip_call_id", "")]
        return Counter(type(fact).__name__ for fact in of)

    def reasons(self, call_id: str) -> list[str]:
        """Return why those calls ended."""
        of = [fact for fact in self.facts if call_id in getattr(fact, "sip_call_id", "")]
        return [reason for fact in of if (reason := getattr(fact, "reason", ""))]

    def _serve(self, leg: Leg, called: str) -> None:
        send, later = self._adapter.send, asyncio.get_running_loop().call_later
        match called:
            case "queue":
                send(QueueCaller(leg=leg, position=2))
                later(IN_LINE_S, send, QueueCaller(leg=leg, position=1))
                later(LATER_S, self._answer, leg)
            case "ring":
                send(RingCaller(leg=leg))
            case "refuse":
                send(RingCaller(leg=leg))
                send(HangUpCaller(leg=leg))
            case "later":
                send(RingCaller(leg=leg))
                later(LATER_S, send, AnswerCaller(leg=leg))
            case "hang_up":
                self._answer(leg)
                send(HangUpCaller(leg=leg))
            case _:
                self._answer(leg)

    def _answer(self, leg: Leg) -> None:
        self._adapter.send(RingCaller(leg=leg))
        self._adapter.send(AnswerCaller(leg=leg))


class Exchange:
    """One adapter and its desk."""

    def __init__(self, settings: SipSettings, desk: Callable[[SipAdapter], Desk]) -> None:
        self.adapter = SipAdapter(settings, WallClock(), CountyCode("330302"))
        self.desk = desk(self.adapter)
        self.loop: asyncio.AbstractEventLoop | None = None
        self.failure: BaseException | None = None
        self._ready = threading.Event()

    @property
    def address(self) -> tuple[str, int]:
        """Where its first listener is."""
        return self.adapter.addresses()[0]

    def statistics(self) -> dict[str, int]:
        """Return the adapter's counters, asked in its own loop."""
        return self.within(self.adapter.statistics)

    def within(self, ask: Callable[[], T]) -> T:
        """Run something in the adapter's loop and return what it gives."""
        assert self.loop is not None, "open"

        async def asked() -> T:
            return ask()

        return asyncio.run_coroutine_threadsafe(asked(), self.loop).result(10)

    def serve(self) -> None:
        """Serve until stopped; the thread's whole life."""
        try:
            uvloop.run(self._serve())
        except BaseException as failure:
            self.failure = failure
            self._ready.set()

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(self._broken)
        await self.adapter.open()
        self._ready.set()
        await self.adapter.run(self.desk)

    def _broken(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """An exception in a callback is ours: the gateway would end (docs/decisions/0007)."""
        failure = context.get("exception")
        self.failure = failure if isinstance(failure, BaseException) else RuntimeError(str(context))

    def broke(self) -> BaseException | None:
        """Return and forget what was raised in the adapter's loop, so that it is laid at one scene's door."""
        failure, self.failure = self.failure, None
        return failure

    def wait_ready(self) -> None:
        """Return once its sockets are open."""
        assert self._ready.wait(20), "the adapter did not open"
        if self.failure is not None:
            raise self.failure


@contextmanager
def exchange(settings: SipSettings, desk: Callable[[SipAdapter], Desk] = Desk) -> Iterator[Exchange]:
    """Run one exchange until the block ends; fail if anything in it was raised."""
    running = Exchange(settings, desk)
    thread = threading.Thread(target=running.serve, name="exchange")
    thread.start()
    try:
        running.wait_ready()
        yield running
    finally:
        if running.loop is not None and not running.loop.is_closed():
            running.loop.call_soon_threadsafe(running.adapter.stop)
        thread.join(10)
    if running.failure is not None:
        raise running.failure


def dial(at: tuple[str, int], scenario: str, folder: Path, *arguments: str, call_id: str = "") -> str:
    """Play one scenario with stock sipp; return "" or what went wrong, with every message of it."""
    host, port = at
    v6 = ":" in host
    target, own = (f"[{host}]:{port}", "[::1]") if v6 else (f"{host}:{port}", "127.0.0.1")
    trace, errors = folder / f"{scenario}.msg", folder / f"{scenario}.err"
    command = [
        SIPP, target, "-i", own, "-sf", str(SCENARIOS / f"{scenario}.xml"), "-m", "1", "-nostdin",
        "-cid_str", f"{call_id or scenario}-%u-%p@%s", "-timeout", str(SIPP_S_MAX - 5), "-timeout_error",
        "-trace_msg", "-message_file", str(trace), "-trace_err", "-error_file", str(errors), *arguments,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=SIPP_S_MAX,
        check=False, env={**os.environ, "TERM": "dumb"},
    )  # fmt: skip
    if done.returncode == 0:
        return ""
    said = [path.read_text(errors="replace") for path in (errors, trace) if path.exists()]
    return f"sipp {done.returncode}\n" + "\n".join(said)[:TRACE_CHARACTERS] + done.stderr[-500:]
