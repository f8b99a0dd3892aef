# SPDX-License-Identifier: Apache-2.0
"""A session on a socket: connects, comes back after a loss, gives way to a broker that does not read.

Two thousand of them are two thousand sleeping tasks: nothing of a line runs but when its socket speaks.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from device_adapters.simulated.alarm import Alarm
from device_adapters.simulated.packets import PacketError
from device_adapters.simulated.session import Session

CONNECT_S_MAX = 1.0
GREET_S_MAX = 5.0
"For CONNACK and SUBACK; 2,000 lines may ask the broker in the same second."
RETRY_S = 0.5
CONNECTING_MAX = 64
"Below the hundred that mosquitto lets wait at its listener."
UNREAD_BYTES_MAX = 262_144
"What the broker has not read of one line before its positions are dropped; a second of 1,000 units."


class Line(asyncio.Protocol):
    """One connection of a fleet to its broker, made again whenever it is lost."""

    def __init__(
        self,
        session: Session,
        host: str,
        port: int,
        gate: asyncio.Semaphore,
        on_up: Callable[[], None] = lambda: None,
    ) -> None:
        """At most so many lines connect at once as `gate` lets; `on_up` is called at every new session."""
        self.session = session
        self.losses = 0
        self.reason = ""
        "Why the last connection ended; empty before one has."
        self._fault = ""
        self._host, self._port = host, port
        self._gate = gate
        self._on_up = on_up
        self._transport: asyncio.Transport | None = None
        self._over: asyncio.Future[None] | None = None
        self._settled: asyncio.Future[None] | None = None
        self._clogged = False
        self._alarm = Alarm()
        self._stopped = False

    async def run(self) -> None:
        """Stay connected until `stop`."""
        while not self._stopped:
            try:
                await self._live()
            except OSError as error:  # TimeoutError is one
                self.reason = str(error) or "no answer"
            if not self._stopped:
                self.losses += 1
                await self._alarm.sleep(RETRY_S)

    def say(self, topic: tuple[bytes, bytes], payload: bytes) -> bool:
        """Publish at QoS 0 with the next flush; False when the broker is away or does not keep up."""
        return not self._clogged and self.session.say(topic, payload)

    def flush(self) -> None:
        """Write what the session has to say."""
        if self._transport is not None:
            out = self.session.outgoing()
            if out:
                self._transport.write(out)

    def tend(self, now: float) -> None:
        """Ping a silent broker, leave a dead one."""
        if self._transport is None:
            return
        try:
            self.session.tend(now)
        except PacketError as error:
            self._give_up(str(error))
        self.flush()

    def stop(self) -> None:
        """Say goodbye and let `run` return."""
        self._stopped = True
        if self._transport is not None:
            self.session.leave()
            self.flush()
            self._transport.close()
        self._alarm.ring()

    def abort(self) -> None:
        """End without a word: the broker does not read any more."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the broker."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its type
        self._transport.set_write_buffer_limits(high=UNREAD_BYTES_MAX)
        self._clogged = False
        self.session.begin(asyncio.get_running_loop().time())
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Hand it to the session; write its answer at once."""
        was_up = self.session.up
        try:
            self.session.receive(data, asyncio.get_running_loop().time())
        except PacketError as error:
            self._give_up(str(error))
            return
        if self.session.up and not was_up:
            self._settle()
            self._on_up()
        self.flush()

    def pause_writing(self) -> None:
        """The broker does not keep up: positions are dropped, nothing else."""
        self._clogged = True

    def resume_writing(self) -> None:
        """It keeps up again."""
        self._clogged = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Let `run` begin again."""
        self._transport = None
        self.session.lost()
        self.reason = self._fault or str(exc or "closed by the broker")
        self._settle()
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    async def _live(self) -> None:
        """Serve one connection to its end."""
        loop = asyncio.get_running_loop()
        self._over, self._settled = loop.create_future(), loop.create_future()
        async with self._gate:
            if self._stopped:
                return
            self._fault = ""
            async with asyncio.timeout(CONNECT_S_MAX):
                await loop.create_connection(lambda: self, self._host, self._port)
            if self._stopped:
                self.abort()
            await asyncio.wait((self._settled,), timeout=GREET_S_MAX)
        if not self._settled.done():
            self._give_up("the broker does not greet")
        await self._over

    def _settle(self) -> None:
        if self._settled is not None and not self._settled.done():
            self._settled.set_result(None)

    def _give_up(self, why: str) -> None:
        self._fault = why
        self.abort()
