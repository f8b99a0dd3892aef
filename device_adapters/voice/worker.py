# SPDX-License-Identifier: Apache-2.0
"""The voice of the trunks, in a process of its own: one beat of 20 ms for all lines, and nothing else to do.

Binds every port at its start, so that no SDP names a port nobody listens at. Ends with the gateway.
"""

import asyncio
import socket
import sys
import traceback
from collections import Counter
from secrets import randbits
from types import TracebackType
from typing import cast

from core.ids import Leg
from device_adapters import prompts
from device_adapters.frames import Frames, Leave, Message, Ping, Pong, WireError, framed
from device_adapters.g711 import FRAME_S
from device_adapters.voice import wire
from device_adapters.voice.line import Line, frames_of
from device_adapters.voice.pool import even
from device_adapters.voice.rtp import Stream
from device_adapters.voice.settings import VoiceSettings
from device_adapters.voice.sockets import bound, room_for

BEHIND_S_MAX = 0.2  # voice this late is left out: a caller prefers a gap to an echo of the past
LOOK_FRAMES = 25  # silence is looked for twice a second
PACKET_OCTETS_MAX = 2048  # 20 ms have 172; what is longer is cut, and is no voice of ours
UNTOLD_OCTETS_MAX = 1 << 20  # a gateway that has not read a megabyte of keys is dead


