# SPDX-License-Identifier: Apache-2.0
"""What the engine may be told to do differently. Journaled with every start, so a replay decides alike."""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

from core.dispatch.urgency import Curve, check, plain

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Level = Annotated[int, msgspec.Meta(ge=1, le=4)]
"1 is the gravest, 4 the least (docs/decisions/0009)."
LevelOrNone = Annotated[int, msgspec.Meta(ge=0, le=4)]
CHECK_INS_MAX = 1_000
"Lines of check-ins; as plans."
PLAN_LINES_MAX = 1_000
"Guess: fifty categories, four levels, five kinds of unit."


SINCE: Final[Mapping[str, int]] = MappingProxyType(
    {"lost_s": 600, "silent_cost_per_s": 1, "uncertainty_m_max": 5_000, "reckon_s_max": 15}
)
"""What a configuration that is silent means today, where a field's own default is another. A field's default is what
held before anybody could set it: a journal of that time is replayed with it, and ranks as it did. `ladder` needs no
other: only its timers decide, and such a journal has none."""


class PlanLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a plan: so many units of this kind go to incidents of this category and level."""

    category: str = ""
    "Empty is every category without lines of its own."
    level: LevelOrNone = 0
    "0 is every level without lines of its own."
    step: Annotated[int, msgspec.Meta(ge=1, le=9)] = 1
    "1 goes at once; 2 and up are reinforcements."
    police_type: str = ""
    "Only units of this kind; empty is any."
    capabilities: tuple[str, ...] = ()
    "What each of them must have."
    count: Annotated[int, msgspec.Meta(ge=1, le=50)] = 1
    after_s: NotNegative = 0
    "A later step goes by itself so long after the one before; 0 waits for a desk's word."


class Rung(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rung of the ladder: what is done about an order that nobody has signed for so long."""

    after_s: Positive
    "Counted from the issue; rungs at `sign_s` and later are never reached."
    do: Literal["re_alert", "second_channel", "duty_chief", "propose"]
    """`re_alert` sends the order again, `second_channel` by the unit's other topic; `duty_chief` tells a desk;
    `propose` ranks the units again, so that a desk sees who could go instead."""
    level: LevelOrNone = 0
    "0 is every level without rungs of its own."


LADDER = (
    Rung(after_s=30, do="re_alert"),
    Rung(after_s=60, do="second_channel"),
    Rung(after_s=120, do="duty_chief"),
    Rung(after_s=120, do="propose"),
)
"The weekly tables of real bureaus rank units by signatures within 30, 60, 120 and 180 s."
LADDER_MAX = 64
"Guess: four levels with sixteen rungs each."


class CheckIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often officers on scene of incidents of this category and level are asked whether they are well."""

    category: str = ""
    "Empty is every category without a line of its own."
    level: LevelOrNone = 0
    "0 is every level without a line of its own."
    every_s: Annotated[int, msgspec.Meta(ge=60, le=86_400)]
    "After the last sign of life the unit is asked."
    warn_s: Annotated[int, msgspec.Meta(ge=10, le=3_600)] = 60
    "Not answered so long after the question: the desk is told."
    escalate_s: Annotated[int, msgspec.Meta(ge=10, le=7_200)] = 180
    "... and so long after it: the duty chief."
    man_down: bool = False
    "Then it also counts as man-down: colleagues go as for the emergency button."

    def __post_init__(self) -> None:
        """Refuse to call the duty chief before the desk."""
        if self.escalate_s <= self.warn_s:
            raise ValueError(
                f"a check-in escalates after it warns: escalate_s {self.escalate_s}, warn_s {self.warn_s}"
            )


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The policy of one gateway. Every figure is a default of the configuration's `[dispatch]` table."""

    answer: Annotated[str, msgspec.Meta(pattern=r"^(immediately|never|seats|ring:\d{1,3})$")] = "immediately"
    "When a ringing call is answered: at once, after `ring:SECONDS`, by a seat's `call.take`, or never."
    dispatch: Literal["automatic", "confirm"] = "automatic"
    "`automatic` orders the best unit when the call is answered; `confirm` waits for `order.accept`."

    policy: Literal["closest", "divert", "reoptimise"] = "closest"
    """Who is sent, most urgent first: `closest` the cheapest free unit; `divert` also lets level 1 take one that is on
    its way to something lesser; `reoptimise` weighs all who wait and all who are on their way together."""
    divert_confirm: bool = True
    "A unit is taken from another incident only by a desk's `order.accept`; false: by the machine itself."
    switch_cost_s: NotNegative = 120
    """Seconds that taking a unit from where it is going must save, and more. Measured in a simulated city at 63 % load:
    60 gains no more and changes more, 180 gains less (docs/decisions/0042)."""
    reserve_units: NotNegative = 0
    "The last so many free units are kept for graver incidents; 0 keeps none."
    reserve_level: Level = 3
    "Levels from here on are the ones that leave them alone ..."
    reserve_s_max: NotNegative = 1_800
    "... until they have waited so long. Guess."

    level_default: Level = 2
    "Level of a call nobody has classified: serious until heard."
    head_start_s: tuple[NotNegative, NotNegative, NotNegative, NotNegative] = (3600, 900, 300, 0)
    "Seconds by which levels 1–4 count as having waited longer than they have. Guess; tune with the desk."
    urgency: dict[str, Curve] = {}
    """{level: curve}, such as `4 = { points = [[0, 0], [1800, 1800], [1800, 5400]] }`, in place of that level's head
    start: how urgent waiting makes its calls (core/dispatch/urgency.py). Two points of the same waiting are a step;
    `then_percent` is the pace after the last. What falls, or could leave a level waiting for ever, is refused."""
    call_s_max: Positive = 14_400
    """A line older than this is ended by us: its far side has died without a word. Guess: no emergency call lasts
    four hours; session timers will tell sooner."""
    queue_tell_s: NotNegative = 20
    "How often a caller in the line is told a place that has changed (182); 0 is never."

    insistent_per_hour: NotNegative = 30
    """A number that rings this often within an hour is insistent: it waits behind others and must show that someone
    is there; 0 is never. `[sip] insistent_per_hour` has the same name and says whose new calls are shed first when the
    house is nearly full: the two are one figure, or this one is 0. Guess: once every two minutes."""
    demote_s: NotNegative = 900
    "By how much an insistent caller counts as having rung later. Never refused."
    challenge_s: NotNegative = 20
    """How long a silent caller is given to press a key; 0 asks nobody and tells the desk at once. An insistent caller
    for whom no unit goes has the same time before the desk is told again."""

    callback_s: Positive = 60
    "Whoever hung up before the answer is rung back within this, or the desk is told that it is overdue."
    callback_keep_s: Positive = 14_400
    "A call-back nobody settled is given up aloud after this. Guess: half a shift."
    callbacks_max: Positive = 10_000
    "Call-backs kept: two days of a provincial capital's callers who hang up (23 % of 20,000 calls)."
    resume_s: NotNegative = 600
    "Who rings again within this of hanging up has the place in the line of the first ring, at most so much earlier."

    calls_waiting_max: Positive = 10_000
    "Ringing calls in the queue: the worst published hour (3.5 calls/s, Beijing 2017) all unanswered."
    incidents_waiting_max: Positive = 10_000
    "Incidents without a unit: as above."

    candidates_max: Annotated[int, msgspec.Meta(ge=1, le=64)] = 5
    "Units named in a recommendation."
    detour_percent: Annotated[int, msgspec.Meta(ge=100, le=400)] = 140
    "Road length over the straight line when no road graph is loaded. Guess for a coastal city with rivers."
    speed_kmh: Annotated[int, msgspec.Meta(ge=5, le=200)] = 40
    "Travel speed when no road graph is loaded. Guess: urban, lights on."
    stale_s: Positive = 30
    "A position is fresh so long, then it ages: older positions cost extra."
    silent_s: Positive = 120
    "A position older than this is stale: its unit has gone silent, and may not hear an order either."
    lost_s: Positive = 120
    "Older positions are lost: such a unit is not offered, and counted."
    status_window_s: NotNegative = 3_600
    """A status that comes late takes its place among the unit's others by its device time, when that is not longer
    before the newest. Guess: a boat out of reach, a car in a garage."""
    stale_cost_per_s: NotNegative = 1
    """Seconds of cost for each second a position is older than `stale_s`: whoever drove away all the time is so much
    later."""
    silent_cost_per_s: NotNegative = 0
    "... and as many more for each second it is older than `silent_s`."
    uncertainty_m_max: NotNegative = 0
    "The most that is told of how far a unit may be from its last position; 0 is whatever speed times age says."
    reckon_s_max: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0
    """A unit that drives is assumed to have gone on as it did, for the age of its position but no longer than this
    (docs/decisions/0049). 0 takes everybody where the last position says."""
    other_county_cost_s: NotNegative = 120
    "Seconds of cost for borrowing a unit of another county. Guess."
    unlocated_cost_s: NotNegative = 900
    "Seconds counted for the way when nobody knows where the incident is."

    link_m: Annotated[int, msgspec.Meta(ge=0, le=500)] = 300
    "A call this near an open incident reports the same one (19 % of accident calls do; chance 1.4 %)."
    link_s: NotNegative = 600
    "... if the incident is not older than this."

    needs: dict[str, tuple[str, ...]] = {}
    '{category: capabilities a unit must have}, such as `drowning = ["boat"]`; other categories take any unit.'

    sign_s: Positive = 180
    "An order not signed by then is withdrawn and the next unit is ordered (ladder: 30/60/120/180 s)."
    ladder: Annotated[tuple[Rung, ...], msgspec.Meta(max_length=LADDER_MAX)] = LADDER
    "What is done before that about an order nobody signs."
    stack_max: dict[str, Positive] = {}
    """{police type: orders a unit may have at once}, such as `traffic = 2`; others have one. Only a desk gives a
    second: it waits its turn."""
    unattended_close_s: Positive = 1800
    """An incident no unit is ordered to, whose callers have all gone (no place known, or hung up before the
    answer), is closed with a warning after this long."""
    incidents_open_max: Positive = 20_000
    "Open incidents held in memory: ten times a provincial capital's day of valid calls."
    coarse_m: NotNegative = 500
    "A place doubted by more than this is a mast, not a house: a better word that was asked for is awaited. Guess."
    held_s: NotNegative = 3
    """... for so long after the ring, and only by a call that names a location server (by reference): as long as
    `[lookup] held_s` lets one take. 0 waits for nobody: right when no such server is asked."""
    place_moved_m: NotNegative = 50
    "A place that moves farther than this while units drive to the old one is told aloud. Guess: half a block."
    reach_m: Positive = 200_000
    "No unit farther than this is offered: the length of a province's larger city."

    snap_m_max: Annotated[int, msgspec.Meta(ge=10, le=5_000)] = 500
    "A unit or an incident farther than this from every road is off road: straight line. Guess: a field's length."
    off_road_kmh: Annotated[int, msgspec.Meta(ge=1, le=100)] = 15
    "Speed between a road and what is not on it. Guess: a yard or a track, the last metres on foot."
    roads_live: bool = False
    """Learn from units that drive to their orders how fast each road is at each time of day. Off: a fleet's pace is
    not yet compared with what the road file says; closures and reported delays count all the same."""
    roads_rebuild_s: Annotated[int, msgspec.Meta(ge=10, le=86_400)] = 300
    "How often what is closed, delayed and learnt goes into the road times, where anything of it has changed."

    road_candidates: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 50
    """Units whose way by road is asked for first. Measured on four cities: the fastest is among the nearest 20 to 50;
    those farther away that could still be cheaper are asked for next, so the order is right in any case."""
    road_candidates_max: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 2_000
    "Ways by road asked for one incident; a recommendation that needed more says that it is not proven."
    road_profiles: dict[str, str] = {}
    '{police type: road profile}, such as `water = "boat"`; others drive as `car`.'
    siren_level_max: LevelOrNone = 2
    "Up to this level units drive with siren, where the road file has such a profile (`car_siren`); 0 is never."
    no_road_cost_s: NotNegative = 3_600
    "Cost of a unit with no way by road to the incident (an island): last of all, and never ordered by itself."
    prefer: dict[str, tuple[str, ...]] = {}
    '{category: police types that should go}, such as `traffic_accident = ["traffic"]`; others cost more.'
    prefer_cost_s: NotNegative = 120
    "Cost of a unit of another kind where some are preferred. Guess."
    zone_cost_s: NotNegative = 180
    "Cost of a unit from outside when the incident is in a special zone (airport, rail, sea). Guess."
    crew_min: NotNegative = 2
    "Officers a unit should have; the roster says how many it has, one that is silent about it pays nothing."
    crew_cost_s: NotNegative = 60
    "Cost of a unit with fewer. Guess."
    shift_end_s: NotNegative = 1_800
    "A unit this near the end of its shift, before or after, is spared."
    shift_cost_s: NotNegative = 120
    "... by so much. Guess."
    utc_offset_s: Annotated[int, msgspec.Meta(ge=-50_400, le=50_400)] = 28_800
    "Local time less UTC: China has one."
    coverage_m: Positive = 3_000
    "Other free units within this distance of a unit's place cover for it when it leaves. Guess: a beat."
    coverage_cost_s: NotNegative = 0
    """Cost of leaving a place nobody else covers; half of it when one other unit does, a third when two do, nothing
    from nine on. Level 1 never pays. 0 is off."""

    plans: Annotated[tuple[PlanLine, ...], msgspec.Meta(max_length=PLAN_LINES_MAX)] = ()
    "What goes to which incident; without a line one unit that can do what `needs` says."

    emergency_head_start_s: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 86_400
    """By how much an officer's cry for help counts as having waited longer than others of level 1: it goes before all
    that have not waited a day more (docs/decisions/0048)."""
    emergency_units: Annotated[int, msgspec.Meta(ge=1, le=64)] = 3
    """Colleagues a recommendation for an officer in danger names at least. How many are sent is the plan's word, for
    the categories `officer_emergency` and `officer_man_down`."""
    emergency_tell_s: Positive = 60
    "How often the desk is told again that nobody is on the way to an officer in danger. Guess."
    checkins: Annotated[tuple[CheckIn, ...], msgspec.Meta(max_length=CHECK_INS_MAX)] = ()
    "Who is asked on scene whether they are well. Without a line nobody."

    def __post_init__(self) -> None:
        """Refuse curves that could leave a level waiting for ever."""
        if self.urgency:
            if unknown := set(self.urgency) - {"1", "2", "3", "4"}:
                raise ValueError(f"urgency: there is no level {min(unknown)!r}; levels are 1, 2, 3 and 4")
            check(self.curves())

    @cached_property
    def plan_of(self) -> dict[tuple[str, int], tuple[PlanLine, ...]]:
        """{(category, level): its lines} of the plans that have a first step: a round of the queue asks 600 times."""
        found: dict[tuple[str, int], tuple[PlanLine, ...]] = {}
        for line in self.plans:
            found[line.category, line.level] = (*found.get((line.category, line.level), ()), line)
        return {of: lines for of, lines in found.items() if any(line.step == 1 for line in lines)}

    @cached_property
    def ladder_of(self) -> dict[int, tuple[Rung, ...]]:
        """{level: its rungs, the first one first} as far as they can be reached."""
        found: dict[int, list[Rung]] = {}
        for rung in sorted(self.ladder, key=lambda rung: rung.after_s):
            if rung.after_s < self.sign_s:
                found.setdefault(rung.level, []).append(rung)
        named = {rung.level for rung in self.ladder}
        return {level: tuple(found.get(level if level in named else 0, ())) for level in range(1, 5)}

    @cached_property
    def checkin_of(self) -> dict[tuple[str, int], CheckIn]:
        """{(category, level): its line}; of two for the same the later counts."""
        return {(line.category, line.level): line for line in self.checkins}

    def curves(self) -> tuple[Curve, ...]:
        """Return how urgent waiting makes calls of level 1, 2, …"""
        return tuple(
            self.urgency.get(str(level), plain(head_start_s))
            for level, head_start_s in enumerate(self.head_start_s, 1)
        )
