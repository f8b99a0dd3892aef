# SPDX-License-Identifier: Apache-2.0
"""Who decides which fix is shown: ours, and what others do, in plain Python like ours."""

import math
from collections.abc import Callable
from typing import Protocol

from bench.compare.result import OURS
from device_adapters.fixes import Fix
from device_adapters.fixes.desk import TAKEN, FixDesk
from device_adapters.fixes.settings import FixSettings

SPEED_M_S_MAX = 60.0
"Everybody's limit, so that the methods are compared and not the figures."
METRES_PER_E7 = 0.0111319
RECEIVER_M = 8.0
ACCELERATION = 2.0
"Spectral density of a city car's acceleration, m²/s³: the usual text-book figure for manoeuvring cars is 1 to 4."
CHI2 = 25.0
"Two degrees of freedom: a true fix is refused once in 270,000."
AGREEING = 3


class Filter(Protocol):
    """One way to decide, for a fleet."""

    shown: list[Fix | None]
    "What a dispatcher sees of each unit."

    def put(self, index: int, fix: Fix, at_ns: int) -> bool:
        """Take in a fix; return whether it is shown."""
        ...


class Ours:
    """The desk of device_adapters.fixes."""

    def __init__(self, units: int, agreeing: int = 3) -> None:
        self.shown: list[Fix | None] = [None] * units
        self.desk = FixDesk(units, FixSettings(speed_m_s_max=SPEED_M_S_MAX, agreeing=agreeing))

    def put(self, index: int, fix: Fix, at_ns: int) -> bool:
        """Take in a fix; return whether it is shown."""
        if self.desk.put(index, fix, at_ns) in TAKEN:
            self.shown[index] = fix
            return True
        return False


class LastArrival:
    """Whatever came last."""

    def __init__(self, units: int) -> None:
        self.shown: list[Fix | None] = [None] * units

    def put(self, index: int, fix: Fix, at_ns: int) -> bool:
        """Take in a fix; return whether it is shown."""
        self.shown[index] = fix
        return True


class DeviceTime(LastArrival):
    """Whatever is newest by the device's clock."""

    def put(self, index: int, fix: Fix, at_ns: int) -> bool:
        """Take in a fix; return whether it is shown."""
        last = self.shown[index]
        if last is not None and fix.tst <= last.tst:
            return False
        self.shown[index] = fix
        return True


class MaxSpeed(LastArrival):
    """As Traccar's `filter.maxSpeed` (FilterHandler): against the newest position by fix time, and for good.

    One of the same time is a duplicate; a late one passes the filter and does not become the newest.
    """

    def put(self, index: int, fix: Fix, at_ns: int) -> bool:
        """Take in a fix; return whether it is shown."""
        last = self.shown[index]
        if last is not None:
            passed = fix.tst - last.tst
            if passed <= 0 or metres(fix, last) / passed > SPEED_M_S_MAX:
                return False
        self.shown[index] = fix
        return True


class MaxSpeedToLastArrival(LastArrival):
    """The same limit by one who does not ask which is newer: a late fix passes and becomes the last."""

    def put(self, index: int, fix: Fix, at_ns: int) -> bool:
        """Take in a fix; return whether it is shown."""
        last = self.shown[index]
        if last is not None:
            passed = fix.tst - last.tst
            if passed == 0 or (passed > 0 and metres(fix, last) / passed > SPEED_M_S_MAX):
                return False
        self.shown[index] = fix
        return True


