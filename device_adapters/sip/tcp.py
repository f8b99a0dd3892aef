# SPDX-License-Identifier: Apache-2.0
"""The TCP and TLS transports: one listener with its connections, moved by the loop (RFC 3261 18, RFC 5923)."""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Container
from functools import partial
from typing import Literal

from device_adapters.sip.connection import Connection, OwedS, Received
from device_adapters.sip.dialler import Dialler, Lost
from device_adapters.sip.events import Address
from device_adapters.sip.next_hop import next_hop
from device_adapters.sip.settings import SipSettings, source_host, trunks_by_host
from device_adapters.sip.sockets import calling, listening
from device_adapters.sip.tls import TlsContexts, TlsStream

DEFAULT_PORT = {"tcp": 5060, "tls": 5061}
"RFC 3261 19.1.2."
BACKLOG = 1_024
"Connections the kernel keeps for us while the loop is busy; it cuts this to net.core.somaxconn."
ACCEPT_PAUSE_S = 0.1
"After an accept that failed: out of files, it would fail again at once, for ever."
SWEEP_S = 1.0
CLOSE_S = 1.0
"How long a stop waits for the last octets to leave: every part promises to stop within two seconds."


class StreamListener:
    """One bound address with everyone who is connected to it, and those it called on itself."""

    def __init__(
        self,
        transport: Literal["tcp", "tls"],
        settings: SipSettings,
        received: Received,
        now: Callable[[], float],
        *,
        contexts: TlsContexts | None = None,
        room: int | None = None,
        holding: Callable[[], Container[Address]] = lambda: (),
        unreachable: Callable[[Lost], None] = lambda lost: None,
        owed_s: OwedS = lambda peer, messages, octets, now: 0.0,
    ) -> None:
        """`room` is what `connections_max` comes to with the files there are.

        `holding` tells by which peers' connections legs are spoken of: such a one may be silent for as long as
        they last. `unreachable` is told what could not be carried, `owed_s` tells how long to let a peer wait that said
        so many messages and octets.
        """
        self.transport = transport
        self._settings = settings
        self._received = received
        self._now = now
        self._contexts = contexts
        self._holding = holding
        self._owed_s = owed_s
        self._unreachable = unreachable
        self._trunks = trunks_by_host(settings)
        self._room = settings.connections_max if room is None else room
        self._counters: Counter[str] = Counter()
        self._ways: dict[Address, Connection] = {}
        "By the peer's address, and by the one we called on."
        self._connections: set[Connection] = set()
        self._from: Counter[str] = Counter()
        self._dialler = Dialler(
            self._connected, self._counters, f"sip {transport} dial", unreachable, self._trunks
        )
        self._closing = asyncio.Event()
        self._empty = asyncio.Event()
        self._running = False
        self._socket: socket.socket | None = None
        self._host = ""

    def open(self, host: str, port: int) -> Address:
        """Bind and listen; return the address bound. Connections wait in the kernel until `run`."""
        self._socket = listening(self.transport, host, port, BACKLOG)
        name = self._socket.getsockname()
        self._host = name[0]
        return name[0], name[1]

    async def run(self) -> None:
        """Take connections until `close`."""
        assert self._socket is not None, "run before it was opened"
        if self._closing.is_set():
            return
        async with asyncio.TaskGroup() as tasks:
            self._running = True
            accepting = tasks.create_task(self._accept(self._socket), name=f"sip {self.transport} accept")
            sweeping = tasks.create_task(self._sweep_on(), name=f"sip {self.transport} sweep")
            self._dialler.start(tasks)
            await self._closing.wait()
            accepting.cancel()
            sweeping.cancel()
        self._socket.close()
        for connection in list(self._connections):
            connection.close()
        await self._emptied()

    def send(self, data: bytes, addr: Address) -> None:
        """Send over the connection to there, or one opened for it, or count that it could not be. Never waits."""
        way = self._ways.get(addr)
        if way is not None and way.ready:
            way.say(data)
        else:
            self._send_anew(data, addr)

    def renew(self, contexts: TlsContexts) -> None:
        """Begin new connections with these certificates; those that are open keep theirs."""
        self._contexts = contexts

    def sweep(self, now: float) -> None:
        """End what is overdue."""
        idle_s = self._settings.connection_idle_s
        overdue = [(held, why) for held in self._connections if (why := held.overdue(now, idle_s))]
        holding = self._holding() if overdue else ()
        for connection, why in overdue:
            if why != "connections_idle":
                self._counters[why] += 1
                connection.abort()
            elif connection.peer not in holding:
                self._counters[why] += 1
                connection.close()

    def statistics(self) -> dict[str, int]:
        """Return what was counted, and how many connections there are."""
        missing = self._settings.connections_max - self._room
        held = {"connections": len(self._connections), "connections_dialling": len(self._dialler)}
        return dict(self._counters) | held | {"connections_missing": missing}

    def close(self) -> None:
        """Ask `run` to end; without it, let go of the socket."""
        self._closing.set()
        self._dialler.stop()
        if not self._running and self._socket is not None:
            self._socket.close()

    # Those who come

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, name = await loop.sock_accept(listening)
            except OSError:  # out of files, or a network error of theirs (accept(2))
                self._counters["accept_failed"] += 1
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            connection = self.admit((name[0], name[1]))
            if connection is None:
                accepted.close()
                await asyncio.sleep(0)  # a flood of them must not keep the loop
                continue
            try:
                await loop.connect_accepted_socket(partial(_made, connection), accepted)
            except BaseException as wrong:
                accepted.close()
                self._forget(connection)
                if not isinstance(wrong, OSError):  # one that was gone before we looked
                    raise

    def admit(self, peer: Address) -> Connection | None:
        """Return a connection for a peer that has come, or None, counted, when it must go again."""
        host = source_host(peer[0])
        listed = host in self._trunks
        refused = ""
        if not listed and self._settings.only_trunks:
            refused = "unknown_source"
        elif not listed and self._from[host] >= self._settings.connections_per_peer_max:
            refused = "connections_refused_peer"
        elif not self._has_room(listed=listed):
            refused = "connections_refused_full"
        if refused:
            self._counters[refused] += 1
            return None
        self._counters["connections_accepted"] += 1
        secure = TlsStream(self._contexts.server, server=True) if self._contexts is not None else None
        return self._hold(peer, peer, listed=listed, secure=secure)

    def _has_room(self, *, listed: bool) -> bool:
        """Tell whether one more fits; for a trunk, the stranger who was silent longest makes room."""
        if len(self._connections) < self._room:
            return True
        strangers = [held for held in self._connections if not held.listed and not held.leaving]
        if not listed or not strangers:
            return False
        self._counters["connections_displaced"] += 1
        holding = self._holding()
        min(strangers, key=lambda held: (held.peer in holding, held.heard_at)).abort()
        return True

    def _hold(
        self, peer: Address, way: Address, *, listed: bool, secure: TlsStream | None, dialled: bool = False
    ) -> Connection:
        connection = Connection(
            peer, way, self._received, self._forget, self._now, self._counters,
            listed=listed, dialled=dialled, secure=secure, owed_s=self._owed_s,
        )  # fmt: skip
        self._connections.add(connection)
        self._from[source_host(peer[0])] += 1
        self._ways[peer] = self._ways[way] = connection
        return connection

    def _forget(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        host = source_host(connection.peer[0])
        self._from[host] -= 1
        if not self._from[host]:
            del self._from[host]
        for way in {connection.peer, connection.way}:
            if self._ways.get(way) is connection:
                del self._ways[way]
        if not self._connections:
            self._empty.set()

    # Those we call on

    def _send_anew(self, data: bytes, addr: Address) -> None:
        """Send to a peer whose connection is gone, or that never had one."""
        trunk = self._trunks.get(source_host(addr[0]))
        if trunk is not None and trunk.transport == self.transport and trunk.port == addr[1]:
            to: Address | None = addr
        else:
            to = next_hop(data, addr, self._trunks, DEFAULT_PORT[self.transport])
        way = self._ways.get(to) if to is not None else None
        if way is not None and way.ready:
            way.say(data)
        elif to is None or not to[1] or not self._dialler.wait_for(to, data, addr):
            self._counters["undelivered"] += 1
            self._unreachable([(data, addr)])

    async def _connected(self, to: Address) -> Connection:
        loop = asyncio.get_running_loop()
        listed = source_host(to[0]) in self._trunks
        secure = None
        if self.transport == "tls":
            if self._contexts is None or self._contexts.client is None:
                raise ConnectionRefusedError("without sip.tls.authorities nobody is called on")
            secure = TlsStream(self._contexts.client, server=False)
        if not self._has_room(listed=listed):
            raise ConnectionRefusedError("all connections are taken")
        connection = None
        opened = calling(self._host, to)
        try:
            await loop.sock_connect(opened, to)
            peer = opened.getpeername()
            connection = self._hold((peer[0], peer[1]), to, listed=listed, secure=secure, dialled=True)
            await loop.create_connection(partial(_made, connection), sock=opened)
        except BaseException:
            opened.close()
            if connection is not None:
                self._forget(connection)
            raise
        return connection

    # Time

    async def _sweep_on(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep(self._now())

    async def _emptied(self) -> None:
        """Wait until the last octets have left; then no longer."""
        self._empty.clear()
        if not self._connections:
            return
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._empty.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await self._empty.wait()


def _made(connection: Connection) -> Connection:
    return connection
