# SPDX-License-Identifier: Apache-2.0
"""What a load run came to, as the contract's JSON. Latency counts from min(intended, sent).

From the intended time, because a caller who could not dial while the gateway stalled waited all the same
(coordinated omission); from the sent time when uvloop's timer fired up to a millisecond early.
"""

from collections.abc import Iterable

import msgspec

from bench.machine import was_busy
from device_adapters.simulated.city import City
from device_adapters.simulated.ledger import Ledger
from device_adapters.simulated.report import CityReport, percentile, to_18x, to_recommendation, to_signed
from device_adapters.simulated.shown import ShownReport

LATE_MS = 5.0
"A harness that is later than this in placing one call of a hundred measures itself."
STEPS: tuple[tuple[str, float, int], ...] = (
    ("p50", 0.5, 1),
    ("p90", 0.9, 10),
    ("p99", 0.99, 100),
    ("p999", 0.999, 1_000),
    ("p9999", 0.9999, 10_000),
)
"Percentile, share, and the least n that has a value beyond it."


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds; None where n is too small to say."""

    n: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None
    p9999: float | None = None
    max: float | None = None


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Per second."""

    calls_per_s: float
    fixes_per_s: float


class Radios(msgspec.Struct, frozen=True, kw_only=True):
    """What the radios put on the air."""

    connections: int
    connected: int
    "Of them stood at the end of the run."
    fixes: int
    fixes_unsaid: int
    "Due while the broker was away or did not keep up."
    events: int
    "Status, link, acknowledgements, cries for help and answers that the broker has confirmed."
    events_refused: int
    events_dropped: int
    orders_heard: int
    alerts_heard: int
    "Orders told again, louder."
    checked_in: int
    pressed: int
    reconnects: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One expectation and what was found."""

    expected: str
    found: float | None
    met: bool


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The whole result."""

    suite: str = "load"
    machine: dict[str, str]
    asked: dict[str, str] = {}
    offered: Rates
    achieved: Rates
    sent: int
    answered: int
    abandoned: int
    decided: int
    lost: int
    duplicated: int
    failed: int
    failed_by_reason: dict[str, int]
    retransmissions: int
    orders: int
    signed: int
    cpu_us_per_call: float
    "Of the harness, radios and desk included."
    latency_ms: dict[str, Spread]
    radios: Radios | None = None
    "None without --mqtt."
    positions: ShownReport | None = None
    "None without --mqtt and --redis."
    notes: tuple[str, ...] = ()
    expectations: tuple[Verdict, ...] = ()


def spread(seconds: Iterable[float]) -> Spread:
    """Sum up durations."""
    values = sorted(1000 * s for s in seconds)
    n = len(values)
    if not n:
        return Spread(n=0)
    told = {name: round(percentile(values, share), 3) for name, share, least in STEPS if n >= least}
    return Spread(n=n, max=round(values[-1], 3), **told)


def measure(city: City, report: CityReport, *, cpu_s: float, machine_before: dict[str, str]) -> Result:
    """Return the result of a run that is over."""
    records = city.callers.records
    ledger = city.desk.ledger if city.desk is not None else Ledger()
    lateness = spread(record.sent - record.intended for record in records)
    latency = {
        "invite_to_18x": spread(to_18x(records)),
        "invite_to_200": spread(record.answered - record.origin for record in records if record.answered),
        "invite_to_recommendation": spread(to_recommendation(records, ledger)),
        "order_to_signed": spread(to_signed(ledger)),
    }
    seconds = max(city.placing_s, 1e-9)
    ended = report.answered + report.abandoned
    return Result(
        machine=machine_before,
        offered=Rates(calls_per_s=city.calls_per_s, fixes_per_s=round(_fixes_offered(city), 1)),
        achieved=Rates(
            calls_per_s=round(ended / seconds, 3),
            fixes_per_s=round(report.fixes / max(city.lived_s, 1e-9), 1),
        ),
        sent=report.placed,
        answered=report.answered,
        abandoned=report.abandoned,
        decided=report.decided,
        lost=report.lost,
        duplicated=report.duplicated,
        failed=sum(report.failed.values()),
        failed_by_reason=report.failed,
        retransmissions=report.retransmissions,
        orders=report.orders,
        signed=report.signed,
        cpu_us_per_call=round(1e6 * cpu_s / max(report.placed, 1), 1),
        latency_ms=latency,
        radios=radios_of(city, report) if city.radios else None,
        positions=city.shown.report() if city.shown is not None else None,
        notes=tuple(_notes(city, latency, lateness, machine_before)),
    )


def _fixes_offered(city: City) -> float:
    return sum(fleet.fixes_per_s for fleet in (radio.fleet for radio in city.radios))


def radios_of(city: City, report: CityReport) -> Radios:
    """Sum up what the radios put on the air."""
    radios, fleets = city.radios, [radio.fleet for radio in city.radios]
    return Radios(
        connections=sum(radio.connections for radio in radios),
        connected=city.connected,
        fixes=report.fixes,
        fixes_unsaid=sum(radio.unsaid for radio in radios),
        events=report.events,
        events_refused=sum(radio.refused for radio in radios),
        events_dropped=sum(radio.dropped for radio in radios),
        orders_heard=sum(radio.orders for radio in radios),
        alerts_heard=sum(fleet.beeps for fleet in fleets),
        checked_in=sum(fleet.checked_in for fleet in fleets),
        pressed=sum(fleet.pressed for fleet in fleets),
        reconnects=report.reconnects,
    )


def _notes(city: City, latency: dict[str, Spread], lateness: Spread, before: dict[str, str]) -> Iterable[str]:
    for name, figures in latency.items():
        missing = [f"p{100 * share:g}" for _, share, least in STEPS if 0 < figures.n < least]
        if missing:
            yield f"{name}: n = {figures.n} is too small for {', '.join(missing)}"
    if lateness.p99 is not None and lateness.p99 > LATE_MS:
        yield f"the harness itself placed calls late: p99 {lateness.p99} ms, max {lateness.max} ms"
    if was_busy(before):
        yield f"the machine was busy before we began: load average {before['load_average']}"
    if city.desk is None:
        yield "without --redis, lost means not answered, and duplicates and decisions cannot be seen"
    for radio in city.radios:
        if radio.trouble:
            yield f"radios of {radio.fleet.county.code} lost a connection: {radio.trouble}"
    if city.shown is not None and not city.shown.report().shown:
        yield "no position was shown: does the gateway know these units (--units-csv), and is this its Redis?"
    if city.callers.placed and not any(record.trying or record.answered for record in city.callers.records):
        yield "nobody answered a single call: does the gateway listen there, and does it know this trunk?"
