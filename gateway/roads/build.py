# SPDX-License-Identifier: Apache-2.0
"""`gateway roads build`: from maps to one file of graphs and labels, with a word on everything left out."""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from core.kernels import warm
from core.roads import labels as hub_labels
from core.roads.graph import RoadGraph
from core.roads.labels import Labels
from gateway.errors import RoadSourceError
from gateway.roads import file, osm, table, water
from gateway.roads.network import FRAGMENT_KM, Network, network
from gateway.roads.profiles import PROFILES, Profile
from gateway.roads.straight import TOLERANCE_M, straightened
from gateway.roads.survey import BOAT, KINDS, Survey, lay_together

Step = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What to build from: at least one of them."""

    osm: Path | None = None
    nodes: Path | None = None
    arcs: Path | None = None
    zip: Path | None = None
    water: Path | None = None
    "GeoJSON of water, or (`land`) of the land around it."
    land: Path | None = None

    def files(self) -> tuple[Path, ...]:
        """Return those that are given."""
        given = (self.osm, self.nodes, self.arcs, self.zip, self.water, self.land)
        return tuple(path for path in given if path is not None)


def build(
    sources: Sources,
    profiles: tuple[Profile, ...] | None,
    out: Path,
    *,
    fragment_km: float = FRAGMENT_KM,
    lattice_m: int = water.LATTICE_M,
    straighten_m: float = TOLERANCE_M,
) -> int:
    """Build the file and tell what is in it; return 0. Raises RoadSourceError or RoadFileError."""
    terminal = Console(stderr=True)
    with _shown(terminal, _steps(sources, profiles)) as step:
        began = time.perf_counter()
        survey = _survey(sources, profiles, lattice_m, step)
        if straighten_m > 0:
            step(f"straightening {survey.pieces:,} pieces")
            survey = straightened(survey, straighten_m)
        chosen = profiles or _all_that_drive(survey)
        step("warming the kernels")
        warm()
        made: dict[str, tuple[RoadGraph, Labels]] = {}
        networks: dict[str, Network] = {}
        for profile in chosen:
            step(f"{profile.name}: roads")
            networks[profile.name] = found = network(survey, profile, fragment_km)
            step(f"{profile.name}: labels of {found.graph.nodes:,} nodes")
            made[profile.name] = found.graph, hub_labels.build(found.graph, found.graph.base_ms)
        step(f"writing {out}")
        imprint = file.write(
            out,
            file.Imprint(
                source=_digest(sources.files()),
                files=tuple(path.name for path in sources.files()),
                box_e7=_box(made),
                kinds=KINDS,
                profiles={name: _told(found) for name, found in networks.items()},
                notes=dict(sorted(survey.notes.items())),
            ),
            made,
            {name: found.lost_mm for name, found in networks.items()},
        )
        took_s = time.perf_counter() - began
    for line in report(imprint, made):
        terminal.print(line, highlight=False, soft_wrap=True)
    terminal.print(
        f"{out}: {out.stat().st_size / 1e6:.1f} MB in {took_s:.1f} s", highlight=False, soft_wrap=True
    )
    return 0


def report(imprint: file.Imprint, profiles: dict[str, tuple[RoadGraph, Labels]]) -> Iterator[str]:
    """Yield what is in a file, for people."""
    south, west, north, east = (value / 1e7 for value in imprint.box_e7)
    yield f"digest    {imprint.content}"
    yield f"from      {', '.join(imprint.files)} (SHA-256 {imprint.source[:16]}…)"
    yield f"box       {south:.4f}…{north:.4f} N, {west:.4f}…{east:.4f} E"
    for name, built in imprint.profiles.items():
        graph, labels = profiles[name]
        yield (
            f"{name:9} {built.nodes:,} nodes, {built.lanes:,} lanes, {graph.length_mm.sum(dtype='i8') / 1e6:,.0f} km, "
            f"{len(labels.out_hub) / max(built.nodes, 1):.0f} hubs a node, {labels.nbytes / 1e6:.1f} MB of labels"
        )
        islands = (
            f"{built.islands} parts not joined to each other" if built.islands > 1 else "all in one part"
        )
        yield f"          {islands}, {built.main_percent:g} % of the lanes in the largest"
        if built.splits:
            yield f"          {built.splits} nodes more, where turns are forbidden or something bars the way"
        if built.fragments:
            yield f"          left out {built.fragments} fragments ({built.fragment_lanes} lanes), red in the picture"
    for note, count in imprint.notes.items():
        yield f"note      {count:,} {note}"


def _survey(sources: Sources, profiles: tuple[Profile, ...] | None, lattice_m: int, step: Step) -> Survey:
    surveys = []
    afloat = profiles is None or any(profile.vehicle == BOAT for profile in profiles)
    if sources.osm is not None:
        step(f"reading {sources.osm.name}")
        surveys.append(osm.read(sources.osm))
    if sources.nodes is not None and sources.arcs is not None:
        step(f"reading {sources.arcs.name}")
        surveys.append(table.read(sources.nodes, sources.arcs))
    if sources.zip is not None:
        step(f"reading {sources.zip.name}")
        surveys.append(table.read_zip(sources.zip))
    survey = lay_together(surveys) if surveys else None
    if afloat:
        step("filling the water")
        survey = water.with_water(survey, sources.water, sources.land, sources.osm, lattice_m)
    if survey is None:
        raise RoadSourceError(
            "there is nothing to build from: give --osm, --zip, --nodes and --arcs, --water or --land"
        )
    return survey


def _steps(sources: Sources, profiles: tuple[Profile, ...] | None) -> int:
    """Return about how many steps there will be."""
    # The files; the water, the bends, the kernels and the writing; roads and labels of each profile.
    return len(sources.files()) + 4 + 2 * len(profiles or ("car", "car_siren"))


def _all_that_drive(survey: Survey) -> tuple[Profile, ...]:
    """Return the cars, and the boat when there is water: what is built when nobody says."""
    kinds = {KINDS[kind] for kind in set(survey.kind.tolist())}
    names = ("car", "car_siren", "boat")
    return tuple(PROFILES[name] for name in names if kinds & PROFILES[name].kmh.keys())


def _told(found: Network) -> file.Built:
    graph = found.graph
    return file.Built(
        nodes=graph.nodes,
        arcs=graph.arcs,
        lanes=graph.lanes,
        islands=found.islands,
        main_percent=found.main_percent,
        fragments=found.fragments,
        fragment_lanes=found.fragment_lanes,
        splits=found.splits,
    )


def _box(made: dict[str, tuple[RoadGraph, Labels]]) -> tuple[int, int, int, int]:
    graphs = [graph for graph, _ in made.values()]
    return (
        min(int(graph.lat_e7.min()) for graph in graphs),
        min(int(graph.lon_e7.min()) for graph in graphs),
        max(int(graph.lat_e7.max()) for graph in graphs),
        max(int(graph.lon_e7.max()) for graph in graphs),
    )


def _digest(paths: tuple[Path, ...]) -> str:
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as source:
            while block := source.read(1 << 20):
                whole.update(block)
    return whole.hexdigest()


@contextmanager
def _shown(terminal: Console, steps: int) -> Iterator[Step]:
    """Give a function that says what is being done now; a terminal shows a bar, a log nothing."""
    columns = (SpinnerColumn(), TextColumn("{task.description:40}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        task = progress.add_task("", total=steps, completed=-1)

        def step(said: str) -> None:
            progress.update(task, description=said, advance=1)

        yield step
