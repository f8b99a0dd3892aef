# SPDX-License-Identifier: Apache-2.0
"""Asking a trunk who it is (RFC 3261 22, 7616, 8760): only trunks that are listed with a digest, only their INVITEs.

A nonce carries its own proof (time, and an HMAC over it and the sender's address), so that whoever does not know
the password costs no memory. Only who does is remembered, by nonce, so that nothing it said can be said again.
"""

import hashlib
import hmac
from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from device_adapters.sip.grammar import split_commas
from device_adapters.sip.message import Request
from device_adapters.sip.response import stateless_tag
from device_adapters.sip.settings import SipSettings, Trunk, source_host

NONCE_S = 300
"""How long a nonce may be used. A trunk that counts on (nc) asks once for all its calls of that time; who records one
INVITE can say it again to nobody, for each count passes once (guess)."""
NONCES_MAX = 10_000
"Nonces in use that are remembered; the oldest is forgotten and counts as stale. 30 calls/s that each use their own."
WINDOW = 64
"Counts that may come out of order: INVITEs on their way at the same time."
COUNT_DIGITS_MAX = 8
"RFC 7616 3.4: nc is eight hex digits."
CREDENTIALS_MAX = 8
"Authorization lines looked at: one for each realm on the way."
REALM = "110"
"Ours when neither server nor host is set."
FIELDS = ("username", "realm", "nonce", "uri", "response", "nc", "cnonce", "qop")
"What must be there with qop=auth (RFC 7616 3.4)."


class _Used:
    """The counts of a nonce that were used: the highest, and one bit for each below it."""

    __slots__ = ("bits", "highest", "issued")

    def __init__(self, issued: int) -> None:
        self.issued = issued
        self.highest = 0
        self.bits = 0

    def take(self, count: int) -> bool:
        """Use a count up; False when it was used before or is too old to tell."""
        ahead = count - self.highest
        if ahead > 0:
            self.bits = 1 if ahead >= WINDOW else (self.bits << ahead | 1) & ((1 << WINDOW) - 1)
            self.highest = count
            return True
        bit = 1 << -ahead
        if -ahead >= WINDOW or self.bits & bit:
            return False
        self.bits |= bit
        return True


class _Credentials(NamedTuple):
    """What an Authorization header says, by name in lower case."""

    said: dict[str, str]
    algorithm: str

    @property
    def counted(self) -> int:
        """Return nc; 0 when it is none."""
        digits = self.said["nc"]
        if len(digits) > COUNT_DIGITS_MAX or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            return 0
        return int(digits or "0", 16)


