# SPDX-License-Identifier: Apache-2.0
"""Expectations: `invite_to_18x.p99<50ms`, `lost=0`, `achieved.calls_per_s>=49`."""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from bench.load.result import Result, Verdict

_SHAPE = re.compile(
    r"^\s*(?P<name>[a-z0-9_]+)(?:\.(?P<part>[a-z0-9_.]+))?\s*"
    r"(?P<sign><=|>=|<|>|=)\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<unit>ms|s|us)?\s*$"
)
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_TO_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, None: 1.0}


class MisspeltError(ValueError):
    """An expectation that cannot be read; says how one looks."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One figure and its bound."""

    text: str
    name: str
    part: str
    sign: str
    bound: float

    @classmethod
    def read(cls, text: str) -> "Expectation":
        """Read one; `p99.9` and `p999` are the same."""
        shape = _SHAPE.match(text)
        if shape is None:
            raise MisspeltError(f"--expect {text!r}: write it like invite_to_18x.p99<50ms or lost=0")
        part = shape["part"] or ""
        part = part.replace(".", "") if part.startswith("p") else part
        return cls(text, shape["name"], part, shape["sign"], float(shape["value"]) * _TO_MS[shape["unit"]])

    def of(self, result: Result) -> float | None:
        """Return the figure; None when the run does not have it (too few calls, or no such figure)."""
        here: object = msgspec.to_builtins(result)
        steps = ("latency_ms", self.name) if self.name in result.latency_ms else (self.name,)
        for step in (*steps, *([self.part] if self.part else [])):
            here = here.get(step) if isinstance(here, dict) else None
        return float(here) if isinstance(here, int | float) else None


def judge(result: Result, expected: Iterable[Expectation]) -> Result:
    """Return the result with its verdicts; what could not be measured was not met."""
    verdicts = []
    for one in expected:
        found = one.of(result)
        met = found is not None and _SIGNS[one.sign](found, one.bound)
        verdicts.append(Verdict(expected=one.text, found=found, met=met))
    return msgspec.structs.replace(result, expectations=tuple(verdicts))
