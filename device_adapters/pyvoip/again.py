# SPDX-License-Identifier: Apache-2.0
"""What must be said again until it is heard, and what was said to whom already. Pure; `now` is an argument.

pyVoIP says everything once and remembers nothing: over UDP a lost 200 is a caller who is answered and hears ringing.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterator

import msgspec

T1_S, T2_S = 0.5, 4.0  # RFC 3261 17.1.1.1
GIVE_UP_S = 64 * T1_S
REMEMBER_S = 32.0  # timers H and J
Said = tuple[bytes, tuple[str, int]]
"What, and to which address."
REMEMBERED_MAX = 4096  # 20 calls/s leave five answers each for 32 s: 3,200


class _Waiting(msgspec.Struct):
    said: Said
    due: float
    interval_s: float
    until: float


class Again:
    """Say it after T1, then twice as late each time up to T2, until it is settled or given up."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, _Waiting] = {}
        self.repeated = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def said(self, key: Hashable, said: Said, now: float, give_up_s: float = GIVE_UP_S) -> None:
        """Begin: it was said for the first time."""
        self._waiting[key] = _Waiting(said, now + T1_S, T1_S, now + give_up_s)

    def settle(self, key: Hashable) -> bool:
        """It was heard; return whether anybody was waiting for that."""
        return self._waiting.pop(key, None) is not None

    def due(self, now: float) -> Iterator[Said]:
        """Return what is to be said now."""
        for waiting in self._waiting.values():
            if waiting.due <= now < waiting.until:
                waiting.interval_s = min(T2_S, 2 * waiting.interval_s)
                waiting.due = now + waiting.interval_s
                self.repeated += 1
                yield waiting.said

    def given_up(self, now: float) -> list[Hashable]:
        """Return, and forget, what nobody heard in time."""
        keys = [key for key, waiting in self._waiting.items() if waiting.until <= now]
        for key in keys:
            del self._waiting[key]
        return keys


class Memory:
    """The last answer to each request, so that a repeated one is not a second one (RFC 3261 17.2)."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, tuple[float, Said]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def keep(self, key: Hashable, answer: Said, now: float) -> None:
        """Remember it; the oldest is forgotten when there are too many."""
        self._answers[key] = (now, answer)
        self._answers.move_to_end(key)
        if len(self._answers) > REMEMBERED_MAX:
            self._answers.popitem(last=False)

    def answer(self, key: Hashable) -> Said | None:
        """Return what was said to this request, if anything."""
        found = self._answers.get(key)
        return found[1] if found else None

    def forget(self, now: float) -> None:
        """Forget what is older than a repetition can be."""
        while self._answers:
            key, (at, _) = next(iter(self._answers.items()))
            if now - at < REMEMBER_S:
                return
            del self._answers[key]
