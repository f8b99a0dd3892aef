# SPDX-License-Identifier: Apache-2.0
"""When a button that each report shows again is a call: once when it goes down. Pure.

Reports come late and doubled, and a backlog brings an old press after newer silence: a press is heard all the same,
once. The very report that was a call is one whenever it comes: the broker brings it again when we have not confirmed
it, and then its fact must be on the disk before we do; the engine knows it by time and number.

What is remembered does not outlive the process: a button that is still held after a restart calls again. Memory: one
entry for each unit that ever pressed.
"""

APART_S = 60
"A late report of a held button nearer to a known press than this belongs to it. A guess: radios report each minute."
SILENCE_S = 180
"""After so long without a report of it, a held button is a new press: that it was let go may never have reached us, and
some devices never tell it. A guess: three reports of a radio."""
PRESSES_KEPT = 8
"Of one button; a backlog brings the ninth back as new."


class _Seen:
    __slots__ = ("calls", "held", "newest", "presses")

    def __init__(self, tst: int, seq: int) -> None:
        self.calls = [(tst, seq)]
        self.held = True
        self.newest = tst
        self.presses: list[list[int]] = [[tst, tst]]
        "[from, to] of each press, s: how long it is known to have been held."


class Presses:
    """The buttons of all units."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def held(self, who: str, tst: int, seq: int = 0) -> bool:
        """Take a report of a held button at device time `tst` (s, 0 unknown); return whether it is a call."""
        seen = self._seen.get(who)
        if seen is None:
            self._seen[who] = _Seen(tst, seq)
            return True
        if (tst or seq) and (tst, seq) in seen.calls:
            return True
        if tst == 0 or tst > seen.newest:
            before = max(seen.presses, key=_end) if seen.held else None
            if before is not None and before[1] and tst - before[1] > SILENCE_S:
                before = None
            seen.held = True
            seen.newest = max(seen.newest, tst)
        else:
            before = next((press for press in seen.presses if _near(press, tst)), None)
        if before is None:
            seen.presses = [*seen.presses, [tst, tst]][-PRESSES_KEPT:]
            seen.calls = [*seen.calls, (tst, seq)][-PRESSES_KEPT:]
            return True
        if tst:
            before[0], before[1] = min(before[0] or tst, tst), max(before[1], tst)
        return False

    def free(self, who: str, tst: int) -> None:
        """Take a report of a button that nobody holds; an old one ends nothing."""
        seen = self._seen.get(who)
        if seen is not None and (tst == 0 or tst >= seen.newest):
            seen.held = False
            seen.newest = max(seen.newest, tst)


def _end(press: list[int]) -> int:
    return press[1]


def _near(press: list[int], tst: int) -> bool:
    return press[0] - APART_S < tst < press[1] + APART_S
