# SPDX-License-Identifier: Apache-2.0
"""Suite `matcher`: who is nearest, in a city that moves.

`1k`, `10k`, `100k`: 100,000 moves and 1,000 questions a second, in ticks of 10 ms with 2 % of the moved units free or
busy anew; CPU for one second of it (of a server, its own as well). `query …`: one question from Python, no moves in
between. `point in 12 districts`: in which county a place lies. Everybody has the same in turn, round by round, and
all answers are held against the truth; on a sphere, distances may differ by 0.5 % from those on the ellipsoid.
"""

import gc
import importlib.metadata
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any

import numpy as np

from bench.compare.matcher import districts
from bench.compare.matcher.finders import HERE, Finder
from bench.compare.matcher.remote import Redis
from bench.compare.matcher.world import QUERIES_PER_TICK, TICKS_PER_S, Truth, World, world
from bench.compare.result import Comparison, Row, Sample, Skipped, confirmed, row, with_ratios
from bench.compare.suite import Asked, CompareError, tell
from core.kernels import kernels, warm
from gateway.demo.servers import ServerFailedError, ServerMissingError

CONTENDERS: tuple[type[Finder], ...] = (*HERE, Redis)
SIZES = {"1k": 1_000, "10k": 10_000, "100k": 100_000}
QUICK = ("1k", "10k")
TICKS, TICKS_QUICK = TICKS_PER_S, 5
"A whole second: with a third of one, a third of what was measured were caches that nobody had touched yet."
ROUNDS = 5
ROUNDS_S_MAX = 22.0
"For each size and kind of case: a round that has begun is ended."
CHECKED_EACH = 5
"Ticks; to look at every row for each question would take longer than all contenders together."
QUERIES_S_MAX = 0.4
"Time of one contender in one round of `query`."
SEED = 110
DISTRICTS = "point in 12 districts"


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    names = [one.name for one in CONTENDERS]
    if unknown := asked.only - set(names):
        raise CompareError(f"nobody is called {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    warm()
    if any(how == "python" for name, how in kernels().items() if name.startswith(("grid.", "polygons."))):
        raise CompareError("the kernels of ours are not compiled: see `gateway warmup`")
    versions = {one.name: _version(one.package) for one in CONTENDERS if one.package}
    skipped = {name: "not installed: make setup BENCH=1" for name, version in versions.items() if not version}
    wanted = [one for one in CONTENDERS if asked.wants(one.name)]
    rows: list[Row] = []
    for size in QUICK if asked.quick else SIZES:
        begin = world(SIZES[size], TICKS_QUICK if asked.quick else TICKS, SEED + SIZES[size])
        with ExitStack() as opened:
            here = [one for one in wanted if one.name not in skipped]
            finders = _laid_out(begin, here, opened, skipped, versions)
            rows += _queries(f"query {size}", begin, finders, asked.quick)
        del finders
        rows += _mixed(size, begin, [one for one in here if one.name not in skipped], asked.quick)
    rows += _districts(wanted, skipped, asked.quick)
    return Comparison(
        suite="matcher",
        machine={},
        rows=rows,
        skipped=[Skipped(name, reason) for name, reason in skipped.items() if asked.wants(name)],
        notes=["µs of CPU for one second of load in `1k`, `10k`, `100k`; µs of time in the other cases"],
        peers={name: version for name, version in versions.items() if version and name not in skipped},
    )


def _laid_out(
    begin: World,
    here: Sequence[type[Finder]],
    opened: ExitStack,
    skipped: dict[str, str],
    versions: dict[str, str],
) -> dict[str, Finder]:
    """Start everybody; who cannot be started is skipped by name."""
    finders: dict[str, Finder] = {}
    for one in here:
        try:
            finder = finders[one.name] = one(begin)
        except (ServerMissingError, ServerFailedError) as error:
            skipped[one.name] = str(error)
            continue
        opened.callback(finder.close)
        if isinstance(finder, Redis):
            versions[one.name] = finder.version
    return finders


def _queries(case: str, begin: World, finders: dict[str, Finder], quick: bool) -> list[Row]:
    """Ask each one question after the other, without moves."""
    truth = Truth(begin)
    samples: dict[str, list[Sample]] = {name: [] for name in finders}
    for number in _rounds(1 if quick else ROUNDS):
        for name, finder in finders.items():
            tell(f"{case}: round {number}: {name}")
            took_ns: list[int] = []
            wrong = ""
            for tick, query in _all_questions(begin):
                began_ns = time.perf_counter_ns()
                rows = finder.ask(tick, query)
                took_ns.append(time.perf_counter_ns() - began_ns)
                if query == 0 and number == 1:
                    wrong = wrong or truth.wrong(begin.ticks[tick].queries[query], rows, finder.slack)
                if sum(took_ns) > QUERIES_S_MAX * 1e9:
                    break
            samples[name].append(
                Sample(
                    median_us=float(np.median(took_ns)) / 1000,
                    p99_us=float(np.percentile(took_ns, 99)) / 1000,
                    checked=not wrong,
                    wrong=wrong,
                )
            )
    return with_ratios([row(case, name, taken, "median_us") for name, taken in samples.items()])


def _all_questions(begin: World) -> list[tuple[int, int]]:
    return [
        (tick, query)
        for _ in range(3)
        for tick in range(len(begin.ticks))
        for query in range(QUERIES_PER_TICK)
    ]


def _mixed(case: str, begin: World, here: Sequence[type[Finder]], quick: bool) -> list[Row]:
    """Let each have the whole load, begun anew in every round."""
    samples: dict[str, list[Sample]] = {one.name: [] for one in here}
    for number in _rounds(1 if quick else ROUNDS):
        for one in here:
            tell(f"{case}: round {number}: {one.name}")
            with closing(one(begin)) as finder:
                samples[one.name].append(_load(finder, begin))
            del finder  # or the next one would live in whatever memory is left between those before it
    return with_ratios([row(case, name, taken, "cpu_us") for name, taken in samples.items()])


def _load(finder: Finder, begin: World) -> Sample:
    answers: list[list[list[int]]] = []
    took_ns: list[int] = []
    gc.collect()
    gc.disable()  # the collector looks at all this process holds, which is none of theirs
    elsewhere_s, began_s = finder.elsewhere_s(), time.process_time()
    for number, tick in enumerate(begin.ticks):
        finder.tick(number)
        found = []
        for query in range(len(tick.queries)):
            began_ns = time.perf_counter_ns()
            found.append(finder.ask(number, query))
            took_ns.append(time.perf_counter_ns() - began_ns)
        answers.append(found)
    used_s = time.process_time() - began_s + finder.elsewhere_s() - elsewhere_s
    gc.enable()
    truth, wrong = Truth(begin), ""
    for number, tick in enumerate(begin.ticks):
        truth.follow(tick)
        if number % CHECKED_EACH == 0:
            for asked, rows in zip(tick.queries, answers[number], strict=True):
                wrong = wrong or truth.wrong(asked, rows, finder.slack)
    return Sample(
        cpu_us=used_s * 1e6 * TICKS_PER_S / len(begin.ticks),
        checked=not wrong,
        wrong=wrong,
        extra={
            "query_us": float(np.median(took_ns)) / 1000,
            "query_p99_us": float(np.percentile(took_ns, 99)) / 1000,
        },
    )


def _districts(wanted: Sequence[type[Finder]], skipped: dict[str, str], quick: bool) -> list[Row]:
    """Ask in which district two thousand places lie."""
    rings, places = districts.districts(SEED), districts.places(SEED)
    contenders: list[Any] = [districts.Ours(rings)]
    if any(one.name == districts.StrTree.name for one in wanted) and districts.StrTree.name not in skipped:
        contenders.append(districts.StrTree(rings))
    expected = [contenders[0].number(contenders[0].find(*place)) for place in places]
    samples: dict[str, list[Sample]] = {one.name: [] for one in contenders}
    for number in range(1 if quick else ROUNDS):
        for one in contenders:
            tell(f"{DISTRICTS}: round {number + 1}: {one.name}")
            samples[one.name].append(_located(one.find, one.number, places, expected))
    return confirmed(
        with_ratios([row(DISTRICTS, name, taken, "median_us") for name, taken in samples.items()])
    )


def _located(
    find: Callable[[float, float], Any],
    number: Callable[[Any], int],
    places: list[tuple[float, float]],
    expected: list[int],
) -> Sample:
    took_ns, found = [], []
    for lat, lon in places:
        began_ns = time.perf_counter_ns()
        answer = find(lat, lon)
        took_ns.append(time.perf_counter_ns() - began_ns)
        found.append(number(answer))
    return Sample(
        median_us=float(np.median(took_ns)) / 1000,
        p99_us=float(np.percentile(took_ns, 99)) / 1000,
        checked=found == expected,
        wrong="" if found == expected else f"it has {sum(map(int.__ne__, found, expected))} places elsewhere",
    )


def _rounds(most: int) -> Iterator[int]:
    """Count the rounds there is time for; the first there always is."""
    until_s = time.monotonic() + ROUNDS_S_MAX
    for number in range(1, most + 1):
        if number == 1 or time.monotonic() < until_s:
            yield number


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
