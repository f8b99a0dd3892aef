# SPDX-License-Identifier: Apache-2.0
"""Suite `eta`: one call and fifty units near it on two real cities, from coordinates too, and labels made anew.

In each round every contender answers the same questions in turn, so that what others do to the machine hits all
alike. On the same graph all answers must be the same to the millisecond. OSRM has rules and speeds of its own:
there it is told how far its times lie from ours, and nothing is checked.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from bench.compare.eta import osrm
from bench.compare.eta.cities import DATA, PBF, City, Question, cities, questions
from bench.compare.eta.fixes import from_coordinates, places
from bench.compare.eta.searchers import SEARCHERS, Searcher, pandana_network
from bench.compare.result import OURS, Comparison, Row, Sample, Skipped, confirmed, row, with_ratios
from bench.compare.suite import Asked, CompareError, tell
from core.kernels import kernels, warm
from core.roads.graph import I32
from core.roads.labels import Labels, build
from core.roads.routes import Routes

SEED = 5
ROUNDS = 7
QUESTIONS = 60
"Of one contender in one round."
SLOW_S = 0.5
"A neighbour answers no more questions of a round than it can begin in this time."
ALGORITHMS = ("ch", "mld")
"OSRM's two: fast answers, or fast updates."
OSRM_CITY = "porto alegre"


def compare(asked: Asked) -> Comparison:
    """Run the suite."""
    names = {searcher.name for searcher in SEARCHERS} | {f"osrm {way}" for way in ALGORITHMS}
    if unknown := asked.only - names:
        raise CompareError(
            f"nobody is called {', '.join(sorted(unknown))}; there are: {', '.join(sorted(names))}"
        )
    warm()
    if any(how == "python" for name, how in kernels().items() if name.startswith(("labels.", "hierarchy."))):
        raise CompareError("the kernels of ours are not compiled: see `gateway warmup`")
    wanted = [searcher for searcher in SEARCHERS if asked.wants(searcher.name)]
    here = [searcher for searcher in wanted if not searcher.missing]
    skipped = [Skipped(searcher.name, searcher.missing) for searcher in wanted if searcher.missing]
    found, missing = cities(asked.quick)
    rounds = 1 if asked.quick else ROUNDS
    rows = [one for city in found for one in _searches(city, here, rounds)]
    if all(city.name != OSRM_CITY for city in found):
        away = [f"osrm {way}" for way in ALGORITHMS if asked.wants(f"osrm {way}")]
        skipped += [Skipped(name, f"it needs the map of {OSRM_CITY}") for name in away]
    for city in found:
        if city.name == OSRM_CITY:
            rows += _coordinates(city, asked, rounds, skipped)
        rows += _rebuild(city, asked, here, 1 if asked.quick else 3)
    notes = [f"{name} (data in {DATA})" for name in missing]
    notes += [
        f"{city.name}: {city.graph.nodes:,} nodes, {city.graph.lanes:,} lanes, "
        f"labels {city.labels.nbytes / 2**20:.0f} MiB"
        for city in found
    ]
    return Comparison(
        suite="eta",
        machine={},
        rows=rows,
        skipped=skipped,
        notes=notes,
        peers={searcher.name: searcher.version for searcher in here if searcher.version}
        | ({"osrm": osrm.VERSION} if any(one.name.startswith("osrm") for one in rows) else {}),
    )


def _searches(city: City, here: Sequence[Searcher], rounds: int) -> list[Row]:
    """Let all answer on one city's graph."""
    case = f"1x50 {city.name}"
    answers = {}
    for searcher in here:
        tell(f"{case}: {searcher.name} lays out the city")
        answers[searcher.name] = searcher.lay_out(city)
    samples: dict[str, list[Sample]] = {name: [] for name in answers}
    for number in range(rounds):
        asked = questions(city, QUESTIONS, SEED + number)
        expected: list[NDArray[np.int64]] = []  # ours goes first, with questions as new to it as to everybody
        for name, answer in answers.items():
            tell(f"{case}: round {number + 1}: {name}")
            sample, told = _sample(answer, asked, expected)
            samples[name].append(sample)
            expected = expected or told
    return confirmed(with_ratios([row(case, name, taken, "median_us") for name, taken in samples.items()]))


def _sample(
    answer: Callable[[Question], NDArray[np.int64]], asked: list[Question], expected: list[NDArray[np.int64]]
) -> tuple[Sample, list[NDArray[np.int64]]]:
    """Return what the questions took (a neighbour is stopped after SLOW_S), and the answers."""
    took_ns: list[int] = []
    told: list[NDArray[np.int64]] = []
    until_s = time.perf_counter() + SLOW_S
    for question in asked:
        began_ns = time.perf_counter_ns()
        told.append(answer(question))
        took_ns.append(time.perf_counter_ns() - began_ns)
        if expected and time.perf_counter() > until_s:
            break
    same = not expected or all(map(np.array_equal, told, expected))
    return _timed(took_ns, checked=same, wrong="" if same else "its times are others"), told


