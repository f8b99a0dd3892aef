# SPDX-License-Identifier: Apache-2.0
"""A softphone nobody here wrote (baresip) calls a whole `gateway serve`, is taken by a seat, and hangs up.

There is no media process, so nothing is heard; what was agreed on is read in the telephone's own words.
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.house import House, house, until

BARESIP = shutil.which("baresip") or ""
MODULES = next(
    (path for path in map(Path, ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules")) if path.is_dir()),
    None,
)  # fmt: skip
EVENT_S_MAX = 15.0
OWN = "127.0.0.1"
CONFIG = """poll_method epoll
sip_listen {own}:0
net_interface {own}
audio_source aubridge,nobody
audio_player aubridge,nobody
audio_alert aubridge,nobody
rtp_ports 42000-42100
module_path {modules}
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app debug_cmd.so
module_app ctrl_tcp.so
ctrl_tcp_listen {own}:{port}
"""

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (BARESIP and MODULES), reason="baresip is not installed (apt install baresip-core)"),
]  # fmt: skip


class Telephone:
    """One baresip, steered by its control socket (JSON in netstrings)."""

    def __init__(self, folder: Path, first: str = "") -> None:
        """`first`: lines of configuration that go before ours."""
        with socket.socket() as probe:
            probe.bind((OWN, 0))
            port = probe.getsockname()[1]
        folder.mkdir()
        (folder / "config").write_text(first + CONFIG.format(own=OWN, port=port, modules=MODULES))
        account = "<sip:13800138000@127.0.0.1>;regint=0;audio_codecs=PCMU/8000/1,PCMA/8000/1\n"
        (folder / "accounts").write_text(account)
        (folder / "contacts").touch()
        self._log = folder / "log"
        with self._log.open("w") as log:
            self._child = subprocess.Popen(
                [BARESIP, "-4", "-s", "-f", str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._heard = b""
        until(lambda: "baresip is ready" in self.said())
        self._line = socket.create_connection((OWN, port), EVENT_S_MAX)

    def command(self, name: str, params: str = "") -> None:
        """Tell it what to do."""
        text = json.dumps({"command": name, "params": params})
        self._line.sendall(f"{len(text)}:{text},".encode())

    def wait(self, kind: str) -> dict[str, Any]:
        """Return the next event of this type."""
        end = time.monotonic() + EVENT_S_MAX
        while time.monotonic() < end:
            event = self._next()
            if event.get("type") == kind:
                return event
        raise AssertionError(f"no {kind}\n{self.said()[-4000:]}")

    def said(self) -> str:
        """Return all it wrote, every SIP message among it."""
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        """End it."""
        self._line.close()
        self._child.terminate()
        self._child.wait(10)

    def _next(self) -> dict[str, Any]:
        while True:
            size, colon, rest = self._heard.partition(b":")
            if colon and len(rest) > int(size):
                text, self._heard = rest[: int(size)], rest[int(size) + 1 :]
                event: dict[str, Any] = json.loads(text)
                return event
            more = self._line.recv(65_536)
            assert more, "the telephone hung up on us\n" + self.said()[-4000:]
            self._heard += more


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house"), "--answer", "seats") as running:
        yield running


@pytest.fixture
def telephone(tmp_path: Path) -> Iterator[Telephone]:
    ours = Telephone(tmp_path / "baresip")
    yield ours
    ours.close()


def facts_of(home: House, sip_call_id: str) -> list[str]:
    kinds = ("call.received", "call.answered", "call.abandoned", "call.ended")
    return [kind for kind in kinds for fact in home.facts(kind) if fact["sip_call_id"] == sip_call_id]


def test_a_softphone_is_taken_by_a_seat_talks_a_law_and_hangs_up(home: House, telephone: Telephone) -> None:
    telephone.command("dial", f"sip:110@{home.sip}")
    call_id = telephone.wait("CALL_RINGING")["id"]
    until(lambda: [call for call in home.of("call.waiting") if call["sip_call_id"] == call_id])
    waiting = next(call for call in home.of("call.waiting") if call["sip_call_id"] == call_id)

    with home.redis() as seat:
        taken = {"call_id": waiting["call_id"]}
        seat.xadd(
            "g110:{330302}:commands",
            {"type": "call.take", "data": json.dumps(taken), "by": "seat-1", "command_id": call_id},
        )
    telephone.wait("CALL_ESTABLISHED")
    telephone.command("hangup")
    telephone.wait("CALL_CLOSED")

    until(lambda: "call.ended" in facts_of(home, call_id))
    assert facts_of(home, call_id) == ["call.received", "call.answered", "call.ended"]
    assert "Set audio encoder: PCMA 8000Hz" in telephone.said()
    assert "m=audio 40000 RTP/AVP 8 101" in telephone.said()


def test_a_softphone_that_gives_up_while_it_rings_is_abandoned(home: House, telephone: Telephone) -> None:
    telephone.command("dial", f"sip:110@{home.sip}")
    call_id = telephone.wait("CALL_RINGING")["id"]

    telephone.command("hangup")
    telephone.wait("CALL_CLOSED")

    until(lambda: "call.abandoned" in facts_of(home, call_id))
    assert facts_of(home, call_id) == ["call.received", "call.abandoned"]
    assert "487 Request Terminated" in telephone.said()
