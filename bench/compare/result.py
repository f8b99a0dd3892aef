# SPDX-License-Identifier: Apache-2.0
"""What a comparison came to: rows, and the contract's JSON (docs/contract, "Machine-readable results")."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

OURS = "ours"
Figure = Literal["median_us", "cpu_us", "failed"]
Extra = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one round of one contender gave."""

    median_us: float | None = None
    p99_us: float | None = None
    cpu_us: float | None = None
    checked: bool = False
    "Its answers were looked at and are the same as everybody's."
    wrong: str = ""
    "Why this round does not count, in one sentence; a row with a wrong round has no ratio."
    extra: dict[str, Extra] = field(default_factory=dict)
    "Further fields. Whole numbers are added up over the rounds, of others the median is told."


class Row(msgspec.Struct, kw_only=True):
    """One contender in one case; medians over the rounds."""

    case: str
    name: str
    median_us: float | None
    p99_us: float | None
    """Of a time: median over the rounds of each round's 99th percentile. In a case that counts CPU only, both
    columns are CPU: the median round and the highest."""
    cpu_us: float | None
    ratio: float | None = None
    "The figure of the case divided by ours; above 1 we are faster. None: one of the two does not count."
    ratio_of: Figure
    checked: bool
    rounds: int
    note: str = ""
    extra: dict[str, Extra] = msgspec.field(default_factory=dict)

    @property
    def figure(self) -> float | None:
        """Return what is compared in this case. How many failed is compared by looking: ours should be 0."""
        return {"median_us": self.median_us, "cpu_us": self.cpu_us, "failed": None}[self.ratio_of]


class Skipped(msgspec.Struct, frozen=True):
    """A neighbour that is not here."""

    name: str
    reason: str


class Comparison(msgspec.Struct, kw_only=True):
    """The whole result of one suite."""

    suite: str
    machine: dict[str, str]
    rows: list[Row]
    skipped: list[Skipped] = []
    notes: list[str] = []
    peers: dict[str, str] = {}
    "{neighbour: its version}"

    def to_json(self) -> bytes:
        """Return the contract's object; a row's further fields stand beside the others."""
        read: dict[str, Any] = msgspec.to_builtins(self)
        for row in read["rows"]:
            row.update(row.pop("extra"))
            if not row["checked"]:
                del row["checked"]
        return msgspec.json.format(msgspec.json.encode(read), indent=2) + b"\n"


def row(case: str, name: str, samples: Sequence[Sample], ratio_of: Figure) -> Row:
    """Sum up the rounds of one contender."""
    assert samples, "a contender without a round has no row"
    cpu = _median(sample.cpu_us for sample in samples)
    times = _median(sample.median_us for sample in samples)
    p99 = _median(sample.p99_us for sample in samples)
    if times is None and cpu is not None:
        times, p99 = cpu, round(max(sample.cpu_us or 0.0 for sample in samples), 1)
    return Row(
        case=case,
        name=name,
        median_us=times,
        p99_us=p99,
        cpu_us=cpu,
        ratio_of=ratio_of,
        checked=all(sample.checked and not sample.wrong for sample in samples),
        rounds=len(samples),
        note="; ".join(dict.fromkeys(sample.wrong for sample in samples if sample.wrong)),
        extra=_extra(samples),
    )


def with_ratios(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of one case with their ratios to ours. Ours is 1, whatever came of it."""
    ours = next((one for one in rows if one.name == OURS), None)
    counts = ours is not None and ours.figure is not None and ours.figure > 0 and not ours.note
    for one in rows:
        if one is ours:
            one.ratio = 1.0
        elif counts and ours is not None and ours.figure and one.figure is not None and not one.note:
            one.ratio = round(one.figure / ours.figure, 3)
    return list(rows)


def confirmed(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a case in which everybody was held against ours: alone, ours is held against nobody."""
    others = any(one.checked for one in rows if not one.name.startswith(OURS))
    for one in rows:
        one.checked = one.checked and (others or not one.name.startswith(OURS))
    return list(rows)


def _extra(samples: Sequence[Sample]) -> dict[str, Extra]:
    told: dict[str, Extra] = {}
    for name in dict.fromkeys(name for sample in samples for name in sample.extra):
        values = [sample.extra[name] for sample in samples if name in sample.extra]
        whole = [value for value in values if isinstance(value, int)]
        broken = [value for value in values if isinstance(value, float)]
        if len(whole) == len(values):
            told[name] = sum(whole)
        elif broken:
            told[name] = round(statistics.median([*whole, *broken]), 2)
        else:
            told[name] = values[-1]
    return told


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None
