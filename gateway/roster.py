# SPDX-License-Identifier: Apache-2.0
"""Reading units.csv: every fault is told with its line and column, and a list that looks cut off is not taken."""

import csv
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from msgspec.structs import fields

from core.errors import RosterError
from core.events import RosterUnit
from core.ids import CountyCode, UnitId
from core.state import CAPABILITIES_MAX
from core.units.clock import minute_of_day

COLUMNS = tuple(field.name for field in fields(RosterUnit))
UNIT_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
COUNTY = re.compile(r"\d{6}", re.ASCII)
BADGE = re.compile(r"[A-Za-z0-9-]{1,16}")
PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82".split()
)
"GB/T 2260: what a county code may begin with."
FAULTS_SHOWN = 10
"One line on a terminal; the rest is counted."

Line = Mapping[str | None, str | list[str] | None]


def read_roster(path: Path) -> tuple[RosterUnit, ...]:
    """Read units.csv. Raises RosterError naming line and column of what is wrong, the first FAULTS_SHOWN."""
    units, faults = _parsed(path)
    different = {capability for unit in units for capability in unit.capabilities}
    if len(different) > CAPABILITIES_MAX:
        faults.append(f"{len(different)} different capabilities; {CAPABILITIES_MAX} fit")
    if faults:
        more = f"; and {len(faults) - FAULTS_SHOWN} more" if len(faults) > FAULTS_SHOWN else ""
        raise RosterError(f"{path}: {'; '.join(faults[:FAULTS_SHOWN])}{more}")
    return units


def doubtful(units: tuple[RosterUnit, ...], counties: Collection[str]) -> list[str]:
    """Return what is strange and no fault: units of counties that the map of zones (`counties`) does not know."""
    strange: dict[str, list[str]] = {}
    for unit in units:
        if counties and unit.county not in counties:
            strange.setdefault(unit.county, []).append(unit.unit_id)
    return [
        f"{len(ids)} units of county {county}, not on the map: {ids[0]} …" for county, ids in strange.items()
    ]


def changes(old: Mapping[UnitId, RosterUnit], new: tuple[RosterUnit, ...]) -> dict[str, int]:
    """Return how many units a new list has, brings, changes and leaves out."""
    listed = {unit.unit_id: unit for unit in new}
    return {
        "units": len(listed),
        "brought": len(listed.keys() - old.keys()),
        "changed": sum(unit_id in old and old[unit_id] != unit for unit_id, unit in listed.items()),
        "left_out": len(old.keys() - listed.keys()),
    }


def check_change(old: Mapping[UnitId, RosterUnit], new: tuple[RosterUnit, ...], percent_max: int) -> None:
    """Raise RosterError when a new list leaves out more than `percent_max` of the units: it looks cut off."""
    left_out = changes(old, new)["left_out"]
    if left_out * 100 > len(old) * percent_max:
        raise RosterError(
            f"the new roster leaves out {left_out} of {len(old)} units, more than units_left_out_percent_max"
            f" ({percent_max} %) at once: the old one stays; restart to take it over all the same"
        )


def _parsed(path: Path) -> tuple[tuple[RosterUnit, ...], list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)  # a quote that nobody closes would swallow the rest
            named = tuple(reader.fieldnames or ())
            rows: list[tuple[int, Line]] = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise RosterError(f"{path}: line {reader.reader.line_num}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RosterError(f"{path} cannot be read: {error}") from None
    if not {"unit_id", "county"} <= set(named) or not rows:
        raise RosterError(
            f"{path}: the first line must name the columns {','.join(COLUMNS)}, and a unit must follow"
        )
    faults = [
        f"line 1: column {name!r} is named twice" for name in sorted({n for n in named if named.count(n) > 1})
    ]
    units: dict[str, RosterUnit] = {}
    lines: dict[str, int] = {}
    for line, row in rows:
        wrong = [f"line {line}, {said}" for said in _faults(row)]
        unit_id = _text(row, "unit_id")
        if unit_id in lines:
            wrong.append(f"line {line}, unit_id: {unit_id!r} is on line {lines[unit_id]} already")
        lines.setdefault(unit_id, line)
        faults += wrong
        if not wrong:
            units[unit_id] = _unit(row)
    return tuple(units.values()), faults


def _faults(row: Line) -> Iterator[str]:
    """Find what is wrong with a line, column by column."""
    if row.get(None):
        yield "has more fields than the first line names"
    if not UNIT_ID.fullmatch(unit_id := _text(row, "unit_id")):
        yield f"unit_id: {unit_id!r} must match [A-Za-z0-9_-]{{1,32}}"
    county = _text(row, "county")
    if not COUNTY.fullmatch(county):
        yield f"county: {county!r} must be a six-digit GB/T 2260 code"
    elif county[:2] not in PROVINCES or county.endswith("0000"):
        yield f"county: {county} is no county of GB/T 2260"
    crew = _text(row, "crew")
    if not re.fullmatch(r"\d{0,3}", crew, re.ASCII):
        yield f"crew: {crew!r} must be a number of officers"
    ids = _parts(row, "crew_ids")
    if bad := [badge for badge in ids if not BADGE.fullmatch(badge)]:
        yield f"crew_ids: {len(bad)} of {len(ids)} are no badge numbers ([A-Za-z0-9-]{{1,16}})"
    elif len(set(ids)) < len(ids):
        yield "crew_ids: one is listed twice"
    elif crew.isascii() and crew.isdigit() and len(ids) > int(crew):
        yield f"crew_ids: {len(ids)} of a crew of {crew}"
    for name in ("shift_start", "shift_end"):
        if (clock := _text(row, name)) and not minute_of_day(_clock(row, name)):
            yield f"{name}: {clock!r} must be a local time such as 20:00"
    if _text(row, "shift_start") and not _text(row, "shift_end"):
        yield "shift_end: missing, with a shift_start"


def _unit(row: Line) -> RosterUnit:
    ids = _parts(row, "crew_ids")
    return RosterUnit(
        unit_id=UnitId(_text(row, "unit_id")),
        call_sign=_text(row, "call_sign"),
        police_type=_text(row, "police_type") or "patrol",
        capabilities=_parts(row, "capabilities"),
        county=CountyCode(_text(row, "county")),
        organ=_text(row, "organ"),
        crew=int(_text(row, "crew") or len(ids)),
        shift_end=_clock(row, "shift_end"),
        shift_start=_clock(row, "shift_start"),
        crew_ids=ids,
    )


def _text(row: Line, name: str) -> str:
    found = row.get(name)
    return found.strip() if isinstance(found, str) else ""


def _parts(row: Line, name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in _text(row, name).split(";") if part.strip())


def _clock(row: Line, name: str) -> str:
    clock = _text(row, name)
    return clock.zfill(5) if clock else ""  # a spreadsheet writes 8:00
