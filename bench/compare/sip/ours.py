# SPDX-License-Identifier: Apache-2.0
"""Our trunk side alone, as the gateway runs it, with a door that rings and answers at once: `… ours PORT`."""

import asyncio
import gc
import signal
import sys

import uvloop

from core.effects import AnswerCaller, RingCaller
from core.events import CallReceived, Fact
from core.ids import CountyCode
from device_adapters.sip.adapter import SipAdapter
from device_adapters.sip.settings import SipSettings
from gateway.clock import SystemClock


class AnsweringDoor:
    """Rings and answers each call before `feed` returns; there is no disk to wait for."""

    def __init__(self, adapter: SipAdapter) -> None:
        self._adapter = adapter
        self._told = 0

    def feed(self, fact: Fact) -> int:
        """Take a fact."""
        self._told += 1
        if isinstance(fact, CallReceived):
            self._adapter.send(RingCaller(leg=fact.leg))
            self._adapter.send(AnswerCaller(leg=fact.leg))
        return self._told

    def when_durable(self, seq: int, then: object) -> None:
        """Nobody here promises anything."""
        raise AssertionError("nothing in this house waits for a disk")


async def serve(port: int) -> None:
    """Answer until SIGTERM."""
    settings = SipSettings(listen=(f"udp:127.0.0.1:{port}",))
    adapter = SipAdapter(settings, SystemClock(), CountyCode("330302"))
    await adapter.open()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, adapter.stop)
    gc.collect()  # as gateway.app settles
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    await adapter.run(AnsweringDoor(adapter))


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
