# SPDX-License-Identifier: Apache-2.0
"""How Redis is reached and how much is kept there."""

from typing import Annotated
from urllib.parse import urlsplit

import msgspec


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[redis]` table."""

    url: str = "redis://127.0.0.1:6379/0"
    "redis:// or rediss:// or unix://"
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 0.5
    "A Redis that has not answered by then is away. It never holds up a call: only its own task waits."
    decisions_max: Annotated[int, msgspec.Meta(ge=1000)] = 500_000
    "Entries kept in a county's decision stream (about): a month of a county, some 400 MB."
    positions_max: Annotated[int, msgspec.Meta(ge=1)] = 600
    "Entries kept in a county's positions stream (about): a minute of ticks."
    state_keep_s: Annotated[int, msgspec.Meta(ge=1)] = 259_200
    "How long the last state of a finished call, order or incident stays: three days."
    lease_ms: Annotated[int, msgspec.Meta(ge=500)] = 3000
    "How long the lease of the deciding gateway lasts without renewal (docs/decisions/0010)."
    reconnect_s_min: Annotated[float, msgspec.Meta(gt=0)] = 0.05
    reconnect_s_max: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    "Attempts to reach Redis back off between these, with jitter."
    pending_max: Annotated[int, msgspec.Meta(ge=1)] = 20_000
    "Decisions held in memory for a Redis that is away (~20 MB); what is older is read from the journal."

    def __post_init__(self) -> None:
        """Refuse a URL that cannot be one, at start and by name."""
        parts = urlsplit(self.url)
        try:
            sound = parts.scheme == "unix" or (parts.scheme in {"redis", "rediss"} and bool(parts.hostname))
            sound = sound and (parts.port is None or parts.port > 0)
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("redis.url must be redis://host:port/db, rediss://… or unix:///path")
