# SPDX-License-Identifier: Apache-2.0
"""What the endpoint tells becomes what the house says."""

from typing import Any

from core.events import (
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallKeyPressed,
    CallReceived,
    Fact,
    NeighbourBack,
    NeighbourGone,
)
from core.ids import CountyCode, Leg
from device_adapters.sip.events import Abandoned, Answered, Ended, Event, Invited, Keyed, TrunkChanged
from device_adapters.sip.facts import fact_of
from device_adapters.sip.settings import Trunk

OURS, THEIRS = CountyCode("330302"), CountyCode("330303")
TRUNKS = {"192.0.2.9": Trunk(name="mobile", addresses=("192.0.2.9",), county=THEIRS)}
AT_NS = 1_700_000_000_000_000_000
LEG = Leg("leg.0")


def told(event: Event) -> Fact:
    return fact_of(event, AT_NS, TRUNKS, OURS)


def test_an_invite_is_a_call_received_with_everything_the_trunk_said() -> None:
    event = Invited(
        leg=LEG, sip_call_id="c", at=1.0, caller="138", called="110", display_name="Li", peer=("192.0.2.9", 5062),
        address="Street 1", raw=b"INVITE", privacy=True, diverted_from="12345", attestation="A", access="cell",
        locate_at=("https://x/1",), calls_in_hour=3,
    )  # fmt: skip

    assert told(event) == CallReceived(
        at_ns=AT_NS, leg=LEG, sip_call_id="c", caller="138", called="110", display_name="Li", county=THEIRS,
        trunk="mobile", peer="192.0.2.9:5062", address="Street 1", raw=b"INVITE", privacy=True,
        diverted_from="12345", attestation="A", access="cell", locate_at=("https://x/1",), calls_in_hour=3,
    )  # fmt: skip


def test_a_trunk_is_known_when_an_ipv6_socket_shows_it_and_a_stranger_is_named_by_its_address() -> None:
    mapped = told(Invited(leg=LEG, sip_call_id="c", at=1.0, peer=("::ffff:192.0.2.9", 5060), raw=b""))
    stranger = told(Invited(leg=LEG, sip_call_id="c", at=1.0, peer=("2001:db8::9", 5060), raw=b""))

    assert isinstance(mapped, CallReceived)
    assert isinstance(stranger, CallReceived)
    assert (mapped.trunk, mapped.county) == ("mobile", THEIRS)
    assert (stranger.trunk, stranger.county, stranger.peer) == ("2001:db8::9", OURS, "[2001:db8::9]:5060")


def test_the_rest_of_a_call_is_told_with_its_trace() -> None:
    of_call: dict[str, Any] = {"leg": LEG, "sip_call_id": "c"}
    facts: dict[str, Any] = {"at_ns": AT_NS, **of_call}

    assert told(Answered(**of_call, at=1.0)) == CallAnswered(**facts)
    assert told(Abandoned(**of_call, at=1.0, reason="bye", trace=b"t")) == CallAbandoned(
        **facts, reason="bye", trace=b"t"
    )
    assert told(Ended(**of_call, at=1.0, reason="gone", trace=b"t")) == CallEnded(
        **facts, reason="gone", trace=b"t"
    )
    assert told(Keyed(**of_call, at=1.0, key="5")) == CallKeyPressed(**facts, key="5")


def test_a_trunk_that_falls_silent_is_a_neighbour_gone_and_back() -> None:
    gone = told(TrunkChanged(trunk="mobile", up=False, reason="no answer", at=1.0))
    back = told(TrunkChanged(trunk="mobile", up=True, reason="", at=2.0))

    assert gone == NeighbourGone(at_ns=AT_NS, name="trunk:mobile", reason="no answer")
    assert back == NeighbourBack(at_ns=AT_NS, name="trunk:mobile")
