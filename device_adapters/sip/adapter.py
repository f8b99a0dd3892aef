# SPDX-License-Identifier: Apache-2.0
"""The trunk's side of the house: sockets, a clock and endpoints here, facts at the door there."""

import asyncio
import secrets
from collections import Counter
from functools import partial
from typing import Literal

from core.effects import AnswerCaller, Effect, HangUpCaller, RingCaller
from core.events import CallAbandoned, CallAnswered, CallEnded, CallReceived, Fact
from core.ids import CountyCode, Leg
from device_adapters.adapter import Clock, Door
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.errors import ListenError
from device_adapters.sip.events import Abandoned, Address, Answered, Ended, Invited, SipEvent
from device_adapters.sip.settings import SipSettings, listen_address, source_host, trunks_by_host
from device_adapters.sip.udp import UdpSocket, reachable_host

EARLY_S = 0.001
"uvloop's timers fire up to one millisecond before their time."
TAG_BYTES = 8
"RFC 3261 19.3 asks for 32 random bits; a leg is unique for ever, so 64."


class _Port:
    """One listener: its socket and the endpoint that speaks through it."""

    def __init__(self, socket: UdpSocket, address: Address, endpoint: Endpoint) -> None:
        self.socket = socket
        self.address = address
        self.endpoint = endpoint


