# SPDX-License-Identifier: Apache-2.0
"""The configuration: defaults serve, and every typo is named."""

from pathlib import Path

import pytest

from gateway.config import Config, load, node_name
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


SOURCE = "[[mqtt.sources]]\nname = 'cars'\nfilter = 'cars/+'\ncodec = 'jt808'\n"


def test_the_ids_of_a_source_may_stand_in_a_file(tmp_path: Path) -> None:
    ids = tmp_path / "cars.csv"
    ids.write_text("foreign_id,unit_id,plate\n013900000001,P7,A\n 013900000002 ,P8,B\n", "utf-8-sig")

    config = load(written(tmp_path, f"{SOURCE}units_file = '{ids}'"), {})

    assert config.mqtt.sources[0].units == {"013900000001": "P7", "013900000002": "P8"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("foreign_id,unit_id\n", "must name the columns foreign_id,unit_id, and an id must follow"),
        ("id,unit\n1,P7\n", "must name the columns foreign_id,unit_id"),
        ("foreign_id,unit_id\n1,P7\n1,P8\n", "line 3: foreign_id '1' is empty or listed twice"),
        ("foreign_id,unit_id\n,P7\n", "line 2: foreign_id '' is empty or listed twice"),
        ("foreign_id,unit_id\n1,P7\n2,P7\n", "unit 'P7' stands for two ids, '1' and '2'"),
        ("foreign_id,unit_id\n1\n", "unit id '' must match"),
        ("foreign_id,unit_id\n1,P\xff\n", "unit id 'Pÿ' must match"),
    ],
)
def test_a_file_of_ids_that_cannot_be_used_is_named(tmp_path: Path, rows: str, said: str) -> None:
    ids = tmp_path / "cars.csv"
    ids.write_text(rows, "utf-8")

    with pytest.raises(ConfigError) as wrong:
        load(written(tmp_path, f"{SOURCE}units_file = '{ids}'"), {})

    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_wrong_source_is_told_as_any_other_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"in \[mqtt.sources\]: did you mean 'filter'"):
        load(written(tmp_path, SOURCE + "filtr = 'x'"), {})
    with pytest.raises(ConfigError, match="overlap: one message would be two"):
        load(written(tmp_path, SOURCE + SOURCE.replace("'cars'", "'more'")), {})
