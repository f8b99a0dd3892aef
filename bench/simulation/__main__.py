# SPDX-License-Identifier: Apache-2.0
"""python -m bench.simulation [--seeds N] [--calls N] [--load NAME] [--policy NAME] [--page FILE] [--out DIR]"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.compare.suite import tell
from bench.simulation import report
from bench.simulation.city import the_city
from bench.simulation.demand import LOADS
from bench.simulation.policies import BY_DISTANCE, POLICIES
from bench.simulation.runs import UNITS, Plan, run_all

PROG = "python -m bench.simulation"
SEEDS, CALLS = 10, 2_000
PAGE = "simulation.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, print the tables, and write the page and its pictures into a folder if asked to."""
    words = sys.argv[1:] if argv is None else list(argv)
    given = _arguments(words)
    wanted = {BY_DISTANCE, *given.policy} if given.policy else {policy.name for policy in POLICIES}
    plan = Plan(
        loads=tuple(load for load in LOADS if not given.load or load.name in given.load),
        policies=tuple(policy for policy in POLICIES if policy.name in wanted),
        seeds=tuple(range(1, given.seeds + 1)),
        calls=given.calls,
        units=given.units,
    )
    tell("reading the roads")
    city = the_city(given.side)
    found = run_all(city, plan, jobs=given.jobs, tell=tell)
    tell("")
    print(report.in_short(found))
    command = _same(given)
    if given.page is not None:
        given.page.write_text(report.page(found, command, {}), encoding="utf-8")
    if given.out is not None:
        from bench.simulation.pictures import draw_all  # matplotlib takes a second, and may not be there

        given.out.mkdir(parents=True, exist_ok=True)
        pictures = draw_all(found, city, given.out)
        (given.out / PAGE).write_text(report.page(found, command, pictures), encoding="utf-8")
    return 0


def _same(given: argparse.Namespace) -> str:
    """Return the command that gives the same figures, wherever they are written and by how many at once."""
    words = [PROG, "--seeds", str(given.seeds), "--calls", str(given.calls)]
    if given.units != UNITS:
        words += ["--units", str(given.units)]
    for name in given.load or ():
        words += ["--load", shlex.quote(name)]
    for name in given.policy or ():
        words += ["--policy", shlex.quote(name)]
    return " ".join([*words, "--side", str(given.side)] if given.side else words)


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=PROG, description="What a dispatch policy is worth, in a simulated city."
    )
    parser.add_argument("--seeds", type=_count, default=SEEDS, metavar="N", help=f"default {SEEDS}")
    parser.add_argument(
        "--calls", type=_count, default=CALLS, metavar="N", help=f"in each run; default {CALLS}"
    )
    parser.add_argument("--units", type=_count, default=UNITS, metavar="N", help=f"default {UNITS}")
    parser.add_argument(
        "--load", action="append", choices=[load.name for load in LOADS], help="only this one (repeatable)"
    )
    parser.add_argument(
        "--policy",
        action="append",
        choices=[policy.name for policy in POLICIES],
        help="this beside the baseline (repeatable)",
    )
    parser.add_argument("--side", type=_count, default=0, metavar="N", help="a drawn city of N² crossings")
    parser.add_argument(
        "--jobs", type=_count, default=1, metavar="N", help="seeds run side by side; default 1"
    )
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page there, without pictures")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write {PAGE} and its pictures there")
    return parser.parse_args(words)


def _count(word: str) -> int:
    count = int(word)
    if count < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return count


if __name__ == "__main__":
    sys.exit(main())
