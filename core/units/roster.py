# SPDX-License-Identifier: Apache-2.0
"""Enrolling units: the roster is the only place a unit can come from."""

from core.effects import IndexUnits
from core.events import RosterLoaded, RosterUnit
from core.ids import CountyCode, UnitId
from core.state import CAPABILITIES_MAX, State
from core.units.clock import minute_of_day as minute_of_day
from core.units.shifts import assume_by_shift
from core.units.status import take_link
from core.units.unit import Unit


def loaded(state: State, fact: RosterLoaded) -> None:
    """Take over a roster: new units get the next row, missing ones are barred, none changes its row."""
    listed = {entry.unit_id for entry in fact.units}
    anew = _forget_capabilities(state, fact.units)
    for entry in fact.units:
        unit = state.units.get(entry.unit_id)
        if unit is None:
            _enrol(state, entry)
        elif unit.entry != entry or not unit.enrolled or anew:
            unit.entry, unit.enrolled = entry, True
            _fill_row(state, unit)
    for unit in state.units.values():
        if unit.enrolled and unit.entry.unit_id not in listed:
            unit.enrolled = False
            _fill_row(state, unit)
            if unit.order_ids:  # its radio is not heard any more: nobody but a desk can end them
                text = f"has {len(unit.order_ids)} open orders, and is not heard any more: cancel them"
                state.warn("unit_struck_off", unit.entry.unit_id, unit.entry.county, text)
        elif anew and not unit.enrolled:
            describe(state, unit)
    tell_index(state)


def tell_index(state: State) -> None:
    """Say which row is which unit, county by county: the readers of positions need it."""
    by_county: dict[CountyCode, dict[str, UnitId]] = {}
    for unit in state.units.values():
        by_county.setdefault(unit.entry.county, {})[str(unit.row)] = unit.entry.unit_id
    for county in sorted(by_county):
        state.say(IndexUnits(county=county, units=by_county[county]))


def _forget_capabilities(state: State, entries: tuple[RosterUnit, ...]) -> bool:
    """Forget what only older rosters named when there is no bit left for the new: then all rows are written anew."""
    named = {name for entry in entries for name in entry.capabilities}
    if len(named.union(state.capabilities)) <= CAPABILITIES_MAX:
        return False
    state.capabilities = []
    return True


def _enrol(state: State, entry: RosterUnit) -> None:
    unit = Unit(row=state.columns.add(), entry=entry)
    state.units[entry.unit_id] = unit
    state.unit_ids.append(entry.unit_id)
    _fill_row(state, unit)


def describe(state: State, unit: Unit) -> None:
    """Write into its row of the columns what the roster says of a unit."""
    entry = unit.entry
    state.columns.describe(
        unit.row,
        county=state.county_index(entry.county),
        capabilities=state.capability_mask(entry.capabilities),
        police_type=state.police_type_index(entry.police_type),
        crew=entry.crew,
        organ=state.organ_index(entry.organ),
        shift_end_min=minute_of_day(entry.shift_end),
    )


def _fill_row(state: State, unit: Unit) -> None:
    describe(state, unit)
    assume_by_shift(state, unit)
    take_link(state, unit, unit.link)