class Doorman:
    """Challenges the INVITEs of trunks that have a digest."""

    def __init__(
        self,
        settings: SipSettings,
        secrets: Mapping[str, str],
        nonce_key: bytes,
        counters: Counter[str] | None = None,
    ) -> None:
        """Take the passwords by trunk name: a mapping whose owner may change it.

        Raise ValueError when a trunk with a digest could never pass.
        """
        for trunk in settings.trunks:
            if trunk.digest and not (trunk.username and secrets.get(trunk.name)):
                raise ValueError(
                    f"sip.trunks {trunk.name!r} has a digest and needs username and password_file"
                )
        self.realm = "".join(char for char in settings.server or settings.host if char not in '"\\') or REALM
        self.counters = Counter[str]() if counters is None else counters
        self._secrets = secrets
        self._key = nonce_key
        self._used: OrderedDict[str, _Used] = OrderedDict()
        self._forgotten = -1
        "When the newest nonce was issued that we knew used and do not know any more."

    def challenge(self, request: Request, trunk: Trunk | None, now: float) -> str | None:
        """Return the header line of a 401, or None when the request may pass.

        ACK and CANCEL cannot be asked (RFC 3261 22.1); who is within a dialog has passed.
        """
        if trunk is None or not trunk.digest or request.method != "INVITE" or request.to_tag:
            return None
        wrong, stale = self._wrong(request, trunk, now)
        if not wrong:
            return None
        self.counters[f"digest_{wrong}"] += 1
        return (
            f'WWW-Authenticate: Digest realm="{self.realm}", nonce="{self._nonce(request, now)}", '
            f'algorithm={trunk.digest}, qop="auth"{", stale=true" if stale else ""}\r\n'
        )

    def _wrong(self, request: Request, trunk: Trunk, now: float) -> tuple[str, bool]:
        """Return what is wrong, by name, and whether a new nonce is all it takes."""
        shown = self._credentials(request)
        if shown is None:
            return "asked", False
        if any(not shown.said.get(name) for name in FIELDS) or shown.said["qop"].lower() != "auth":
            return "incomplete", False
        if shown.algorithm.upper() != trunk.digest:
            return "algorithm", False  # a weaker one was never offered (RFC 8760 2.4)
        if shown.said["uri"] != request.uri:
            self.counters["digest_uri"] += (
                1  # rewritten on the way (RFC 3261 22.4); the hash holds what they meant
            )
        if not _same(shown.said["username"], trunk.username):
            return "response", False
        expected = _response(shown.said, trunk, self._secrets[trunk.name])
        if not hmac.compare_digest(expected, _octets(shown.said["response"].lower())):
            return "response", False
        return self._spent(shown, request, now)

    def _spent(self, shown: _Credentials, request: Request, now: float) -> tuple[str, bool]:
        """Tell whether nonce and count may be used; the password is right, so that a new nonce will do."""
        nonce = shown.said["nonce"]
        issued = self._issued(nonce, request)
        if issued is None or not 0 <= int(now) - issued <= NONCE_S:
            return "stale", True
        used = self._used.get(nonce)
        if used is None:
            if issued <= self._forgotten:
                return "stale", True
            used = _Used(issued)
        if not shown.counted or not used.take(shown.counted):
            return "replayed", True
        self._remember(nonce, used)
        return "", False

    def _remember(self, nonce: str, used: _Used) -> None:
        self._used[nonce] = used
        self._used.move_to_end(nonce)
        if len(self._used) > NONCES_MAX:
            _, oldest = self._used.popitem(last=False)
            self._forgotten = max(self._forgotten, oldest.issued)

    def _nonce(self, request: Request, now: float) -> str:
        """Return a nonce for this request: the time, what tells it from others of that second, and the proof."""
        stamp = f"{int(now):x}.{stateless_tag(request)}"
        return f"{stamp}.{self._proof(stamp, request)}"

    def _issued(self, nonce: str, request: Request) -> int | None:
        """Return when we issued a nonce to where this comes from; None for one that is not ours."""
        stamp, _, proof = nonce.rpartition(".")
        if not hmac.compare_digest(_octets(proof), self._proof(stamp, request).encode()):
            return None
        return int(stamp.partition(".")[0], 16)

    def _proof(self, stamp: str, request: Request) -> str:
        told = f"{stamp} {source_host(request.source[0])}"
        return hmac.new(self._key, _octets(told), hashlib.sha256).hexdigest()[:32]

    def _credentials(self, request: Request) -> _Credentials | None:
        """Return the first credentials for our realm; others are for someone behind us (RFC 3261 22.3)."""
        for line in request.headers.get("authorization", ())[:CREDENTIALS_MAX]:
            scheme, _, rest = line.strip().partition(" ")
            if scheme.lower() != "digest":
                continue
            said = _parameters(rest)
            if said.get("realm") == self.realm:
                return _Credentials(said, said.get("algorithm", "MD5"))  # RFC 7616 3.4: what silence means
        return None


def _parameters(text: str) -> dict[str, str]:
    """Read `name=value, name="value"`; of two with one name the first counts."""
    said: dict[str, str] = {}
    for element in split_commas(text):
        name, equals, value = element.partition("=")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = _unquoted(value[1:-1])
        if equals:
            said.setdefault(name.strip().lower(), value)
    return said


def _unquoted(text: str) -> str:
    if "\\" not in text:
        return text
    pieces = text.replace("\\\\", "\0").split("\\")
    return "".join(pieces).replace("\0", "\\")


def _response(said: dict[str, str], trunk: Trunk, password: str) -> bytes:
    """Return what whoever knows the password would have said (RFC 7616 3.4.1)."""
    ha1 = _hash(trunk, trunk.username.encode() + b":" + _octets(said["realm"]) + b":" + password.encode())
    ha2 = _hash(trunk, b"INVITE:" + _octets(said["uri"]))
    middle = ":".join([said[name] for name in ("nonce", "nc", "cnonce", "qop")])
    return _hash(trunk, b":".join([ha1, _octets(middle), ha2]))


def _hash(trunk: Trunk, octets: bytes) -> bytes:
    kind = "md5" if trunk.digest == "MD5" else "sha256"
    return hashlib.new(kind, octets, usedforsecurity=False).hexdigest().encode()


def _same(said: str, ours: str) -> bool:
    return hmac.compare_digest(_octets(said), ours.encode())


def _octets(text: str) -> bytes:
    """Return the octets that came: header text is Latin-1 (grammar.py)."""
    return text.encode("latin-1", "replace")
