# SPDX-License-Identifier: Apache-2.0
"""The comparison to look at."""

from collections.abc import Callable
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from bench.simulation.city import City, settled
from bench.simulation.measures import LATE_S, estimated, less_percent
from bench.simulation.policies import BY_DISTANCE
from bench.simulation.runs import Found

COLOURS = ("#555555", "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
"Okabe and Ito's, which everybody can tell apart."
DPI = 130


def draw_all(found: Found, city: City, folder: Path) -> dict[str, str]:
    """Write the pictures into a folder; return {file: what it shows}."""
    drawn: dict[str, tuple[str, Callable[[], Figure]]] = {
        "gain.png": ("How much lower the weighted response is than by distance", lambda: _gain(found)),
        "late.png": ("How many of level 1 come late", lambda: _late(found)),
        "level1.png": ("How soon level 1 is reached", lambda: _level_1(found)),
        "city.png": ("The city of the first seed", lambda: _city(found, city)),
    }
    for file, (_, draw) in drawn.items():
        figure = draw()
        figure.savefig(folder / file, dpi=DPI, bbox_inches="tight")
        plt.close(figure)
    return {file: text for file, (text, _) in drawn.items()}


def _gain(found: Found) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 4.5))
    others = [policy.name for policy in found.plan.policies if policy.name != BY_DISTANCE]
    for n, policy in enumerate(others):
        told = [
            less_percent(
                [run.weighted for run in found.figures[load.name, policy]],
                [run.weighted for run in found.figures[load.name, BY_DISTANCE]],
            )
            for load in found.plan.loads
        ]
        where = _beside(len(found.plan.loads), n, len(others))
        _dots(
            axes, where, [one.mean for one in told], [one.off for one in told], policy, _colour(found, policy)
        )
    axes.axhline(0, color=COLOURS[0], linewidth=1)
    _by_load(axes, found)
    axes.set_ylabel("weighted response lower by, %")
    axes.set_title(
        "Against closest idle by distance (95 % intervals, seeds in pairs)", loc="left", fontsize=10
    )
    return figure


def _late(found: Found) -> Figure:
    figure, axes = plt.subplots(figsize=(8, 4.5))
    policies = [policy.name for policy in found.plan.policies]
    for n, policy in enumerate(policies):
        told = [
            estimated([run.late for run in found.figures[load.name, policy]]) for load in found.plan.loads
        ]
        where = _beside(len(found.plan.loads), n, len(policies))
        _dots(
            axes, where, [one.mean for one in told], [one.off for one in told], policy, _colour(found, policy)
        )
    axes.set_ylim(bottom=0)
    _by_load(axes, found)
    axes.set_ylabel(f"level 1 later than {LATE_S:g} s, %")
    axes.set_title("Late to the gravest calls (95 % intervals over the seeds)", loc="left", fontsize=10)
    return figure


def _level_1(found: Found) -> Figure:
    """Return the share that is still waiting, by time: the tail is what matters, so the axis is logarithmic."""
    loads = found.plan.loads
    figure, panels = plt.subplots(1, len(loads), figsize=(3.2 * len(loads), 3.6), sharey=True, squeeze=False)
    for axes, load in zip(panels[0], loads, strict=True):
        for policy in found.plan.policies:
            times = np.sort(found.level_1_s[load.name, policy.name])
            waiting = 100 * (1 - np.arange(len(times)) / len(times))
            axes.step(times / 60, waiting, where="pre", label=policy.name, color=_colour(found, policy.name))
        axes.axvline(LATE_S / 60, color=COLOURS[0], linewidth=1, linestyle=":")
        axes.set_yscale("log")
        axes.set_xlim(0, 20)
        axes.set_ylim(0.3, 100)
        axes.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
        axes.set_title(load.name, loc="left", fontsize=10)
        axes.set_xlabel("min since sign-off")
        _bare(axes)
    panels[0][0].set_ylabel("level 1 not reached yet, %")
    lines, names = panels[0][0].get_legend_handles_labels()
    figure.legend(
        lines, names, frameon=False, fontsize=8, loc="upper center", ncols=len(names), bbox_to_anchor=(0.5, 0)
    )
    return figure


def _city(found: Found, city: City) -> Figure:
    graph = city.graph
    town = settled(city, found.plan.units, np.random.default_rng(found.plan.seeds[0]))
    lat, lon = graph.lat_e7 / 1e7, graph.lon_e7 / 1e7
    ends = np.stack([graph.lane_from, graph.lane_to], axis=1)
    figure, axes = plt.subplots(figsize=(7, 7))
    roads = np.stack([lon[ends], lat[ends]], axis=2)
    axes.add_collection(LineCollection(list(roads), colors="#bbbbbb", linewidths=0.3))
    axes.scatter(
        lon[town.places], lat[town.places], s=town.shares * 12_000, color=COLOURS[2], label="calls come from"
    )
    axes.scatter(lon[town.bases], lat[town.bases], s=30, marker="^", color=COLOURS[1], label="units stand")
    axes.set_xlim(lon[city.land].min(), lon[city.land].max())
    axes.set_ylim(lat[city.land].min(), lat[city.land].max())
    axes.set_aspect(1 / np.cos(np.radians(float(np.median(lat)))))
    axes.set_title(f"{found.city}, seed {found.plan.seeds[0]}", loc="left", fontsize=10)
    axes.legend(loc="lower left", fontsize=8)
    _bare(axes)
    return figure


def _dots(
    axes: Axes, where: list[float], means: list[float], off: list[float], label: str, colour: str
) -> None:
    axes.errorbar(
        where, means, yerr=np.nan_to_num(off), fmt="o", markersize=5, capsize=2, label=label, color=colour
    )


def _by_load(axes: Axes, found: Found) -> None:
    axes.set_xticks(range(len(found.plan.loads)), [load.name for load in found.plan.loads])
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    _bare(axes)


def _bare(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _beside(loads: int, n: int, of: int) -> list[float]:
    """Return where the dots of one policy stand: beside those of the others."""
    return [load + (n - (of - 1) / 2) * 0.12 for load in range(loads)]


def _colour(found: Found, policy: str) -> str:
    names = [one.name for one in found.plan.policies]
    return COLOURS[names.index(policy) % len(COLOURS)]
