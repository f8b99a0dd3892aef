# SPDX-License-Identifier: Apache-2.0
"""The worker's one loop: the PBX, the voice and the gateway, each in turn. No thread, no lock.

pyVoIP starts three threads for each call and polls its socket a hundred times a second; a hundred calls here are
one thread that wakes every 20 ms.
"""

import selectors
import socket
import time
from collections import Counter
from functools import partial

from device_adapters import prompts
from device_adapters.g711 import FRAME_S, QUIET
from device_adapters.pyvoip import legible, wire
from device_adapters.pyvoip.calls import Calls, Talk
from device_adapters.pyvoip.guest import FAULTS, GuestPhone
from device_adapters.pyvoip.outbox import Address, Outbox
from device_adapters.pyvoip.registration import Registration
from device_adapters.pyvoip.room import Room
from device_adapters.pyvoip.settings import PyvoipSettings

BEAT_S = 0.05  # how often what is not voice is looked at
BEHIND_S_MAX = 0.2  # voice this late is left out: a caller prefers a gap to an echo of the past
TURN_MAX = 64  # datagrams read before anything else has its turn
DATAGRAM_MAX = 65_535
LEAVE_S_MAX = 1.0  # the gateway gives its parts two seconds to stop


class Loop:
    """Serve one gateway at one PBX."""

    def __init__(
        self,
        link: socket.socket,
        sip: socket.socket,
        hello: wire.Hello,
        phone: GuestPhone,
        pbx: Address,
        counters: Counter[str],
    ) -> None:
        """`sip` is bound to where the PBX reaches us. Raises PromptError."""
        settings: PyvoipSettings = hello.settings
        host, port = sip.getsockname()
        self._settings = settings
        self._link = link
        self._sip = sip
        self._pbx = pbx
        self._phone = phone
        self._announcement = prompts.announcement(settings.announcement)
        self._challenge = prompts.challenge(settings.challenge)
        self._counters = counters
        self._frames = wire.Frames()
        self._outbox = Outbox(sip, f"{settings.username}@{host}:{port}", counters)
        room = Room(settings.calls_max, settings.calls_per_s)
        self._calls = Calls(phone, self._outbox, room, host, counters, self._tell)
        self._calls.opened, self._calls.closed = self._opened, self._closed
        self._registration = Registration(phone, self._outbox, pbx, counters, self._told_registered)
        self._leave_by = 0.0
        self._voice_at = self._beat_at = 0.0
        self._selector = selectors.DefaultSelector()
        self._selector.register(link, selectors.EVENT_READ, self._hear_gateway)
        self._selector.register(sip, selectors.EVENT_READ, self._hear_pbx)

    def run(self) -> None:
        """Serve until told to leave, or until the gateway is gone."""
        self._tell(wire.Ready(guest=self._phone.version))
        while not self._may_leave(now := time.monotonic()):
            due = min(self._beat_at, self._voice_at) if self._calls.talking else self._beat_at
            for key, _ in self._selector.select(max(0.0, due - now)):
                key.data()
            now = time.monotonic()
            self._speak(now)
            if now >= self._beat_at:
                self._beat_at = now + BEAT_S
                self._beat(now)

    # The gateway

    def _hear_gateway(self) -> None:
        try:
            data = self._link.recv(DATAGRAM_MAX)
        except OSError:
            data = b""
        if not data:  # the gateway has died: nobody would hear of these callers any more
            self._selector.unregister(self._link)
            self._leave(time.monotonic())
        for body in self._frames.feed(data):
            self._obey(wire.order(body), time.monotonic())

    def _obey(self, order: wire.Order, now: float) -> None:
        match order:
            case wire.Ping(n=n):
                self._tell(wire.Pong(n=n, counters=dict(self._counters)))
            case wire.Drain(on=on):
                self._calls.is_draining = on
            case wire.Leave():
                self._leave(now)
            case wire.Challenge(leg=leg):
                self._calls.challenge(leg, lambda talk: self._challenge.frames[talk.guest.law])
            case wire.Bury(leg=leg):
                self._calls.bury(order, self._pbx, now)
                self._tell(wire.Buried(leg=leg))
            case wire.Hello():
                raise wire.WireError("a second hello")
            case _:
                self._calls.obey(order, now)

    def _tell(self, message: wire.Message) -> None:
        try:
            self._link.sendall(wire.framed(message))
        except OSError:  # it died, or does not read; the socket's own end comes with the next look
            self._counters["untold"] += 1

    def _told_registered(self, up: bool, why: str) -> None:
        self._tell(wire.Registered(up=up, reason=why and f"{self._settings.server} {why}"))

    def _leave(self, now: float) -> None:
        if not self._leave_by:
            self._leave_by = now + LEAVE_S_MAX
            self._calls.is_draining = True
            self._calls.hang_up_all(now)
            self._registration.leave(now)

    def _may_leave(self, now: float) -> bool:
        is_settled = self._registration.is_over and not self._outbox.waits()
        return self._leave_by > 0 and (is_settled or now >= self._leave_by)

    # The PBX

    def _hear_pbx(self) -> None:
        for _ in range(TURN_MAX):
            try:
                data, came_from = self._sip.recvfrom(DATAGRAM_MAX)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error: the PBX's port is closed
                continue
            if came_from[0] != self._pbx[0]:  # pyVoIP takes calls from anybody
                self._counters["unknown_source"] += 1
            elif data.strip(b"\r\n\0"):  # a keep-alive otherwise
                self._read(data, came_from, time.monotonic())

    def _read(self, data: bytes, came_from: Address, now: float) -> None:
        try:
            message = legible.read(data)
        except legible.UnreadableError as error:  # pyVoIP swallows it without a trace
            self._counters[f"unreadable_{error}"] += 1
            return
        if message.status:
            self._responded(message, now)
            return
        try:
            self._calls.requested(message, data, came_from, now)
        except (*FAULTS, OSError):
            self._counters["guest_faults"] += 1
            self._outbox.say(message, 500, came_from, now)

    def _responded(self, message: legible.Legible, now: float) -> None:
        if message.status < 200:
            return
        if message.method == "BYE":
            self._outbox.settle(("bye", message.call_id))
        elif message.method == "REGISTER":
            self._registration.heard(message, now)

    # Voice

    def _opened(self, talk: Talk) -> None:
        self._selector.register(talk.guest.open(), selectors.EVENT_READ, partial(self._listen, talk))
        if not self._calls.talking:
            self._voice_at = time.monotonic()

    def _closed(self, talk: Talk) -> None:
        self._selector.unregister(talk.guest.ears)

    def _listen(self, talk: Talk) -> None:
        for _ in range(TURN_MAX):
            if talk not in self._calls.talking:  # ended within this turn
                return
            try:
                packet = talk.guest.ears.recv(DATAGRAM_MAX)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error: the far side's port is closed
                continue
            self._calls.keyed(talk, talk.guest.hear(packet))

    def _speak(self, now: float) -> None:
        """Send what is due. What is too late is left out, and its timestamps with it."""
        if not self._calls.talking:
            return
        while self._voice_at <= now:
            is_late = now - self._voice_at > BEHIND_S_MAX
            self._counters["frames_late"] += is_late
            self._voice_at += FRAME_S
            for talk in self._calls.talking:
                if is_late:
                    talk.guest.skip()
                else:
                    talk.guest.say(self._frame(talk))

    def _frame(self, talk: Talk) -> bytes:
        if talk.asking:
            return talk.asking.popleft()
        frames = self._announcement.frames[talk.guest.law]
        every = round(self._settings.announcement_every_s / FRAME_S)
        at = talk.frame % max(every, len(frames)) if every else talk.frame
        talk.frame += 1
        return frames[at] if at < len(frames) else QUIET[talk.guest.law]

    # Time

    def _beat(self, now: float) -> None:
        for key in self._outbox.beat(now):
            match key:
                case ("ack", str(call_id), _):
                    self._calls.unconfirmed(call_id, now)
                case ("register", _):
                    self._registration.given_up(now)
                case _:
                    self._counters["bye_unanswered"] += 1
        self._registration.beat(now)
        self._calls.look(now, self._settings.silent_s)
