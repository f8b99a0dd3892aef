# SPDX-License-Identifier: Apache-2.0
"""The trunk's side of the house: listeners, a clock and endpoints here, facts at the door there."""

import asyncio
from collections import Counter
from typing import Literal

from core.effects import AnswerCaller, ChallengeCaller, Effect, HangUpCaller, QueueCaller, RingCaller
from core.ids import CountyCode, Leg
from device_adapters.adapter import Clock, Door
from device_adapters.sip.dialler import Lost
from device_adapters.sip.errors import ListenError
from device_adapters.sip.events import Address, Elsewhere, Talking
from device_adapters.sip.facts import fact_of
from device_adapters.sip.house import listener_of
from device_adapters.sip.passwords import read_passwords
from device_adapters.sip.ports import Opener, Port
from device_adapters.sip.settings import SipSettings, trunks_by_host
from device_adapters.sip.tcp import StreamListener
from device_adapters.sip.tls import TlsContexts, read_tls
from device_adapters.voices import Voices

EARLY_S = 0.001
"uvloop's timers fire up to one millisecond before their time."


class SipAdapter:
    """Answers trunks and feeds what they do to the door."""

    name = "sip"

    def __init__(
        self, settings: SipSettings, clock: Clock, county: CountyCode, voices: Voices | None = None
    ) -> None:
        """Take who has the voice; without, callers are answered and hear nothing."""
        self._settings = settings
        self._clock = clock
        self._county = county
        self._voices = voices
        self._trunks = trunks_by_host(settings)
        self._passwords: dict[str, str] = {}
        "By trunk; the endpoints look here each time, so that a reload reaches them."
        self._ports: list[Port] = []
        self._door: Door | None = None
        self._stopped = asyncio.Event()
        self._counters: Counter[str] = Counter()
        self._lost: dict[int, Lost] = {}
        "What could not be carried, by listener."
        self._flowing = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    async def open(self) -> None:
        """Read the files and bind every listener, or none: raise ListenError with a sentence when it cannot be."""
        settings = self._settings
        self._passwords.update(read_passwords(settings.trunks))
        opener = Opener(
            settings,
            self._received,
            self._unreachable,
            self._clock.mono_s,
            self._contexts(settings),
            self._passwords,
            self._voices,
        )
        try:
            for listen in settings.listen:
                self._ports.append(await opener.open(listen))
        except ListenError:
            self.close()
            raise

    def addresses(self) -> tuple[Address, ...]:
        """Return the addresses really bound, in the order of the configuration."""
        return tuple(port.address for port in self._ports)

    def listening(self) -> tuple[str, ...]:
        """Return the same as `sip.listen` spells it."""
        return tuple(str(port) for port in self._ports)

    async def run(self, door: Door) -> None:
        """Feed the door until `stop()`."""
        self._door = door
        async with asyncio.TaskGroup() as tasks:
            for port in self._ports:
                if isinstance(port.link, StreamListener):
                    tasks.create_task(port.link.run(), name=f"sip {port}")
            self._flow()
            await self._stopped.wait()
            self.close()

    def send(self, effect: Effect) -> None:
        """Ring, queue, answer or hang up; other effects are not for us. An unknown leg is counted and ignored."""
        now = self._clock.mono_s()
        match effect:
            case RingCaller(leg=leg):
                self._port(leg).endpoint.ring(leg, now)
            case QueueCaller(leg=leg, position=position):
                self._port(leg).endpoint.queue(leg, position, now)
            case AnswerCaller(leg=leg):
                self._port(leg).endpoint.answer(leg, now)
            case HangUpCaller(leg=leg):
                self._port(leg).endpoint.hang_up(leg, now)
            case ChallengeCaller():
                self._counters["challenges_without_media"] += 1  # nobody could hear the question
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

    def reload(self, settings: SipSettings) -> list[str]:
        """Read the certificates and passwords again; return the settings that differ and need a restart.

        Raises UnusableFileError with a sentence when a file cannot be used; then nothing has changed.
        """
        contexts, passwords = self._contexts(settings), read_passwords(settings.trunks)
        for port in self._ports:
            if contexts is not None and port.transport == "tls" and isinstance(port.link, StreamListener):
                port.link.renew(contexts)
        self._passwords.update({name: passwords[name] for name in self._passwords if name in passwords})
        names = [name for name in SipSettings.__struct_fields__ if name != "tls" or contexts is None]
        return [name for name in names if getattr(settings, name) != getattr(self._settings, name)]

    def adopt(self, raw: bytes, peer: str, leg: Leg, state: Literal["ringing", "answered"]) -> bool:
        """Take up a call of the process before us. `peer` is host:port as in the journal's CallReceived."""
        host, _, digits = peer.rpartition(":")
        if not digits.isdecimal():
            return False
        source = (host.strip("[]"), int(digits))
        port = self._port(leg)
        wall_s = self._clock.wall_ns() // 1_000_000_000
        adopted = port.endpoint.adopt(raw, source, leg, state, self._clock.mono_s(), wall_s)
        self._counters["adopted" if adopted else "adopted_not"] += 1
        self._flow()
        return adopted

    def statistics(self) -> dict[str, int]:
        """Return the counters of all listeners, added up, and what the kernel says of their sockets."""
        total = Counter(self._counters)
        for port in self._ports:
            total.update(port.endpoint.statistics())
            total.update(port.link.statistics())
        return dict(total)

    def close(self) -> None:
        """Let go of the sockets."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for port in self._ports:
            port.link.close()

    def _contexts(self, settings: SipSettings) -> TlsContexts | None:
        """Read the TLS files if we listen for TLS, as the configuration of the start has it."""
        listens = any(listen.startswith("tls:") for listen in self._settings.listen)
        return read_tls(settings.tls) if listens and settings.tls.certificate else None

    def _received(self, number: int, data: bytes, addr: Address) -> None:
        if number >= len(self._ports):  # its socket is bound and `open` not told yet; UDP is sent again
            self._counters["came_while_opening"] += 1
            return
        self._ports[number].endpoint.receive_datagram(data, addr, self._clock.mono_s())
        self._flow()

    def _unreachable(self, number: int, lost: Lost) -> None:
        # Perhaps while we send: then the flow comes back to it.
        self._lost.setdefault(number, []).extend(lost)
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
                link = self._ports[addr.by].link if isinstance(addr, Elsewhere) else port.link
                link.send(data, addr)
        if self._lost:
            number, lost = self._lost.popitem()
            self._ports[number].endpoint.unreachable(lost, now)
            return True
        if self._door is None:
            return False
        for port in self._ports:
            event = port.endpoint.next_event()
            if event is not None:
                if self._voices is not None and isinstance(event, Talking):
                    self._voices.talk(event.leg, event.sip_call_id, event.side)
                    return True
                self._door.feed(fact_of(event, self._clock.wall_ns(), self._trunks, self._county))
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

    def _port(self, leg: Leg) -> Port:
        """Return the listener whose number the leg carries."""
        number = listener_of(leg)
        return self._ports[number if number is not None and number < len(self._ports) else 0]
