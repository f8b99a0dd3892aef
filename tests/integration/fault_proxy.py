# SPDX-License-Identifier: Apache-2.0
"""A bad line for tests: datagrams between callers and a gateway are lost, doubled and overtaken, by seed.

Each caller's address gets a socket of its own towards the gateway, so that answers find their way back.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import cast

Address = tuple[str, int]
PEERS_MAX = 64
"Callers' sockets behind one proxy; a test has one to three."


@dataclass(frozen=True, slots=True)
class Faults:
    """How bad the line is; shares of 1."""

    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    "Share of datagrams that are held back, so that later ones overtake them."
    held_back_s: float = 0.05
    "At most so long."


class _Side(asyncio.DatagramProtocol):
    """One socket of the proxy."""

    def __init__(self, proxy: "FaultProxy", peer: Address | None) -> None:
        self._proxy = proxy
        self._peer = peer
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        if self._peer is None:
            self._proxy.from_caller(data, addr)
        else:
            self._proxy.from_gateway(data, self._peer)


class FaultProxy:
    """Listens where the callers dial, and speaks to the gateway from `outward`, an address of its own."""

    def __init__(self, gateway: Address, faults: Faults, seed: int, outward: str = "127.0.0.2") -> None:
        self.counted: Counter[str] = Counter()
        self._gateway = gateway
        self._faults = faults
        self._chance = {"to_gateway": random.Random(seed), "to_caller": random.Random(seed + 1)}
        self._outward = outward
        self._inner: _Side | None = None
        self._outer: dict[Address, _Side] = {}
        self._waiting: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    async def open(self) -> Address:
        """Return where callers must dial."""
        loop = asyncio.get_running_loop()
        _, self._inner = await loop.create_datagram_endpoint(
            lambda: _Side(self, None), local_addr=("127.0.0.1", 0)
        )
        assert self._inner.transport is not None, "just opened"
        address: Address = self._inner.transport.get_extra_info("sockname")[:2]
        return address

    def close(self) -> None:
        """Let go of every socket; what is held back is lost."""
        self._closed = True
        for side in (self._inner, *self._outer.values()):
            if side is not None and side.transport is not None:
                side.transport.close()

    def from_caller(self, data: bytes, caller: Address) -> None:
        """Take a datagram on its way to the gateway."""
        side = self._outer.get(caller)
        if side is not None:
            self._fate("to_gateway", partial(self._send, side, data, self._gateway))
            return
        self._waiting.setdefault(caller, []).append(data)
        if len(self._waiting[caller]) == 1:
            assert len(self._outer) < PEERS_MAX, "a test has few callers' sockets"
            opening = asyncio.get_running_loop().create_task(self._open_outer(caller))
            self._tasks.add(opening)
            opening.add_done_callback(self._tasks.discard)

    def from_gateway(self, data: bytes, caller: Address) -> None:
        """Take a datagram on its way to a caller."""
        if self._inner is not None:
            self._fate("to_caller", partial(self._send, self._inner, data, caller))

    async def _open_outer(self, caller: Address) -> None:
        loop = asyncio.get_running_loop()
        _, side = await loop.create_datagram_endpoint(
            lambda: _Side(self, caller), local_addr=(self._outward, 0)
        )
        self._outer[caller] = side
        for data in self._waiting.pop(caller):
            self.from_caller(data, caller)

    def _fate(self, way: str, send: "partial[None]") -> None:
        chance, faults = self._chance[way], self._faults
        self.counted[way] += 1
        lost, doubled, late = (chance.random() for _ in range(3))
        wait_s = chance.uniform(0, faults.held_back_s)
        if lost < faults.loss:
            self.counted[f"{way}_lost"] += 1
            return
        if late < faults.reordering:
            self.counted[f"{way}_held_back"] += 1
            asyncio.get_running_loop().call_later(wait_s, send)
        else:
            send()
        if doubled < faults.duplication:
            self.counted[f"{way}_doubled"] += 1
            asyncio.get_running_loop().call_later(wait_s / 2, send)

    def _send(self, side: _Side, data: bytes, addr: Address) -> None:
        if side.transport is not None and not self._closed:
            side.transport.sendto(data, addr)
