# SPDX-License-Identifier: Apache-2.0
"""The broker's own count of messages it dropped: what it says, and whether it has stopped. Pure."""

TOPIC = "$SYS/broker/publish/messages/dropped"
"mosquitto's, retained, said again every `sys_interval` in which it changed. Other brokers have none of this name."
DIGITS_MAX = 20  # 2**64
QUIET_S_MIN = 60.0  # no further drop for so long: it is over. Six of mosquitto's intervals, a guess


class DropWatch:
    """Follows the count over reconnects and restarts of the broker."""

    def __init__(self) -> None:
        self._said: int | None = None
        self._last_at_s = 0.0
        self.dropped = 0
        "Messages dropped since we first heard the count; those to other clients are among them."
        self.dropping = False

    def hear(self, payload: bytes, at_s: float) -> int:
        """Return by how much the count rose; 0 for the first word, and for what is no number.

        A count that fell is that of a broker started anew: all of it is new.
        """
        if not payload.isdigit() or len(payload) > DIGITS_MAX:
            return 0
        before, self._said = self._said, int(payload)
        if before is None:
            return 0
        risen = self._said - before if self._said >= before else self._said
        if risen:
            self.dropped += risen
            self.dropping = True
            self._last_at_s = at_s
        return risen

    def over(self, at_s: float) -> bool:
        """Return True once, when it has been quiet for a while."""
        if not self.dropping or at_s - self._last_at_s < QUIET_S_MIN:
            return False
        self.dropping = False
        return True
