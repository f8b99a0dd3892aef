# SPDX-License-Identifier: Apache-2.0
"""The voice's side of the house: ports for legs, a supervised worker there, facts at the door here.

Whoever speaks SIP asks by `voices.Voices` and waits for nothing. A leg outlives a worker: the next one is told of it.
"""

import secrets
import sys
from collections import Counter
from collections.abc import Sequence

import msgspec
import structlog

from core.effects import ChallengeCaller, Effect
from core.events import CallKeyPressed, CallSilent, NeighbourBack, NeighbourGone
from core.ids import Leg
from device_adapters.adapter import Clock, Door
from device_adapters.frames import Message, Pong, WireError
from device_adapters.supervisor import Supervisor
from device_adapters.voice import wire
from device_adapters.voice.pool import PortPool, even
from device_adapters.voice.settings import VoiceSettings
from device_adapters.voices import Side

NEIGHBOUR = "voice"
WORKER = (sys.executable, "-m", "device_adapters.voice.worker")
REASON_CHARS_MAX = 200  # of an error's text in a fact; a guess

log = structlog.get_logger(__name__)


class _Talk(msgspec.Struct):
    """A leg that talks, as the next worker would be told."""

    sip_call_id: str
    side: Side
    silent_told: bool = False


class VoiceAdapter:
    """Lets trunk callers hear, and hears them (device_adapters.adapter.Adapter, device_adapters.voices.Voices)."""

    name = "voice"

    def __init__(self, settings: VoiceSettings, clock: Clock, worker: Sequence[str] = WORKER) -> None:
        """`worker` is the command that is started, with the number of its socket as last argument."""
        self._settings = settings
        self._clock = clock
        self._door: Door | None = None
        ports = even(settings.port_min, settings.port_max)
        self._pool = PortPool(ports, settings.calls_max, secrets.randbelow(len(ports)))
        self._talks: dict[Leg, _Talk] = {}
        self._to_ask: set[Leg] = set()
        "Answered, but nobody knows yet where its voice goes."
        self._is_up = False
        self._is_gone = False
        self._is_stopping = False
        self._why = ""
        "What is known better here than the supervisor says it."
        self._counters: Counter[str] = Counter()
        self._of_workers: Counter[str] = Counter()
        self._of_worker: dict[str, int] = {}
        self.supervisor: Supervisor[wire.Report] = Supervisor(
            settings,
            worker,
            clock.mono_s,
            read=wire.report,
            hello=lambda: wire.Hello(settings=settings),
            heard=self._heard,
            gone=self._worker_gone,
        )

    # Adapter

    async def run(self, door: Door) -> None:
        """Serve until `stop()`."""
        self._door = door
        if self._settings.on:
            await self.supervisor.run()
        else:
            await self.supervisor.wait_stopped()

    def send(self, effect: Effect) -> None:
        """Challenge; other effects and legs without a voice are not for us."""
        if not isinstance(effect, ChallengeCaller):
            return
        leg = effect.leg
        if self._pool.of(leg) and leg not in self._talks:
            self._to_ask.add(leg)  # its answer to our offer is on its way
        elif not (leg in self._talks and self._say(wire.Challenge(leg=leg))):
            self._counters["challenges_unheard"] += 1

    def stop(self) -> None:
        """Let `run` return within 2 s. Who still talks hears nothing until a gateway takes over."""
        self._is_stopping = True
        self.supervisor.stop()

    def statistics(self) -> dict[str, int]:
        """Return the counters, those of all workers added up."""
        total = self._counters + self._of_workers + Counter(self._of_worker)
        held = {"ports": len(self._pool), "talks": len(self._talks), "starts": self.supervisor.starts}
        return {**total, **held, "lines": self._of_worker.get("lines", 0), "up": int(self._is_up)}

    # Voices

    def take(self, leg: Leg) -> int:
        """Return the leg's own port; 0, and counted, when there is none."""
        port = self._pool.take(leg)
        if not port:
            self._counters["ports_none"] += 1
        return port

    def talk(self, leg: Leg, sip_call_id: str, side: Side) -> None:
        """Speak to the far side of a leg that has a port."""
        if not self._pool.of(leg):
            return
        held = self._talks.get(leg)
        if held is None:
            self._talks[leg] = _Talk(sip_call_id, side)
            self._counters["talked"] += 1
        else:
            held.side = side
        self._say(self._talk(leg, side))
        if leg in self._to_ask:
            self._to_ask.remove(leg)
            self._say(wire.Challenge(leg=leg))

    def release(self, leg: Leg) -> None:
        """Fall silent and take the port back; a leg without one is none of ours."""
        self._to_ask.discard(leg)
        if self._pool.release(leg) and self._talks.pop(leg, None) is not None:
            self._say(wire.Over(leg=leg))

    # The worker

    def _say(self, order: Message) -> bool:
        """Tell a worker that has its ports; one that comes later is told all at once."""
        return self._is_up and self.supervisor.say(order)

    def _talk(self, leg: Leg, side: Side) -> wire.Talk:
        return wire.Talk(leg=leg, port=self._pool.of(leg), side=side)

    def _heard(self, report: wire.Report) -> None:
        match report:
            case Pong(counters=counters):
                self._of_worker = counters
                self._settle()
            case wire.Ready():
                self._ready(report)
            case wire.Keyed(leg=leg, key=key) if leg in self._talks:
                call_id, at_ns = self._talks[leg].sip_call_id, self._clock.wall_ns()
                self._feed(CallKeyPressed(at_ns=at_ns, leg=leg, sip_call_id=call_id, key=key))
            case wire.Silent(leg=leg) if leg in self._talks:
                self._silent(leg, self._talks[leg])
            case _:
                self._counters["reports_late"] += 1

    def _silent(self, leg: Leg, held: _Talk) -> None:
        if held.silent_told:  # by the worker before
            self._counters["reports_late"] += 1
            return
        held.silent_told = True
        self._feed(CallSilent(at_ns=self._clock.wall_ns(), leg=leg, sip_call_id=held.sip_call_id))

    def _ready(self, ready: wire.Ready) -> None:
        if ready.version != wire.VERSION:
            raise WireError(f"version {ready.version} of the wire")
        if ready.fault:
            log.error("voice_prompt_unplayable", reason=ready.fault)
        if len(ready.taken) >= len(even(self._settings.port_min, self._settings.port_max)):
            self._why = "no port of voice.port_min to port_max can be bound"
            raise WireError(self._why)
        self._pool.bar(ready.taken)
        self._is_up = True
        for leg, held in self._talks.items():
            self.supervisor.say(self._talk(leg, held.side))
        self._settle()

    def _settle(self) -> None:
        """Tell that voice is back, once a worker has stayed: one that begins well may die at once, each time."""
        if self._is_up and self.supervisor.stays() and self._is_gone:
            self._is_gone = False
            log.info("neighbour_back", name=NEIGHBOUR)
            self._feed(NeighbourBack(at_ns=self._clock.wall_ns(), name=NEIGHBOUR))

    def _worker_gone(self, why: str) -> None:
        self._is_up = False
        self._of_workers.update({name: n for name, n in self._of_worker.items() if name not in GAUGES})
        self._of_worker = {}
        if not (self._is_stopping or self._is_gone):
            self._is_gone = True
            why = (self._why or why)[:REASON_CHARS_MAX]
            log.warning("neighbour_gone", name=NEIGHBOUR, reason=why)
            self._feed(NeighbourGone(at_ns=self._clock.wall_ns(), name=NEIGHBOUR, reason=why))
        self._why = ""

    def _feed(self, fact: CallKeyPressed | CallSilent | NeighbourBack | NeighbourGone) -> None:
        assert self._door is not None, "a worker before run"
        self._door.feed(fact)


GAUGES = ("lines", "ports_taken")
"What a worker holds now, and is not added up."
