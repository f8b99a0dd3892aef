# SPDX-License-Identifier: Apache-2.0
"""units.csv: what may stand in it, how each fault is told, and which list is not believed."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import RosterError
from core.events import RosterUnit
from core.ids import CountyCode, UnitId
from gateway.roster import changes, check_change, doubtful, read_roster

HEAD = "unit_id,call_sign,police_type,capabilities,county,organ\n"
SHIFTS = "unit_id,county,crew,crew_ids,shift_start,shift_end\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "units.csv"
    path.write_text(text, "utf-8")
    return path


def test_a_roster_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + "u1,Car 1,traffic,armed; boat,330302,Lucheng\nu2,,,,330304,\n")

    first, second = read_roster(path)

    assert (first.unit_id, first.police_type, first.capabilities) == ("u1", "traffic", ("armed", "boat"))
    assert (second.police_type, second.county) == ("patrol", "330304")


def test_a_roster_may_tell_the_crew_and_the_shift(tmp_path: Path) -> None:
    rows = "u1,330302,2,P1;P2,7:30,8:00\nu2,330302,, P3 ;P4;,, 20:30 \nu3,330302,,,,\nu4,330302,3,P5,20:00,08:00\n"

    units = read_roster(written(tmp_path, SHIFTS + rows))

    assert [(unit.crew, unit.crew_ids, unit.shift_start, unit.shift_end) for unit in units] == [
        (2, ("P1", "P2"), "07:30", "08:00"),
        (2, ("P3", "P4"), "", "20:30"),
        (0, (), "", ""),
        (3, ("P5",), "20:00", "08:00"),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("u1,330302,two,,,20:00", "line 2, crew: 'two' must be a number of officers"),
        ("u1,330302,-1,,,20:00", "line 2, crew: '-1' must be a number of officers"),
        ("u1,330302,2,,,25:00", "line 2, shift_end: '25:00' must be a local time such as 20:00"),
        (
            "u1,330302,2,,2026-07-01 20:00,21:00",
            "line 2, shift_start: '2026-07-01 20:00' must be a local time",
        ),
        ("u1,330302,2,,20:00,", "line 2, shift_end: missing, with a shift_start"),
        ("u1,330302,2,P1;P1,,", "line 2, crew_ids: one is listed twice"),
        ("u1,330302,1,P1;P2,,", "line 2, crew_ids: 2 of a crew of 1"),
        ("u1,330302,,P1;Wang Wu,,", "line 2, crew_ids: 1 of 2 are no badge numbers"),
        ("u1,330302,2,,,20:00,x", "line 2, has more fields than the first line names"),
        ("u 1,330302,,,,", "line 2, unit_id: 'u 1' must match"),
        ("u1,3303,,,,", "line 2, county: '3303' must be a six-digit"),
        ("u1,٣٣٠٣٠٢,,,,", "must be a six-digit"),
        ("u1,303302,,,,", "line 2, county: 303302 is no county of GB/T 2260"),
        ("u1,330000,,,,", "line 2, county: 330000 is no county of GB/T 2260"),
        ("u1", "line 2, county: '' must be a six-digit"),
        ("u1,330302,,,,\n\nu1,330302,,,,", "line 4, unit_id: 'u1' is on line 2 already"),
        ('u1,"330302,,,,\nu2,330302,,,,', "line 3: unexpected end of data"),
    ],
)
def test_each_fault_is_told_with_its_line_and_column(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(RosterError) as wrong:
        read_roster(written(tmp_path, f"{SHIFTS}{row}\n"))

    assert said in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_all_faults_are_told_at_once_but_no_more_than_fit_on_a_line(tmp_path: Path) -> None:
    rows = "".join(f"u{n},{'33' if n else '330302'},\n" for n in range(14))

    with pytest.raises(RosterError) as wrong:
        read_roster(written(tmp_path, f"unit_id,county,crew\nu0,330302,many\n{rows}"))

    assert "line 2, crew: 'many' must be a number of officers; line 3, unit_id: 'u0' is on" in str(
        wrong.value
    )
    assert str(wrong.value).endswith("; and 5 more")


def test_a_badge_number_is_not_told_in_a_fault(tmp_path: Path) -> None:
    with pytest.raises(RosterError) as wrong:
        read_roster(written(tmp_path, f"{SHIFTS}u1,330302,2,P1234 5,,\n"))

    assert "P1234" not in str(wrong.value)


def test_a_county_whose_code_ends_in_two_noughts_is_one(tmp_path: Path) -> None:
    (unit,) = read_roster(
        written(tmp_path, "unit_id,county\nu1,441900\n")
    )  # Dongguan has no counties below it

    assert unit.county == "441900"


def test_a_roster_without_the_columns_says_which(tmp_path: Path) -> None:
    with pytest.raises(RosterError, match="must name the columns unit_id,call_sign"):
        read_roster(written(tmp_path, "id;name\n1;2\n"))
    with pytest.raises(RosterError, match="and a unit must follow"):
        read_roster(written(tmp_path, HEAD))
    with pytest.raises(RosterError, match="column 'county' is named twice"):
        read_roster(written(tmp_path, "unit_id,county,county\nu1,330302,330302\n"))


def test_a_roster_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "units.csv"
    path.write_bytes(b"unit_id,county\n\xff\xfe,\n")

    with pytest.raises(RosterError, match="cannot be read"):
        read_roster(path)
    with pytest.raises(RosterError, match="cannot be read"):
        read_roster(tmp_path / "nowhere.csv")


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_a_roster_or_refused_by_name(tmp_path: Path, noise: bytes) -> None:
    path = tmp_path / "units.csv"
    path.write_bytes(b"unit_id,county,crew\n" + noise)

    try:
        units = read_roster(path)
    except RosterError:
        return

    assert units


def test_what_changes_is_counted() -> None:
    old, new = listed("a", "b", "c"), listed("b", "c", "d", "e")
    new = (
        RosterUnit(unit_id=UnitId("c"), county=CountyCode("330304")),
        *[u for u in new if u.unit_id != "c"],
    )

    assert changes(by_id(old), new) == {"units": 4, "brought": 2, "changed": 1, "left_out": 1}


def test_a_list_that_leaves_out_more_than_half_of_the_units_is_not_believed() -> None:
    old = by_id(listed(*"abcdefgh"))

    check_change(old, listed(*"abcd", *"mnop"), 50)
    with pytest.raises(RosterError, match=r"leaves out 5 of 8 units, more than .* \(50 %\)"):
        check_change(old, listed(*"abc", *"mnop"), 50)
    check_change(old, listed("m"), 100)
    with pytest.raises(RosterError, match="leaves out 1 of 8"):
        check_change(old, listed(*"abcdefg"), 0)


def test_the_first_list_is_believed_whatever_it_has() -> None:
    check_change({}, listed("a"), 50)


def test_a_county_the_map_does_not_know_is_doubtful() -> None:
    units = (*listed("a", "b"), RosterUnit(unit_id=UnitId("c"), county=CountyCode("330320")))

    assert doubtful(units, {"330302"}) == ["1 units of county 330320, not on the map: c …"]
    assert doubtful(units, set()) == [], "there is no map"


def listed(*names: str) -> tuple[RosterUnit, ...]:
    return tuple(RosterUnit(unit_id=UnitId(name), county=CountyCode("330302")) for name in names)


def by_id(units: tuple[RosterUnit, ...]) -> dict[UnitId, RosterUnit]:
    return {unit.unit_id: unit for unit in units}
