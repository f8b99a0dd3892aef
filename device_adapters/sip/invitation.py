# SPDX-License-Identifier: Apache-2.0
"""Reading an INVITE as a call: who calls, whom, from where. Nothing in here can refuse a caller a ring."""

from collections import Counter

from core.ids import Leg
from device_adapters.sip.body import parts_of
from device_adapters.sip.events import Invited
from device_adapters.sip.grammar import WITHHELD, name_addr, scheme_of, user_of
from device_adapters.sip.message import Request
from device_adapters.sip.pidf import Place, UnreadableLocationError, place_of

EMERGENCY = ("110", "urn:service:sos", "urn:service:sos.police")
"Always ours (RFC 5031 4.2)."
NUMBERED = ("sip", "sips", "tel")
"Schemes whose user part names a caller."
EXPIRES_S_MAX = 3600
"A longer Expires is no limit on a ringing phone (guess)."
TOLERATED = frozenset(
    "100rel timer replaces precondition resource-priority geolocation-sip geolocation-http path outbound "
    "gruu histinfo from-change sec-agree early-session norefersub join tdialog privacy answermode pref".split()
)
"""Options a caller may require although we do not all speak them: refusing would cost the caller a round
trip or the call, and going on without them costs nothing that is heard. Anything else gets 420."""


def is_emergency(request: Request, called_as: tuple[str, ...]) -> bool:
    """Tell whether the Request-URI is one we answer."""
    if "*" in called_as:
        return True
    called = user_of(request.uri)
    names = {name.partition(":")[2] if scheme_of(name) in ("tel", "sip") else name for name in called_as}
    return called in EMERGENCY or called in names


def unsupported(request: Request) -> list[str]:
    """Return the required options we must refuse (RFC 3261 8.2.2.3)."""
    return [option for option in request.listed("require") if option.lower() not in TOLERATED]


def expires_s(request: Request) -> int:
    """Return how long the INVITE may ring by its own word; 0 is for ever (RFC 3261 13.3.1)."""
    digits = request.get("expires")
    lasts = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else 0
    return lasts if lasts <= EXPIRES_S_MAX else 0


def invited(request: Request, leg: Leg, now: float, counters: Counter[str]) -> Invited:
    """Return the event a new INVITE is."""
    caller, display_name = caller_of(request)
    place = _place(request, counters)
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
    )


def caller_of(request: Request) -> tuple[str, str]:
    """Return number and display name: the network's word before the caller's own (RFC 3325 9.1)."""
    values = (*request.listed("p-asserted-identity"), request.get("from"))
    addresses = [name_addr(value) for value in values]
    users = (user_of(address.uri) for address in addresses if scheme_of(address.uri) in NUMBERED)
    caller = next((user for user in users if user.lower() not in WITHHELD), "")
    names = (address.display for address in addresses)
    return caller, next((name for name in names if name.lower() not in WITHHELD), "")


def _place(request: Request, counters: Counter[str]) -> Place:
    try:
        place = place_of(request, parts_of(request))
    except UnreadableLocationError:
        counters["anomaly_location_unreadable"] += 1
        place = None
    return place or Place(None, "")
