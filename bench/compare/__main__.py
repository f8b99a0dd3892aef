# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.compare SUITE [--json FILE] [--quick]`: our figures beside our neighbours', in one run.

Exit 0 when it was measured, whatever came of it; 1 when it cannot be measured here; 2 on bad usage.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from bench.compare.result import Comparison
from bench.compare.suite import SUITES, Asked, CompareError, find, tell
from bench.compare.table import show
from bench.machine import OTHERS_SHARE, Others, machine, was_busy

PROG = "python -m bench.compare"
WIDE = 120


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit 2 with one line."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one suite, print it, and write it down if asked to."""
    given = _arguments(argv)
    asked = Asked(quick=given.quick, ladder=given.ladder, only=frozenset(given.only))
    try:
        found = run(given.suite, asked)
    except CompareError as wrong:
        print(f"{PROG}: {wrong}", file=sys.stderr)
        return 1
    # Into a file or a pipe rich would write 80 columns, and the last one says most.
    show(found, Console() if sys.stdout.isatty() else Console(width=WIDE))
    if given.json is not None:
        given.json.write_bytes(found.to_json())
    return 0


def run(suite: str, asked: Asked) -> Comparison:
    """Run a suite; put down the machine and how much of it others used."""
    before, others = machine(), Others()
    found = find(suite)(asked)
    tell("")
    share = others.share()
    found.machine = {**before, "others_percent": f"{100 * share:.0f}"}
    if was_busy(before):
        found.notes.append(f"the machine was busy before we began: load average {before['load_average']}")
    if share > OTHERS_SHARE:
        found.notes.append(f"other programs used {100 * share:.0f} % of the machine meanwhile")
    if asked.quick:
        found.notes.append("--quick: one short round shows that it runs, not how fast")
    return found


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(prog=PROG, description="Our figures beside our neighbours', in one run.")
    parser.add_argument("suite", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="one short round: does it run")
    parser.add_argument(
        "--ladder", action="store_true", help="look for the highest load without a fault, too"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="beside ours (repeatable)"
    )
    given = parser.parse_args(argv)
    if given.suite not in SUITES:
        parser.error(f"there is no suite {given.suite!r}; there are: {', '.join(SUITES)}")
    if given.json is not None and not given.json.parent.is_dir():
        parser.error(f"--json {given.json}: there is no folder {given.json.parent}")
    return given


if __name__ == "__main__":
    sys.exit(main())
