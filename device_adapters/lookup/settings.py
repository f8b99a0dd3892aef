# SPDX-License-Identifier: Apache-2.0
"""What the `[lookup]` table of the configuration may say. Empty, nobody is asked."""

import re
from typing import Annotated, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from core.events import Datum

Positive = Annotated[int, msgspec.Meta(ge=1)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=60)]
Rows = Annotated[int, msgspec.Meta(ge=1, le=20_000_000)]
"Text is found by 32-bit offsets: 20 million rows of 200 octets."

PORTS = {"http": 80, "https": 443}
NUMBER = "{number}"
_URL = re.compile(r"[!-~]+")


class Origin(NamedTuple):
    """Scheme, host and port: who is asked (RFC 6454)."""

    scheme: str
    host: str
    port: int


class LookupSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to ask about a caller."""

    numbers: str = ""
    """CSV file of the three fields (三字段): `number,name,address,lat,lon` and perhaps `uncertainty_m`, named in its
    first line; UTF-8 or GBK. Read at start and on SIGHUP. Empty: none."""
    numbers_datum: Datum = "wgs84"
    "Of its coordinates: those from a Chinese map are `gcj02` or `bd09`."
    numbers_max: Rows = 5_000_000
    "Lines read of it; some 90 bytes of memory each."
    area_code: Annotated[str, msgspec.Meta(pattern=r"^(0[0-9]{2,3})?$")] = ""
    "Put before numbers of seven or eight digits, in the file and of callers: `0577`."
    cells: str = ""
    "CSV file of radio cells: `cell,lat,lon,radius_m` and perhaps `radio`. Read as `numbers` is. Empty: none."
    cells_datum: Datum = "wgs84"
    cells_max: Rows = 5_000_000
    "Lines read of it; some 26 bytes of memory each."
    phone_url: str = ""
    """Service that is asked for what the file does not know: GET with `{number}` replaced, JSON back. Give an address:
    a name that does not resolve can hold up a stop. Empty: none."""
    phone_datum: Datum = "wgs84"
    "Of its coordinates, unless the answer says `crs`."
    phone_token_file: str = ""
    "What it wants in `Authorization: Bearer`; read at start and on SIGHUP. Empty: nothing."
    phone_s: Seconds = 0.2
    "An answer is late after this: counted, and taken all the same up to `late_s`."
    phone_in_flight_max: Positive = 64
    "Questions on their way at once; one more is not asked. 64 in 0.2 s are 320 callers a second."
    held_origins: tuple[str, ...] = ()
    """Location servers we fetch from when an INVITE refers to them (RFC 6442, RFC 6753): `https://lis.example.com`,
    with a port where it is not the usual one. Anything else a caller refers to is never fetched."""
    held_method: Literal["POST", "GET"] = "POST"
    "POST says that it is for an emergency (RFC 5985 5.1); GET is for servers that know only that (RFC 6753 3)."
    held_s: Seconds = 3.0
    "As `phone_s`; the server may have to find the telephone first."
    held_in_flight_max: Positive = 64
    "As `phone_in_flight_max`."
    late_s: Seconds = 10.0
    "No answer is waited for longer: the caller has been spoken to by then (guess)."
    away_after: Positive = 3
    "Failures in a row after which a service counts as away: asked only now and then, and told as a neighbour gone."
    retry_s_min: Seconds = 1.0
    "A service that is away gets one question after this; doubled at each failure."
    retry_s_max: Seconds = 30.0
    "Longest pause."
    reply_bytes_max: Annotated[int, msgspec.Meta(ge=1_024, le=1_048_576)] = 65_536
    "A longer answer is none. A PIDF-LO may have 32 kB."
    cafile: str = ""
    "Certificate authority of the https services (PEM), read at start and on SIGHUP; empty: those the system trusts."
    certfile: str = ""
    "Our own certificate (PEM), when they want one."
    keyfile: str = ""
    "... and its key."

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        if self.phone_url:
            if (
                self.phone_url.count(NUMBER) != 1
                or NUMBER in self.phone_url.partition("//")[2].partition("/")[0]
            ):
                raise ValueError("lookup.phone_url must have {number} once, behind the host")
            origin_of(self.phone_url, "lookup.phone_url")
        for origin in self.held_origins:
            origin_of(origin, "lookup.held_origins")
            if urlsplit(origin).path not in ("", "/") or "?" in origin or "#" in origin:
                raise ValueError(f"lookup.held_origins are scheme, host and port alone, not {origin!r}")
        if self.retry_s_min > self.retry_s_max:
            raise ValueError("lookup.retry_s_min must not be above lookup.retry_s_max")
        if self.late_s < max(self.phone_s, self.held_s):
            raise ValueError("lookup.late_s must not be below lookup.phone_s or lookup.held_s")
        if self.keyfile and not self.certfile:
            raise ValueError("lookup.keyfile without lookup.certfile is of no use")


def origin_of(url: str, name: str = "it") -> Origin:
    """Return whom a URL asks; raise ValueError with a sentence when it is no http or https URL we would ask."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # a bracket left open, or a port that is no number up to 65535
        host, port = None, None
    if not (host and _URL.fullmatch(url)) or parts.scheme not in PORTS or "@" in parts.netloc or port == 0:
        raise ValueError(f"{name} must be http://host:port or https://host:port and no user, not {url!r}")
    return Origin(parts.scheme, host, port or PORTS[parts.scheme])
