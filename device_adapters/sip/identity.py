# SPDX-License-Identifier: Apache-2.0
"""What an INVITE says about its caller beside the number: withheld, diverted, vouched for, on which network.

None of it is proof and none of it can cost the caller the call: what cannot be read is counted and left out.
"""

import binascii
import re
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable
from operator import itemgetter

import msgspec

from device_adapters.sip.grammar import WITHHELD, NameAddr, name_addr, scheme_of, user_of
from device_adapters.sip.message import Request

NUMBERED = ("sip", "sips", "tel")
"Schemes whose user part names a caller."
NUMBER_CHARS_MAX = 64
"Of a diverting number; E.164 has 15 digits, and some trunks write names."
ACCESS_CHARS_MAX = 512
"Of one P-Access-Network-Info; what IMS writes has some 120 (guess)."
IDENTITIES_MAX = 4
"Identity headers read: one that vouches and one for each diversion (RFC 8224 4, RFC 8946)."
BRACKETS_MAX = 32
"In the JSON of a PASSporT; one with a key and two diversions has 8. Depth is what a parser may not be given."
INDEX_DEPTH_MAX = 16
"Parts of a History-Info index that order; a call is not retargeted more often (guess)."
SAME_DIGITS_MIN = 7
"Shorter numbers that end alike need not be the same line."

WITHHOLDING = frozenset(("id", "header", "user", "session"))
"""RFC 3323 4.2 and RFC 3325 9.3: the caller wants not to be known. `none` and `critical` alone ask for nothing,
`history` (RFC 7044) is about others."""
ANONYMOUS_HOST = "@anonymous.invalid"
"RFC 3323 4.1.1.3."

# Strangers choose what these are matched against: no two neighbours may take the same octet.
_INDEX = re.compile(r";\s*index\s*=\s*([0-9.]+)", re.IGNORECASE)
_QUOTATION = re.compile(r'"[^"]*"')
_VISUAL = str.maketrans("", "", "-.() ")


class _Origin(msgspec.Struct, frozen=True):
    tn: str = ""


class _Passport(msgspec.Struct, frozen=True):
    """The claims we look at (RFC 8225 5, RFC 8588 4)."""

    attest: str = ""
    orig: _Origin = _Origin()


_PASSPORTS = msgspec.json.Decoder(_Passport)


def caller_of(request: Request) -> tuple[str, str]:
    """Return number and display name: the network's word before the caller's own (RFC 3325 9.1)."""
    sender = name_addr(request.get("from"))
    if "p-asserted-identity" not in request.headers:
        return _user_of(sender.uri), sender.display if sender.display.lower() not in WITHHELD else ""
    asserted = [name_addr(value) for value in request.listed("p-asserted-identity")]
    caller = _number_among(asserted) or _user_of(sender.uri)
    names = (address.display for address in (*asserted, sender))
    return caller, next((name for name in names if name.lower() not in WITHHELD), "")


def wants_privacy(request: Request) -> bool:
    """Tell whether the caller asked not to be known. The number is shown to 110 all the same (RFC 3325 7)."""
    for line in request.headers.get("privacy", ()):
        if not WITHHOLDING.isdisjoint(line.lower().replace(" ", "").replace(",", ";").split(";")):
            return True
    sender = request.get("from")
    return ANONYMOUS_HOST in sender.lower() and name_addr(sender).uri.lower().endswith(ANONYMOUS_HOST)


def diverted_from(request: Request) -> str:
    """Return the number dialled before the call was diverted here; empty when it was not.

    Diversion before History-Info, for it names diversions alone. Of several Diversions the last: the newest is put on
    top (RFC 5806 3), so the last is the number first dialled. Of History-Info the lowest index (RFC 7044 10.1), unless
    that is still the number called.
    """
    for value in reversed(request.listed("diversion")):
        number = _number_of(name_addr(value).uri)
        if number:
            return number
    indexed = ((_index(value), _number_of(name_addr(value).uri)) for value in request.listed("history-info"))
    first = min((entry for entry in indexed if entry[1]), key=itemgetter(0), default=((), ""))[1]
    return first if first != _number_of(request.uri) else ""


