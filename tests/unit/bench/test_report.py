# SPDX-License-Identifier: Apache-2.0
"""The page of results: what was measured, what was promised, and where we lose."""

from pathlib import Path

import pytest

from bench.compare.report import PAGE, RESULTS, Kept, read, render
from bench.compare.suite import SUITES
from bench.compare.targets import TARGETS, Target

ROOT = Path(__file__).parents[3]


def kept(*rows: dict[str, object]) -> list[Kept]:
    return [Kept(suite="matcher", machine={"cores": "2"}, rows=list(rows))]


def a_row(name: str, ratio: float | None, **more: object) -> dict[str, object]:
    return {
        "case": "10k",
        "name": name,
        "median_us": 6.0,
        "p99_us": 9.0,
        "cpu_us": None,
        "ratio": ratio,
        **more,
    }


def test_the_page_shows_every_row_with_its_ratio_and_what_else_it_has() -> None:
    page = render(kept(a_row("ours", 1.0, checked=True, memory_mib=12), a_row("scipy.cKDTree", 15.5)))

    assert "| ours | 6.00 | 9.00 | – | 1.00 | yes | memory mib 12 |" in page
    assert "| scipy.cKDTree | 6.00 | 9.00 | – | 15.50 | no |  |" in page


def test_a_promise_kept_and_a_promise_broken_are_told_apart() -> None:
    reached = render(kept(a_row("ours", 1.0), a_row("scipy.cKDTree", 12.0)))
    missed = render(kept(a_row("ours", 1.0), a_row("scipy.cKDTree", 11.9)))

    line = "| mixed load, 10k units, CPU | ≥ 12 times |"
    assert f"{line} 12 times | reached |" in reached
    assert f"{line} 11.9 times | **not reached** |" in missed


def test_what_was_not_measured_is_not_called_reached() -> None:
    assert "reached |" not in render([]).replace("not measured", "")
    assert render([]).count("not measured") == len(TARGETS)


def test_a_neighbour_that_is_faster_is_named() -> None:
    page = render(kept(a_row("ours", 1.0), a_row("heapq", 0.5), a_row("ours with names", 0.7)))

    assert "- matcher, 10k: heapq needs 0.50 of what ours does." in page
    assert "ours with names needs" not in page


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.suite} {target.case} {target.name}")
def test_every_promise_is_about_a_suite_there_is(target: Target) -> None:
    assert target.suite in SUITES


def test_the_page_in_the_tree_is_what_the_kept_results_say() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == render(read(ROOT / RESULTS))
