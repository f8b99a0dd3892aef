# SPDX-License-Identifier: Apache-2.0
"""Suite `fixes`: which fix each filter shows, and how far the shown position is from the car.

The figure of a row is its CPU for one fix; what the filters are for stands beside it: the error of the position that a
dispatcher has each second. No row is checked: other filters give other answers.
"""

from collections.abc import Callable, Sequence

from bench.compare.fixes import taxis
from bench.compare.fixes.filters import FILTERS, OURS_SIX, Filter, Ours
from bench.compare.fixes.fleet import Drive, drive
from bench.compare.fixes.measures import Seen, best, cpu_us, p50_p99, watch
from bench.compare.result import OURS, Comparison, Extra, Row, Sample, Skipped, row, with_ratios
from bench.compare.suite import Asked, CompareError, tell

CASE = "synthetic fleet"
WRONG = "synthetic fleet, first fix wrong"
DAY = "taxi day"
DISPLACED = "taxi day, 1 % displaced"
BEST = "the best there can be"
DRIVES, DRIVES_QUICK = 60, 6
SECONDS, SECONDS_QUICK = 3_600, 900
DAY_QUICK = 20_000
ROUNDS = 5
SEED = 110

Make = Callable[[int], Filter]


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    if unknown := asked.only - set(FILTERS):
        raise CompareError(f"nobody is called {', '.join(sorted(unknown))}; there are: {', '.join(FILTERS)}")
    here = {name: make for name, make in FILTERS.items() if asked.wants(name)}
    rows = [*_synthetic(CASE, here, asked), *_synthetic(WRONG, here, asked)]
    skipped = []
    if taxis.DAY.exists():
        rows += _taxis(here, asked)
    else:
        skipped.append(Skipped(DAY, f"{taxis.DAY} is not here"))
    return Comparison(
        suite="fixes",
        machine={},
        rows=rows,
        skipped=skipped,
        notes=[
            f"synthetic fleet: {DRIVES} cars for an hour, one fix in 5 s with 8 m of noise, 1 % displaced by 0.5 to "
            "50 km (30 % of these in runs of two to five), radio gaps of 1 to 10 min; errors are of every second",
            f"“{BEST}” knows which fixes are displaced: what is left of its error is radio silence",
            "reckoned: driven on by its own speed and course for up to 15 s",
            f"“{OURS_SIX}” is ours with agreeing = 6",
            "taxi day: nobody knows where the taxis were; the error is against what they said before we displaced 1 %, "
            "at each arrival",
        ],
    )


def _synthetic(case: str, here: dict[str, Make], asked: Asked) -> list[Row]:
    count, seconds = (DRIVES_QUICK, SECONDS_QUICK) if asked.quick else (DRIVES, SECONDS)
    tell(f"{case}: the cars drive")
    drives = [drive(SEED + nth, seconds, begins_wrong=case == WRONG) for nth in range(count)]
    figures: dict[str, dict[str, Extra]] = {}
    for name, make in here.items():
        tell(f"{case}: {name}")
        seen, one = watch(drives, make)
        figures[name] = {**seen.told(), **_of_ours(one)}
    arrivals = [
        (index, moment.fix, moment.at_ns) for index, way in enumerate(drives) for moment in way.moments
    ]
    rows = _rows(case, here, figures, arrivals, count, asked)
    return with_ratios([*rows, row(case, BEST, [Sample(extra=_best(drives))], "cpu_us")])


def _taxis(here: dict[str, Make], asked: Asked) -> list[Row]:
    tell(f"{DAY}: reading")
    day = taxis.read(DAY_QUICK if asked.quick else 0)
    rows: list[Row] = []
    for case, arrivals in ((DAY, day), (DISPLACED, taxis.displaced(day, SEED))):
        units = 1 + max(one.index for one in arrivals)
        figures: dict[str, dict[str, Extra]] = {}
        for name, make in here.items():
            tell(f"{case}: {name}")
            one = make(units)
            seen = taxis.follow(arrivals, one)
            figures[name] = {**_day(case, len(arrivals), seen), **_of_ours(one)}
        told = [(one.index, one.fix, one.fix.tst * 1_000_000_000) for one in arrivals]
        rows += with_ratios(_rows(case, here, figures, told, units, asked))
    return rows


def _rows(
    case: str,
    here: dict[str, Make],
    figures: dict[str, dict[str, Extra]],
    arrivals: Sequence[tuple[int, object, int]],
    units: int,
    asked: Asked,
) -> list[Row]:
    """Time everybody, in turns; the figures go with the first round, for they are the same in each."""
    samples: dict[str, list[Sample]] = {name: [] for name in here}
    for number in range(1 if asked.quick else ROUNDS):
        for name, make in here.items():
            tell(f"{case}: round {number + 1}: {name}")
            cpu = cpu_us(arrivals, make, units)  # type: ignore[arg-type]
            samples[name].append(Sample(cpu_us=cpu, extra={} if number else _beside_ours(figures, name)))
    return [row(case, name, found, "cpu_us") for name, found in samples.items()]


def _beside_ours(figures: dict[str, dict[str, Extra]], name: str) -> dict[str, Extra]:
    """Return a row's figures, and how many times our error its error is."""
    told, ours = figures[name], figures[OURS].get("error_p99_m")
    error = told.get("error_p99_m")
    if name == OURS or not isinstance(error, float) or not isinstance(ours, float) or not ours:
        return told
    return {**told, "p99_ratio": error / ours}


def _of_ours(one: Filter) -> dict[str, Extra]:
    """Return what only our desk counts."""
    if not isinstance(one, Ours):
        return {}
    counted = one.desk.statistics()
    names = (
        "fixes_taken",
        "late",
        "duplicate",
        "fixes_jumped",
        "fixes_reanchored",
        "fixes_returned",
        "fixes_still",
    )
    return {name: counted[name] for name in names}


def _best(drives: Sequence[Drive]) -> dict[str, Extra]:
    seen: Seen = best(drives)
    return dict(seen.told())


def _day(case: str, arrived: int, seen: taxis.Day) -> dict[str, Extra]:
    told: dict[str, Extra] = {
        "taken_percent": 100 * seen.taken / arrived,
        "impossible_steps_percent": 100 * seen.impossible / arrived,
    }
    if case == DISPLACED:
        p50, p99 = p50_p99(seen.errors_m)
        good = arrived - seen.bad
        told |= {
            "error_p50_m": p50,
            "error_p99_m": p99,
            "error_mean_m": sum(seen.errors_m) / max(1, len(seen.errors_m)),
            "bad_shown_percent": 100 * seen.bad_shown / max(1, seen.bad),
            "good_refused_percent": 100 * seen.good_refused / max(1, good),
        }
    return told
