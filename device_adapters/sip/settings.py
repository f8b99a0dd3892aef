# SPDX-License-Identifier: Apache-2.0
"""What the `[sip]` table of the configuration may say."""

from typing import Annotated

import msgspec

from core.ids import CountyCode

Positive = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class Trunk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A carrier's side, known by where its datagrams come from."""

    name: str
    "As it stands in the journal and on the wall."
    addresses: tuple[str, ...]
    "Source IP addresses, without port."
    county: CountyCode
    "GB/T 2260 code of the county this trunk carries the calls of."


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
    receive_buffer_bytes: Positive = 4 * 1024 * 1024
    "SO_RCVBUF asked of the kernel: 3,000 INVITEs of 1.3 kB. What it gave is in the statistics."
