# SPDX-License-Identifier: Apache-2.0
"""From P-Access-Network-Info to a cell, and from a line of the table to the same one."""

import pytest

from device_adapters.lookup.cells import key_of_access, row_of
from device_adapters.lookup.table import BadLineError


def line(cell: str, radio: str = "") -> int:
    return row_of({"cell": cell, "lat": "28", "lon": "120.7", "radius_m": "600", "radio": radio}).key


@pytest.mark.parametrize(
    ("access", "cell", "radio"),
    [
        # MCC 460, MNC 00, TAC 1234, cell 0ABCDE1 (11259361)
        ("3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=4600012340ABCDE1", "4600012340abcde1", ""),
        (
            '3GPP-E-UTRAN-TDD;utran-cell-id-3gpp="4600012340ABCDE1";network-provided',
            "460-00-4660-11259361",
            "",
        ),
        ("3gpp-e-utran; utran-cell-id-3gpp = 4600012340abcde1", "460-00-0-11259361", "lte"),
        ("3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=31041012340ABCDE1", "310-410-4660-11259361", ""),
        ("3GPP-NR-TDD;utran-cell-id-3gpp=46000001234123456789", "460-00-4660-4886718345", ""),
        ("3GPP-NR;utran-cell-id-3gpp=46000001234000000007", "460-00-4660-7", "nr"),
        ("3GPP-UTRAN-FDD;utran-cell-id-3gpp=4600112340ABCDE1", "460-01-4660-11259361", "umts"),
        ("3GPP-GERAN;cgi-3gpp=46000123400ab", "46000123400ab", ""),
        ("3GPP-GERAN;local-time-zone=x;cgi-3gpp=46000123400AB", "460-00-4660-171", "gsm"),
    ],
)
def test_a_cell_is_the_same_in_a_call_and_in_the_table(access: str, cell: str, radio: str) -> None:
    assert key_of_access(access) == line(cell, radio) > 0


def test_a_tracking_area_that_was_redrawn_is_read_over() -> None:
    assert line("4600012340abcde1") == line("4600099990abcde1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("4600012340abcde1", "lte"), ("4600012340abcde1", "umts")),
        (("4600012340abcde1", ""), ("4600112340abcde1", "")),
        (("46000123400ab", ""), ("46000999900ab", "")),
        (("460-00-1-7", "lte"), ("460-00-1-7", "nr")),
        (("460-01-1-7", ""), ("460-010-1-7", "")),
    ],
)
def test_other_networks_radios_and_cells_are_others(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert line(*one) != line(*other)


@pytest.mark.parametrize(
    "access",
    [
        "",
        "IEEE-802.11;i-wlan-node-id=aabbccddeeff",
        "3GPP-E-UTRAN-FDD",
        "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=",
        "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=460001234",
        "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=46000123400ab",
        "3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=46a0012340ABCDE1",
        "3GPP-XYZ;utran-cell-id-3gpp=4600012340ABCDE1",
        "utran-cell-id-3gpp=4600012340ABCDE1",
        "3GPP-E-UTRAN-FDD;x=1" + ";" * 600 + "utran-cell-id-3gpp=4600012340ABCDE1",
    ],
)
def test_an_access_without_a_cell_names_none(access: str) -> None:
    assert key_of_access(access) == 0


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"cell": "", "lat": "1", "lon": "1"}, "no cell"),
        ({"cell": "460-00-1", "lat": "1", "lon": "1"}, "no cell"),
        ({"cell": "460-00-1-99999999999", "lat": "1", "lon": "1"}, "no cell"),
        ({"cell": "460-00-99999-7", "radio": "lte", "lat": "1", "lon": "1"}, "no cell"),
        ({"cell": "4600012340abcde1", "radio": "6g", "lat": "1", "lon": "1"}, "no cell"),
        ({"cell": "46000123", "lat": "1", "lon": "1"}, "no cell"),
        ({"cell": "4600012340abcde1"}, "no place"),
        ({"cell": "4600012340abcde1", "lat": "91", "lon": "1"}, "no place on Earth"),
        ({"cell": "4600012340abcde1", "lat": "1", "lon": "1", "radius_m": "far"}, "radius_m is no number"),
    ],
)
def test_a_line_of_no_use_is_named(cells: dict[str, str], reason: str) -> None:
    with pytest.raises(BadLineError, match=reason):
        row_of(cells)
