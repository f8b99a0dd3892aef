# SPDX-License-Identifier: Apache-2.0
"""The simulated units and their list."""

import csv
import io
import re

from core.events import RosterUnit
from core.ids import CountyCode, UnitId
from device_adapters.simulated.counties import BY_CODE, COUNTIES
from device_adapters.simulated.roster import FIELDS, roster, units_csv


def test_three_hundred_units_are_three_hundred_and_live_where_people_live() -> None:
    units = roster(COUNTIES, 300, seed=110)
    by_county = {county.code: [unit for unit in units if unit.county == county.code] for county in COUNTIES}

    assert len({unit.unit_id for unit in units}) == len(units) == 300
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,32}", unit.unit_id) for unit in units)
    assert len(by_county[CountyCode("330381")]) > 2 * len(by_county[CountyCode("330328")]) >= 6


def test_boats_at_the_islands_and_the_airport_at_longwan() -> None:
    units = roster(COUNTIES, 300, seed=110)

    where = {
        kind: {unit.county for unit in units if unit.police_type == kind} for kind in ("maritime", "airport")
    }

    assert where == {"maritime": {"330305"}, "airport": {"330303"}}
    assert all("boat" in unit.capabilities for unit in units if unit.police_type == "maritime")
    assert {"patrol", "traffic", "special", "criminal", "rail"} <= {unit.police_type for unit in units}


def test_the_same_seed_is_the_same_roster() -> None:
    assert roster(COUNTIES, 120, seed=3) == roster(COUNTIES, 120, seed=3)
    assert roster(COUNTIES, 120, seed=3) != roster(COUNTIES, 120, seed=4)


def test_fewer_units_than_counties_are_still_exact() -> None:
    assert len(roster(COUNTIES, 7, seed=1)) == 7
    assert len(roster((BY_CODE["330302"],), 5, seed=1)) == 5


def test_units_csv_reads_back_as_it_was() -> None:
    units = roster(COUNTIES, 60, seed=9)

    lines = list(csv.DictReader(io.StringIO(units_csv(units))))

    assert tuple(lines[0]) == FIELDS
    assert units == tuple(
        RosterUnit(
            unit_id=UnitId(line["unit_id"]),
            call_sign=line["call_sign"],
            police_type=line["police_type"],
            capabilities=tuple(ability for ability in line["capabilities"].split(";") if ability),
            county=CountyCode(line["county"]),
            organ=line["organ"],
        )
        for line in lines
    )
