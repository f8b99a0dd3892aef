# SPDX-License-Identifier: Apache-2.0
"""A bad line for tests, for TCP: what passes through can be swallowed while both ends think they are connected."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast


class _End(asyncio.Protocol):
    """One end of one connection; the proxy holds two."""

    def __init__(self, proxy: "StreamProxy") -> None:
        self.proxy = proxy
        self.transport: asyncio.Transport | None = None
        self.far: _End | None = None
        self.waiting = b""
        "What came before there was a far end."
        self.dead = proxy.swallowing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.proxy.ends.add(self)
        if self.far is None:
            self.proxy.dial(self)
        elif self.far.waiting:
            self.transport.write(self.far.waiting)

    def data_received(self, data: bytes) -> None:
        if self.dead:
            return
        if self.far is not None and self.far.transport is not None:
            self.far.transport.write(data)
        else:
            self.waiting += data

    def connection_lost(self, _: Exception | None) -> None:
        self.proxy.ends.discard(self)
        if self.far is not None and self.far.transport is not None and not self.dead:
            self.far.transport.close()


class StreamProxy:
    """Passes every connection on to one port, until told otherwise."""

    def __init__(self, to_port: int) -> None:
        self.ends: set[_End] = set()
        self.swallowing = False
        "Whether connections made from now on are half open from the beginning."
        self.port = 0
        self._to_port = to_port
        self._server: asyncio.Server | None = None
        self._dialling: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _End(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Hang up on everybody."""
        assert self._server is not None, "closed before it was opened"
        self._server.close()
        for end in tuple(self.ends):
            assert end.transport is not None, "it is among the connected ones"
            end.transport.abort()
        while self.ends:
            await asyncio.sleep(0)

    def cut_silently(self) -> None:
        """Let every connection there is pass nothing more, either way, and end none of them."""
        for end in self.ends:
            end.dead = True

    def dial(self, near: _End) -> None:
        """Connect a caller through; whoever cannot be is hung up on."""
        far = near.far = _End(self)
        far.far = near
        loop = asyncio.get_running_loop()
        dialling = loop.create_task(loop.create_connection(lambda: far, "127.0.0.1", self._to_port))
        self._dialling.add(dialling)

        def dialled(task: "asyncio.Task[object]") -> None:
            self._dialling.discard(dialling)
            if task.exception() is not None and near.transport is not None:
                near.transport.close()

        dialling.add_done_callback(dialled)


@asynccontextmanager
async def stream_proxy(to_port: int) -> AsyncIterator[StreamProxy]:
    """Run a proxy for one scene."""
    proxy = StreamProxy(to_port)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
