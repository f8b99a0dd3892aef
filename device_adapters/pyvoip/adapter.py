# SPDX-License-Identifier: Apache-2.0
"""The small PBX's side of the house: a supervised worker there, facts at the door here.

Knows nothing of pyVoIP. Each leg ends exactly once: by the worker's word, or because the worker is no more.
"""

import importlib.util
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import structlog

from core.effects import AnswerCaller, ChallengeCaller, Effect, HangUpCaller, QueueCaller, RingCaller
from core.events import (
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallKeyPressed,
    CallReceived,
    CallSilent,
    NeighbourBack,
    NeighbourGone,
)
from core.ids import CountyCode, Leg
from device_adapters.adapter import Clock, Door
from device_adapters.pyvoip import wire
from device_adapters.pyvoip.password import read_password
from device_adapters.pyvoip.settings import PyvoipSettings
from device_adapters.supervisor import Supervisor

LEG_PREFIX = "pbx-"
NEIGHBOUR = "pbx"
WORKER = (sys.executable, "-m", "device_adapters.pyvoip.worker")
REASON_CHARS_MAX = 200  # of an error's text in a fact; a guess
BURIED_MAX = 100  # as many as one worker may hold
BURY_TRIES_MAX = 3  # workers that may die over one INVITE; a guess
NOT_INSTALLED = (
    "[pyvoip] server is set, but pyVoIP is not installed: "
    "pip install 'gateway110[pyvoip]', or take the setting away"
)

log = structlog.get_logger(__name__)


class _Held(msgspec.Struct):
    """A leg as this side knows it."""

    sip_call_id: str
    raw: bytes
    is_answered: bool = False


class _Dead(msgspec.Struct):
    """A leg of a worker that died; its far side has not been told."""

    order: wire.Bury
    tries: int = 0


