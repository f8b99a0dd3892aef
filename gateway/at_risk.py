# SPDX-License-Identifier: Apache-2.0
"""Calls that rang although the disk had not answered: written down a second way, taken in at the next start.

A second way must never end the first: whatever fails here is logged, and the calls go on.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from core.events import CallAbandoned, CallReceived
from core.ids import Leg
from device_adapters.adapter import Clock
from gateway.journal import rescue
from gateway.pipeline import Pipeline

log = structlog.get_logger()


class CallsAtRisk:
    """The second way, from the loop's side."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def write_down(self, call: CallReceived) -> None:
        """Write a call down beside the loop."""
        log.error("call_at_risk", leg=call.leg)
        asyncio.get_running_loop().run_in_executor(None, self._write, call)

    def take_in(
        self, pipeline: Pipeline, adopt: Callable[[CallReceived], bool], known: Callable[[], set[Leg]]
    ) -> None:
        """Feed the calls the journal lacks: taken up where the line is still open, else for someone to ring back."""
        try:
            lost = rescue.read_back(self._folder, known)
        except OSError as error:
            log.error("calls_at_risk_not_read", reason=str(error))
            return
        seq = 0
        for call in lost:
            adopted = adopt(call)  # first: what the engine says about it is for a leg that must be there
            seq = pipeline.feed(call)
            if not adopted:
                seq = pipeline.feed(
                    CallAbandoned(
                        at_ns=self._clock.wall_ns(),
                        leg=call.leg,
                        sip_call_id=call.sip_call_id,
                        reason="recovered",
                    )
                )
        pipeline.when_durable(seq, self._forget)

    def _write(self, call: CallReceived) -> None:
        try:
            rescue.write_down(self._folder, call)
        except OSError as error:
            log.error("call_not_written_down", leg=call.leg, reason=str(error))

    def _forget(self) -> None:
        try:
            rescue.forget(self._folder)
        except OSError as error:
            log.error("calls_at_risk_not_forgotten", reason=str(error))
