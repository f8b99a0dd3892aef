# SPDX-License-Identifier: Apache-2.0
"""A real `gateway serve` that is an extension of a real kamailio: its calls are recorded, and end with it."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from device_adapters.pyvoip.adapter import is_installed
from gateway.demo.child import Gateway, gateway
from gateway.journal.reader import entries
from tests.integration.house import run_gateway, until
from tests.integration.pbx import PASSWORD, Pbx, free_port, free_ports, kamailio

SIPP = shutil.which("sipp") or ""
SCENARIO = Path(__file__).parent / "scenarios" / "pbx_call.xml"
NOBODY = ["--redis", "redis://127.0.0.1:1", "--mqtt", "mqtt://127.0.0.1:1", "--http", ""]

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not SIPP, reason="sipp is not installed (apt install sip-tester)"),
    pytest.mark.skipif(
        not is_installed(), reason="pyVoIP is not installed (pip install 'gateway110[pyvoip]')"
    ),
]


def test_a_call_of_the_pbx_is_recorded_and_ends_with_a_gateway_that_is_killed(tmp_path: Path) -> None:
    with kamailio(tmp_path) as pbx:
        arguments = ["--config", str(_config(tmp_path, pbx)), "--answer", "immediately", *NOBODY]
        with gateway(tmp_path, *arguments) as first:
            first.wait_ready()
            until(lambda: "registered" in _sipp_once(pbx, tmp_path, hold_ms=200))
            until(lambda: _facts(first, "call.ended"))
            calling = _sipp(pbx, tmp_path, hold_ms=60_000)
            until(lambda: len(_facts(first, "call.answered")) == 2)
            first.kill()
            calling.communicate(timeout=30)  # the worker hangs up for the gateway that is no more
        with gateway(tmp_path, *arguments) as second:
            second.wait_ready()
            until(lambda: len(_facts(second, "call.ended")) == 2)
            received = _facts(second, "call.received")
            assert [fact["reason"] for fact in _facts(second, "call.ended")] == ["bye", "gone"]

    assert {fact["trunk"] for fact in received} == {"exchange"}
    assert all(fact["leg"].startswith("pbx-") for fact in received)
    assert run_gateway("replay", "--data", str(second.data)).returncode == 0


def test_check_tries_the_pbx_without_taking_its_calls(tmp_path: Path) -> None:
    with kamailio(tmp_path) as pbx:
        config = _config(tmp_path, pbx)
        there = run_gateway("check", "--config", str(config), *NOBODY)
    gone = run_gateway("check", "--config", str(config), *NOBODY)

    assert f"pyvoip   ok    127.0.0.1:{pbx.port} answers '200 OK'" in there.stdout
    assert PASSWORD not in there.stdout
    assert f"pyvoip   FAULT 127.0.0.1:{pbx.port}" in gone.stdout
    assert gone.returncode == 1


def _config(folder: Path, pbx: Pbx) -> Path:
    (folder / "secret").write_text(PASSWORD)
    first = free_ports(120)
    path = folder / "gateway.toml"
    path.write_text(
        f'[pyvoip]\nserver = "127.0.0.1:{pbx.port}"\nname = "exchange"\nport = {free_port()}\n'
        f'password_file = "{folder / "secret"}"\nrtp_port_min = {first}\nrtp_port_max = {first + 119}\n'
    )
    return path


def _sipp(pbx: Pbx, folder: Path, hold_ms: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [SIPP, f"127.0.0.1:{pbx.port}", "-sf", str(SCENARIO), "-i", "127.0.0.1", "-m", "1", "-d", str(hold_ms),
         "-timeout", "90", "-nostdin", "-key", "ears", "9", "-key", "law", "8"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _sipp_once(pbx: Pbx, folder: Path, hold_ms: int) -> str:
    """Call once; return `registered` when the PBX knew where to."""
    calling = _sipp(pbx, folder, hold_ms)
    calling.communicate(timeout=60)
    return "registered" if calling.returncode == 0 else ""


def _facts(running: Gateway, kind: str) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(entry.fact()) for entry in entries(running.data) if entry.type == kind]
