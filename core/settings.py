# SPDX-License-Identifier: Apache-2.0
"""What the engine may be told to do differently. Journaled with every start, so a replay decides alike."""

from typing import Annotated, Literal

import msgspec

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Level = Annotated[int, msgspec.Meta(ge=1, le=4)]
"1 is the gravest, 4 the least (docs/decisions/0009)."


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The policy of one gateway. Every figure is a default of the configuration's `[dispatch]` table."""

    answer: Annotated[str, msgspec.Meta(pattern=r"^(immediately|never|seats|ring:\d{1,3})$")] = "immediately"
    "When a ringing call is answered: at once, after `ring:SECONDS`, by a seat's `call.take`, or never."
    dispatch: Literal["automatic", "confirm"] = "automatic"
    "`automatic` orders the best unit when the call is answered; `confirm` waits for `order.accept`."

    level_default: Level = 2
    "Level of a call nobody has classified: serious until heard."
    head_start_s: tuple[NotNegative, NotNegative, NotNegative, NotNegative] = (3600, 900, 300, 0)
    "Seconds by which levels 1–4 count as having waited longer than they have. Guess; tune with the desk."
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
    "Older positions cost extra (fresh is below 30 s)."
    lost_s: Positive = 120
    "Older positions are not offered as nearest."
    stale_cost_per_s: NotNegative = 1
    "Seconds of cost for each second a position is older than `stale_s`."
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
