# SPDX-License-Identifier: Apache-2.0
"""Wait until a time or until someone rings, whichever is first. No task, no queue, no polling."""

import asyncio


class Alarm:
    """One sleeper, many who may wake him. A ring while nobody sleeps is kept."""

    def __init__(self) -> None:
        self._sleeper: asyncio.Future[None] | None = None
        self._rung = False

    def ring(self) -> None:
        """Wake the sleeper, or let the next sleep end at once."""
        self._rung = True
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds (uvloop: up to 1 ms sooner), or when rung."""
        assert self._sleeper is None, "an alarm wakes one sleeper"
        if not self._rung:
            loop = asyncio.get_running_loop()
            self._sleeper = loop.create_future()
            timer = loop.call_later(max(0.0, seconds), self._end)
            try:
                await self._sleeper
            finally:
                timer.cancel()
                self._sleeper = None
        self._rung = False

    def _end(self) -> None:
        if self._sleeper is not None and not self._sleeper.done():
            self._sleeper.set_result(None)
