# SPDX-License-Identifier: Apache-2.0
"""What a request asks of whoever answers it, and what is refused for it (RFC 3261 8.2).

A new emergency INVITE is refused only for what would leave nothing to talk about. Its Accept is not asked: an
answer the caller's phone did not list is safer than none (tests/unit/sip/test_rfc4475.py, sdp01).
"""

from typing import NamedTuple

from device_adapters.sip.body import unknown_kind
from device_adapters.sip.grammar import scheme_of, user_of
from device_adapters.sip.message import Request
from device_adapters.sip.response import ACCEPT, ACCEPT_ENCODING, ALLOW, METHODS
from device_adapters.sip.sdp import SDP
from device_adapters.sip.sessiontimer import expires_s_of, knows_timers

EMERGENCY = ("110", "urn:service:sos", "urn:service:sos.police")
"Always ours (RFC 5031 4.2)."
SCHEMES = ("sip", "sips", "tel", "urn")
EXPIRES_S_MAX = 3600
"A longer Expires is no limit on a ringing phone (guess)."
BODY_OCTETS_MAX = 49_152
"SDP and location, both at their limits (sdp.py, pidf.py)."
TOLERATED = frozenset(
    "100rel timer replaces precondition resource-priority geolocation-sip geolocation-http path outbound "
    "gruu histinfo from-change sec-agree early-session norefersub join tdialog privacy answermode pref".split()
)
"""Options a caller may require although we do not all speak them: refusing would cost the caller a round
trip or the call, and going on without them costs nothing that is heard. Anything else gets 420."""
KNOWN = frozenset((*METHODS, "REGISTER", "SUBSCRIBE", "NOTIFY", "REFER", "MESSAGE", "PUBLISH"))
"Methods that exist: 405. Others: 501."


class Refusal(NamedTuple):
    """A status and the header lines that go with it."""

    status: int
    extra: str = ""


def is_emergency(request: Request, called_as: tuple[str, ...]) -> bool:
    """Tell whether the Request-URI is one we answer."""
    if "*" in called_as:
        return True
    called = user_of(request.uri)
    names = {name.partition(":")[2] if scheme_of(name) in ("tel", "sip") else name for name in called_as}
    return called in EMERGENCY or called in names


def refusal_of_call(request: Request, called_as: tuple[str, ...], min_se_s: int) -> Refusal | None:
    """Return why a new INVITE cannot be taken, or None."""
    if not is_emergency(request, called_as):
        return Refusal(404 if scheme_of(request.uri) in SCHEMES else 416)
    return refusal_of_options(request) or refusal_of_body(request) or refusal_of_session(request, min_se_s)


def refusal_of_options(request: Request) -> Refusal | None:
    """Return 420 for a required option we must refuse (RFC 3261 8.2.2.3), or None."""
    if "require" not in request.headers:
        return None
    refused = [option for option in request.listed("require") if option.lower() not in TOLERATED]
    return Refusal(420, f"Unsupported: {', '.join(refused)}\r\n") if refused else None


def refusal_of_body(request: Request) -> Refusal | None:
    """Return 513 or 415 for a body nobody here can read (RFC 3261 8.2.3), or None."""
    if not request.body:
        return None
    if len(request.body) > BODY_OCTETS_MAX:
        return Refusal(513)
    if request.get("content-encoding").lower() not in ("", "identity"):
        return Refusal(415, ACCEPT_ENCODING)
    return Refusal(415, ACCEPT) if unknown_kind(request) else None


def refusal_of_session(request: Request, min_se_s: int) -> Refusal | None:
    """Return 422 for a session shorter than we take (RFC 4028 9), or None; who knows no timer is not refused."""
    if "session-expires" not in request.headers or not 0 < expires_s_of(request) < min_se_s:
        return None
    return Refusal(422, f"Min-SE: {min_se_s}\r\n") if knows_timers(request) else None


def refusal_of_accept(request: Request) -> Refusal | None:
    """Return 406 when an answer of ours would not be accepted (RFC 3261 21.4.7), or None."""
    kinds = [kind.partition(";")[0].strip().lower() for kind in request.listed("accept")]
    if not kinds or any(kind in (SDP, "application/*", "*/*") for kind in kinds):
        return None
    return Refusal(406, ACCEPT)


def refusal_of_method(request: Request) -> Refusal:
    """Return 405 for a method that exists, 501 for another (RFC 3261 8.2.1)."""
    return Refusal(405 if request.method in KNOWN else 501, ALLOW)


def expires_s(request: Request) -> int:
    """Return how long the INVITE may ring by its own word; 0 is for ever (RFC 3261 13.3.1)."""
    digits = request.get("expires")
    lasts = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else 0
    return lasts if lasts <= EXPIRES_S_MAX else 0
