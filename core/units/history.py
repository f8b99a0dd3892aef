# SPDX-License-Identifier: Apache-2.0
"""The newest reports of each unit, in the order in which they were made, whatever order they came in.

Radios store and forward, and statuses come by two topics: what comes last is not always what was said last. So a
report takes its place by device time, and by sequence number within a second; two that the device itself dates alike
stay as they came. What has no device time (a desk's word, our own order, a radio without a clock) stands after all
that was known when it came, so that no clock has to agree with ours.

A clock that is wrong must shut out nothing that is true (docs/decisions/0046):

- one that runs ahead (a report from our future) is moved back by as much as it is known to be ahead, until a
  report comes that could be of now;
- one that falls behind (a radio exchanged, a time zone) looks like a radio whose every report is late by the same
  time: after LAGS_MIN of them it is moved forward;
- one that was never set, or whose GPS week has rolled over, is no clock: such a report has no device time.
"""

from typing import Literal

from core.units.machine import foreseen
from core.units.report import Report
from core.units.unit import Unit

REPORTS_KEPT = 16
"A unit's orders bring five each: the last three. 5,000 units hold 80,000, some 3 MB of a snapshot."
CLOCK_SET_S = 1_577_836_800
"2020: before it no device of today was made; a GPS receiver a week roll-over behind stands in 2006 or 2007."
LAGS_MIN = 3  # as many as fixes need to be believed again
LAG_AGREES_S = 5  # a guess: the jitter of a mobile network
LAG_APART_S = (
    10  # a guess: a backlog comes at once and agrees in nothing; what is said as it happens takes its time
)
NS_PER_S = 1_000_000_000

Filing = Literal["newest", "late", "beyond", "doubled"]
"""`newest` nothing later is known; `late` filed before what is; `beyond` the window: not filed; `doubled` known
already."""


def file(unit: Unit, report: Report, window_s: int) -> Filing:
    """Put a report at its place in the unit's history, say which that is, and judge anew what stands around it.

    `report.at_s`, `seq`, `late` and `out_of_turn` are set here; `tst` and `seq` come as the device said them.
    """
    reports = unit.reports
    if report.tst and any(_same(known, report) for known in reports):
        return "doubled"
    _date(unit, report)
    place = len(reports)
    while place and _after(reports[place - 1], report):
        place -= 1
    report.late = place < len(reports)
    if report.late and report.at_s < reports[-1].at_s - window_s:
        return "beyond"
    reports.insert(place, report)
    _judge(unit, place)
    if report.late:
        _judge(unit, place + 1)
    if len(reports) > REPORTS_KEPT:
        _forget_oldest(unit)
    return "late" if report.late else "newest"


def begin(unit: Unit) -> None:
    """Begin the history of a unit whose snapshot had none: what was known then is later than its second."""
    if unit.heard_status and not unit.reports:
        at_s = unit.status_tst
        unit.reports = [Report(unit.status, "unit", at_s, 2**53, at_s * NS_PER_S, tst=at_s)]
        unit.before = unit.status


def said_s(unit: Unit, tst: int) -> int:
    """Return when the unit said something, by our clock as far as its own is known; 0 when it has none."""
    return tst - unit.clock_s if tst >= CLOCK_SET_S else 0


def _same(known: Report, report: Report) -> bool:
    return (known.tst, known.seq, known.status) == (report.tst, report.seq, report.status)


def _after(known: Report, report: Report) -> bool:
    return (known.at_s, known.seq) > (report.at_s, report.seq)


def _date(unit: Unit, report: Report) -> None:
    """Say when a report was made, in time that is the unit's own but never later than its arrival."""
    newest = unit.reports[-1] if unit.reports else None
    heard_s = report.heard_ns // NS_PER_S
    if not report.tst:
        report.at_s, report.seq = (newest.at_s, newest.seq) if newest is not None else (0, 0)
        if report.status == "emergency" and min(unit.status_tst, heard_s) > report.at_s:
            report.at_s, report.seq = min(unit.status_tst, heard_s), unit.status_seq  # of the press
        return
    if report.tst - unit.clock_s > heard_s or (0 < unit.clock_s and report.tst <= heard_s):
        unit.clock_s = max(report.tst - heard_s, min(unit.clock_s, 0))
    report.at_s = report.tst - unit.clock_s
    if report.source == "order":  # acks may count apart from statuses: within a second they stay as they came
        report.seq = newest.seq if newest is not None and newest.at_s == report.at_s else 0
    if newest is None or not _after(newest, report):
        unit.lag = (0, 0, 0)
    elif _lags(unit, heard_s - report.tst, heard_s):
        unit.clock_s = report.tst - heard_s
        report.at_s = heard_s


def _lags(unit: Unit, lag_s: int, heard_s: int) -> bool:
    """Count a late report; True when so many were late by the same time that it is the clock and not the way here."""
    known_s, times, last_s = unit.lag
    if not times or abs(lag_s - known_s) > LAG_AGREES_S:
        unit.lag = (lag_s, 1, heard_s)
    elif heard_s - last_s >= LAG_APART_S:
        unit.lag = (known_s, times + 1, heard_s)
    if unit.lag[1] < LAGS_MIN:
        return False
    unit.lag = (0, 0, 0)
    return True


def _judge(unit: Unit, place: int) -> None:
    report = unit.reports[place]
    before = unit.reports[place - 1].status if place else unit.before
    report.out_of_turn = report.source != "gateway" and not foreseen(before, report.status)


def _forget_oldest(unit: Unit) -> None:
    """Forget the oldest, but not the one the unit's status is by, nor the first of the same said again and again."""
    reports = unit.reports
    again = reports[0].status == reports[1].status and not reports[1].held
    if again or reports[0] is unit.present:
        del reports[1]
    else:
        unit.before = reports.pop(0).status
