# SPDX-License-Identifier: Apache-2.0
"""Who is taken to be on duty without having said so: a unit that sends positions, within its shift.

What a unit or a desk has said counts for more than any roster. A shift is known when the roster says when it begins and
when it ends; without both a unit that sends positions counts as available (docs/decisions/0022, 0046).
"""

from core.events import RosterUnit, TimerFired
from core.ids import UnitId
from core.state import State
from core.units.clock import minute_of_day
from core.units.status import assume
from core.units.unit import Unit

DAY_MIN = 1_440
NS_PER_S = 1_000_000_000
NS_PER_MIN = 60 * NS_PER_S


def assume_by_shift(state: State, unit: Unit) -> None:
    """Take a unit that never told a status as available while its shift lasts, else as off duty; look again then."""
    if unit.heard_status or not unit.enrolled:
        state.drop_timer(_key(unit))
        return
    utc_offset_s = state.settings.utc_offset_s
    on, changes_ns = _shift(unit.entry, state.now_ns, utc_offset_s)
    seen = state.columns.position(unit.row) is not None
    if on and seen and unit.status == "off_duty":
        assume(state, unit, "available")
    elif not on and unit.assumed and not unit.order_ids:
        assume(state, unit, "off_duty")
    if changes_ns and seen:
        state.set_timer(_key(unit), changes_ns)
    else:
        state.drop_timer(_key(unit))


def shift_due(state: State, fact: TimerFired) -> None:
    """A shift begins or ends."""
    unit = state.units.get(UnitId(fact.key.partition(":")[2]))
    if unit is not None:
        assume_by_shift(state, unit)


def _key(unit: Unit) -> str:
    return f"shift:{unit.entry.unit_id}"


def _shift(entry: RosterUnit, now_ns: int, utc_offset_s: int) -> tuple[bool, int]:
    """Return (whether the shift lasts, when that changes next, ns since 1970); (True, 0) when no roster says."""
    begins, ends = minute_of_day(entry.shift_start), minute_of_day(entry.shift_end)
    if not begins or not ends or (begins - ends) % DAY_MIN == 0:
        return True, 0
    local_ns = now_ns + utc_offset_s * NS_PER_S
    minute = local_ns // NS_PER_MIN
    since_min = (minute - begins) % DAY_MIN
    lasts_min = (ends - begins) % DAY_MIN
    on = since_min < lasts_min
    left_min = (lasts_min if on else DAY_MIN) - since_min
    return on, (minute + left_min) * NS_PER_MIN - utc_offset_s * NS_PER_S
