# SPDX-License-Identifier: Apache-2.0
"""How Redis is reached and how much is kept there."""

import msgspec


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[redis]` table."""

    url: str = "redis://127.0.0.1:6379/0"
    "redis:// or rediss:// or unix://"
    timeout_s: float = 0.5
    "A Redis that has not answered by then is away. It never holds up a call: only its own task waits."
    decisions_max: int = 500_000
    "Entries kept in a county's decision stream (about): a month of a county, some 400 MB."
    positions_max: int = 600
    "Entries kept in a county's positions stream (about): a minute of ticks."
    state_keep_s: int = 259_200
    "How long the last state of a finished call, order or incident stays: three days."
    lease_ms: int = 3000
    "How long the lease of the deciding gateway lasts without renewal (docs/decisions/0010)."
    reconnect_s_min: float = 0.05
    reconnect_s_max: float = 2.0
    "Attempts to reach Redis back off between these, with jitter."
    pending_max: int = 20_000
    "Decisions held in memory for a Redis that is away (~20 MB); what is older is read from the journal."
