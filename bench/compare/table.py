# SPDX-License-Identifier: Apache-2.0
"""A comparison for people."""

from itertools import groupby

from rich.console import Console
from rich.table import Table

from bench.compare.result import Comparison, Row

COMPARED = {"median_us": "ratio of time", "cpu_us": "ratio of CPU", "failed": "who gets through"}


def show(found: Comparison, console: Console) -> None:
    """Print every case as a table, then what the reader must know."""
    for case, rows in groupby(found.rows, key=lambda one: one.case):
        console.print(_table(case, list(rows)))
    console.print(", ".join(f"{name} {value}" for name, value in found.machine.items()))
    if found.peers:
        console.print(", ".join(f"{name} {version}" for name, version in found.peers.items()))
    for one in found.skipped:
        console.print(f"skipped: {one.name}: {one.reason}")
    for note in found.notes:
        console.print(f"note: {note}")


def _table(case: str, rows: list[Row]) -> Table:
    table = Table(title=f"{case} ({COMPARED[rows[0].ratio_of]})", title_justify="left")
    table.add_column("", no_wrap=True)
    for name in ("median, µs", "p99, µs", "CPU, µs", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("checked")
    table.add_column("")
    for one in rows:
        table.add_row(
            one.name,
            _number(one.median_us),
            _number(one.p99_us),
            _number(one.cpu_us),
            "–" if one.ratio is None else f"{one.ratio:.2f}",
            "yes" if one.checked else "no",
            one.note or ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one.extra.items()),
        )
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 1:
        return f"{value:.3f}"
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
