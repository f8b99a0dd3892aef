# SPDX-License-Identifier: Apache-2.0
"""Waiting for something to become true, bounded; the one place where a test lets time pass."""

import asyncio
from collections.abc import Callable

LOOK_S = 0.01
WAIT_S_MAX = 10.0


async def until(condition: Callable[[], object], seconds: float = WAIT_S_MAX) -> None:
    """Return once it holds; fail when it does not in time."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not condition():
        assert loop.time() < end, "waited in vain"
        await asyncio.sleep(LOOK_S)
