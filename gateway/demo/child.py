# SPDX-License-Identifier: Apache-2.0
"""The gateway of the demo: a real `gateway serve` in a process of its own, as an operator would run it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gateway.demo.servers import leash

READY_S_MAX = 60.0  # a first start compiles the kernels: about 20 s on two busy cores
STOP_S_MAX = 30.0
LOOK_S = 0.02


class GatewayFailedError(Exception):
    """The gateway did not come up or did not end well; says what it said."""


class Gateway:
    """One running `gateway serve`."""

    def __init__(
        self, child: subprocess.Popen[str], sip_address: tuple[str, int], data: Path, log: Path
    ) -> None:
        self.child = child
        self.sip_address = sip_address
        self.data = data
        self.log = log
        self.started_s = time.monotonic()

    @property
    def pid(self) -> int:
        """Process id."""
        return self.child.pid

    def wait_ready(self) -> float:
        """Return after its `ready`, with the seconds since it was started."""
        assert self.child.stdout is not None, "started with a pipe"
        line = self.child.stdout.readline()
        if line.strip() != "ready":
            self.child.wait(STOP_S_MAX)
            raise GatewayFailedError(self.log.read_text("utf-8", "replace")[-2000:] or "it said nothing")
        return time.monotonic() - self.started_s

    def wait_log(self, word: str) -> None:
        """Return once its log holds this word; raise GatewayFailedError when it does not in time."""
        until_s = time.monotonic() + STOP_S_MAX
        while word not in self.log.read_text("utf-8", "replace"):
            if time.monotonic() > until_s:
                raise GatewayFailedError(f"the log never said {word}")
            time.sleep(LOOK_S)

    def kill(self) -> None:
        """End it without warning (SIGKILL)."""
        self.child.kill()
        self.child.wait(STOP_S_MAX)

    def stop(self) -> int:
        """Let it drain (SIGTERM); return its exit code."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL


@contextmanager
def gateway(
    folder: Path, *arguments: str, sip_port: int = 0, environment: Mapping[str, str] | None = None
) -> Iterator[Gateway]:
    """Run `gateway serve` with its data and log under `folder` until the block ends; not yet ready."""
    data, log = folder / "data", folder / "gateway.log"
    port = sip_port or free_udp_port()
    command = [sys.executable, "-m", "gateway", "serve", "--data", str(data), "--sip", f"127.0.0.1:{port}"]
    with log.open("a") as errors:
        child = subprocess.Popen(
            [*leash("TERM"), *command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # a Ctrl-C at the terminal is the demo's to hear
        )
    running = Gateway(child, ("127.0.0.1", port), data, log)
    try:
        yield running
    finally:
        running.stop()
        if child.stdout is not None:
            child.stdout.close()


def free_udp_port() -> int:
    """Return a port nobody has on loopback at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
