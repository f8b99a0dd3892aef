# SPDX-License-Identifier: Apache-2.0
"""What a run of the city came to: the figures of the contract, and what is needed to check them. Pure."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from device_adapters.simulated.ledger import Ledger
from device_adapters.simulated.record import CallRecord


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds. Nothing measured is told by n = 0, not by a good figure."""

    n: int = 0
    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    max: float = 0.0


class Latencies(msgspec.Struct, frozen=True, kw_only=True):
    """The three the contract names."""

    invite_to_18x: Latency = Latency()
    invite_to_recommendation: Latency = Latency()
    order_to_signed: Latency = Latency()


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How the run stands."""

    elapsed_s: float
    placed: int
    answered: int
    abandoned: int
    failed: int
    decided: int
    fixes: int
    events: int
    orders: int
    signed: int


class CityReport(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a run. The first twelve counts and `latency_ms` are the contract's demo JSON."""

    seconds: int
    placed: int
    answered: int
    abandoned: int
    recorded: int = 0
    "From the journal: filled by whoever can read it."
    decided: int
    "Answered calls for whose incident units were named."
    lost: int
    "Calls of which the decisions do not tell what the caller saw, and calls that came to nothing."
    duplicated: int
    fixes: int
    events: int
    "Status, link and acknowledgements the radios sent."
    orders: int
    signed: int
    latency_ms: Latencies
    run_id: str = ""
    retransmissions: int = 0
    failed: dict[str, int] = {}
    "Calls without an end worth the name, by reason."
    declined: int = 0
    reconnects: int = 0
    duplicates: tuple[str, ...] = ()
    lost_calls: tuple[str, ...] = ()
    placed_calls: tuple[str, ...] = ()
    "SIP Call-IDs, in the order of placing."
    answered_calls: tuple[str, ...] = ()
    abandoned_calls: tuple[str, ...] = ()
    decisions: dict[str, int] = {}
    "Entries of the decision streams by type."


def percentile(sorted_values: Sequence[float], share: float) -> float:
    """Return a value that really occurred, at or above so large a share of the rest (nearest rank)."""
    return float(np.quantile(sorted_values, share, method="inverted_cdf"))


def latency(seconds: Iterable[float]) -> Latency:
    """Sum up durations."""
    values = sorted(1000 * s for s in seconds)
    if not values:
        return Latency()
    p50, p99, p999 = (round(percentile(values, share), 3) for share in (0.5, 0.99, 0.999))
    return Latency(n=len(values), p50=p50, p99=p99, p999=p999, max=round(values[-1], 3))


def to_18x(records: Iterable[CallRecord]) -> list[float]:
    """Return the seconds each caller waited for a sign of life."""
    return [record.heard - record.origin for record in records if record.heard]


def to_recommendation(records: Iterable[CallRecord], ledger: Ledger) -> list[float]:
    """Return the seconds until units were named for each call that has a recommendation of its own."""
    named = ((record, ledger.recommended.get(record.sip_call_id)) for record in records)
    return [at - record.origin for record, at in named if at is not None]


def to_signed(ledger: Ledger) -> list[float]:
    """Return the seconds from each order to its signature, both as a console could read them."""
    return [order.signed - order.issued for order in ledger.orders.values() if order.signed and order.issued]


def is_lost(record: CallRecord, ledger: Ledger) -> bool:
    """Return whether the decisions fail to tell what this caller saw."""
    if record.outcome == "answered":
        return ledger.told(record.sip_call_id) != "decided"
    return not (record.outcome == "abandoned" and ledger.abandoned(record.sip_call_id))


def tally(values: Iterable[str]) -> dict[str, int]:
    """Count equal words."""
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts
