# SPDX-License-Identifier: Apache-2.0
"""Lines become a table; what cannot be read is named by its line and never by what it says."""

import random
from functools import partial
from pathlib import Path

import pytest

from device_adapters.lookup import files, numbers
from device_adapters.lookup.settings import LookupSettings
from device_adapters.lookup.table import (
    ADDRESS_OCTETS_MAX,
    NAME_OCTETS_MAX,
    Reading,
    Row,
    Table,
    UnreadableTableError,
    read_table,
)

HEAD = "number,name,address,lat,lon,uncertainty_m\n"


def read(text: str, rows_max: int = 1_000) -> tuple[Table, Reading]:
    return read_table(
        text.splitlines(keepends=True), numbers.NEEDED, partial(numbers.row_of, area_code="0577"), rows_max
    )


def found(table: Table, number: str) -> Row | None:
    return table.find(numbers.number_key(number))


def test_every_line_is_found_again_and_nothing_else() -> None:
    chance = random.Random(110)
    names = {f"0577{n:08d}": f"人{chance.randrange(10**6)}" for n in chance.sample(range(10**8), 500)}

    table, reading = read(
        HEAD + "".join(f"{number},{name},路{number},,,\n" for number, name in names.items())
    )

    assert (len(table), reading) == (500, Reading(500, reading.bad, (), False))
    assert {number: row.name for number in names if (row := found(table, number)) is not None} == names
    assert found(table, "057700000000") is None
    assert found(table, "9" * 18) is None


def test_coordinates_and_texts_survive() -> None:
    table, _ = read(
        HEAD
        + '88880000,"王, 小明","府学巷 ""2"" 号",28.0149235,120.6994,12.5\n88880001,,,1,-1,\n88880002,x,,,,\n'
    )

    row = found(table, "057788880000")
    assert row is not None
    assert row[1:3] == ("王, 小明", '府学巷 "2" 号')
    assert row[3:] == pytest.approx((28.0149235, 120.6994, 12.5))
    assert found(table, "057788880001") == Row(1057788880001, "", "", 1.0, -1.0, 0.0)
    assert found(table, "057788880002") == Row(1057788880002, "x", "", None, None, 0.0)


def test_of_a_number_listed_twice_the_later_line_counts() -> None:
    table, reading = read(HEAD + "88880000,old,,,,\n88880001,other,,,,\n0577-88880000,new,,,,\n")

    row = found(table, "057788880000")
    assert row is not None
    assert (row.name, len(table), reading.rows) == ("new", 2, 2)


def test_bad_lines_are_named_and_counted_and_the_others_taken() -> None:
    table, reading = read(HEAD + "x,name,,,,\n88880000,name,,,,\n\n88880001,n,,91,1,\n" + "y,n,,,,\n" * 10)

    assert len(table) == 1
    assert reading.bad == {"no number": 11, "no place on Earth": 1}
    assert reading.samples[:2] == ((2, "no number"), (5, "no place on Earth"))
    assert len(reading.samples) == 5


def test_a_quotation_that_never_ends_costs_its_lines_alone() -> None:
    lost = '88880000,"' + "x" * 200_000 + "\n"

    table, reading = read(HEAD + "88880001,n,,,,\n" + lost + "88880002,n,,,,\n")

    assert len(table) >= 1
    assert reading.bad["no CSV"] == 1


def test_a_stray_quote_costs_one_line_and_eats_no_other() -> None:
    lines = [f"8888{n:04d},n,road {n},,,\n" for n in range(3_000)]
    lines[0] = '88880000,"n,road 0,,,\n'
    lines[1_500] = '88881500,n,"road 1500,,,\n'
    lines[2_999] = '88882999,n,"road"" 2999,,,'

    table, reading = read(HEAD + "".join(lines), rows_max=3_000)

    assert reading.bad == {"a quotation without end": 3}
    assert reading.samples == tuple((number, "a quotation without end") for number in (2, 1_502, 3_001))
    assert len(table) == 2_997
    assert found(table, "057788880001") is not None
    assert found(table, "057788881501") is not None


def test_an_address_on_two_lines_is_two_bad_lines() -> None:
    table, reading = read(HEAD + '88880000,n,"road 1\nroom 2",,,\n88880001,n,,,,\n')

    assert (len(table), reading.bad) == (1, {"a quotation without end": 1, "no number": 1})


def test_a_quote_within_a_text_is_a_quote() -> None:
    table, _ = read(HEAD + '88880000,the "two" n,5" road,,,\n')

    row = found(table, "057788880000")
    assert row is not None
    assert row[1:3] == ('the "two" n', '5" road')


def test_more_lines_than_are_read_are_told() -> None:
    table, reading = read(HEAD + "".join(f"8888{n:04d},n,,,,\n" for n in range(20)), rows_max=10)

    assert (len(table), reading.unread) == (10, True)


def test_a_long_text_is_cut_between_characters() -> None:
    table, _ = read(HEAD + f"88880000,{'名' * 200},{'路' * 900},,,\n")

    row = found(table, "057788880000")
    assert row is not None
    assert (row.name, row.address) == ("名" * (NAME_OCTETS_MAX // 3), "路" * (ADDRESS_OCTETS_MAX // 3))


def test_an_empty_table_knows_nobody() -> None:
    table, reading = read(HEAD)

    assert (len(table), reading.rows, found(table, "110")) == (0, 0, None)


@pytest.mark.parametrize("text", ["", "\n", "name,address\nx,y\n", "88880000,n,,,,\n", '"' + "x" * 200_000])
def test_without_the_names_of_columns_there_is_no_table(text: str) -> None:
    with pytest.raises(UnreadableTableError, match="must name the columns number"):
        read(text)


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "gbk"])
def test_a_file_may_be_utf_8_or_gbk(tmp_path: Path, charset: str) -> None:
    path = tmp_path / "numbers.csv"
    path.write_bytes((HEAD + "88880000,王小明,浙江省温州市鹿城区府学巷2号,,,\n").encode(charset))

    table, reading = files.load_numbers(LookupSettings(numbers=str(path), area_code="0577"), files.Breath())

    row = found(table, "057788880000")
    assert row is not None
    assert (row.name, row.address, sum(reading.bad.values())) == ("王小明", "浙江省温州市鹿城区府学巷2号", 0)


def test_a_line_in_no_charset_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_bytes(HEAD.encode() + "88880000,王,,,,\n".encode("gbk") + b"88880001,\xff\xff,,,,\n")

    table, reading = files.load_numbers(LookupSettings(numbers=str(path)), files.Breath())

    assert (len(table), reading.samples) == (1, ((3, "neither UTF-8 nor GBK"),))


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(UnreadableTableError, match="cannot be read"):
        files.load_numbers(LookupSettings(numbers="nowhere.csv"), files.Breath())


def test_a_house_that_closes_does_not_wait_for_a_table(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text("cell,lat,lon,radius_m\n" + "460-00-1-1,28,120,500\n" * 1_000, "utf-8")
    breath = files.Breath()
    breath.stop()

    with pytest.raises(files.StoppedError):
        files.load_cells(LookupSettings(cells=str(path)), breath)
