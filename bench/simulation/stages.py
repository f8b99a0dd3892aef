# SPDX-License-Identifier: Apache-2.0
"""How long each stage of an incident takes, as one city's records tell it (stages.csv, made by fit.py).

It is a city of 9 incidents an hour on another continent: its shapes are taken, not its numbers of calls.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLE = Path(__file__).with_name("stages.csv")
LEVELS = (1, 2, 3, 4)
F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Stages:
    """Quantiles by stage and level, and shares."""

    probabilities: F64
    quantiles_s: dict[tuple[str, int], F64]
    level_shares: F64
    hour_shares: F64

    def draw_s(self, stage: str, level: int, chances: F64) -> F64:
        """Return the times that stand at these chances (0 to 1); straight lines between the quantiles."""
        return np.interp(chances, self.probabilities, self.quantiles_s[stage, level])

    def mean_s(self, stage: str) -> float:
        """Return the mean over all levels, each with its share."""
        return float(sum(self._mean_s(stage, level) * share for level, share in self._shared))

    @cached_property
    def _shared(self) -> list[tuple[int, float]]:
        return list(zip(LEVELS, self.level_shares.tolist(), strict=True))

    def _mean_s(self, stage: str, level: int) -> float:
        chances = (np.arange(10_000) + 0.5) / 10_000
        return float(self.draw_s(stage, level, chances).mean())


def read(path: Path = TABLE) -> Stages:
    """Return the table."""
    with path.open(encoding="utf-8") as lines:
        rows = list(csv.reader(line for line in lines if not line.startswith("#")))
    percent = [int(name[1:]) for name in rows[0][3:]]
    figures = {(stage, int(level)): _floats(rest) for stage, level, _, *rest in rows[1:]}
    levels, hours = figures.pop(("share_level", 0)), figures.pop(("share_hour", 0))
    return Stages(np.array(percent) / percent[-1], figures, levels / levels.sum(), hours / hours.sum())


def _floats(words: Sequence[str]) -> F64:
    return np.array([float(word) for word in words])
