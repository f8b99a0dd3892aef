# SPDX-License-Identifier: Apache-2.0
"""Who answers sipp: ours, and the neighbours. Each is started in a process of its own on a free loopback port."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.compare.child import Child, child
from bench.compare.result import OURS
from gateway.demo.child import free_udp_port, gateway

ROOT = Path(__file__).parents[3]
BOUND_S_MAX = 20.0
"Sippy imports for a second on a busy machine (guess)."
LOOK_S = 0.02
ADMINISTRATORS = ("/usr/sbin", "/usr/local/sbin")
HERE = {**os.environ, "TERM": "dumb", "PYTHONPATH": str(ROOT)}

KAMAILIO = """debug=-1
log_stderror=yes
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
request_route {{
    if (is_method("ACK")) {{ {acked} exit; }}
    {begin}
    if (is_method("INVITE")) {{
        {reply}("180", "Ringing");
        append_to_reply("Contact: <sip:127.0.0.1:{port}>\\r\\n");
        set_reply_body("{sdp}", "application/sdp");
    }}
    {reply}("200", "OK");
}}
"""
SDP = (
    "v=0\\r\\no=- 1 1 IN IP4 127.0.0.1\\r\\ns=-\\r\\nc=IN IP4 127.0.0.1\\r\\nt=0 0\\r\\n"
    "m=audio 40000 RTP/AVP 8 0\\r\\na=rtpmap:8 PCMA/8000\\r\\n"
)
STATEFUL = {"reply": "t_reply", "begin": "if (!t_newtran()) exit;", "acked": "t_check_trans();"}
STATELESS = {"reply": "sl_send_reply", "begin": "", "acked": ""}

Start = Callable[[Path, int, int], AbstractContextManager[Child]]
"(folder, its port, the caller's port)"


@dataclass(frozen=True, slots=True)
class Server:
    """One contender."""

    name: str
    start: Start
    missing: str
    "Why it is not here; empty when it is."
    version: str = ""
    calls_per_s_max: float = float("inf")
    "It is asked for no more: beyond, it is known to fail."


class SilentError(Exception):
    """A contender that does not answer; says what it said."""


@contextmanager
def running(server: Server, folder: Path, port: int, caller_port: int) -> Iterator[Child]:
    """Run a server until the block ends; it has bound its port. Raises SilentError when it does not."""
    folder.mkdir(parents=True)
    with server.start(folder, port, caller_port) as process:
        until_s = time.monotonic() + BOUND_S_MAX
        while not _bound(port):
            if time.monotonic() > until_s:
                raise SilentError("it does not listen: " + _last_words(folder))
            time.sleep(LOOK_S)
        yield process


def servers() -> list[Server]:
    """Return every contender, here or not; ours first."""
    kamailio = _find("kamailio")
    sipp = _find("sipp")
    no_kamailio = "" if kamailio else "not on this machine (apt-get install kamailio)"
    kamailio_version = _says(kamailio, "-v") if kamailio else ""
    return [
        Server(OURS, _python("ours"), ""),
        Server("gateway", _gateway, ""),
        Server("kamailio stateful", _kamailio(kamailio, STATEFUL), no_kamailio, kamailio_version),
        Server("kamailio stateless", _kamailio(kamailio, STATELESS), no_kamailio, kamailio_version),
        Server("sipp uas", _sipp(sipp), "" if sipp else "not on this machine", _says(sipp, "-v")),
        Server("aiosipua", _python("aiosipua_uas", "-O"), *_package("aiosipua")),
        Server("sippy", _python("sippy_uas"), *_package("sippy")),
        Server("pyVoIP", _python("pyvoip_uas"), *_package("pyVoIP"), calls_per_s_max=10),
    ]


def _python(module: str, *options: str) -> Start:
    def start(folder: Path, port: int, caller_port: int) -> AbstractContextManager[Child]:
        command = [sys.executable, *options, "-m", f"bench.compare.sip.{module}", str(port), str(caller_port)]
        return child(command, folder, HERE)

    return start


@contextmanager
def _gateway(folder: Path, port: int, _: int) -> Iterator[Child]:
    """The whole of it, journal and all; its neighbours are away, so nothing is published."""
    nobody = free_udp_port()  # no TCP server listens there either, but by odd chance
    away = ["--redis", f"redis://127.0.0.1:{nobody}/0", "--mqtt", f"mqtt://127.0.0.1:{nobody}"]
    with gateway(folder, *away, "--http", "", "--answer", "immediately", sip_port=port) as started:
        started.wait_ready()
        yield Child(started.pid)


def _kamailio(binary: str, manner: dict[str, str]) -> Start:
    def start(folder: Path, port: int, _: int) -> AbstractContextManager[Child]:
        (folder / "kamailio.cfg").write_text(KAMAILIO.format(port=port, sdp=SDP, **manner), "ascii")
        return child(
            [binary, "-DD", "-E", "-m", "256", "-Y", str(folder), "-f", "kamailio.cfg"], folder, HERE
        )

    return start


def _sipp(binary: str) -> Start:
    def start(folder: Path, port: int, _: int) -> AbstractContextManager[Child]:
        command = [binary, "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-nostdin"]
        return child(command, folder, HERE)

    return start


def _package(name: str) -> tuple[str, str]:
    """Return why it is missing, and its version."""
    if importlib.util.find_spec(name) is None:
        return "not installed (make setup BENCH=1)", ""
    return "", version(name)


def _find(binary: str) -> str:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *ADMINISTRATORS))
    return shutil.which(binary, path=path) or ""


def _says(binary: str, *arguments: str) -> str:
    """Return the version number in what a program says of itself."""
    if not binary:
        return ""
    said = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False, timeout=10)
    found = re.search(r"\d+\.\d+(?:\.\d+)?", said.stdout + said.stderr)
    return found[0] if found else ""


def _last_words(folder: Path) -> str:
    path = folder / "log"
    lines = path.read_text("utf-8", "replace").split("\n") if path.exists() else []
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")[-200:]


def _bound(port: int, tables: Sequence[str] = ("/proc/net/udp", "/proc/net/udp6")) -> bool:
    """Tell whether somebody has the UDP port: a line's second column is ADDRESS:PORT in hexadecimal."""
    wanted = f":{port:04X}"
    for table in tables:
        path = Path(table)
        lines = path.read_text("ascii").splitlines()[1:] if path.exists() else []
        if any(line.split()[1].endswith(wanted) for line in lines):
            return True
    return False
