# SPDX-License-Identifier: Apache-2.0
"""OSRM out of its wheel, beside us: its own programs, its own car profile, its own snapping, over HTTP on loopback.

The wheel wants Python 3.12, its programs want none, so it is fetched and unpacked, not installed.
"""

import hashlib
import http.client
import importlib.metadata
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.compare.child import child
from bench.compare.suite import CompareError, tell

WHEEL = "osrm-bindings"
VERSION = "26.10.0"
FETCH_S_MAX = 300
START_S_MAX = 20.0
PROGRAMS = "osrm/bin"
REBUILDS = {"ch": "osrm-contract", "mld": "osrm-customize"}
"{its algorithm: what must run again when speeds have changed}"


class Osrm:
    """A running osrm-routed and one connection to it that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def times_s(self, call: tuple[float, float], units: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
        """Return the seconds from each unit (lat, lon) to the call; NaN where there is no way."""
        places = ";".join(f"{lon:.6f},{lat:.6f}" for lat, lon in (call, *units))
        sources = ";".join(map(str, range(1, len(units) + 1)))
        options = f"skip_waypoints=true&generate_hints=false&destinations=0&sources={sources}"
        self._connection.request("GET", f"/table/v1/driving/{places}?{options}")
        told = json.loads(self._connection.getresponse().read())
        return np.array([row[0] for row in told["durations"]], np.float64)


def folder() -> Path:
    """Return where the wheel and what it made of the map are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "gateway110" / f"osrm-{VERSION}"


def fetch() -> Path:
    """Return the folder of OSRM's programs, fetched when it is not there. Raises CompareError."""
    home = folder()
    if (home / PROGRAMS / "osrm-routed").exists():
        return home
    tell("fetching OSRM")
    home.mkdir(parents=True, exist_ok=True)
    wanted = ("--no-deps", "--only-binary=:all:", "--python-version", "3.12", "-d", str(home))
    command = (_python_with_pip(), "-m", "pip", "download", "-q", *wanted, f"{WHEEL}=={VERSION}")
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_S_MAX)
        with zipfile.ZipFile(next(home.glob("*.whl"))) as wheel:
            wheel.extractall(home)
    except (OSError, subprocess.SubprocessError, StopIteration, zipfile.BadZipFile) as error:
        raise CompareError(f"{WHEEL} {VERSION} cannot be had here ({type(error).__name__})") from None
    for program in (home / PROGRAMS).iterdir():
        program.chmod(0o755)
    return home


def lay_out(pbf: Path, algorithm: str) -> Path:
    """Return the base path of what OSRM made of a map, made when it is not there."""
    home = fetch()
    digest = hashlib.sha256(pbf.read_bytes()).hexdigest()[:12]
    name = pbf.name.partition(".")[0]  # ".osm" in a folder's name leads OSRM astray
    made = home / f"{name}-{digest}-{algorithm}"
    if not (made / "done").exists():
        tell(f"OSRM lays out {pbf.name}")
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        shutil.copy(pbf, made / "map.osm.pbf")
        run("osrm-extract", "-p", str(home / "osrm/share/profiles/car.lua"), str(made / "map.osm.pbf"))
        if algorithm == "mld":
            run("osrm-partition", str(made / "map.osrm"))
        run(REBUILDS[algorithm], str(made / "map.osrm"))
        (made / "done").touch()
    return made / "map.osrm"


def run(program: str, *arguments: str) -> None:
    """Run one of OSRM's programs on one core. Raises CompareError."""
    try:
        command = (str(folder() / PROGRAMS / program), "--threads", "1", *arguments)
        subprocess.run(command, check=True, capture_output=True, timeout=FETCH_S_MAX)
    except (OSError, subprocess.SubprocessError) as error:
        raise CompareError(f"{program} does not run here ({type(error).__name__})") from None


@contextmanager
def serving(base: Path, algorithm: str) -> Iterator[Osrm]:
    """Serve what was laid out until the block ends. Raises CompareError when it does not answer."""
    port = _free_port()
    command = (folder() / PROGRAMS / "osrm-routed", "--algorithm", algorithm, "--threads", "1")
    address = ("--ip", "127.0.0.1", "--port", str(port), str(base))
    with child([str(word) for word in (*command, *address)], base.parent):
        _wait_for(port)
        yield Osrm(port)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    until_s = time.monotonic() + START_S_MAX
    while time.monotonic() < until_s:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise CompareError("osrm-routed does not answer")


def _python_with_pip() -> str:
    """Return a Python that has pip: a virtual environment made without it has one outside."""
    try:
        importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError:
        return (
            shutil.which("python3", path=os.pathsep.join((sys.base_prefix + "/bin", os.defpath))) or "python3"
        )
    return sys.executable
