# SPDX-License-Identifier: Apache-2.0
"""What the `[voice]` table of the configuration may say."""

from ipaddress import ip_address
from typing import Annotated

import msgspec

from device_adapters.voice.pool import even

Port = Annotated[int, msgspec.Meta(ge=1024, le=65_534)]


class VoiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What callers on a trunk hear. Those of a small PBX: `[pyvoip]`."""

    on: bool = False
    "Speak to answered callers and listen to them. Off, `sip.media_port` is offered and nobody listens there."
    host: str = ""
    """IP address the ports are bound at; empty: every IPv4 address, `::` every address. What is told to callers is
    `sip.media_host`."""
    port_min: Port = 30_000
    "Lowest port for voice. Below 32768, where Linux begins to draw ports for others."
    port_max: Port = 31_198
    "Highest. Even ports are used: one for each of `calls_max`, and some that other programs may hold."
    calls_max: Annotated[int, msgspec.Meta(ge=1, le=2000)] = 500
    """Legs with a voice at once; further ones are answered without. 500 who speak cost half a core (README.md);
    the most is what one core carries."""
    announcement: str = ""
    "What a caller hears when answered: WAV, 8 kHz, mono, 16 bit; empty: a tone of 450 Hz for one second."
    announcement_every_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 15
    "Heard again this often, so that nobody thinks the line is dead; 0: once."
    challenge: str = ""
    "What a caller hears who is asked to press a key: WAV as above; empty: three short tones of 950 Hz."
    silent_s: Annotated[int, msgspec.Meta(ge=0, le=600)] = 10
    "Nobody heard for so long after the answer is `call.silent`; 0: never told."
    dead_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 30
    "No packet for so long from a caller who should speak is `call.silent`, too; 0: never told. It ends no call."
    heartbeat_s: Annotated[float, msgspec.Meta(ge=0.05, le=10)] = 1.0
    "The worker is asked this often whether it lives."
    heartbeat_s_max: Annotated[float, msgspec.Meta(ge=0.2, le=60)] = 5.0
    "A worker that has not answered for so long is killed and started again."
    restart_s_min: Annotated[float, msgspec.Meta(ge=0.01, le=60)] = 0.25
    "Pause before a worker that ended is started again; doubled each time until one stays."
    restart_s_max: Annotated[float, msgspec.Meta(ge=0.01, le=600)] = 10.0
    "Longest pause."

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        if self.host:
            try:
                ip_address(self.host)
            except ValueError:
                raise ValueError(f"voice.host must be an IP address or empty, not {self.host!r}") from None
        if len(even(self.port_min, self.port_max)) < self.calls_max:
            raise ValueError("voice.port_min to port_max must hold an even port for each of voice.calls_max")
        if not self.heartbeat_s < self.heartbeat_s_max:
            raise ValueError("voice.heartbeat_s must be below voice.heartbeat_s_max")
        if self.restart_s_min > self.restart_s_max:
            raise ValueError("voice.restart_s_min must not be above voice.restart_s_max")
