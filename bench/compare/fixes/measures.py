# SPDX-License-Identifier: Apache-2.0
"""How wrong the shown position is, and whom the filter believed."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.compare.fixes.filters import DeviceTime, Filter
from bench.compare.fixes.fleet import NOON_S, NS, Drive, metres_of
from device_adapters.fixes import Fix

FAR_M = 1_000
RECKONED_S_MAX = 15
"How long a position is driven on by its own speed and course."


@dataclass(slots=True)
class Seen:
    """What one filter made of a fleet."""

    errors_m: list[float] = field(default_factory=list)
    reckoned_m: list[float] = field(default_factory=list)
    "... when the position is driven on for up to 15 s."
    bad: int = 0
    bad_shown: int = 0
    newer_good: int = 0
    newer_good_refused: int = 0
    far_s: int = 0
    "The longest time in a row that a car was shown more than 1 km from where it was."

    def told(self) -> dict[str, float]:
        """Return the figures for a table."""
        p50, p99 = p50_p99(self.errors_m)
        reckoned_p50, reckoned_p99 = p50_p99(self.reckoned_m)
        return {
            "error_p50_m": p50,
            "error_p99_m": p99,
            "reckoned_p50_m": reckoned_p50,
            "reckoned_p99_m": reckoned_p99,
            "bad_shown_percent": 100 * self.bad_shown / max(1, self.bad),
            "good_refused_percent": 100 * self.newer_good_refused / max(1, self.newer_good),
            "far_s_max": float(self.far_s),
        }


def watch(drives: Sequence[Drive], make: Callable[[int], Filter]) -> tuple[Seen, Filter]:
    """Let every drive's fixes arrive, and look at the map each second."""
    seen, one = Seen(), make(len(drives))
    for index, drive in enumerate(drives):
        nth = far_s = 0
        for second, (north, east) in enumerate(drive.truth):
            now_ns = (NOON_S + second) * NS
            while nth < len(drive.moments) and drive.moments[nth].at_ns <= now_ns:
                moment = drive.moments[nth]
                last = one.shown[index]
                newer = last is None or moment.fix.tst > last.tst
                shown = one.put(index, moment.fix, moment.at_ns)
                if moment.bad:
                    seen.bad += 1
                    seen.bad_shown += shown
                elif newer:
                    seen.newer_good += 1
                    seen.newer_good_refused += not shown
                nth += 1
            fix = one.shown[index]
            if fix is None:
                continue
            error_m = math.dist(metres_of(fix), (north, east))
            seen.errors_m.append(error_m)
            seen.reckoned_m.append(math.dist(reckoned(fix, NOON_S + second), (north, east)))
            far_s = far_s + 1 if error_m > FAR_M else 0
            seen.far_s = max(seen.far_s, far_s)
    return seen, one


def best(drives: Sequence[Drive]) -> Seen:
    """Return what one would see who knows which fixes are displaced."""
    honest = [Drive(one.truth, [moment for moment in one.moments if not moment.bad]) for one in drives]
    return watch(honest, DeviceTime)[0]


def p50_p99(errors_m: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile."""
    ordered = sorted(errors_m)
    assert ordered, "nothing was shown"
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


def reckoned(fix: Fix, now_s: int) -> tuple[float, float]:
    """Return where it would be by now, m north and east, had it gone on as it said for up to 15 s."""
    north, east = metres_of(fix)
    way_m = fix.speed_cm_s / 100 * min(max(0, now_s - fix.tst), RECKONED_S_MAX)
    course = fix.course_cdeg * math.pi / 18_000
    return north + way_m * math.cos(course), east + way_m * math.sin(course)


def cpu_us(arrivals: Sequence[tuple[int, Fix, int]], make: Callable[[int], Filter], units: int) -> float:
    """Return µs of CPU for each fix; `arrivals` are (index, fix, at_ns)."""
    put = make(units).put
    began_s = time.process_time()
    for index, fix, at_ns in arrivals:
        put(index, fix, at_ns)
    return (time.process_time() - began_s) / len(arrivals) * 1e6