class SipAdapter:
    """Answers trunks and feeds what they do to the door."""

    name = "sip"

    def __init__(self, settings: SipSettings, clock: Clock, county: CountyCode) -> None:
        self._settings = settings
        self._clock = clock
        self._county = county
        self._trunks = trunks_by_host(settings)
        self._ports: list[_Port] = []
        self._door: Door | None = None
        self._stopped = asyncio.Event()
        self._counters: Counter[str] = Counter()
        self._flowing = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    async def open(self) -> None:
        """Bind every listener, or none: raise PortTakenError or ListenError when one cannot be bound."""
        try:
            for number, listen in enumerate(self._settings.listen):
                await self._open_one(number, listen)
        except ListenError:
            self.close()
            raise

    def addresses(self) -> tuple[Address, ...]:
        """Return the addresses really bound, in the order of the configuration."""
        return tuple(port.address for port in self._ports)

    async def run(self, door: Door) -> None:
        """Feed the door until `stop()`."""
        self._door = door
        self._flow()
        await self._stopped.wait()
        self.close()

    def send(self, effect: Effect) -> None:
        """Ring, answer or hang up; other effects are not for us. An unknown leg is counted and ignored."""
        now = self._clock.mono_s()
        match effect:
            case RingCaller(leg=leg):
                self._endpoint(leg).ring(leg, now)
            case AnswerCaller(leg=leg):
                self._endpoint(leg).answer(leg, now)
            case HangUpCaller(leg=leg):
                self._endpoint(leg).hang_up(leg, now)
            case _:
                return
        self._flow()

    def stop(self) -> None:
        """Ask `run` to return."""
        self._stopped.set()

    def drain(self, on: bool) -> None:
        """Refuse new calls, or take them again; those in progress go on."""
        for port in self._ports:
            port.endpoint.drain(on)

    def adopt(self, raw: bytes, peer: str, leg: Leg, state: Literal["ringing", "answered"]) -> bool:
        """Take up a call of the process before us. `peer` is host:port as in the journal's CallReceived."""
        host, _, digits = peer.rpartition(":")
        if not digits.isdecimal():
            return False
        source = (host.strip("[]"), int(digits))
        adopted = self._endpoint(leg).adopt(raw, source, leg, state, self._clock.mono_s())
        self._counters["adopted" if adopted else "adopted_not"] += 1
        self._flow()
        return adopted

    def statistics(self) -> dict[str, int]:
        """Return the counters of all listeners, added up, and what the kernel says of their sockets."""
        total = Counter(self._counters)
        for port in self._ports:
            total.update(port.endpoint.statistics())
            total["socket_errors"] += port.socket.errors
            total["kernel_drops"] += port.socket.drops()
            wanted = self._settings.receive_buffer_bytes
            total["receive_buffer_missing_bytes"] += max(0, wanted - port.socket.receive_buffer_bytes)
        return dict(total)

    async def _open_one(self, number: int, listen: str) -> None:
        host, port = listen_address(listen)
        socket = UdpSocket(partial(self._received, number))
        bound = await socket.open(host, port, self._settings.receive_buffer_bytes)
        shown = (self._settings.host or reachable_host(bound[0]), bound[1])
        endpoint = Endpoint(self._settings, shown, partial(_new_tag, number))
        self._ports.append(_Port(socket, bound, endpoint))

    def _received(self, number: int, data: bytes, addr: Address) -> None:
        self._ports[number].endpoint.receive_datagram(data, addr, self._clock.mono_s())
        self._flow()

    def _wake(self) -> None:
        self._timer = None
        now = self._clock.mono_s()
        for port in self._ports:
            port.endpoint.handle_timer(now)
        self._flow()

    def _flow(self) -> None:
        """Send, then tell, until nothing is left; what the door sends back at once joins the same flow."""
        if self._flowing:
            return
        self._flowing = True
        try:
            while self._sent_and_told():
                pass
        finally:
            self._flowing = False
        self._arm()

    def _sent_and_told(self) -> bool:
        now = self._clock.mono_s()
        for port in self._ports:
            for data, addr in port.endpoint.datagrams_to_send(now):
                port.socket.send(data, addr)
        if self._door is None:
            return False
        for port in self._ports:
            event = port.endpoint.next_event()
            if event is not None:
                self._door.feed(self._fact(event))
                return True
        return False

    def _arm(self) -> None:
        """Keep one timer, never later than the earliest deadline; one that comes too early is set again."""
        dues = [due for port in self._ports if (due := port.endpoint.get_timer()) is not None]
        if not dues or self._stopped.is_set():
            return
        due = min(dues)
        if self._timer is not None:
            if self._timer_at <= due:
                return
            self._timer.cancel()
        self._timer_at = due
        wait_s = max(0.0, due - self._clock.mono_s()) + EARLY_S
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._wake)

    def _endpoint(self, leg: Leg) -> Endpoint:
        """Return the endpoint of the listener whose number the leg carries."""
        digits = leg.rpartition(".")[2]
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 4 else 0
        return self._ports[number if number < len(self._ports) else 0].endpoint

    def _fact(self, event: SipEvent) -> Fact:
        at_ns = self._clock.wall_ns()
        leg, sip_call_id = event.leg, event.sip_call_id
        match event:
            case Invited():
                return self._call_received(event, at_ns)
            case Answered():
                return CallAnswered(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id)
            case Abandoned(reason=reason):
                return CallAbandoned(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id, reason=reason)
            case Ended(reason=reason):
                return CallEnded(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id, reason=reason)
            case _:
                raise AssertionError("the endpoint told of something the house has no fact for")

    def _call_received(self, event: Invited, at_ns: int) -> CallReceived:
        host, number = event.peer
        trunk = self._trunks.get(source_host(host))
        return CallReceived(
            at_ns=at_ns,
            leg=event.leg,
            sip_call_id=event.sip_call_id,
            caller=event.caller,
            called=event.called,
            display_name=event.display_name,
            county=trunk.county if trunk else self._county,
            trunk=trunk.name if trunk else host,
            peer=f"[{host}]:{number}" if ":" in host else f"{host}:{number}",
            location=event.location,
            address=event.address,
            raw=event.raw,
        )

    def close(self) -> None:
        """Let go of the sockets."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for port in self._ports:
            port.socket.close()


def _new_tag(number: int) -> str:
    """Return a leg: chance, and the listener's number, so that a restarted process finds the same door."""
    return f"{secrets.token_hex(TAG_BYTES)}.{number}"
