# SPDX-License-Identifier: Apache-2.0
"""A recorded day of real taxis as a fleet: real gaps, real bursts, real errors, on a county of ours and now.

The map. **Space:** metres north and east of the recording's middle (the median of its fixes) are kept, from the
county's seat; so a street keeps its length, and what was in the sea there is somewhere here. **Time:** a fix recorded
t seconds after the day's first is sent t / speed seconds after the city began.

At a speed above 1 somebody must be untrue, or every receiver that knows what a car can do refuses the fix. By the
clock `now` the device time is when it is sent, and distances are divided by the speed: small city, true speeds, fresh
positions. By the clock `tape` the city keeps its size and device times their pace, and end now: true track, old
positions, as a backlog is.

The recording tells neither speed nor course; none is invented. Each fix is moved by up to half its last digit, so
that a standing car's fixes can be told apart.
"""

import csv
import gzip
import math
import zlib
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from device_adapters.simulated.fleet import CountyFleet
from device_adapters.simulated.sayings import UNTOLD, Report
from device_adapters.simulated.streets import Fix, Place

FIELDS = ["unix_ts", "cab", "lat", "lon", "occupied"]
SPEED_MAX = 1_000.0
ROWS_MAX = 5_000_000
"Ten such days; 200 MB."
LAST_DIGIT_DEG = 1e-5
Clock = Literal["now", "tape"]


class TapeError(ValueError):
    """The file is no recorded day; says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Tape:
    """A recorded day, in order of time."""

    t_s: npt.NDArray[np.int64]
    "Seconds after the first fix."
    cab: npt.NDArray[np.int64]
    "Number of the cab: 0 drove first."
    lat: npt.NDArray[np.float64]
    lon: npt.NDArray[np.float64]

    @property
    def cabs(self) -> int:
        """Return how many cabs drove."""
        return int(self.cab.max()) + 1

    @property
    def seconds(self) -> int:
        """Return how long the recording is."""
        return int(self.t_s[-1])

    @property
    def middle(self) -> Place:
        """Return the median place of all fixes."""
        return float(np.median(self.lat)), float(np.median(self.lon))


def read_tape(path: Path) -> Tape:
    """Read a CSV (also .gz) of unix_ts,cab,lat,lon,occupied. Raises TapeError naming the line that is wrong."""
    times: list[int] = []
    cabs: list[int] = []
    lats: list[float] = []
    lons: list[float] = []
    number: dict[str, int] = {}
    reached = 1
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open("r") as text:
            rows = csv.reader(text)
            if next(rows, []) != FIELDS:
                raise TapeError(f"{path} does not begin with {','.join(FIELDS)}")
            for row in rows:
                reached = rows.line_num
                if reached > ROWS_MAX:
                    raise TapeError(f"{path} has more than {ROWS_MAX:,} lines")
                at, cab, lat, lon, _ = row
                times.append(int(at))
                cabs.append(number.setdefault(cab, len(number)))
                lats.append(_degrees(lat, 90))
                lons.append(_degrees(lon, 180))
    except (OSError, EOFError, zlib.error) as error:
        raise TapeError(f"{path} cannot be read: {error}") from None
    except TapeError:
        raise
    except ValueError:
        raise TapeError(f"{path}, line {reached}: not {','.join(FIELDS)}") from None
    if not times:
        raise TapeError(f"{path} holds no fix")
    order = np.argsort(np.array(times), kind="stable")
    at_s = np.array(times)[order]
    return Tape(at_s - at_s[0], np.array(cabs)[order], np.array(lats)[order], np.array(lons)[order])


def _degrees(word: str, most: int) -> float:
    degrees = float(word)
    if not -most <= degrees <= most:
        raise ValueError
    return degrees


class TaxiFleet(CountyFleet):
    """Units that were where the cabs were; cab k is unit k, further cabs stay at home, further units are silent.

    Orders are signed and served like any other fleet's, as long as the way would take, while the car goes where the
    cab went.
    """

    def __init__(self, tape: Tape, speed: float, *args: Any, clock: Clock = "now", **kwargs: Any) -> None:  # noqa: ANN401
        """`speed` is from 1 to 1,000; the rest as for any fleet."""
        if not 1 <= speed <= SPEED_MAX:
            raise TapeError(f"a speed of {speed:g}: it must be from 1 to {SPEED_MAX:g}")
        self._tape = tape
        self._speed = speed
        self._clock = clock
        self._next = 0
        self._last: dict[str, Fix] = {}
        super().__init__(*args, **kwargs)

    @property
    def fixes_per_s(self) -> float:
        """Return how many positions a second the recording holds for these units, on average."""
        mine = int(np.count_nonzero(self._tape.cab < len(self._units)))
        return mine * self._speed / max(self._tape.seconds, 1)

    def next_due(self) -> float:
        """Return when something is due next; the day is not begun again."""
        if self._next >= len(self._at_s):
            return super().next_due()
        return min(super().next_due(), self._at_s[self._next])

    def due(self, now: float) -> list[Report]:
        """Return everything the radios say up to now."""
        end = bisect_right(self._at_s, now, lo=self._next)
        reports = [report for row in range(self._next, end) for report in self._played(row, now)]
        self._next = end
        return reports + super().due(now)

    def where(self, unit_id: str, now: float) -> Fix:
        """Return where the cab was last; where it is parked before its first fix."""
        return self._last.get(unit_id) or super().where(unit_id, now)

    def _begin(self) -> None:
        """The tape plans the fixes; lay it on the county, once and as columns."""
        tape, (north, east), (lat0, lon0) = self._tape, self._tape.middle, self.county.centre
        shrink = self._speed if self._clock == "now" else 1.0
        narrower = math.cos(math.radians(north)) / math.cos(math.radians(lat0))
        blur = self._mishaps.uniform(-0.5, 0.5, (2, len(tape.t_s))) * LAST_DIGIT_DEG
        self._lat: list[float] = (lat0 + (tape.lat + blur[0] - north) / shrink).tolist()
        self._lon: list[float] = (lon0 + (tape.lon + blur[1] - east) * narrower / shrink).tolist()
        self._cab: list[int] = tape.cab.tolist()
        self._at_s: list[float] = (tape.t_s / self._speed).tolist()
        self._names = list(self._units)
        for unit in self._units.values():
            self._plan_press(unit, 0.0)

    def _played(self, row: int, now: float) -> list[Report]:
        cab = self._cab[row]
        if cab >= len(self._names):
            return []
        unit = self._units[self._names[cab]]
        here = self._last[unit.unit_id] = Fix(self._lat[row], self._lon[row], 0.0, UNTOLD)
        return self._positions(unit, here, self._told_at(row, now))

    def _told_at(self, row: int, now: float) -> float:
        """Return the device's time of a fix, s after the city began."""
        if self._clock == "now":
            return now
        day = self._tape.seconds
        return day / self._speed - (day - float(self._tape.t_s[row]))
