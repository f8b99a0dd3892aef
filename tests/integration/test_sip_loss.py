# SPDX-License-Identifier: Apache-2.0
"""Bad lines in front of a whole `gateway serve`: no call is lost, none is doubled, each one ends on both sides."""

import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_adapters.simulated import caller
from device_adapters.simulated.callers import Callers, mono_s
from device_adapters.simulated.counties import BY_CODE
from device_adapters.simulated.demand import Demand, Manner, even
from tests.integration.fault_proxy import FaultProxy, Faults
from tests.integration.house import COUNTY, SCENARIOS, House, house, until

pytestmark = pytest.mark.real

LOSSY = str(SCENARIOS / "lossy_call.xml")
T1_S = 0.1
"A fifth of RFC 3261's T1, on both sides: the same repeats in a fifth of the time."
CONFIG = f"[sip]\nt1_ms = {T1_S * 1000:.0f}\n"
BAD_LINE = Faults(loss=0.30, duplication=0.10, reordering=0.20)
CALLS, SECONDS = 200, 5.0
SETTLE_S_MAX = 64 * T1_S * 3
"An INVITE, its 200 and a BYE, each tried for 64 T1."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("lossy")) as running:
        yield running


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[House]:
    """A house whose T1 is short; sipp's is not, so sipp calls the other one."""
    (tmp_path / "gateway.toml").write_text(CONFIG)
    with house(tmp_path, "--config", str(tmp_path / "gateway.toml"), "--answer", "ring:1") as running:
        yield running


def each_once_and_ended(home: House, mark: str, calls: int, seconds: float) -> None:
    def of(kind: str) -> Counter[str]:
        return Counter({k: n for k, n in home.call_ids(kind).items() if k.startswith(mark)})

    until(lambda: of("call.ended").total() + of("call.abandoned").total() >= calls, seconds)
    received = of("call.received")
    assert (len(received), set(received.values())) == (calls, {1})
    assert of("call.ended") + of("call.abandoned") == received


@pytest.mark.parametrize("percent", [5, 10])
def test_no_call_of_sipp_is_lost_or_doubled_on_a_bad_line(home: House, percent: int) -> None:
    mark = f"lost{percent}"

    home.sipp("-sf", LOSSY, "-lost", str(percent), "-cid_str", f"{mark}-%u-%p@%s", rate=100, calls=300)  # fmt: skip

    each_once_and_ended(home, mark, 300, 40.0)


@pytest.mark.soak
@pytest.mark.parametrize("percent", [5, 10])
def test_no_call_of_three_thousand_is_lost_or_doubled_on_a_bad_line(tmp_path: Path, percent: int) -> None:
    with house(tmp_path) as home:
        home.sipp(
            "-sf", LOSSY, "-lost", str(percent), "-cid_str", "lost-%u-%p@%s", "-timeout", "300",
            rate=35, calls=3000, seconds=320,
        )  # fmt: skip

        each_once_and_ended(home, "lost", 3000, 100.0)


async def test_every_call_ends_on_both_sides_however_bad_the_line(
    hasty: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller, "T1", T1_S)
    monkeypatch.setattr(caller, "T2", 8 * T1_S)
    monkeypatch.setattr(caller, "TRANSACTION_S", 64 * T1_S)
    proxy = FaultProxy(hasty.gateway.sip_address, BAD_LINE, seed=110)
    callers = Callers((await proxy.open(),))
    await callers.open()
    manner = Manner(abandon_share=0.25, talk_s=0.3, even_talk=True)
    planned = Demand(4, (BY_CODE[COUNTY],), manner, "badline").calls(even(CALLS / SECONDS))
    try:
        await callers.place(itertools.islice(planned, CALLS), start=mono_s(), seconds=SECONDS + 1)
        await callers.finish(SETTLE_S_MAX)
    finally:
        callers.close()
        proxy.close()

    assert callers.busy == 0
    records = {record.sip_call_id: record for record in callers.records}
    assert len(records) == CALLS
    for fault in ("lost", "doubled", "held_back"):
        assert proxy.counted[f"to_gateway_{fault}"]
        assert proxy.counted[f"to_caller_{fault}"]

    def of(kind: str) -> Counter[str]:
        return Counter({k: n for k, n in hasty.call_ids(kind).items() if k in records})

    until(lambda: of("call.ended") + of("call.abandoned") == of("call.received"), SETTLE_S_MAX)
    received, answered, abandoned = (of(f"call.{kind}") for kind in ("received", "answered", "abandoned"))
    assert set(received.values()) == {1}
    assert {key for key, record in records.items() if record.trying} <= set(received)
    assert {key for key, record in records.items() if record.outcome == "answered"} <= set(answered)
    assert {key for key, record in records.items() if record.outcome == "abandoned"} <= set(abandoned)
    assert not set(answered) & set(abandoned)
