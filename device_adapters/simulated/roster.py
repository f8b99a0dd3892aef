# SPDX-License-Identifier: Apache-2.0
"""The units of the simulated city as the bureau lists them: ids, call signs, types, abilities. Pure."""

import csv
import io
from collections.abc import Iterable

import numpy as np

from core.events import RosterUnit
from core.ids import UnitId
from device_adapters.simulated.counties import County, shares

TYPES: tuple[tuple[str, str, str, float], ...] = (
    ("patrol", "P", "巡警", 0.50),
    ("traffic", "T", "交警", 0.24),
    ("special", "S", "特警", 0.10),
    ("criminal", "C", "刑警", 0.16),
)
"Police type, letter of the id, call-sign word, share of a county's cars. Shares are a guess."
GUESTS: tuple[tuple[str, str, str], ...] = (
    ("maritime", "M", "海警艇"),
    ("airport", "A", "机场"),
    ("rail", "R", "轨道"),
)
"Types that only some counties have."
ALWAYS: dict[str, tuple[str, ...]] = {
    "patrol": (),
    "traffic": ("breath_test",),
    "special": ("armed", "medic"),
    "criminal": ("forensics",),
    "maritime": ("boat",),
    "airport": ("armed",),
    "rail": (),
}
SOMETIMES: tuple[tuple[str, float], ...] = (
    ("armed", 0.25),
    ("medic", 0.2),
    ("k9", 0.06),
    ("women_children", 0.12),
    ("english", 0.08),
)
"Ability and the share of units that have it. Guesses."
FIELDS = ("unit_id", "call_sign", "police_type", "capabilities", "county", "organ")
UNITS_A_COUNTY_MIN = 3


def roster(counties: tuple[County, ...], units: int, seed: int) -> tuple[RosterUnit, ...]:
    """Return the units, county by county: more where more people live, at least three everywhere."""
    numbers = _numbers(counties, units)
    return tuple(
        unit
        for county, number in zip(counties, numbers, strict=True)
        for unit in _of_county(county, number, np.random.default_rng([seed, int(county.code), 1]))
    )


def units_csv(units: Iterable[RosterUnit]) -> str:
    """Return units.csv as the contract wants it: capabilities separated by semicolons."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(FIELDS)
    for unit in units:
        abilities = ";".join(unit.capabilities)
        lines.writerow(
            (unit.unit_id, unit.call_sign, unit.police_type, abilities, unit.county, unit.organ),
        )
    return text.getvalue()


def _numbers(counties: tuple[County, ...], units: int) -> list[int]:
    """Largest remainders over a floor, so that the sum is exact."""
    floor = min(UNITS_A_COUNTY_MIN, units // len(counties))
    rest = units - floor * len(counties)
    wanted = [rest * share for share in shares(counties)]
    numbers = [floor + int(want) for want in wanted]
    by_remainder = sorted(range(len(counties)), key=lambda row: int(wanted[row]) - wanted[row])
    for row in by_remainder[: units - sum(numbers)]:
        numbers[row] += 1
    return numbers


def _of_county(county: County, number: int, rng: np.random.Generator) -> list[RosterUnit]:
    kinds = _kinds(county, number, rng)
    seen: dict[str, int] = {}
    units = []
    for police_type, letter, word in kinds:
        seen[letter] = seen.get(letter, 0) + 1
        drawn = [ability for ability, share in SOMETIMES if rng.random() < share]
        abilities = tuple(dict.fromkeys((*ALWAYS[police_type], *drawn)))
        units.append(
            RosterUnit(
                unit_id=UnitId(f"{county.letters}-{letter}-{seen[letter]:03d}"),
                call_sign=f"{county.name_zh}{word}{seen[letter]:02d}",
                police_type=police_type,
                capabilities=abilities,
                county=county.code,
                organ=f"{county.name_zh}分局" if county.code < "330320" else f"{county.name_zh}公安局",
            )
        )
    return units


def _kinds(county: County, number: int, rng: np.random.Generator) -> list[tuple[str, str, str]]:
    """Return the types of a county's units: a tenth are guests where there is something to guard."""
    here = (county.port, county.airport is not None, county.rail)
    guests = [guest for guest, has in zip(GUESTS, here, strict=True) if has]
    kinds = [guest for guest in guests for _ in range(max(1, number // 10))][: max(0, number - 1)]
    weights = [kind[3] for kind in TYPES]
    drawn = rng.choice(len(TYPES), size=number - len(kinds), p=weights)
    kinds += [TYPES[k][:3] for k in sorted(int(k) for k in drawn)]
    return kinds