def attestation_of(request: Request, caller: str, counters: Counter[str]) -> str:
    """Return `A`, `B` or `C` when an Identity says so of this very number (RFC 8224, RFC 8588); never verified."""
    for value in request.listed("identity")[:IDENTITIES_MAX]:
        token = value.partition(";")[0].strip()
        if token.startswith(".."):
            continue  # the compact form leaves its claims out (RFC 8224 4.1)
        passport = _passport(token)
        if passport is None:
            counters["anomaly_identity_unreadable"] += 1
        elif not passport.attest:
            continue  # a PASSporT of another kind (RFC 8443, RFC 8946)
        elif not _same_line(passport.orig.tn, caller):
            counters["anomaly_identity_of_another"] += 1
        else:
            return passport.attest
    return ""


def access_of(request: Request, counters: Counter[str]) -> str:
    """Return the P-Access-Network-Info of the network, else of the telephone (RFC 7315 5.4)."""
    values = request.listed("p-access-network-info")
    value = next((value for value in values if _by_network(value)), values[0] if values else "")
    if len(value) > ACCESS_CHARS_MAX:
        counters["anomaly_access_long"] += 1
        return ""
    return value


def _number_among(addresses: Iterable[NameAddr]) -> str:
    """Return the first user part that is a number, else the first that is anything."""
    users = [user for address in addresses if (user := _user_of(address.uri))]
    return next((user for user in users if _is_number(user)), users[0] if users else "")


def _user_of(uri: str) -> str:
    """Return who a URI names; empty when it names nobody."""
    if scheme_of(uri) not in NUMBERED:
        return ""
    user = user_of(uri)
    if user.lower() in WITHHELD:
        return ""
    return user.translate(_VISUAL) if ";user=phone" in uri.lower() else user  # RFC 3261 19.1.6


def _number_of(uri: str) -> str:
    """Return who a URI with escaped headers names (RFC 7044 5); empty when that is absurdly long."""
    headers = uri.find("?", max(0, uri.find("@")))
    user = _user_of(uri if headers < 0 else uri[:headers])
    return user if len(user) <= NUMBER_CHARS_MAX else ""


def _is_number(user: str) -> bool:
    digits = user.removeprefix("+")
    return digits.isascii() and digits.isdigit()


def _index(value: str) -> tuple[float, ...]:
    """Return a History-Info index as numbers; one that is missing or absurd stands last."""
    found = _INDEX.search(value, value.rfind(">") + 1)
    parts = found[1].split(".", INDEX_DEPTH_MAX)[:INDEX_DEPTH_MAX] if found else []
    if not parts or not all(0 < len(part) <= 9 for part in parts):
        return (float("inf"),)
    return tuple(float(part) for part in parts)


def _passport(token: str) -> _Passport | None:
    """Read a PASSporT in JWS compact serialisation (RFC 8225 4); None when it is none."""
    parts = token.split(".", 3)
    if len(parts) != 3:
        return None
    claims = parts[1]
    try:
        data = b64decode(claims + "=" * (-len(claims) % 4), altchars=b"-_", validate=True)
        if data.count(b"{") + data.count(b"[") > BRACKETS_MAX:
            return None
        passport = _PASSPORTS.decode(data)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return None
    return passport if passport.attest in ("", "A", "B", "C") else None


def _same_line(number: str, caller: str) -> bool:
    """Tell whether two spellings mean one line: one with the country's digits, one perhaps without."""
    one, other = (digits.translate(_VISUAL).lstrip("+0") for digits in (number, caller))
    short, long = sorted((one, other), key=len)
    return one == other != "" or (len(short) >= SAME_DIGITS_MIN and long.endswith(short))


def _by_network(value: str) -> bool:
    """Tell whether a proxy put it in. What stands in quotation marks says nothing."""
    parameters = _QUOTATION.sub("", value).lower().split(";")[1:]
    return any(parameter.strip() == "network-provided" for parameter in parameters)
