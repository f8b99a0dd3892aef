# SPDX-License-Identifier: Apache-2.0
"""The jump gate: can the unit have come from where it was to where it says it is? Pure.

One small machine for each unit: where it is believed to be (the **anchor**, with how many fixes in a row support it),
where a track of rejected fixes leads (the **rival**), and where it was believed to be before (**home**). A rival as
long as the anchor's support, three at most, becomes the anchor: a ferry, a tow truck or a bad first fix costs no more.
A fix that fits home and not the anchor shows that the change was a burst of outliers, and returns at once, if home was
as well known as the anchor is: a device that falls back on one wrong place is not at home there.
Everything is by device time; a fix handed in is newer than, or as new as, the last one believed.
"""

from math import cos, pi
from typing import Literal

Judgement = Literal["taken", "still", "jump", "reanchored", "returned"]

HOME_S = 60
"How long one may return home by a single fix, or twice what led away took: a burst is rarely longer, a guess."
HOME_S_MAX = 600
DOUBTFUL = 0.5
"A step of more than this share of the highest speed is possible and rare: one fix that contradicts it is believed."
NEAR_E7 = 3_000
"Within 33 m north and east: no sum needed."

_METRES = 1e-7 * pi / 180.0 * 6_371_000.0
"In 1e-7° of latitude."
_RADIANS = 1e-7 * pi / 180.0
_TURN = 3_600_000_000
_HALF_TURN = 1_800_000_000
_NEVER = -1


class Gate:
    """Where each unit of a fleet is believed to be; lists, for one cell is read at a time."""

    def __init__(self, speed_m_s_max: float, slack_m: float, agreeing: int = 3) -> None:
        self._speed_m_s = speed_m_s_max
        self._slack_m = slack_m
        self._agreeing = agreeing
        self._speeds: list[float] = []
        self._tst: list[int] = []
        self._lat: list[int] = []
        self._lon: list[int] = []
        self._support: list[int] = []
        self._rivals: list[int] = []
        self._rival_tst: list[int] = []
        self._rival_lat: list[int] = []
        self._rival_lon: list[int] = []
        self._home_tst: list[int] = []
        self._home_until: list[int] = []
        self._home_lat: list[int] = []
        self._home_lon: list[int] = []
        self._home_support: list[int] = []

    def grow(self, more: int) -> None:
        """Make room for so many units more."""
        self._speeds.extend([self._speed_m_s] * more)
        for column in (self._tst, self._rival_tst, self._home_tst, self._home_until):
            column.extend([_NEVER] * more)
        for column in (
            self._lat,
            self._lon,
            self._support,
            self._rivals,
            self._rival_lat,
            self._rival_lon,
            self._home_lat,
            self._home_lon,
            self._home_support,
        ):
            column.extend([0] * more)

    def limit(self, index: int, speed_m_s_max: float) -> None:
        """Set a unit's highest speed; 0: nothing is a jump."""
        self._speeds[index] = speed_m_s_max

    def judge(self, index: int, tst: int, lat: int, lon: int) -> Judgement:
        """Return what to think of a fix, and think so from now on."""
        last = self._tst[index]
        north = lat - self._lat[index]
        east = lon - self._lon[index]
        if (-NEAR_E7 < north < NEAR_E7 and -NEAR_E7 < east < NEAR_E7) or last < 0:
            verdict: Judgement = "still" if north == 0 == east else "taken"
        else:
            speed = self._speeds[index]
            if speed > 0.0:
                passed = tst - last + 1  # times are whole seconds
                metres2 = _metres2(north, east, lat)
                reach = speed * passed + self._slack_m
                if metres2 > reach * reach:
                    return self._contradicted(index, tst, lat, lon)
                if metres2 > DOUBTFUL * DOUBTFUL * reach * reach:
                    self._go_home_to(index, tst)
                    self._support[index] = 0
            verdict = "taken"
        self._tst[index] = tst
        self._lat[index] = lat
        self._lon[index] = lon
        if self._support[index] < self._agreeing:
            self._support[index] += 1
        if self._rivals[index]:
            self._rivals[index] = 0
        return verdict

    def _contradicted(self, index: int, tst: int, lat: int, lon: int) -> Judgement:
        known = self._home_support[index]
        if (
            tst <= self._home_until[index]
            and known >= self._support[index]
            and self._within(
                index,
                tst - self._home_tst[index],
                lat - self._home_lat[index],
                lon - self._home_lon[index],
                lat,
            )
        ):
            self._home_until[index] = _NEVER
            return self._believe(index, tst, lat, lon, known, "returned")
        rivals = self._rivals[index]
        if rivals and tst <= self._rival_tst[index]:
            return "jump"  # older than what the rival track has already said
        if rivals and self._within(
            index,
            tst - self._rival_tst[index],
            lat - self._rival_lat[index],
            lon - self._rival_lon[index],
            lat,
        ):
            rivals += 1
        else:
            rivals = 1
        if rivals >= self._support[index]:
            self._go_home_to(index, tst)
            return self._believe(index, tst, lat, lon, rivals, "reanchored")
        self._rivals[index] = rivals
        self._rival_tst[index] = tst
        self._rival_lat[index] = lat
        self._rival_lon[index] = lon
        return "jump"

    def _within(self, index: int, passed: int, north: int, east: int, lat: int) -> bool:
        reach = self._speeds[index] * (passed + 1) + self._slack_m
        return _metres2(north, east, lat) <= reach * reach

    def _go_home_to(self, index: int, tst: int) -> None:
        """Remember where the unit was believed to be, before that changes."""
        self._home_tst[index] = self._tst[index]
        self._home_lat[index] = self._lat[index]
        self._home_lon[index] = self._lon[index]
        self._home_support[index] = self._support[index]
        self._home_until[index] = tst + min(HOME_S_MAX, max(HOME_S, 2 * (tst - self._tst[index])))

    def _believe(
        self, index: int, tst: int, lat: int, lon: int, support: int, verdict: Judgement
    ) -> Judgement:
        self._tst[index] = tst
        self._lat[index] = lat
        self._lon[index] = lon
        self._support[index] = support
        self._rivals[index] = 0
        return verdict


def _metres2(north: int, east: int, lat: int) -> float:
    """Return the square of a distance given in 1e-7°, near latitude `lat`; exact to 1 % up to some 500 km."""
    if not -_HALF_TURN <= east <= _HALF_TURN:
        east = (east + _HALF_TURN) % _TURN - _HALF_TURN
    up = north * _METRES
    across = east * _METRES * cos(lat * _RADIANS)
    return up * up + across * across
