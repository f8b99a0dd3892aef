# SPDX-License-Identifier: Apache-2.0
"""Keeps one worker alive: starts it, asks whether it lives, kills one that does not answer, starts the next.

A worker is a process of its own because of its beat, its licence, or because it may block, leak or die: nothing it
does reaches the gateway but messages (frames.py) over one end of a socket pair.
"""

import asyncio
import math
import os
import signal
import socket
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

from device_adapters.frames import Frames, Leave, Message, Ping, WireError, framed

Report = TypeVar("Report")

START_S_MAX = 20.0  # a cold disk and a busy machine; it takes half a second
LEAVE_S_MAX = 1.5  # every part promises to stop within 2 s; the worker leaves within 1
END_S_MAX = 1.0  # what a dead process wrote is read in less


class Patience(Protocol):
    """What a worker's settings say of how it is kept."""

    @property
    def heartbeat_s(self) -> float:
        """How often it is asked whether it lives."""
        ...

    @property
    def heartbeat_s_max(self) -> float:
        """How long it may be without an answer."""
        ...

    @property
    def restart_s_min(self) -> float:
        """Pause before the next one, doubled each time until one stays."""
        ...

    @property
    def restart_s_max(self) -> float:
        """Longest pause, and how long one must live to have stayed."""
        ...


class Supervisor(Generic[Report]):
    """One worker at a time."""

    def __init__(
        self,
        settings: Patience,
        command: Sequence[str],
        mono_s: Callable[[], float],
        *,
        read: Callable[[bytes], Report],
        hello: Callable[[], Message],
        heard: Callable[[Report], None],
        gone: Callable[[str], None],
    ) -> None:
        """Take what reads a body and what opens each conversation.

        `read` and `heard` may raise WireError, `hello` OSError: that ends a worker, or none is started. After `gone`
        nothing more is heard of that worker.
        """
        self._settings = settings
        self._command = command
        self._mono_s = mono_s
        self._read = read
        self._hello = hello
        self._heard = heard
        self._gone = gone
        self._stopped = asyncio.Event()
        self._link: _Link | None = None
        self._heard_at = 0.0
        self._up_at = math.inf
        self._does_work = False
        self.pause_s = settings.restart_s_min
        "Before the next worker, when this one ends."
        self.starts = 0
        self.pid = 0
        "Of the worker, 0 without one."

    async def run(self) -> None:
        """Keep a worker until `stop()`."""
        stopped: asyncio.Future[Any] = asyncio.ensure_future(self._stopped.wait())
        try:
            while not self._stopped.is_set():
                why = await self._one_worker(stopped)
                if self._has_stayed():
                    self.pause_s = self._settings.restart_s_min
                self._does_work = False
                self._gone(why)
                await asyncio.wait((stopped,), timeout=self.pause_s)
                self.pause_s = min(self._settings.restart_s_max, 2 * self.pause_s)
        finally:
            stopped.cancel()

    async def wait_stopped(self) -> None:
        """Return after `stop()`: for a worker that is not wanted."""
        await self._stopped.wait()

    def say(self, order: Message) -> bool:
        """Tell the worker; return False when there is none."""
        if self._link is None:
            return False
        self._link.say(order)
        return True

    def stays(self) -> bool:
        """This worker does its work; return whether it has lived for the longest pause.

        Then the next pause is short again. Sooner it may be one of many that begin well and die, and each would be
        told as away and back.
        """
        self._does_work = self._link is not None
        return self._has_stayed()

    def stop(self) -> None:
        """Let `run` return within 2 s."""
        self._stopped.set()

    def _has_stayed(self) -> bool:
        return self._does_work and self._mono_s() - self._up_at >= self._settings.restart_s_max

    async def _one_worker(self, stopped: "asyncio.Future[Any]") -> str:
        """Serve one worker to its end; return why it ended."""
        try:
            hello = self._hello()
            process, link = await self._start()
        except OSError as error:
            return f"the worker cannot be started: {error}"
        self._link = link
        self._up_at = math.inf
        self.pid = process.pid
        try:
            link.say(hello)
            why = await self._watch(link, stopped)
        finally:
            self._link = None
            self.pid = 0
            code = await _ended(process, END_S_MAX if link.ended.done() else 0.0)
            await asyncio.wait((link.ended,), timeout=END_S_MAX)  # what it said last is heard
            link.close()
        return why or link.nonsense or f"the worker ended ({code})"

    async def _start(self) -> "tuple[Process, _Link]":
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(theirs.fileno()),
                    stdin=DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,  # a Ctrl-C at the gateway's terminal is the gateway's to hear
                )
            except OSError:
                ours.close()
                raise
        self.starts += 1
        ours.setblocking(False)
        _, link = await loop.create_unix_connection(lambda: _Link(self._body), sock=ours)
        return process, link

    async def _watch(self, link: "_Link", stopped: "asyncio.Future[Any]") -> str:
        """Ask it again and again; return why it is to be killed, or "" when it has ended."""
        n, is_up, beat_s = 0, False, self._settings.heartbeat_s
        self._heard_at = self._mono_s()
        while not link.ended.done():
            asked_at = self._mono_s()
            await asyncio.wait((link.ended, stopped), timeout=beat_s, return_when="FIRST_COMPLETED")
            overslept_s = self._mono_s() - asked_at - beat_s
            if overslept_s > 0:  # this process stood still, and did not listen: not the worker's silence
                self._heard_at = min(self._mono_s(), self._heard_at + overslept_s)
            if self._stopped.is_set():
                link.say(Leave())
                await asyncio.wait((link.ended,), timeout=LEAVE_S_MAX)
                return "stopped"
            is_up = is_up or link.has_spoken
            silent_s = self._mono_s() - self._heard_at
            if silent_s > (self._settings.heartbeat_s_max if is_up else START_S_MAX):
                return "the worker does not answer"
            n += 1
            link.say(Ping(n=n))
        return ""

    def _body(self, body: bytes) -> None:
        report = self._read(body)
        self._heard_at = self._mono_s()
        self._up_at = min(self._up_at, self._heard_at)  # a slow start is no life
        self._heard(report)


class _Link(asyncio.Protocol):
    """Our end of the socket pair."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_spoken = False
        self.nonsense = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.has_spoken = True
        try:
            for body in self._frames.feed(data):
                self._heard(body)
        except WireError as error:
            self.nonsense = f"the worker speaks nonsense: {error}"
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def say(self, order: Message) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(framed(order))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def _ended(process: Process, patience_s: float) -> int:
    """See the process to its end, by force when it does not come by itself; return its code."""
    ending = asyncio.ensure_future(process.wait())
    if patience_s:
        await asyncio.wait((ending,), timeout=patience_s)
    if not ending.done():
        try:
            os.kill(process.pid, signal.SIGKILL)  # process.kill() would take the code from under asyncio
        except ProcessLookupError:  # it was quicker
            pass
    return await ending
