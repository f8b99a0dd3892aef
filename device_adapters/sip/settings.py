# SPDX-License-Identifier: Apache-2.0
"""What the `[sip]` table of the configuration may say."""

import re
from ipaddress import ip_address
from typing import Annotated

import msgspec

from core.ids import CountyCode

Positive = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Octets = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
"setsockopt takes a C int."

MAPPED = "::ffff:"
"An IPv6 socket shows IPv4 peers so (RFC 4291 2.5.5.2)."
_LISTEN = re.compile(r"udp:(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")
_COUNTY = re.compile(r"[0-9]{6}")
_PRINTABLE = re.compile(r"[ -~]*")


class Trunk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A carrier's side, known by where its datagrams come from."""

    name: str
    "As it stands in the journal and on the wall."
    addresses: tuple[str, ...]
    "Source IP addresses, without port."
    county: CountyCode
    "GB/T 2260 code of the county this trunk carries the calls of."

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        for address in self.addresses:
            if not _is_ip(address):
                raise ValueError(
                    f"sip.trunks.addresses of {self.name!r} must be IP addresses without port, not {address!r}"
                )
        if not _COUNTY.fullmatch(self.county):
            raise ValueError(f"sip.trunks.county of {self.name!r} must be six digits, not {self.county!r}")


class SipSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How we stand on the telephone network."""

    listen: tuple[str, ...] = ("udp:127.0.0.1:5060",)
    "`udp:HOST:PORT` each; an IPv6 host in brackets; port 0 lets the kernel choose."
    host: str = ""
    "The IP address peers reach us at, for Contact and Via; default: the address listened on."
    called_as: tuple[str, ...] = ("*",)
    """Numbers and URNs that are the emergency call, beside `110`, `urn:service:sos` and
    `urn:service:sos.police`; anything else gets 404. `*`: whatever arrives on a trunk is one."""
    trunks: tuple[Trunk, ...] = ()
    "Known carriers. A peer not listed is named by its IP address and counts as the gateway's own county."
    only_trunks: bool = False
    """Drop, unread, whatever does not come from a listed trunk's address. A carrier's new address is then deaf
    to callers until it is listed."""
    strangers_percent: Percent = 20
    """When trunks are listed: the share of `calls_max` that all other peers may hold together, one address half
    of it; beyond, 503. Without listed trunks it means nothing. A carrier's forgotten address still rings (guess)."""
    calls_max: Positive = 20_000
    "Legs held at once; beyond, 503. Ten times a provincial capital's worst hour, all unanswered (guess)."
    transactions_max: Positive = 500_000
    "Remembered requests; beyond, 503. 6,000 calls/s leave two each for 32 s: 384,000."
    t1_ms: Positive = 500
    "RFC 3261 T1, the guess at a round trip: retransmissions start here, give up after 64 of it."
    retry_after_s: Positive = 5
    "What a refused trunk is told to wait. Short: its caller is waiting too (guess)."
    ring_repeat_s: Positive = 60
    "180 is said again this often while ringing, or proxies give up (RFC 3261 13.3.1.1)."
    media_host: str = ""
    "IP address in our SDP; default: the one in Contact."
    media_port: Port = 40_000
    """RTP port in our SDP. No media process listens yet: the session is offered as if it did, so that trunks
    behave as they will; an offered hold is answered as a hold."""
    server: str = "Gateway110"
    "The Server header."
    receive_buffer_bytes: Octets = 4 * 1024 * 1024
    "SO_RCVBUF asked of the kernel: 3,000 INVITEs of 1.3 kB. What it gave is in the statistics."

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        if not self.listen:
            raise ValueError("sip.listen names no address: write udp:HOST:PORT")
        for listen in self.listen:
            listen_address(listen)
        for name in ("host", "media_host"):
            given = getattr(self, name)
            if given and not _is_ip(given):
                raise ValueError(f"sip.{name} must be an IP address or empty, not {given!r}")
        if self.host and ip_address(self.host).is_unspecified:
            raise ValueError(f"sip.host is where peers send to: {self.host!r} is nowhere")
        if not _PRINTABLE.fullmatch(self.server):
            raise ValueError(f"sip.server must be printable ASCII on one line, not {self.server!r}")
        if self.only_trunks and not trunks_by_host(self):
            raise ValueError("sip.only_trunks without an address in sip.trunks would hear nobody")


def listen_address(listen: str) -> tuple[str, int]:
    """Return host and port of an entry of `sip.listen`; raise ValueError with a sentence when it is none."""
    if listen.lower().startswith(("tcp:", "tls:")):
        raise ValueError(
            f"sip.listen: {listen[:3].upper()} is not in this version, only udp:HOST:PORT: {listen!r}"
        )
    found = _LISTEN.fullmatch(listen)
    if found is None or int(found[3]) > 65_535 or (found[1] and not _is_ip(found[1])):
        raise ValueError(f"sip.listen must be udp:HOST:PORT with a port up to 65535, not {listen!r}")
    return found[1] or found[2], int(found[3])


def source_host(host: str) -> str:
    """Return a peer's address as operators write it."""
    return host.removeprefix(MAPPED) if "." in host else host


def trunks_by_host(settings: SipSettings) -> dict[str, Trunk]:
    """Return the listed trunks by source address, as `source_host` spells it."""
    return {_spelt(address): trunk for trunk in settings.trunks for address in trunk.addresses}


def _spelt(address: str) -> str:
    read = ip_address(address)
    return str(getattr(read, "ipv4_mapped", None) or read)


def _is_ip(text: str) -> bool:
    """Tell whether it is an IP address; one with a zone is not, for a zone can hold anything."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text
