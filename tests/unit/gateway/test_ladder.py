# SPDX-License-Identifier: Apache-2.0
"""What went over the wire can be read from the journal by whoever has to explain a call."""

from pathlib import Path

import pytest

from core.events import CallAbandoned, CallEnded, CallReceived, Fact
from core.ids import CountyCode, Leg
from device_adapters.sip.trace import Traces
from gateway.journal.ladder import ladders
from gateway.journal.record import FACT_ENCODER, Record, tag_of
from tests.unit.gateway.test_journal import START_NS, write

INVITE = b"INVITE sip:110@192.0.2.110 SIP/2.0\r\nCall-ID: 7@trunk\r\nSubject: \x1b[2J\r\n\r\nbody"


def trace() -> bytes:
    kept = Traces(24)
    kept.begin("leg7", 100.0)
    kept.heard("leg7", INVITE, 100.0)
    kept.said("leg7", b"SIP/2.0 180 Ringing\r\nCall-ID: 7@trunk\r\n\r\n", 100.25)
    return kept.take("leg7")


def received(leg: str, call_id: str) -> Fact:
    return CallReceived(at_ns=START_NS, leg=Leg(leg), sip_call_id=call_id, county=CountyCode("330302"))


@pytest.fixture
async def journal(tmp_path: Path) -> Path:
    facts = [
        received("leg7", "7@trunk"),
        received("leg8", "8@trunk"),
        CallAbandoned(at_ns=START_NS, leg=Leg("leg7"), sip_call_id="7@trunk", trace=trace()),
        CallEnded(at_ns=START_NS, leg=Leg("leg8"), sip_call_id="8@trunk", trace=b"rubbish"),
    ]
    await write(
        tmp_path,
        *(
            Record(seq, fact.at_ns, 0, tag_of(fact), FACT_ENCODER.encode(fact), ())
            for seq, fact in enumerate(facts, 1)
        ),
    )
    return tmp_path


def test_each_call_that_is_over_is_a_ladder_of_first_lines(
    journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ladders(journal, None) == 0

    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("7@trunk call.abandoned cancel")
    assert said[1].split() == ["0", "ms", "-->", "INVITE", "sip:110@192.0.2.110", "SIP/2.0"]
    assert said[2].split() == ["250", "ms", "<--", "SIP/2.0", "180", "Ringing"]
    assert "trace unreadable" in said[3]


@pytest.mark.parametrize("name", ["7@trunk", "leg7"])
def test_one_call_is_shown_whole_and_cannot_steer_the_terminal(
    name: str, journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ladders(journal, name) == 0

    said = capsys.readouterr().out
    assert "8@trunk" not in said
    assert "    Call-ID: 7@trunk\n" in said
    assert "    Subject: ·[2J\n" in said
    assert "    body\n" in said


async def test_a_call_taken_up_after_a_restart_says_that_its_beginning_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = Traces(24)
    kept.begin("leg7", 7.0)
    kept.said("leg7", b"SIP/2.0 180 Ringing\r\n\r\n", 7.0)
    fact = CallEnded(at_ns=START_NS, leg=Leg("leg7"), sip_call_id="7@trunk", trace=kept.take("leg7"))
    await write(tmp_path, Record(1, fact.at_ns, 0, tag_of(fact), FACT_ENCODER.encode(fact), ()))

    assert ladders(tmp_path, None) == 0

    assert "taken up after a restart" in capsys.readouterr().out


def test_a_call_nobody_knows_is_said_so(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ladders(journal, "9@trunk") == 1

    assert "'9@trunk'" in capsys.readouterr().err
