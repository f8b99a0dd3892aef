# SPDX-License-Identifier: Apache-2.0
"""What the `[sip]` table of the configuration may say."""

import re
from ipaddress import ip_address
from typing import Annotated, Literal, cast

import msgspec

from core.ids import CountyCode

Transport = Literal["udp", "tcp", "tls"]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Octets = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
"setsockopt takes a C int."

Way = tuple[str, bool]
"A transport, and whether it is IPv6."

MAPPED = "::ffff:"
"An IPv6 socket shows IPv4 peers so (RFC 4291 2.5.5.2)."
_LISTEN = re.compile(r"(udp|tcp|tls):(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})")
_CALLED = re.compile(r"[!-~]+")
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
    called_as: tuple[str, ...] = ()
    "What is an emergency on this trunk, beside the house's `called_as`."
    transport: Transport = "udp"
    "How we speak first: OPTIONS go out by the first listener of this transport."
    port: Port = 5060
    "Where its addresses take our OPTIONS."
    keep_alive_s: NotNegative = 30
    "OPTIONS this often to each address (RFC 3261 11); 0: none, the trunk counts as up for ever."
    calls_max: NotNegative = 0
    "Legs it may hold at once: what was contracted. Beyond, 503. 0: no limit but the house's."
    calls_per_s: NotNegative = 0
    "New calls it may bring in a second, ten times that in a burst; beyond, 503. 0: no limit."
    digest: Literal["", "SHA-256", "MD5"] = ""
    "Ask its INVITEs for a digest (RFC 8760). MD5 only because this trunk knows nothing better."
    username: str = ""
    password_file: str = ""
    "Read at start and on SIGHUP; the secret itself never stands in the configuration."

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        for address in self.addresses:
            if not _is_ip(address):
                raise ValueError(
                    f"sip.trunks.addresses of {self.name!r} must be IP addresses without port, not {address!r}"
                )
        if not _COUNTY.fullmatch(self.county):
            raise ValueError(f"sip.trunks.county of {self.name!r} must be six digits, not {self.county!r}")
        _check_called_as(f"sip.trunks.called_as of {self.name!r}", self.called_as)
        if self.digest and not (self.username and self.password_file):
            raise ValueError(f"sip.trunks.digest of {self.name!r} needs its username and password_file")


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[sip.tls]` table, for every `tls:` listener. Files are read again on SIGHUP."""

    certificate: str = ""
    "PEM file with our certificate and its chain."
    key: str = ""
    "PEM file with its key."
    authorities: str = ""
    "PEM file with those whose certificates we trust; needed for `mutual` and for connections we open."
    mutual: bool = False
    "Refuse peers that show no certificate of `authorities`."


class SipSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How we stand on the telephone network."""

    listen: tuple[str, ...] = ("udp:127.0.0.1:5060",)
    "`udp:`, `tcp:` or `tls:` and HOST:PORT each; an IPv6 host in brackets; port 0 lets the kernel choose."
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
    reliable_ring: Literal["supported", "required", "never"] = "supported"
    "When 180 is sent reliably (RFC 3262): to whoever says 100rel, only to who requires it, or never."
    session_expires_s: Annotated[int, msgspec.Meta(ge=90, le=86_400)] = 1800
    "RFC 4028: a talking leg nobody refreshed for so long is dead. Refreshed at half of it."
    min_se_s: Annotated[int, msgspec.Meta(ge=90, le=86_400)] = 90
    "RFC 4028 5: shorter sessions get 422."
    callers_counted_max: Positive = 100_000
    "Numbers whose calls of the last hour are counted; the longest silent is forgotten first (guess)."
    insistent_per_hour: Positive = 30
    """From this many calls of one number within the hour on, it is refused first when the house is nearly full
    (`shed_percent`), and never while there is room. A city's worst caller rang 16,779 times a day: 700 an hour."""
    insistent_per_s: Positive = 50
    """Calls of insistent numbers taken up in a second, all together; the others wait on 100 Trying, in turn, and none
    is refused for it. A tenth of what a process holds (guess)."""
    strangers_per_s: Positive = 10
    "With trunks listed: new calls a second from all unlisted peers together; beyond, 503. Ten times that in a burst."
    strangers_datagrams_per_s: Positive = 2_000
    """With trunks listed: datagrams a second from all unlisted peers together, each 2,500 octets more counting as one
    more; beyond, unread, and over connections read later. A tenth of a core, and two hundred for each of their new
    calls (guess)."""
    shed_percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 90
    "From this share of `calls_max` on, what is no call gets 503, and so do insistent callers (guess)."
    trace_messages: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 24
    "Last SIP messages kept of each leg and put on record with its end; 0: none. A whole call has 8."
    tls: TlsSettings = TlsSettings()
    connections_max: Positive = 2_000
    "Open TCP and TLS connections of one listener (guess: a province's carriers have tens)."
    connections_per_peer_max: Positive = 64
    "... of them from one address that is no listed trunk's."
    connection_idle_s: Positive = 900
    "A connection that carried nothing for so long, and no leg, is closed."
    media_host: str = ""
    "IP address in our SDP; default: the one in Contact."
    media_port: Port = 40_000
    """RTP port in our SDP of legs that have no port of their own (`[voice]`). Nobody listens there: the session is
    offered as if one did, so that trunks behave as they will; an offered hold is answered as a hold."""
    server: str = "Gateway110"
    "The Server header."
    receive_buffer_bytes: Octets = 4 * 1024 * 1024
    "SO_RCVBUF asked of the kernel: 3,000 INVITEs of 1.3 kB. What it gave is in the statistics."

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        if not self.listen:
            raise ValueError(
                "sip.listen names no address: write udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT"
            )
        transports = {listen_address(listen)[0] for listen in self.listen}
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
        _check_called_as("sip.called_as", self.called_as)
        _check_tls(self.tls, listening="tls" in transports)
        _check_trunks(self.trunks, ways_of(self), authorities=bool(self.tls.authorities))


def listen_address(listen: str) -> tuple[Transport, str, int]:
    """Return transport, host and port of an entry of `sip.listen`; raise ValueError with a sentence if it is none."""
    found = _LISTEN.fullmatch(listen)
    if found is None or int(found[4]) > 65_535 or (found[2] and not _is_ip(found[2])):
        raise ValueError(
            "sip.listen must be udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT with a port up to 65535, "
            f"an IPv6 host in brackets, not {listen!r}"
        )
    return cast("Transport", found[1]), found[2] or found[3], int(found[4])


def source_host(host: str) -> str:
    """Return a peer's address as operators write it."""
    return host.removeprefix(MAPPED) if "." in host else host


def plain_host(host: str) -> str:
    """Return an address in its one spelling (RFC 5952); a name as it is."""
    if ":" not in host:
        return host  # IPv4 has but one
    try:
        return _spelt(host)
    except ValueError:
        return host


def trunks_by_host(settings: SipSettings) -> dict[str, Trunk]:
    """Return the listed trunks by source address, as `source_host` spells it."""
    return {_spelt(address): trunk for trunk in settings.trunks for address in trunk.addresses}


def way_of(transport: str, host: str) -> Way:
    """Return how a host is reached over a transport."""
    return transport, ":" in host


def ways_of(settings: SipSettings) -> set[Way]:
    """Return the ways our listeners have."""
    return {way_of(*listen_address(listen)[:2]) for listen in settings.listen}


def _check_called_as(name: str, called: tuple[str, ...]) -> None:
    for one in called:
        if not _CALLED.fullmatch(one):
            raise ValueError(f"{name} must be numbers, URNs or *, without blanks, not {one!r}")


def _check_tls(tls: TlsSettings, *, listening: bool) -> None:
    if listening and not (tls.certificate and tls.key):
        raise ValueError("sip.listen has a tls: address, which needs certificate and key in [sip.tls]")
    if tls.mutual and not tls.authorities:
        raise ValueError("sip.tls.mutual needs sip.tls.authorities: whose certificates are good?")


def _check_trunks(trunks: tuple[Trunk, ...], ways: set[Way], *, authorities: bool) -> None:
    names: set[str] = set()
    whose: dict[str, str] = {}
    for trunk in trunks:
        if trunk.name in names:
            raise ValueError(f"sip.trunks: two trunks are named {trunk.name!r}")
        names.add(trunk.name)
        for address in trunk.addresses:
            other = whose.setdefault(_spelt(address), trunk.name)
            if other != trunk.name:
                raise ValueError(f"sip.trunks: {address} is an address of both {other!r} and {trunk.name!r}")
        if not (trunk.keep_alive_s and trunk.addresses):
            continue
        if not any(way_of(trunk.transport, _spelt(address)) in ways for address in trunk.addresses):
            raise ValueError(
                f"sip.trunks.transport of {trunk.name!r} is {trunk.transport!r}, and sip.listen has no such "
                "address of its family (IPv4 or IPv6) to send its OPTIONS from: add one, "
                "name another transport, or keep_alive_s = 0"
            )
        if trunk.transport == "tls" and not authorities:
            raise ValueError(
                f"sip.trunks.transport of {trunk.name!r} is 'tls': to call on it, sip.tls.authorities must say "
                "whose certificate it may show; or keep_alive_s = 0"
            )


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