class Worker(asyncio.Protocol):
    """Speaks and listens for one gateway."""

    def __init__(self) -> None:
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._frames = Frames()
        self._link: asyncio.Transport | None = None
        self._settings: VoiceSettings | None = None
        self._ears: dict[int, socket.socket] = {}
        self._lines: dict[Leg, tuple[Line, int]] = {}
        self._at: dict[int, Line] = {}
        "By port."
        self._counters: Counter[str] = Counter()
        self._due = 0.0
        self._beats = 0
        self._timer: asyncio.TimerHandle | None = None

    # The gateway

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the link."""
        self._link = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Obey."""
        for body in self._frames.feed(data):
            self._obey(wire.order(body))

    def connection_lost(self, exc: Exception | None) -> None:
        """End: nobody would say any more who is still on the line."""
        if not self.over.done():
            self.over.set_result(None)

    def _obey(self, order: wire.Order) -> None:
        match order:
            case wire.Hello(settings=settings, version=version):
                if version != wire.VERSION or self._settings is not None:
                    raise WireError("the gateway is of another version")
                self._begin(settings)
            case wire.Talk():
                self._talk(order)
            case wire.Challenge(leg=leg):
                self._challenge(leg)
            case wire.Over(leg=leg):
                self._end(leg)
            case Ping(n=n):
                self._tell(Pong(n=n, counters={**self._counters, "lines": len(self._lines)}))
            case Leave():
                self.connection_lost(None)

    def _tell(self, message: Message) -> None:
        assert self._link is not None, "told before there was a link"
        if self._link.get_write_buffer_size() > UNTOLD_OCTETS_MAX:
            self._link.abort()
        else:
            self._link.write(framed(message))

    def _begin(self, settings: VoiceSettings) -> None:
        self._settings = settings
        self._every_frames = frames_of(settings.announcement_every_s)
        fault = ""
        try:
            self._announcement = prompts.announcement(settings.announcement)
        except prompts.PromptError as error:
            fault, self._announcement = str(error), prompts.announcement("")
        try:
            self._question = prompts.challenge(settings.challenge)
        except prompts.PromptError as error:
            fault, self._question = str(error), prompts.challenge("")
        ports = even(settings.port_min, settings.port_max)
        room_for(len(ports))
        taken: list[int] = []
        for port in ports:
            try:
                self._ears[port] = bound(settings.host, port)
            except OSError:
                taken.append(port)
        loop = asyncio.get_running_loop()
        for port, ear in self._ears.items():
            loop.add_reader(ear, self._hear, port, ear)
        self._counters["ports_taken"] = len(taken)
        self._tell(wire.Ready(taken=tuple(taken), fault=fault))

    # Lines

    def _talk(self, order: wire.Talk) -> None:
        assert self._settings is not None, "talks before the hello"
        loop = asyncio.get_running_loop()
        held = self._lines.get(order.leg)
        if held is not None:
            held[0].change(order.side, loop.time())
            return
        if order.port not in self._ears or order.port in self._at:
            self._counters["lines_deaf"] += 1
            return
        stream = Stream(randbits(32), randbits(16), randbits(32))
        line = Line(order.leg, order.side, stream, loop.time(), v6=":" in self._settings.host)
        self._lines[order.leg] = line, order.port
        self._at[order.port] = line
        if self._timer is None:
            self._due = loop.time()
            self._beat()

    def _challenge(self, leg: Leg) -> None:
        held = self._lines.get(leg)
        if held is not None:
            self._counters["challenges"] += 1
            held[0].ask(self._question.frames[held[0].side.law])

    def _end(self, leg: Leg) -> None:
        held = self._lines.pop(leg, None)
        if held is not None:
            del self._at[held[1]]

    def _hear(self, port: int, ear: socket.socket) -> None:
        """Take one packet: the loop comes back as long as there are more, and the beat has its turn between."""
        try:
            data, came_from = ear.recvfrom(PACKET_OCTETS_MAX)
        except OSError:  # nothing there after all, or an ICMP error: the caller's port is closed
            return
        line = self._at.get(port)
        if line is None:
            self._counters["rtp_late"] += 1
            return
        key = line.hear(data, came_from, asyncio.get_running_loop().time(), self._counters)
        if key:
            self._tell(wire.Keyed(leg=line.leg, key=key))

    # The beat

    def _beat(self) -> None:
        """Send what is due. What is too late is left out, and its timestamps with it."""
        loop = asyncio.get_running_loop()
        self._timer = None
        if not self._lines:
            return
        now = loop.time()
        while self._due <= now:
            if now - self._due > BEHIND_S_MAX:
                self._counters["frames_late"] += 1
                for line, _ in self._lines.values():
                    line.skip()
            else:
                self._speak()
            self._due += FRAME_S
            self._beats += 1
            if self._beats % LOOK_FRAMES == 0:
                self._look(now)
        self._timer = loop.call_at(self._due, self._beat)

    def _speak(self) -> None:
        ears, announcement, every = self._ears, self._announcement, self._every_frames
        sent = 0
        for line, port in self._lines.values():
            packet = line.say(announcement, every)
            if packet:
                try:
                    ears[port].sendto(packet, line.far)
                    sent += 1
                except OSError:  # a full buffer, a host nobody leads to
                    self._counters["rtp_unsent"] += 1
        self._counters["rtp_sent"] += sent

    def _look(self, now: float) -> None:
        assert self._settings is not None, "looks before the hello"
        for line, _ in self._lines.values():
            found = line.silence(now, self._settings.silent_s, self._settings.dead_s)
            if found:
                self._counters[f"lines_{found}"] += 1
                self._tell(wire.Silent(leg=line.leg))


async def serve(link: socket.socket) -> None:
    """Serve the gateway at the other end of the link until it leaves."""
    link.setblocking(False)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_broken)
    _, worker = await loop.create_unix_connection(Worker, sock=link)
    await worker.over


def _broken(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """End when we are wrong: the gateway starts the next one, and tells it of every line."""
    error = context.get("exception")
    if isinstance(error, BaseException):
        _say_where(type(error), error, error.__traceback__)
    else:
        sys.stderr.write("voice worker: broken\n")
    loop.stop()


def _say_where(kind: type[BaseException], _: BaseException, trace: TracebackType | None) -> None:
    """Say what broke and where, never on whose line: an error's text may hold an address."""
    where = [f" in {at.name}, {at.filename}:{at.lineno}" for at in traceback.extract_tb(trace)[-1:]]
    sys.stderr.write(f"voice worker: {kind.__name__}{''.join(where)}\n")


def main() -> int:
    """Serve the gateway at the other end of the socket whose number is our argument."""
    sys.excepthook = _say_where
    asyncio.run(serve(socket.socket(fileno=int(sys.argv[1]))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
