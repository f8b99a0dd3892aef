# SPDX-License-Identifier: Apache-2.0
"""What the endpoint tells, as the house says it."""

from collections.abc import Mapping

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
from core.ids import CountyCode
from device_adapters.sip.events import Abandoned, Answered, Ended, Event, Invited, Keyed, TrunkChanged
from device_adapters.sip.settings import Trunk, source_host


def fact_of(event: Event, at_ns: int, trunks: Mapping[str, Trunk], county: CountyCode) -> Fact:
    """Return the fact behind an event; `county` is that of a peer no trunk of `trunks` (by host) stands for."""
    match event:
        case Invited():
            return _call_received(event, at_ns, trunks.get(source_host(event.peer[0])), county)
        case Answered(leg=leg, sip_call_id=sip_call_id):
            return CallAnswered(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id)
        case Abandoned(leg=leg, sip_call_id=sip_call_id, reason=reason, trace=trace):
            return CallAbandoned(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id, reason=reason, trace=trace)
        case Ended(leg=leg, sip_call_id=sip_call_id, reason=reason, trace=trace):
            return CallEnded(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id, reason=reason, trace=trace)
        case Keyed(leg=leg, sip_call_id=sip_call_id, key=key):
            return CallKeyPressed(at_ns=at_ns, leg=leg, sip_call_id=sip_call_id, key=key)
        case TrunkChanged(trunk=trunk, up=True):
            return NeighbourBack(at_ns=at_ns, name=f"trunk:{trunk}")
        case TrunkChanged(trunk=trunk, reason=reason):
            return NeighbourGone(at_ns=at_ns, name=f"trunk:{trunk}", reason=reason)
        case _:
            raise AssertionError("the endpoint told of something the house has no fact for")


def _call_received(event: Invited, at_ns: int, trunk: Trunk | None, county: CountyCode) -> CallReceived:
    host, number = event.peer
    return CallReceived(
        at_ns=at_ns,
        leg=event.leg,
        sip_call_id=event.sip_call_id,
        caller=event.caller,
        called=event.called,
        display_name=event.display_name,
        county=trunk.county if trunk else county,
        trunk=trunk.name if trunk else host,
        peer=f"[{host}]:{number}" if ":" in host else f"{host}:{number}",
        location=event.location,
        address=event.address,
        raw=event.raw,
        privacy=event.privacy,
        diverted_from=event.diverted_from,
        attestation=event.attestation,
        access=event.access,
        locate_at=event.locate_at,
        calls_in_hour=event.calls_in_hour,
    )
