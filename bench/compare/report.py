# SPDX-License-Identifier: Apache-2.0
"""docs/benchmarks.md out of the results of the suites: `python -m bench.compare.report [FOLDER] [PAGE]`.

Nothing in the page is typed by hand, so it cannot say more than was measured. A test renders the kept results again
and compares.
"""

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from bench.compare.result import OURS
from bench.compare.suite import SUITES
from bench.compare.targets import TARGETS, Target

RESULTS = Path("bench/results")
PAGE = Path("docs/benchmarks.md")

HEAD = """# Benchmarks

Written by `make bench` from `bench/results/*.json`; not by hand. Every row of a case did the same work in the same run
on the same machine, and where it says *checked* the answers were compared first. A ratio is the neighbour's figure
divided by ours: above 1 we are faster, below 1 we lose. Shared machines are noisy: compare within a table, never
between two.
"""


class Kept(msgspec.Struct, kw_only=True):
    """One suite's result, as `--json` wrote it."""

    suite: str
    machine: dict[str, str]
    rows: list[dict[str, Any]]
    skipped: list[dict[str, str]] = []
    notes: list[str] = []
    peers: dict[str, str] = {}


FIELDS = {"case", "name", "median_us", "p99_us", "cpu_us", "ratio", "ratio_of", "checked", "rounds", "note"}
"Of a row; whatever else it has is told in its last column."


def main(argv: Sequence[str]) -> int:
    """Write the page."""
    folder = Path(argv[0]) if argv else RESULTS
    page = Path(argv[1]) if len(argv) > 1 else PAGE
    page.write_text(render(read(folder)), encoding="utf-8")
    return 0


def read(folder: Path) -> list[Kept]:
    """Return the results kept in a folder, in the order of the suites."""
    found = [folder / f"{suite}.json" for suite in SUITES]
    return [msgspec.json.decode(path.read_bytes(), type=Kept) for path in found if path.exists()]


def render(kept: Sequence[Kept]) -> str:
    """Return the whole page."""
    parts = [HEAD, _targets(kept), _lost(kept)]
    parts += [_suite(one) for one in kept]
    return "\n".join(parts)


def _targets(kept: Sequence[Kept]) -> str:
    lines = ["## What was to be shown", "", "| what | at least | measured | |", "|---|---|---|---|"]
    for target in TARGETS:
        value = _measured(kept, target)
        if value is None:
            lines.append(f"| {target.what} | {target.asked} | not measured | – |")
        else:
            reached = "reached" if target.reached(value) else "**not reached**"
            lines.append(f"| {target.what} | {target.asked} | {value:,.4g} {target.unit} | {reached} |")
    return "\n".join([*lines, ""])


def _measured(kept: Sequence[Kept], target: Target) -> float | None:
    rows = [row for one in kept if one.suite == target.suite for row in one.rows]
    for row in rows:
        if row["case"] == target.case and row["name"] == target.name:
            value = row.get(target.figure)
            return float(value) * target.scale if value is not None else None
    return None


def _lost(kept: Sequence[Kept]) -> str:
    lines = ["## Where we lose", ""]
    for one in kept:
        for row in one.rows:
            ratio = row.get("ratio")
            if row["name"] != OURS and ratio is not None and ratio < 1 and not row["name"].startswith(OURS):
                lines.append(
                    f"- {one.suite}, {row['case']}: {row['name']} needs {ratio:.2f} of what ours does."
                )
    return "\n".join([*(lines if len(lines) > 2 else [*lines, "Nowhere in these tables."]), ""])


def _suite(kept: Kept) -> str:
    lines = [f"## {kept.suite}", "", f"`python -m bench.compare {kept.suite}`", ""]
    for case, rows in groupby(kept.rows, key=lambda row: str(row["case"])):
        lines += [f"### {case}", "", *_table(rows), ""]
    lines.append("Machine: " + ", ".join(f"{name} {value}" for name, value in kept.machine.items()) + ".")
    if kept.peers:
        lines.append(
            "Neighbours: " + ", ".join(f"{name} {version}" for name, version in kept.peers.items()) + "."
        )
    lines += [f"Skipped: {one['name']}: {one['reason']}." for one in kept.skipped]
    lines += [f"Note: {note}." for note in kept.notes]
    return "\n".join([*lines, ""])


def _table(rows: Iterable[dict[str, Any]]) -> list[str]:
    lines = ["| | median, µs | p99, µs | CPU, µs | ratio | checked | |", "|---|---:|---:|---:|---:|---|---|"]
    for row in rows:
        others = ", ".join(f"{name.replace('_', ' ')} {row[name]}" for name in row if name not in FIELDS)
        ratio = "–" if row.get("ratio") is None else f"{row['ratio']:.2f}"
        figures = " | ".join(_number(row.get(name)) for name in ("median_us", "p99_us", "cpu_us"))
        checked = "yes" if row.get("checked") else "no"
        lines.append(f"| {row['name']} | {figures} | {ratio} | {checked} | {row.get('note') or others} |")
    return lines


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3g}" if value < 1 else f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
