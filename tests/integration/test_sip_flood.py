# SPDX-License-Identifier: Apache-2.0
"""Ten times the load from a stranger and from one insane caller: every good call is answered all the same."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.house import COUNTY, ROOT, house
from tests.integration.sip_flood import GOOD_RATE, STRANGER, good_calls, latency, table

pytestmark = pytest.mark.real

SECONDS = float(os.environ.get("FLOOD_SECONDS", "4"))
QUIET_P99_MS_MAX = 10.0
"""A machine that takes longer for 35 calls/s has no core left for a gateway, a broker, Redis and two floods of 350/s;
what is measured then is the machine. On two free cores it is 4 ms."""
FLOOD_RATE = 10 * GOOD_RATE
CONFIG = f"""[[sip.trunks]]
name = "carrier"
addresses = ["127.0.0.1"]
county = "{COUNTY}"
keep_alive_s = 0
"""


def flood(kind: str, target: tuple[str, int]) -> "subprocess.Popen[str]":
    words = [kind, target[0], str(target[1]), str(SECONDS), str(FLOOD_RATE)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.sip_flood", *words],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.timeout(120 + 4 * SECONDS)
async def test_every_good_call_is_answered_beside_a_flood_from_strangers_and_one_insane_caller(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gateway.toml").write_text(CONFIG)
    with house(tmp_path, "--config", str(tmp_path / "gateway.toml")) as home:
        target = home.gateway.sip_address
        quiet = await good_calls(target, SECONDS, "quiet")
        assert [record.reason for record in quiet if record.outcome != "answered"] == []
        slow_ms = latency("quiet", quiet).p99_ms
        if slow_ms > QUIET_P99_MS_MAX:
            pytest.skip(f"the machine is too busy for a flood: p99 {slow_ms:.1f} ms without one")
        with flood("stranger", target) as strangers, flood("insane", target) as insane:
            beside = await good_calls(target, SECONDS, "beside")
            sent = [
                int((await asyncio.to_thread(child.communicate, None, 90))[0])
                for child in (strangers, insane)
            ]
        phases = [latency("quiet", quiet), latency("flood", beside)]
        with capsys.disabled():
            print(
                f"\n{table(phases)}\nflood: {sent[0]} requests from {STRANGER}, {sent[1]} calls of one number"
            )

        assert [record.reason for record in [*quiet, *beside] if record.outcome != "answered"] == []
        assert min(sent) >= 0.9 * FLOOD_RATE * SECONDS
        recorded = home.call_ids()
        assert {record.sip_call_id: recorded[record.sip_call_id] for record in [*quiet, *beside]} == {
            record.sip_call_id: 1 for record in [*quiet, *beside]
        }
        assert {fact["trunk"] for fact in home.facts("call.received")} <= {"carrier", STRANGER}
