# SPDX-License-Identifier: Apache-2.0
"""The comparisons say what the contract says they say, and never more than was measured."""

import json
import sys
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bench.compare import __main__ as command
from bench.compare.result import OURS, Comparison, Sample, Skipped, confirmed, row, with_ratios
from bench.compare.suite import SUITES, Asked, CompareError

FACTS = {"cores": "2", "load_average": "0.10 0.10 0.10", "model": "a processor"}


def tiny(asked: Asked) -> Comparison:
    """Two contenders, one of them twice as slow, and one who is not here."""
    ours = [Sample(median_us=us, p99_us=10 * us, cpu_us=us, checked=True) for us in (9.0, 10.0, 30.0)]
    peer = [Sample(median_us=20.0, p99_us=40.0, cpu_us=5.0, extra={"calls": 7})]
    rows = [row("case", OURS, ours, "median_us"), row("case", "neighbour", peer, "median_us")]
    return Comparison(
        suite="tiny",
        machine={},
        rows=with_ratios(rows),
        skipped=[Skipped("absent", "not installed")],
        notes=["quick"] if asked.quick else [],
    )


class Quiet:
    """Nobody else is at work."""

    SHARE = 0.0

    def share(self) -> float:
        return self.SHARE


def nowhere(_: Asked) -> Comparison:
    raise CompareError("sipp is not on this machine: apt-get install sip-tester")


@pytest.fixture(autouse=True)
def suites(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, compare in (("tiny", tiny), ("nowhere", nowhere)):
        module = ModuleType(name)
        module.compare = compare  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, f"bench_suite_{name}", module)
        monkeypatch.setitem(SUITES, name, f"bench_suite_{name}")
    monkeypatch.setattr(command, "machine", lambda: dict(FACTS))
    monkeypatch.setattr(command, "Others", Quiet)


def written(folder: Path, *words: str) -> dict[str, Any]:
    assert command.main(["tiny", "--json", str(folder / "found.json"), *words]) == 0
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return found


def test_the_result_has_what_the_contract_names(tmp_path: Path) -> None:
    found = written(tmp_path)

    assert found["suite"] == "tiny"
    assert found["machine"].items() >= FACTS.items()
    for one in found["rows"]:
        assert one.keys() >= {"case", "name", "median_us", "p99_us", "cpu_us", "ratio"}


def test_our_ratio_is_one_and_a_neighbours_is_its_figure_by_ours(tmp_path: Path) -> None:
    ours, neighbour = written(tmp_path)["rows"]

    assert (ours["name"], ours["median_us"], ours["p99_us"], ours["ratio"]) == ("ours", 10.0, 100.0, 1)
    assert (neighbour["median_us"], neighbour["ratio"]) == (20.0, 2.0)


def test_only_rows_whose_answers_were_looked_at_say_so(tmp_path: Path) -> None:
    ours, neighbour = written(tmp_path)["rows"]

    assert ours["checked"] is True
    assert "checked" not in neighbour


def test_a_rows_further_fields_stand_beside_the_others(tmp_path: Path) -> None:
    _, neighbour = written(tmp_path)["rows"]

    assert neighbour["calls"] == 7
    assert "extra" not in neighbour


def test_an_absent_neighbour_is_skipped_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = written(tmp_path)

    assert found["skipped"] == [{"name": "absent", "reason": "not installed"}]
    assert "skipped: absent: not installed" in capsys.readouterr().out


def test_quick_reaches_the_suite_and_the_reader(tmp_path: Path) -> None:
    assert written(tmp_path)["notes"] == []
    assert written(tmp_path, "--quick")["notes"][0] == "quick"


def test_a_busy_machine_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "machine", lambda: {**FACTS, "load_average": "1.90 0.10 0.10"})

    notes = written(tmp_path)["notes"]

    assert notes == ["the machine was busy before we began: load average 1.90 0.10 0.10"]


def test_what_others_used_meanwhile_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Quiet, "SHARE", 0.24)

    found = written(tmp_path)

    assert found["machine"]["others_percent"] == "24"
    assert found["notes"] == ["other programs used 24 % of the machine meanwhile"]


def test_a_row_with_failed_calls_has_no_ratio() -> None:
    ours = row("case", OURS, [Sample(cpu_us=10.0, checked=True)], "cpu_us")
    wrong = Sample(cpu_us=1.0, checked=True, wrong="3 of 50 calls failed")
    neighbour = row("case", "neighbour", [Sample(cpu_us=1.0, checked=True), wrong], "cpu_us")

    with_ratios([ours, neighbour])

    assert (neighbour.ratio, neighbour.checked, neighbour.note) == (None, False, "3 of 50 calls failed")
    assert ours.ratio == 1.0


def test_nobody_is_measured_by_us_when_ours_failed() -> None:
    ours = row("case", OURS, [Sample(cpu_us=10.0, checked=True, wrong="1 of 50 calls failed")], "cpu_us")
    neighbour = row("case", "neighbour", [Sample(cpu_us=20.0, checked=True)], "cpu_us")

    with_ratios([ours, neighbour])

    assert (ours.ratio, ours.checked, neighbour.ratio) == (1.0, False, None)


def test_ours_is_checked_only_where_somebody_else_has_answered_the_same() -> None:
    alone = row("case", OURS, [Sample(median_us=1.0, checked=True)], "median_us")
    more = row("case", "ours, proven", [Sample(median_us=1.0, checked=True)], "median_us")
    same = row("case", "neighbour", [Sample(median_us=2.0, checked=True)], "median_us")
    other = row("case", "another", [Sample(median_us=2.0, wrong="its times are others")], "median_us")

    assert [one.checked for one in confirmed([alone, more, same, other])] == [True, True, True, False]
    assert [one.checked for one in confirmed([alone, more, other])] == [False, False, False]


@pytest.mark.parametrize("missing", ["scipy.spatial", "sortedcontainers"])
def test_a_neighbour_that_is_not_installed_takes_nobody_along(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    found = find_spec("bench.peers")
    assert found is not None
    assert found.loader is not None
    peers = module_from_spec(found)

    found.loader.exec_module(peers)

    assert peers.LazyHeap().pop() is None


def test_who_gets_through_is_no_ratio() -> None:
    told = [row("loss", name, [Sample(cpu_us=9.0, extra={"failed": 0})], "failed") for name in (OURS, "n")]

    assert [one.ratio for one in with_ratios(told)] == [1.0, None]


def test_where_cpu_alone_is_counted_the_columns_are_the_median_and_the_highest_round() -> None:
    told = row("case", OURS, [Sample(cpu_us=us) for us in (30.0, 10.0, 20.0)], "cpu_us")

    assert (told.median_us, told.p99_us, told.cpu_us, told.rounds) == (20.0, 30.0, 20.0, 3)


def test_over_the_rounds_counts_are_added_up_and_of_other_numbers_the_median_is_told() -> None:
    rounds = [Sample(cpu_us=1.0, extra={"failed": 1, "rss_mib": mib}) for mib in (30.0, 31.0, 99.0)]

    told = row("case", OURS, rounds, "cpu_us")

    assert told.extra == {"failed": 3, "rss_mib": 31.0}


def test_an_unknown_suite_ends_with_2_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["nonsense"])

    said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.err.count("\n") == 1
    assert "nonsense" in said.err
    assert said.out == ""


def test_what_cannot_be_measured_here_ends_with_1_and_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nowhere"]) == 1

    assert capsys.readouterr().err.splitlines()[-1].endswith("apt-get install sip-tester")
