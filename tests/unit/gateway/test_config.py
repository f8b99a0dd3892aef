# SPDX-License-Identifier: Apache-2.0
"""The configuration: defaults serve, every typo is named, and the roster says which line is wrong."""

from pathlib import Path

import pytest

from core.errors import RosterError
from gateway.config import Config, load, node_name, read_roster
from gateway.errors import ConfigError


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_the_defaults_serve() -> None:
    assert load(None, {}) == Config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sip]\nlistn = []", "unknown key 'listn' in [sip]: did you mean 'listen'?"),
        ("[dispatch]\nlevel_defalt = 1", "did you mean 'level_default'?"),
        ("unit = 'x'", "unknown key 'unit' in the top level: did you mean 'units'?"),
        ("[[sip.trunks]]\nname='t'\naddresses=[]\ncounty='330302'\nadress='x'", "did you mean 'addresses'?"),
        ("[redis]\nzzz = 1", "known keys: decisions_max, lease_ms"),
        ("[dispatch]\nanswer = 'sometimes'", "$.dispatch.answer"),
        ("[dispatch]\nlevel_default = 5", "<= 4"),
        (
            "[dispatch.urgency.4]\npoints = [[0, 0], [60, 60]]\nthen_percent = 0",
            "level 4 could wait for ever",
        ),
        (
            "[dispatch.urgency.2]\npoints = [[0, 9], [60, 3]]",
            "urgency falls from 9 to 3 s at 60 s of waiting",
        ),
        (
            "[dispatch.urgency.4]\npoints = [[0, 0]]\nthen_percents = 50",
            "in [dispatch.urgency]: did you mean 'then_percent'?",
        ),
        ("[[dispatch.plans]]\ncategry = 'fire'", "in [dispatch.plans]: did you mean 'category'?"),
        ("[dispatch]\nlost_s = 9223372036854775807", "dispatch.lost_s must be at most 31536000"),
        ("[dispatch]\nhead_start_s = [99999999999, 0, 0, 0]", "dispatch.head_start_s must be at most"),
        ("[[dispatch.plans]]\nafter_s = 99999999999", "dispatch.plans.after_s must be at most"),
        ("[dispatch]\ninsistent_per_hour = 20", "must be sip.insistent_per_hour, or 0"),
        ("[sip]\ninsistent_per_hour = 20", "must be sip.insistent_per_hour, or 0"),
        ("county = 'Lucheng'", "$.county"),
        ("[sip\n", "is not TOML"),
        ("[mqtt]\nurl = 'http://x'", "mqtt.url"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)

    with pytest.raises(ConfigError) as wrong:
        load(path, {})

    assert said in str(wrong.value)
    assert str(path) in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read"):
        load(tmp_path / "nowhere.toml", {})


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "county = '330304'\n[sip]\ncalls_max = 5\n")

    config = load(path, {"county": "330302", "sip.listen": ["udp:127.0.0.1:7"], "dispatch.answer": "ring:5"})

    assert (config.county, config.sip.listen, config.sip.calls_max) == ("330302", ("udp:127.0.0.1:7",), 5)
    assert config.dispatch.answer == "ring:5"


def test_two_data_folders_of_one_machine_are_two_nodes(tmp_path: Path) -> None:
    one, other = (Config(data=str(tmp_path / name)) for name in "ab")

    assert node_name(one) != node_name(other)
    assert node_name(one) == node_name(one)
    assert node_name(Config(node="centre-1")) == "centre-1"


ROSTER = "unit_id,call_sign,police_type,capabilities,county,organ\n"


def test_a_roster_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, ROSTER + "u1,Car 1,traffic,armed; boat,330302,Lucheng\nu2,,,,330304,\n")

    first, second = read_roster(path)

    assert (first.unit_id, first.police_type, first.capabilities) == ("u1", "traffic", ("armed", "boat"))
    assert (second.police_type, second.county) == ("patrol", "330304")


def test_a_roster_may_tell_the_crew_and_the_end_of_the_shift(tmp_path: Path) -> None:
    rows = "u1,330302,2,8:00\nu2,330302,, 20:30 \nu3,330302,,\n"

    units = read_roster(written(tmp_path, "unit_id,county,crew,shift_end\n" + rows))

    assert [(unit.crew, unit.shift_end) for unit in units] == [(2, "08:00"), (0, "20:30"), (0, "")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("two,20:00", "line 2: crew 'two' must be a number of officers"),
        ("-1,20:00", "line 2: crew '-1' must be a number of officers"),
        ("2,25:00", "line 2: shift_end '25:00' must be a local time such as 20:00"),
        ("2,2026-07-01 20:00", "line 2: shift_end '2026-07-01 20:00' must be a local time such as 20:00"),
    ],
)
def test_a_crew_or_a_shift_that_cannot_be_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(RosterError) as wrong:
        read_roster(written(tmp_path, f"unit_id,county,crew,shift_end\nu1,330302,{row}\n"))

    assert said in str(wrong.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("u 1,,,,330302,\n", "line 2: unit_id 'u 1' must match"),
        ("u1,,,,3303,\n", "line 2: county '3303' must be a six-digit"),
        ("u1,,,,330302,\nu1,,,,330302,\n", "line 3: unit 'u1' is listed twice"),
        ("u1\n", "line 2: county None"),
    ],
)
def test_a_wrong_line_of_the_roster_is_named(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(RosterError) as wrong:
        read_roster(written(tmp_path, ROSTER + rows))

    assert said in str(wrong.value)


def test_a_roster_without_the_columns_says_which(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="must name the columns unit_id,call_sign"):
        read_roster(written(tmp_path, "id;name\n1;2\n"))


def test_a_roster_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_bytes(b"unit_id,county\n\xff\xfe,\n")

    with pytest.raises(RosterError, match="cannot be read"):
        read_roster(path)
