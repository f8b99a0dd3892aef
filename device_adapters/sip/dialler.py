# SPDX-License-Identifier: Apache-2.0
"""Connections on their way to peers, and the messages that wait for them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Container

from device_adapters.sip.connection import Connection
from device_adapters.sip.events import Address
from device_adapters.sip.settings import source_host

CONNECT_S = 5.0
"A peer in reach answers within a second; a 200 is given up after 32 s, and deserves a few attempts."
DIALS_MAX = 256
"Connections being opened at once: each costs a file and a task (guess: every carrier twice over)."
STRANGER_DIALS_MAX = DIALS_MAX // 2
"... to peers nobody listed: what we owe to trunks always finds a place."
HOST_DIALS_MAX = 8
"... to one address of these: it writes the ports we call on into its Vias, and there are 65,535."
PENDING_MAX = 64
"Messages that wait for one connection: a few for each call of a trunk that has just come back (guess)."

Lost = list[tuple[bytes, Address]]
"Messages that could not be carried, each with the peer it was meant for."


class Dialler:
    """Opens connections beside the loop's other work; whoever sends through it never waits."""

    def __init__(
        self,
        connect: Callable[[Address], Awaitable[Connection]],
        counters: Counter[str],
        name: str,
        unreachable: Callable[[Lost], None],
        listed: Container[str] = (),
    ) -> None:
        """`connect` opens a connection or raises OSError; it may be told before its handshake is done.

        `listed` are the addresses of trunks, whose dials have no limit but the house's.
        """
        self._connect = connect
        self._counters = counters
        self._name = name
        self._unreachable = unreachable
        self._listed = listed
        self._waiting: dict[Address, Lost] = {}
        self._strange: Counter[str] = Counter()
        "Dials to unlisted peers, by address."
        self._tasks: asyncio.TaskGroup | None = None
        self._dialling: set[asyncio.Task[None]] = set()
        self._stopped = False

    def __len__(self) -> int:
        return len(self._waiting)

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin to dial; what was to be sent before waits already."""
        self._tasks = tasks
        for to in list(self._waiting):
            self._begin(tasks, to)

    def stop(self) -> None:
        """Give up what has not been reached, and dial no more."""
        self._stopped = True
        for task in self._dialling:
            task.cancel()

    def wait_for(self, to: Address, data: bytes, meant: Address) -> bool:
        """Keep a message until there is a connection; False when too many wait already.

        `to` is where we call, `meant` the peer as who sends knows it: where it was heard from.
        """
        waiting = self._waiting.get(to)
        if waiting is None:
            if self._stopped or not self._has_room(to):
                return False
            waiting = self._waiting[to] = []
            if self._tasks is not None:
                self._begin(self._tasks, to)
        if len(waiting) >= PENDING_MAX:
            return False
        waiting.append((data, meant))
        return True

    def _has_room(self, to: Address) -> bool:
        """Tell whether one more dial fits, and count an unlisted peer's."""
        if len(self._waiting) >= DIALS_MAX:
            return False
        host = source_host(to[0])
        if host not in self._listed:
            if self._strange.total() >= STRANGER_DIALS_MAX or self._strange[host] >= HOST_DIALS_MAX:
                return False
            self._strange[host] += 1
        return True

    def _begin(self, tasks: asyncio.TaskGroup, to: Address) -> None:
        task = tasks.create_task(self._dial(to), name=self._name)
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _dial(self, to: Address) -> None:
        """Open a connection and say what waits for it."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await self._connect(to)
                await connection.settled.wait()
        except (OSError, ValueError, OverflowError):  # TimeoutError is one; an address that is none
            if connection is not None:
                connection.abort()
        finally:
            waiting = self._forget(to)
        if connection is None or not connection.ready:
            self._counters["connect_failed"] += 1
            self._counters["undelivered"] += len(waiting)
            self._unreachable(waiting)
            return
        self._counters["connections_opened"] += 1
        for data, _ in waiting:
            connection.say(data)

    def _forget(self, to: Address) -> Lost:
        """Return what waited for a dial that is over."""
        host = source_host(to[0])
        if host in self._strange:
            self._strange[host] -= 1
            if not self._strange[host]:
                del self._strange[host]
        return self._waiting.pop(to)
