# SPDX-License-Identifier: Apache-2.0
"""The demo's roads, laid while calls come in, as an operator would: `gateway roads build`, then SIGHUP.

Until then, and for ever if it fails, units are ranked along straight lines. It waits for the gateway's kernels: two
processes that compile at once would take twice as long, and on a new machine the calls need both cores.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from device_adapters.simulated.city import City
from device_adapters.simulated.roads import roads_csv
from gateway.demo.child import Gateway
from gateway.demo.servers import leash

LOOK_S = 0.2
BUILD_S_MAX = 120.0  # 3 s with kernels in the cache
NICE = 10  # the calls go first


@contextmanager
def roads_laid(city: City, running: Gateway, config: Path, tell: Callable[[str], object]) -> Iterator[None]:
    """Lay the city's roads beside the block; `tell` hears how it went. What is not done at its end is left."""
    over = threading.Event()
    layer = threading.Thread(target=_lay, args=(city, running, config, tell, over), name="demo-roads")
    layer.start()
    try:
        yield
    finally:
        over.set()
        layer.join()


def _lay(
    city: City, running: Gateway, config: Path, tell: Callable[[str], object], over: threading.Event
) -> None:
    while not over.is_set() and "kernels_ready" not in running.log.read_text("utf-8", "replace"):
        over.wait(LOOK_S)
    if over.is_set():
        tell("it was over before the roads were laid: units were ranked along straight lines")
        return
    nodes, arcs, out = (config.parent / name for name in ("nodes.csv", "arcs.csv", "city.roads"))
    for path, text in zip((nodes, arcs), roads_csv(city.counties, city.seed), strict=True):
        path.write_text(text, "utf-8")
    said = _built(["--nodes", str(nodes), "--arcs", str(arcs), "--out", str(out)], over)
    if over.is_set():
        tell("it was over before the roads were laid: units were ranked along straight lines")
        return
    if said:
        tell(f"no roads: {said}; units are ranked along straight lines")
        return
    config.write_text(f'roads = {{ file = "{out}" }}\n' + config.read_text("utf-8"), "utf-8")
    os.kill(running.pid, signal.SIGHUP)
    tell("the city's roads are laid: from now on road times rank the units")


def _built(arguments: list[str], over: threading.Event) -> str:
    """Build the file; return what went wrong, empty when nothing did."""
    command = [*leash("TERM"), sys.executable, "-m", "gateway", "roads", "build", *arguments]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
        looks = int(BUILD_S_MAX / LOOK_S)
        while child.poll() is None and looks and not over.wait(LOOK_S):
            looks -= 1
        if child.poll() is None:
            child.terminate()
        _, errors = child.communicate()
    return "" if child.returncode == 0 else (errors.strip().splitlines() or ["it did not end in time"])[-1]
