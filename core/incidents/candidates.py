# SPDX-License-Identifier: Apache-2.0
"""Which word about a place is believed. A pure rule over what was heard; it knows no clock.

First by standing: a desk's word above all, the registered address of a mobile number below all. Then by doubt:
the radius in metres that the source states (or that is assumed of it), and a walking pace for how old the word
was when it was heard; a caller who joined later saw it from somewhere else, which is doubt, too. A newer word
of the same caller puts an older one out of date as soon as it is no vaguer than the older has become by then.
Where a number is registered says little as soon as the caller's own device or network has told where they are.
Ties go to whoever was heard first: a place does not move without a reason.
"""

import msgspec

from core.effects import LocationCandidate
from core.events import Location
from core.ids import CallId

KEPT_MAX = (
    16  # an accident has a handful of witnesses, each with up to three sources; more is an insistent caller
)
PACE_M_PER_S = 1.5  # on foot; who drives is found by the newer word
UNCERTAINTY_M_MAX = 1_000_000.0  # a wider circle than a province says nothing
WITNESS_M = 300.0  # as far as `link_m` joins callers to one incident
DESK = "desk"
LOOKUP = "lookup"
OFFICER = "unit"
DEVICE = frozenset({"pidf-lo", "held"})
"Where the caller's telephone is, by its own word or its network's."
GUESS = 2  # the standing of a registered address where the caller need not be


class Source(msgspec.Struct, frozen=True):
    """What may be thought of a word by where it comes from."""

    standing: int
    assumed_m: float
    "Its radius when it does not say. Guesses."
    moves: bool
    "A person carries it: it grows old."


SOURCES: dict[str, Source] = {
    DESK: Source(0, 0.0, True),
    OFFICER: Source(0, 20.0, True),
    "pidf-lo": Source(1, 50.0, True),
    "held": Source(1, 50.0, True),
    "cell": Source(1, 2000.0, True),
    LOOKUP: Source(1, 50.0, False),  # a fixed line is where it was installed
    "lookup of a mobile": Source(GUESS, 50.0, False),  # ... a mobile number is where the bill goes
}
OTHER = Source(1, 1000.0, True)


class Heard(msgspec.Struct, kw_only=True, gc=False):
    """A candidate, and whose word it is."""

    whose: str
    "The caller's number, the call when it is withheld, or the desk."
    moves: bool
    taken_back: bool = False
    candidate: LocationCandidate


def readable(location: Location) -> bool:
    """Tell whether it is a place on earth."""
    return -90 <= location.lat <= 90 and -180 <= location.lon <= 180


def heard(
    location: Location,
    *,
    whose: str,
    call_id: CallId,
    mobile: bool,
    witness: bool,
    now_ns: int,
    first: bool = False,
) -> Heard:
    """Return the word as it will be weighed; the first there is, is believed."""
    name = "lookup of a mobile" if location.source == LOOKUP and mobile else location.source
    source = SOURCES.get(name, OTHER)
    now_us = now_ns // 1000
    at_us = min(location.at_ms * 1000, now_us) if location.at_ms > 0 else now_us
    stated_m = location.uncertainty_m
    if not 0 <= stated_m <= UNCERTAINTY_M_MAX:
        stated_m = 0.0 if stated_m < 0 else UNCERTAINTY_M_MAX  # no number at all is no better than infinity
    doubt_m = stated_m or source.assumed_m
    if source.moves and at_us < now_us:
        doubt_m = round(doubt_m + PACE_M_PER_S * (now_us - at_us) / 1_000_000, 1)
    word = Heard(
        whose=whose,
        moves=source.moves,
        candidate=LocationCandidate(
            lat=float(location.lat),  # an int would be another byte in the journal's twin
            lon=float(location.lon),
            uncertainty_m=float(stated_m),
            source=location.source,
            datum=location.datum,
            address=location.address,
            call_id=call_id,
            at_us=at_us,
            heard_at_us=now_us,
            standing=source.standing,
            doubt_m=float(doubt_m),
            chosen=first,
        ),
    )
    return seen_from_elsewhere(word) if witness else word


def seen_from_elsewhere(word: Heard) -> Heard:
    """Return a caller's word as the word of a witness."""
    doubt_m = round(word.candidate.doubt_m + WITNESS_M, 1)
    return msgspec.structs.replace(word, candidate=msgspec.structs.replace(word.candidate, doubt_m=doubt_m))


def joined(those: list[Heard], word: Heard) -> list[Heard]:
    """Add a word. Told again by the same source it is the same word: who rings all day crowds nobody out.

    The better of the two stays. A telephone is there now, wherever it was meanwhile; a registered place keeps its turn.
    """
    for i, one in enumerate(those):
        if one.whose == word.whose and _same(one.candidate, word.candidate):
            if _outdates(word, one):
                return weigh([*those[:i], *those[i + 1 :], word])
            if not word.moves and word.candidate.doubt_m <= one.candidate.doubt_m:
                return weigh([*those[:i], word, *those[i + 1 :]])
            return those
    return weigh([*those, word])


def weigh(those: list[Heard]) -> list[Heard]:
    """Return them in the order heard, marked who is out of date and who is chosen, the best KEPT_MAX of them."""
    if len(those) == 1 and those[0].candidate.chosen:
        return those  # the first word is the best one
    _step_back(those)
    for i, one in enumerate(those):
        outdated = one.taken_back or any(_outdates(other, one) for other in those[i + 1 :])
        if outdated != one.candidate.outdated:
            one.candidate = msgspec.structs.replace(one.candidate, outdated=outdated)
    ranked = sorted((one for one in those if not one.candidate.outdated), key=_worth)
    best = ranked[0] if ranked else None
    for one in those:
        if one.candidate.chosen != (one is best):
            one.candidate = msgspec.structs.replace(one.candidate, chosen=one is best)
    if len(those) <= KEPT_MAX:
        return those
    left_out = next((one for one in those if one.candidate.outdated), ranked[-1])
    return [one for one in those if one is not left_out]


def chosen(those: list[Heard]) -> LocationCandidate | None:
    """Return the one that is believed."""
    for one in those:
        if one.candidate.chosen:
            return one.candidate
    return None


def _same(one: LocationCandidate, other: LocationCandidate) -> bool:
    return (one.source, one.lat, one.lon) == (other.source, other.lat, other.lon)


def _step_back(those: list[Heard]) -> None:
    """Let a registered address count as a guess once the same caller's device or network has told a place."""
    told = {one.whose for one in those if one.candidate.source in DEVICE}
    for one in those:
        if one.candidate.source == LOOKUP and one.candidate.standing < GUESS and one.whose in told:
            one.candidate = msgspec.structs.replace(one.candidate, standing=GUESS)


def _worth(one: Heard) -> tuple[int, float]:
    return one.candidate.standing, one.candidate.doubt_m


def _outdates(newer: Heard, older: Heard) -> bool:
    """Whether a later word of the same caller is no vaguer than the older one has become since."""
    if newer.taken_back or newer.whose != older.whose or not (newer.moves and older.moves):
        return False
    ours, theirs = newer.candidate, older.candidate
    since_s = (ours.at_us - theirs.at_us) / 1_000_000
    return since_s >= 0 and _radius_m(newer) <= _radius_m(older) + PACE_M_PER_S * since_s


def _radius_m(one: Heard) -> float:
    """The radius at the moment the word was true."""
    candidate = one.candidate
    return candidate.uncertainty_m or SOURCES.get(candidate.source, OTHER).assumed_m