def _coordinates(city: City, asked: Asked, rounds: int, skipped: list[Skipped]) -> list[Row]:
    """Ask ours and OSRM with coordinates: both look for the roads first."""
    case = f"1x50 {city.name}, from coordinates"
    samples: dict[str, list[Sample]] = {OURS: []}
    ours = from_coordinates(city)
    for number in range(rounds):
        tell(f"{case}: round {number + 1}: {OURS}")
        samples[OURS].append(_asked_by_place(ours, city, number, None))
    for algorithm in ALGORITHMS:
        name = f"osrm {algorithm}"
        if not asked.wants(name):
            continue
        try:
            with osrm.serving(osrm.lay_out(PBF, algorithm), algorithm) as served:
                for number in range(rounds):
                    tell(f"{case}: round {number + 1}: {name}")
                    samples.setdefault(name, []).append(_asked_by_place(served.times_s, city, number, ours))
        except CompareError as error:
            skipped.append(Skipped(name, str(error)))
    return with_ratios([row(case, name, taken, "median_us") for name, taken in samples.items()])


Place = tuple[float, float]
ByPlace = Callable[[Place, Sequence[Place]], NDArray[np.float64]]


def _asked_by_place(answer: ByPlace, city: City, number: int, ours: ByPlace | None) -> Sample:
    took_ns: list[int] = []
    apart: list[float] = []
    for question in questions(city, QUESTIONS, SEED + number):
        call, units = places(city, question)
        began_ns = time.perf_counter_ns()
        found = answer(call, units)
        took_ns.append(time.perf_counter_ns() - began_ns)
        if ours is not None:
            reference = ours(call, units)
            both = np.isfinite(found) & (reference > 0)
            apart += (100 * np.abs(found[both] / reference[both] - 1)).tolist()
    extra = {"median_apart_percent": round(float(np.median(apart)), 1)} if apart else {}
    return _timed(took_ns, checked=False, wrong="", extra=extra)


def _rebuild(city: City, asked: Asked, here: Sequence[Searcher], rounds: int) -> list[Row]:
    """Make everything anew for other weights: ours with the order kept and without, and who else must."""
    case = f"rebuild {city.name}"
    graph, order = city.graph, city.labels.order
    random = np.random.default_rng(SEED)
    other_ms = np.maximum(graph.base_ms.astype(np.int64) * random.integers(70, 250, graph.lanes) // 100, 1)
    lane_ms = other_ms.astype(np.int32)
    work: dict[str, Callable[[], object]] = {
        OURS: lambda: build(graph, lane_ms, order),
        "ours, ordered anew": lambda: build(graph, lane_ms),
    }
    if any(searcher.name == "pandana" for searcher in here):
        work["pandana"] = lambda: pandana_network(city)
    if city.name == OSRM_CITY and not asked.quick:  # it takes half a minute
        for way in ALGORITHMS:
            if asked.wants(f"osrm {way}"):
                with suppress(CompareError):  # told where it was asked for times
                    work[f"osrm {way}"] = _osrm_rebuild(way)
    samples: dict[str, list[Sample]] = {}
    for number in range(rounds):
        for name, make in work.items():
            tell(f"{case}: round {number + 1}: {name}")
            began_ns = time.perf_counter_ns()
            try:
                made = make()
            except CompareError:  # told where it was asked for times
                continue
            took_ns = [time.perf_counter_ns() - began_ns]
            same = isinstance(made, Labels) and _tells_the_truth(made, city, lane_ms)
            samples.setdefault(name, []).append(_timed(took_ns, checked=same, wrong=""))
    return with_ratios([row(case, name, taken, "median_us") for name, taken in samples.items()])


def _osrm_rebuild(way: str) -> Callable[[], object]:
    base = str(osrm.lay_out(PBF, way))

    def make() -> None:
        osrm.run(osrm.REBUILDS[way], base)

    return make


def _tells_the_truth(labels: Labels, city: City, lane_ms: I32) -> bool:
    """Whether new labels tell what Dijkstra's search does."""
    routes = Routes(city.graph)
    for question in questions(city, 3, SEED):
        units, call = np.zeros((len(question.units), 2), np.int32), np.array([[question.call, 0]], np.int32)
        units[:, 0] = question.units
        if not np.array_equal(labels.many_to_one(units, call), routes.many_to_one(lane_ms, units, call)):
            return False
    return True


def _timed(took_ns: list[int], *, checked: bool, wrong: str, extra: dict[str, float] | None = None) -> Sample:
    return Sample(
        median_us=float(np.median(took_ns)) / 1000,
        p99_us=float(np.percentile(took_ns, 99)) / 1000,
        checked=checked,
        wrong=wrong,
        extra=dict(extra or {}),
    )
