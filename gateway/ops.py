# SPDX-License-Identifier: Apache-2.0
"""What operators ask over HTTP: /healthz, /readyz, /metrics. Loopback by default; nothing here changes anything.

Starlette, uvicorn and prometheus-client are imported when the page is opened, after the first call can ring.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.errors import StartError
from gateway.watch import Watch

if TYPE_CHECKING:
    import uvicorn
    from prometheus_client.core import Metric
    from starlette.applications import Starlette


def listen(address: str) -> socket.socket:
    """Bind HOST:PORT. Raises StartError naming it when it is taken or is no address."""
    host, _, port = address.rpartition(":")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host.strip("[]"), int(port)))
    except (OSError, ValueError, OverflowError) as error:
        raise StartError(f"http.listen = {address!r} cannot be opened: {error}") from None
    return sock


class Ops:
    """Serve the three pages from one socket."""

    def __init__(self, watch: Watch, sock: socket.socket) -> None:
        self._watch = watch
        self._sock = sock
        self._server: uvicorn.Server | None = None

    async def run(self) -> None:
        """Serve until stopped."""
        import uvicorn

        config = uvicorn.Config(
            _app(self._watch), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )

        class Server(uvicorn.Server):
            """Leaves signals to the gateway: the page must tell of the drain, not end with the first signal."""

            @contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

        self._server = Server(config)
        await self._server.serve(sockets=[self._sock])

    def stop(self) -> None:
        """Ask `run` to return."""
        if self._server is not None:
            self._server.should_exit = True


def _app(watch: Watch) -> Starlette:
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(watch))

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        reasons = watch.reasons
        told = {"ready": not reasons, "reasons": reasons, "degraded": watch.away}
        return JSONResponse(told, 503 if reasons else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    routes = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
    return Starlette(routes=[Route(path, page) for path, page in routes.items()])


class _Collector:
    """Every part's counters as gauges `g110_<part>{name="…"}`: a part may count whatever it meets."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import GaugeMetricFamily

        for part, counters in self._watch.statistics().items():
            family = GaugeMetricFamily(f"g110_{part}", f"Counters of {part}.", labels=["name"])
            for name, value in counters.items():
                family.add_metric([name], value)
            yield family
        ready = GaugeMetricFamily("g110_ready", "1 when calls can be taken.")
        ready.add_metric([], 0 if self._watch.reasons else 1)
        yield ready
