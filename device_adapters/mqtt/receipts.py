# SPDX-License-Identifier: Apache-2.0
"""PUBACKs that wait for the disk: sent in the order the messages came (MQTT 5, 4.6), on their own connection.

Pure. Bounded by what the broker may have unacknowledged with us (`receive_max`).
"""

from collections import deque
from collections.abc import Callable

Receipt = Callable[[], None]
"Call it once the message may be forgotten by the broker."


def no_receipt() -> None:
    """Stand in for the receipt of a message that wants none (QoS 0)."""


class Receipts:
    """The unacknowledged messages of one connection."""

    def __init__(self, acknowledge: Callable[[int], None]) -> None:
        self._acknowledge = acknowledge
        self._waiting: deque[int] = deque()
        self._signed: set[int] = set()
        self._open = True

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._waiting)

    def expect(self, mid: int) -> Receipt:
        """Note that message `mid` came; return what is called when it is safe."""
        self._waiting.append(mid)
        return lambda: self._sign(mid)

    def close(self) -> None:
        """Forget all: the connection is gone, and the broker sends these again on the next one."""
        self._open = False
        self._waiting.clear()
        self._signed.clear()

    def _sign(self, mid: int) -> None:
        if not self._open:
            return
        self._signed.add(mid)
        while self._waiting and self._waiting[0] in self._signed:
            first = self._waiting.popleft()
            self._signed.remove(first)
            self._acknowledge(first)
