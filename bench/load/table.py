# SPDX-License-Identifier: Apache-2.0
"""The result for people."""

import msgspec
from rich.console import Console
from rich.table import Table

from bench.load.result import Radios, Result
from device_adapters.simulated.shown import ShownReport


def show(result: Result, console: Console) -> None:
    """Print the result."""
    console.print(
        f"offered {result.offered.calls_per_s:g} calls/s, achieved {result.achieved.calls_per_s:g}; "
        f"offered {result.offered.fixes_per_s:g} fixes/s, achieved {result.achieved.fixes_per_s:g}"
    )
    console.print(_counts(result))
    console.print(_latency(result))
    if result.radios is not None:
        console.print(_radios(result.radios))
    if result.positions is not None:
        console.print(_positions(result.positions))
    console.print(", ".join(f"{name} {value}" for name, value in result.machine.items()))
    console.print(f"harness: {result.cpu_us_per_call:g} µs CPU per call, radios and desk included")
    for note in result.notes:
        console.print(f"note: {note}")
    for verdict in result.expectations:
        found = "not measured" if verdict.found is None else f"{verdict.found:g}"
        console.print(f"{'met' if verdict.met else 'MISSED'}: {verdict.expected} (found {found})")


def _counts(result: Result) -> Table:
    table = Table("calls", "n", title="calls")
    table.columns[1].justify = "right"
    names = ("sent", "answered", "abandoned", "decided", "lost", "duplicated", "failed", "retransmissions")
    for name in (*names, "orders", "signed"):
        table.add_row(name, str(getattr(result, name)))
    for reason, n in result.failed_by_reason.items():
        table.add_row(f"failed: {reason}", str(n))
    return table


def _radios(radios: Radios) -> Table:
    table = Table("radios", "n", title="radios")
    table.columns[1].justify = "right"
    for name, n in msgspec.structs.asdict(radios).items():
        table.add_row(name.replace("_", " "), str(n))
    return table


def _positions(shown: ShownReport) -> Table:
    table = Table("positions", "", title="positions: what was sent and what is shown")
    table.columns[1].justify = "right"
    for name, n in (("sent", shown.sent), ("shown", shown.shown), ("shown twice", shown.repeated)):
        table.add_row(name, str(n))
    for name, by_fault in (("never shown", shown.never_shown), ("wrongly shown", shown.wrongly_shown)):
        for fault, n in by_fault.items() or (("", 0),):
            table.add_row(f"{name}: {fault}" if fault else name, str(n))
    table.add_row("shown, but not sent lately", str(shown.strangers))
    for name, age in (("matcher", shown.in_matcher_ms), ("reader", shown.readable_ms)):
        for part in ("p50", "p99", "max"):
            figure = getattr(age, part)
            table.add_row(f"age in the {name}, {part}, ms", "–" if figure is None else f"{figure:.1f}")
    table.add_row("older than a tick", f"{100 * shown.over_tick_share:.2f} %")
    table.add_row("missed a tick", f"{100 * shown.missed_tick_share:.3f} %")
    return table


def _latency(result: Result) -> Table:
    table = Table(title="latency, ms, corrected for coordinated omission")
    table.add_column("")
    for name in ("n", "p50", "p90", "p99", "p99.9", "p99.99", "max"):
        table.add_column(name, justify="right")
    for name, spread in result.latency_ms.items():
        figures = (spread.p50, spread.p90, spread.p99, spread.p999, spread.p9999, spread.max)
        cells = ["–" if figure is None else f"{figure:.2f}" for figure in figures]
        table.add_row(name, str(spread.n), *cells)
    return table