class PyvoipAdapter:
    """Feeds the calls of a small PBX to the door (device_adapters.adapter.Adapter)."""

    name = "pyvoip"

    def __init__(
        self, settings: PyvoipSettings, clock: Clock, county: CountyCode, worker: Sequence[str] = WORKER
    ) -> None:
        """`worker` is the command that is started, with the number of its socket as last argument."""
        self._settings = settings
        self._clock = clock
        self._county = CountyCode(settings.county) if settings.county else county
        self._door: Door | None = None
        self._legs: dict[Leg, _Held] = {}
        self._dead: dict[Leg, _Dead] = {}
        self.is_registered = False
        self._is_gone = False
        self._why = ""
        self._is_draining = False
        self._is_stopping = False
        self._counters: Counter[str] = Counter()
        self._of_workers: Counter[str] = Counter()
        self._of_worker: dict[str, int] = {}
        self.supervisor = Supervisor(
            settings,
            worker,
            clock.mono_s,
            read=wire.report,
            hello=self._hello,
            heard=self._heard,
            gone=self._worker_gone,
        )

    async def run(self, door: Door) -> None:
        """Serve until `stop()`."""
        self._door = door
        if self._settings.server and is_installed():
            await self.supervisor.run()
            return
        if self._settings.server:  # trunks are answered all the same; every desk is shown what is wrong
            log.error("pyvoip_not_installed", reason=NOT_INSTALLED)
            self._gone(NOT_INSTALLED)
        await self.supervisor.wait_stopped()

    def send(self, effect: Effect) -> None:
        """Ring, queue, answer, challenge or hang up; other effects and legs no more there are not for us."""
        order: wire.Order
        match effect:
            case RingCaller(leg=leg):
                order = wire.Ring(leg=leg)
            case QueueCaller(leg=leg, position=position):
                order = wire.Queue(leg=leg, position=position)
            case AnswerCaller(leg=leg):
                order = wire.Answer(leg=leg)
            case HangUpCaller(leg=leg):
                order = wire.HangUp(leg=leg)
            case ChallengeCaller(leg=leg):
                order = wire.Challenge(leg=leg)
            case _:
                return
        if leg not in self._legs or not self.supervisor.say(order):
            self._counters["orders_late"] += 1

    def stop(self) -> None:
        """Let `run` return within 2 s; calls in progress are hung up, for nobody could take them over."""
        self._is_stopping = True
        self.supervisor.stop()

    def drain(self, on: bool) -> None:
        """Refuse new calls, or take them again; those in progress go on."""
        self._is_draining = on
        self.supervisor.say(wire.Drain(on=on))

    def end_lost(self, door: Door, lost: Iterable[tuple[Leg, str, bool]]) -> None:
        """Tell of legs (sip_call_id, answered) of the process before us: their worker hung up when it died."""
        for leg, sip_call_id, is_answered in lost:
            self._counters["lost"] += 1
            door.feed(self._end(leg, sip_call_id, is_answered, "gone"))

    def statistics(self) -> dict[str, int]:
        """Return the counters, those of all workers added up."""
        total = self._counters + self._of_workers + Counter(self._of_worker)
        starts = self.supervisor.starts
        return {**total, "calls": len(self._legs), "starts": starts, "registered": int(self.is_registered)}

    def _hello(self) -> wire.Hello:
        """Raises PasswordError, an OSError: then no worker is started."""
        return wire.Hello(settings=self._settings, password=read_password(self._settings.password_file))

    def _heard(self, report: wire.Report) -> None:
        """Take what the worker says. Raises WireError for what it cannot mean; it is ended then."""
        assert self._door is not None, "a worker before run"
        match report:
            case wire.Pong(counters=counters):
                self._of_worker = counters
                self._settle()
            case wire.Ready(version=version, guest=guest):
                if version != wire.VERSION:
                    raise wire.WireError(f"version {version} of the wire")
                log.info("pyvoip_worker", guest=guest)
                self._bury()
                if self._is_draining:
                    self.supervisor.say(wire.Drain(on=True))
            case wire.Buried(leg=leg):
                self._dead.pop(leg, None)
            case wire.Registered(up=True):
                self.is_registered = True
                self._why = ""
                self._settle()
            case wire.Registered(reason=reason):
                self.is_registered = False
                self._why = reason
                self._gone(reason)
            case wire.Came():
                self._came(report, self._door)
            case _:
                self._of_leg(report, self._door)

    def _settle(self) -> None:
        """Tell that the PBX is back, once a worker has stayed: one that begins well may die at once, each time."""
        if self.is_registered and self.supervisor.stays():
            self._back()

    def _bury(self) -> None:
        """Let this worker tell the far sides of the dead one's legs. An INVITE may be what it died of."""
        for leg, dead in list(self._dead.items()):
            if dead.tries == BURY_TRIES_MAX:
                del self._dead[leg]
                self._counters["unburied"] += 1
            else:
                dead.tries += 1
                self.supervisor.say(dead.order)

    def _came(self, came: wire.Came, door: Door) -> None:
        if came.leg in self._legs or not came.leg.startswith(LEG_PREFIX):
            raise wire.WireError("a leg that is none")
        if len(self._legs) >= self._settings.calls_max:
            raise wire.WireError("more legs than calls_max")
        self._legs[came.leg] = _Held(came.sip_call_id, came.raw)
        door.feed(
            CallReceived(
                at_ns=self._clock.wall_ns(),
                leg=came.leg,
                sip_call_id=came.sip_call_id,
                caller=came.caller,
                called=came.called,
                display_name=came.display_name,
                county=self._county,
                trunk=self._settings.name,
                peer=came.peer,
                privacy=came.privacy,
                diverted_from=came.diverted_from,
            )
        )

    def _of_leg(
        self,
        report: wire.Answered | wire.Abandoned | wire.Ended | wire.Silent | wire.Keyed,
        door: Door,
    ) -> None:
        leg, at_ns = report.leg, self._clock.wall_ns()
        held = self._legs.get(leg)
        if held is None:
            self._counters["reports_late"] += 1
            return
        sip_call_id = held.sip_call_id
        match report:
            case wire.Answered():
                held.is_answered = True
                door.feed(CallAnswered(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id))
            case wire.Silent():
                door.feed(CallSilent(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id))
            case wire.Keyed(key=key):
                door.feed(CallKeyPressed(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id, key=key))
            case wire.Abandoned(reason=reason):
                del self._legs[leg]
                door.feed(
                    CallAbandoned(
                        at_ns=at_ns, leg=leg, sip_call_id=sip_call_id, reason=reason[:REASON_CHARS_MAX]
                    )
                )
            case wire.Ended(reason=reason):
                del self._legs[leg]
                door.feed(
                    CallEnded(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id, reason=reason[:REASON_CHARS_MAX])
                )

    def _worker_gone(self, why: str) -> None:
        """End what it held; the next worker tells the far sides."""
        assert self._door is not None, "a worker before run"
        self.is_registered = False
        self._of_workers.update(self._of_worker)
        self._of_worker = {}
        legs, self._legs = self._legs, {}
        for leg, held in legs.items():
            self._counters["lost"] += 1
            self._dead[leg] = _Dead(wire.Bury(leg=leg, raw=held.raw, answered=held.is_answered))
            self._door.feed(self._end(leg, held.sip_call_id, held.is_answered, "gone"))
        while len(self._dead) > BURIED_MAX:
            del self._dead[next(iter(self._dead))]
            self._counters["unburied"] += 1
        if not self._is_stopping:
            self._gone(self._why or why)
        self._why = ""

    def _end(self, leg: Leg, sip_call_id: str, is_answered: bool, reason: str) -> CallEnded | CallAbandoned:
        kind = CallEnded if is_answered else CallAbandoned
        return kind(at_ns=self._clock.wall_ns(), leg=leg, sip_call_id=sip_call_id, reason=reason)

    def _gone(self, why: str) -> None:
        if self._is_gone:
            return
        assert self._door is not None, "gone before run"
        self._is_gone = True
        why = why[:REASON_CHARS_MAX]
        log.warning("neighbour_gone", name=NEIGHBOUR, reason=why)
        self._door.feed(NeighbourGone(at_ns=self._clock.wall_ns(), name=NEIGHBOUR, reason=why))

    def _back(self) -> None:
        if not self._is_gone:
            return
        assert self._door is not None, "back before run"
        self._is_gone = False
        log.info("neighbour_back", name=NEIGHBOUR)
        self._door.feed(NeighbourBack(at_ns=self._clock.wall_ns(), name=NEIGHBOUR))


def is_installed() -> bool:
    """Whether the extra is there. Looks, and does not import."""
    return importlib.util.find_spec("pyVoIP") is not None


def is_ours(leg: Leg) -> bool:
    """Whether this leg is the PBX's, also when this adapter is off now and the leg is of an earlier run."""
    return leg.startswith(LEG_PREFIX)