class Kalman:
    """Constant velocity, a chi² gate on the place, and a new start after three refused fixes that agree.

    Its state is in metres from where it began: over a city the earth is flat enough.
    North and east are filtered apart and share their covariance: the same sums as one filter of four states.
    """

    def __init__(self, units: int) -> None:
        self.shown: list[Fix | None] = [None] * units
        self._state: list[tuple[float, ...]] = [()] * units
        self._refused: list[list[Fix]] = [[] for _ in range(units)]

    def put(self, index: int, fix: Fix, at_ns: int) -> bool:
        """Take in a fix; return whether it is shown."""
        last = self.shown[index]
        if last is None:
            return self._begin(index, fix)
        passed = fix.tst - last.tst
        if passed <= 0:
            return False
        up, across = _velocity(fix)
        lat_0, lon_0, scale, north, east, v_up, v_across, p, c, v = self._state[index]
        north, east = north + v_up * passed, east + v_across * passed
        noise = ACCELERATION * passed
        p = p + passed * (2 * c + passed * v) + noise * passed * passed / 3
        c, v = c + passed * v + noise * passed / 2, v + noise
        off_north = (fix.lat_e7 - lat_0) * METRES_PER_E7 - north
        off_east = (fix.lon_e7 - lon_0) * scale - east
        spread = p + RECEIVER_M * RECEIVER_M
        if (off_north * off_north + off_east * off_east) / spread > CHI2:
            return self._refuse(index, fix)
        self._refused[index].clear()
        k, j = p / spread, c / spread
        north, east = north + k * off_north, east + k * off_east
        v_up, v_across = v_up + j * off_north, v_across + j * off_east
        p, c, v = p - k * p, c - k * c, v - j * c
        k, j = c / (v + 1.0), v / (v + 1.0)  # the reported velocity, 1 m²/s²
        more_up, more_across = up - v_up, across - v_across
        north, east = north + k * more_up, east + k * more_across
        v_up, v_across = v_up + j * more_up, v_across + j * more_across
        p, c, v = p - k * c, c - j * c, v - j * v
        self._state[index] = (lat_0, lon_0, scale, north, east, v_up, v_across, p, c, v)
        self.shown[index] = Fix(
            round(lat_0 + north / METRES_PER_E7),
            round(lon_0 + east / scale),
            fix.tst,
            min(65_535, round(100 * math.hypot(v_up, v_across))),
            round(math.degrees(math.atan2(v_across, v_up)) * 100) % 36_000,
            fix.seq,
        )
        return True

    def _begin(self, index: int, fix: Fix) -> bool:
        up, across = _velocity(fix)
        scale = METRES_PER_E7 * math.cos(fix.lat_e7 * 1e-7 * math.pi / 180)
        self._state[index] = (
            fix.lat_e7,
            fix.lon_e7,
            scale,
            0.0,
            0.0,
            up,
            across,
            RECEIVER_M * RECEIVER_M,
            0.0,
            4.0,
        )
        self._refused[index].clear()
        self.shown[index] = fix
        return True

    def _refuse(self, index: int, fix: Fix) -> bool:
        refused = self._refused[index]
        if refused:
            passed = fix.tst - refused[-1].tst
            if passed <= 0 or metres(fix, refused[-1]) > SPEED_M_S_MAX * passed + 50:
                refused.clear()
        refused.append(fix)
        return len(refused) >= AGREEING and self._begin(index, fix)


OURS_SIX = "ours, six agreeing"
FILTERS: dict[str, Callable[[int], Filter]] = {
    OURS: Ours,
    OURS_SIX: lambda units: Ours(units, agreeing=6),
    "last arrival wins": LastArrival,
    "device-time order": DeviceTime,
    "traccar-like maxSpeed": MaxSpeed,
    "maxSpeed to last arrival": MaxSpeedToLastArrival,
    "CV Kalman + chi²": Kalman,
}


def _velocity(fix: Fix) -> tuple[float, float]:
    course = fix.course_cdeg * math.pi / 18_000
    return fix.speed_cm_s / 100 * math.cos(course), fix.speed_cm_s / 100 * math.sin(course)


def metres(one: Fix, other: Fix) -> float:
    """Return how far apart two fixes are."""
    north = (one.lat_e7 - other.lat_e7) * METRES_PER_E7
    east = (one.lon_e7 - other.lon_e7) * METRES_PER_E7 * math.cos(one.lat_e7 * 1e-7 * math.pi / 180)
    return math.hypot(north, east)
