# SPDX-License-Identifier: Apache-2.0
"""Reading an INVITE as a call: who calls, whom, from where. Nothing in here can refuse a caller a ring."""

from collections import Counter

from core.ids import Leg
from device_adapters.pidf import Place, UnreadableLocationError
from device_adapters.sip.body import parts_of
from device_adapters.sip.events import Invited
from device_adapters.sip.grammar import user_of
from device_adapters.sip.identity import access_of, attestation_of, diverted_from, wants_privacy
from device_adapters.sip.message import Request
from device_adapters.sip.pidf import place_of, references

MORE = frozenset(("diversion", "history-info", "identity", "p-access-network-info", "geolocation"))
"Headers that say more of a caller than number and name; most calls have none of them."
PLAIN = ("", "application/sdp")
"Bodies that hold no place."
NOWHERE = Place(None, "")


def invited(
    request: Request, leg: Leg, who: tuple[str, str], often: int, now: float, counters: Counter[str]
) -> Invited:
    """Return the event a new INVITE is: `who` is number and display name, which called so `often` within the hour."""
    caller, display_name = who
    place = NOWHERE if request.get("content-type") in PLAIN else _place(request, counters)
    more = not MORE.isdisjoint(request.headers)
    return Invited(
        leg=leg,
        sip_call_id=request.call_id,
        at=now,
        caller=caller,
        called=user_of(request.uri),
        display_name=display_name,
        peer=request.source,
        location=place.location,
        address=place.address,
        raw=request.raw,
        privacy=wants_privacy(request),
        diverted_from=diverted_from(request) if more else "",
        attestation=attestation_of(request, caller, counters) if more else "",
        access=access_of(request, counters) if more else "",
        locate_at=references(request) if more else (),
        calls_in_hour=often,
    )


def _place(request: Request, counters: Counter[str]) -> Place:
    try:
        place = place_of(request, parts_of(request)) or Place(None, "")
    except UnreadableLocationError:
        place = Place(None, "", unread=1)
    if place.unread:
        counters["anomaly_location_unreadable"] += 1
    return place
