# SPDX-License-Identifier: Apache-2.0
"""One number, however a trunk spells it; and whether it is a mobile one (numbering plan of China)."""

MOBILE_DIGITS = 11
DIGITS_MIN = 4  # a telephone without a card is shown as what it dialled, or as 0: nobody rings back there


def plain(number: str) -> str:
    """Return the number without +86, 0086, 86 or a trunk's 0, so that one telephone has one name; "" for none.

    `anonymous` is nobody's name: two callers who withhold their numbers are two callers.
    """
    if not number or _is_mobile(number):
        return number
    digits = number.strip().replace("-", "").replace(" ", "")
    bare = _without_prefix(digits) if digits.removeprefix("+").isdecimal() else digits
    return bare if sum(map(str.isdecimal, bare)) >= DIGITS_MIN and bare.strip("+0") else ""


def is_mobile(number: str) -> bool:
    """Tell whether it is 11 digits beginning with 1: its registered address says where a bill goes, no more."""
    return _is_mobile(plain(number))


def _without_prefix(digits: str) -> str:
    for prefix in ("+86", "0086"):
        if digits.startswith(prefix):
            return digits.removeprefix(prefix).removeprefix("0")
    if digits.startswith("86") and _is_mobile(digits[2:]):
        return digits[2:]
    if digits.startswith(("+", "00")):
        return "+" + digits.removeprefix("+").removeprefix("00")  # another country's
    return digits.removeprefix("0")


def _is_mobile(digits: str) -> bool:
    return len(digits) == MOBILE_DIGITS and digits.isdecimal() and digits[0] == "1"
