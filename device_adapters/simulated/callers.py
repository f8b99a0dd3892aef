# SPDX-License-Identifier: Apache-2.0
"""The callers' sockets: thousands of calls over a few UDP ports, open loop. The shell of caller.py.

Open loop: a call is placed when its time has come, however slow the answers are. The time it should have been
placed is recorded, so that a stalled callee cannot hide (coordinated omission).
"""

import asyncio
import heapq
import math
import socket
import time
from collections.abc import Callable, Iterator
from typing import cast

from device_adapters.simulated.alarm import Alarm
from device_adapters.simulated.caller import Caller
from device_adapters.simulated.demand import PlannedCall
from device_adapters.simulated.record import CallRecord
from device_adapters.simulated.wire import Address, UnreadableError, parse

RECEIVE_BUFFER = 4 * 1024 * 1024
"A stall of a second at 4,000 calls/s; the kernel's 208 KiB lost 2 % of the calls in such a stall."
EARLY_S = 0.001
"A uvloop timer may fire so early; dialling then is right, waiting again would dial late."
TIMER_S_MIN = 0.001
"uvloop's clock ticks in ms; a shorter timer would fire early and spin."


Act = Callable[[float], None]


def mono_s() -> float:
    """Return the monotonic clock in seconds, to the ns (uvloop's own counts ms)."""
    return time.monotonic_ns() / 1e9


class Port(asyncio.DatagramProtocol):
    """One socket and the calls placed from it."""

    def __init__(self, callers: "Callers") -> None:
        self._callers = callers
        self.transport: asyncio.DatagramTransport | None = None
        self.local: Address = ("", 0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.local = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Give a datagram to its caller."""
        self._callers.heard(data)

    def error_received(self, exc: Exception) -> None:
        """Count: the callee's port is closed, or the network says no."""
        self._callers.socket_errors += 1


class Callers:
    """Everybody who calls."""

    def __init__(self, targets: tuple[Address, ...], sources: dict[str, str] | None = None) -> None:
        assert targets, "somebody must be called"
        self.records: list[CallRecord] = []
        self.placed = self.answered = self.abandoned = self.failed = 0
        self.socket_errors = self.unreadable = self.strangers = 0
        self._targets = targets
        self._sources = sources or {}
        "Source address of each county; its own trunk. Without it all come from one."
        self._ports: dict[str, Port] = {}
        self._open: dict[str, tuple[Caller, Port]] = {}
        self._busy = 0
        self._agenda: list[tuple[float, int, Caller]] = []
        self._planned: dict[str, float] = {}
        self._serial = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._stopped = False
        self._alarm = Alarm()

    async def open(self) -> None:
        """Open the sockets."""
        loop = asyncio.get_running_loop()
        facing = _towards(self._targets[0])
        for host in dict.fromkeys([*self._sources.values()] or [facing]):
            ends = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ends.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            ends.setblocking(False)
            ends.bind((host, 0))
            _, self._ports[host] = await loop.create_datagram_endpoint(lambda: Port(self), sock=ends)

    def close(self) -> None:
        """Close the sockets; whoever still waits is told nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_at = None, -math.inf
        for port in self._ports.values():
            if port.transport is not None:
                port.transport.close()

    def stop(self) -> None:
        """Place no more calls."""
        self._stopped = True
        self._alarm.ring()

    @property
    def busy(self) -> int:
        """Return how many calls are not over."""
        return self._busy

    async def place(self, calls: Iterator[PlannedCall], *, start: float, seconds: float = math.inf) -> None:
        """Place the calls at their times after `start`, until `seconds` are over or `stop()`.

        Without an end it returns after the last call.
        """
        for call in calls:
            if call.at_s >= seconds:
                break
            due = start + call.at_s
            while not self._stopped and due - mono_s() > EARLY_S:
                await self._alarm.sleep(due - mono_s())
            if self._stopped:
                return
            self._dial(call, due)
        while not self._stopped and EARLY_S < start + seconds - mono_s() < math.inf:
            await self._alarm.sleep(start + seconds - mono_s())

    async def finish(self, within_s: float) -> None:
        """Wait until every call is over; then, once more as long, for those asked to hang up."""
        for ask in (False, True):
            if ask:
                for caller, _ in [*self._open.values()]:
                    self._act(caller, caller.hang_up)
            until = mono_s() + within_s
            while self._busy and mono_s() < until:
                await self._alarm.sleep(until - mono_s())

    def _dial(self, call: PlannedCall, intended: float) -> None:
        self._serial += 1
        port = self._ports.get(self._sources.get(call.county, "")) or next(iter(self._ports.values()))
        target = self._targets[self._serial % len(self._targets)]
        caller = Caller(call, intended=intended, local=port.local, target=target)
        self._open[call.sip_call_id] = (caller, port)
        self.records.append(caller.record)
        self.placed += 1
        self._busy += 1
        self._act(caller, caller.start)

    def heard(self, data: bytes) -> None:
        """Take a datagram from any port."""
        try:
            message = parse(data)
        except UnreadableError:
            self.unreadable += 1
            return
        entry = self._open.get(message.call_id)
        if entry is None:
            self.strangers += 1
            return
        self._act(entry[0], lambda now: entry[0].receive(message, now))

    def _act(self, caller: Caller, act: Act) -> None:
        """Give one input, then take everything."""
        was_done, now = caller.done, mono_s()
        act(now)
        _, port = self._open[caller.call.sip_call_id]
        if port.transport is not None:
            for datagram in caller.datagrams_to_send():
                port.transport.sendto(datagram, caller.line.target)
        if caller.done and not was_done:
            self._count(caller.record)
        self._plan(caller)

    def _count(self, record: CallRecord) -> None:
        self._busy -= 1
        if record.outcome == "answered":
            self.answered += 1
        elif record.outcome == "abandoned":
            self.abandoned += 1
        else:
            self.failed += 1
        if not self._busy:
            self._alarm.ring()

    def _plan(self, caller: Caller) -> None:
        key, due = caller.call.sip_call_id, caller.get_timer()
        if caller.gone:
            del self._open[key]
        if due == math.inf or self._planned.get(key, math.inf) <= due:
            return
        self._planned[key] = due
        self._serial += 1
        heapq.heappush(self._agenda, (due, self._serial, caller))
        self._arm()

    def _arm(self) -> None:
        due = self._agenda[0][0] if self._agenda else math.inf
        if due >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = asyncio.get_running_loop().call_later(max(TIMER_S_MIN, due - mono_s()), self._wake)

    def _wake(self) -> None:
        self._timer, self._timer_at = None, math.inf
        while self._agenda and self._agenda[0][0] <= mono_s():
            due, _, caller = heapq.heappop(self._agenda)
            key = caller.call.sip_call_id
            if self._planned.get(key) == due:
                del self._planned[key]
            if key in self._open:
                self._act(caller, caller.handle_timer)
        self._arm()


def is_loopback(host: str) -> bool:
    """Return whether the address is this machine only."""
    return host == "localhost" or host.startswith("127.")


def _towards(target: Address) -> str:
    """Return the address of ours that faces the target, for Via and Contact."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(target)
        return str(probe.getsockname()[0])
