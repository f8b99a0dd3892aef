# SPDX-License-Identifier: Apache-2.0
"""One telephone has one name, however a trunk spells its number."""

import pytest

from core.calls.number import is_mobile, plain


@pytest.mark.parametrize(
    "spelt",
    [
        *("13800138000", "+8613800138000", "8613800138000", "008613800138000", "013800138000"),
        *("+86 138-0013-8000", " 13800138000 "),
    ],
)
def test_a_mobile_number_is_the_same_in_every_spelling(spelt: str) -> None:
    assert plain(spelt) == "13800138000"
    assert is_mobile(spelt)


@pytest.mark.parametrize("spelt", ["057788001122", "+8657788001122", "+86057788001122", "57788001122"])
def test_a_fixed_line_is_the_same_with_and_without_its_prefix(spelt: str) -> None:
    assert plain(spelt) == "57788001122"
    assert not is_mobile(spelt)


@pytest.mark.parametrize("spelt", ["01088001122", "88001122", "1380013800", "+12025550123", "1380013800a"])
def test_what_is_not_eleven_digits_beginning_with_one_is_no_mobile_number_of_ours(spelt: str) -> None:
    assert plain(spelt)
    assert not is_mobile(spelt)


def test_a_number_of_another_country_keeps_its_country() -> None:
    assert plain("+12025550123") == plain("0012025550123") == "+12025550123"


@pytest.mark.parametrize("spelt", ["", "  ", "anonymous", "0", "000", "110", "+", "unknown-1"])
def test_what_nobody_can_dial_is_nobodys_number(spelt: str) -> None:
    assert plain(spelt) == ""
    assert not is_mobile(spelt)
