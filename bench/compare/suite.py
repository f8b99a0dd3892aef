# SPDX-License-Identifier: Apache-2.0
"""The suites there are. A new one is a module with `compare(asked) -> Comparison` and a line in SUITES."""

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from bench.compare.result import OURS, Comparison

SUITES = {
    "sip": "bench.compare.sip.suite",
    "queue": "bench.compare.queue.suite",
    "loop": "bench.compare.loop.suite",
    "matcher": "bench.compare.matcher.suite",
    "eta": "bench.compare.eta.suite",
    "assignment": "bench.compare.assignment.suite",
    "decision": "bench.compare.decision.suite",
    "policy": "bench.compare.policy.suite",
    "fixes": "bench.compare.fixes.suite",
    "ingest": "bench.compare.ingest.suite",
}
"{name: module}; imported when asked for, so that one suite's neighbours are not another's burden"


class CompareError(Exception):
    """The suite cannot be run here; says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks of a suite."""

    quick: bool = False
    "One short round: does it run, not how fast."
    ladder: bool = False
    "Look for the highest load without a fault, too."
    only: frozenset[str] = frozenset()
    "These contenders beside ours; empty: all."

    def wants(self, name: str) -> bool:
        """Tell whether this contender takes part; ours always does."""
        return not self.only or name == OURS or name in self.only


Compare = Callable[[Asked], Comparison]


def find(name: str) -> Compare:
    """Return the suite of this name; KeyError when there is none."""
    return cast("Compare", importlib.import_module(SUITES[name]).compare)


def tell(text: str) -> None:
    """Say how far it is, over the line before; only to someone who watches."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
