# SPDX-License-Identifier: Apache-2.0
"""What the `[pyvoip]` table of the configuration may say."""

import re
from typing import Annotated

import msgspec

Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
_SERVER = re.compile(r"([A-Za-z0-9._-]{1,253})(?::([0-9]{1,5}))?")
_TOKEN = re.compile(r"[A-Za-z0-9._+-]{1,64}")
_COUNTY = re.compile(r"[0-9]{6}")
PORT_SIP = 5060


class PyvoipSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Our place at a small PBX. Not for a trunk: that is `[sip]`."""

    server: str = ""
    'HOST or HOST:PORT of the PBX, IPv4, UDP; "" turns this adapter off. Its name stands in what we register.'
    username: str = "110"
    "The extension we are."
    password_file: str = ""
    """Read at every start of the worker: one line of UTF-8. The secret itself never stands in the configuration.
    Empty: no password."""
    name: str = "pbx"
    "What its calls' `trunk` says in the journal and on the wall."
    county: str = ""
    "GB/T 2260 code of the county its calls belong to; empty: the gateway's own."
    host: str = ""
    "Our IPv4 address as the PBX reaches it; empty: the one this machine would use towards it."
    port: Port = 5070
    "Our SIP port. Fixed, so that what the PBX repeats reaches a worker that was started again."
    rtp_port_min: Port = 41_000
    "Lowest port for voice."
    rtp_port_max: Port = 41_399
    "Highest port for voice; one for each call, and as many again for ports that others hold."
    calls_max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100
    "Calls held at once; beyond, 486. Measured: with 200, pyVoIP answered half a second late."
    calls_per_s: Annotated[int, msgspec.Meta(ge=1, le=20)] = 20
    "New calls in a second; beyond, 486. Measured: at 40, pyVoIP lost calls."
    announcement: str = ""
    "What a caller hears when answered: WAV, 8 kHz, mono, 16 bit; empty: a tone of 450 Hz for one second."
    announcement_every_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 15
    "Heard again this often, so that nobody thinks the line is dead; 0: once."
    challenge: str = ""
    "What a caller hears who is asked to press a key: WAV as above; empty: three short tones of 950 Hz."
    silent_s: Annotated[int, msgspec.Meta(ge=0, le=600)] = 10
    "Nobody heard for so long after the answer is `call.silent`; 0: never told."
    heartbeat_s: Annotated[float, msgspec.Meta(ge=0.05, le=10)] = 1.0
    "The worker is asked this often whether it lives."
    heartbeat_s_max: Annotated[float, msgspec.Meta(ge=0.2, le=60)] = 5.0
    "A worker that has not answered for so long is killed and started again."
    restart_s_min: Annotated[float, msgspec.Meta(ge=0.01, le=60)] = 0.25
    "Pause before a worker that ended is started again; doubled each time until one stays."
    restart_s_max: Annotated[float, msgspec.Meta(ge=0.01, le=600)] = 10.0
    "Longest pause; and how long a worker must have lived before the PBX counts as back."

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        if self.server:
            found = _SERVER.fullmatch(self.server)
            if found is None or not 1 <= int(found[2] or PORT_SIP) <= 65_535:
                raise ValueError(f"pyvoip.server must be HOST or HOST:PORT, not {self.server!r}")
        for field in ("username", "name"):
            if not _TOKEN.fullmatch(getattr(self, field)):
                raise ValueError(f"pyvoip.{field} must be up to 64 letters, digits, '.', '_', '+' or '-'")
        if self.county and not _COUNTY.fullmatch(self.county):
            raise ValueError(f"pyvoip.county must be six digits, not {self.county!r}")
        if self.rtp_port_max - self.rtp_port_min + 1 < self.calls_max:
            raise ValueError("pyvoip.rtp_port_min to rtp_port_max must hold a port for each of calls_max")
        if not self.heartbeat_s < self.heartbeat_s_max:
            raise ValueError("pyvoip.heartbeat_s must be below pyvoip.heartbeat_s_max")
        if self.restart_s_min > self.restart_s_max:
            raise ValueError("pyvoip.restart_s_min must not be above pyvoip.restart_s_max")

    @property
    def server_host(self) -> str:
        """The PBX's name or address."""
        return self.server.partition(":")[0]

    @property
    def server_port(self) -> int:
        """The PBX's port."""
        return int(self.server.partition(":")[2] or PORT_SIP)
