# SPDX-License-Identifier: Apache-2.0
"""Our name at the PBX: said, refreshed, taken back.

pyVoIP waits for the answer with the door shut: an INVITE that comes meanwhile is taken for a refusal, and after
three it gives up for ever. Here the answer comes in by the one door, and there is always a next attempt.
"""

from collections import Counter
from collections.abc import Callable

from device_adapters.pyvoip.guest import GuestFaultError, GuestPhone
from device_adapters.pyvoip.legible import Legible
from device_adapters.pyvoip.outbox import Address, Outbox

REFRESH_S = 30.0  # a PBX that lost its memory knows us again within this
RETRY_S_MIN, RETRY_S_MAX = 1.0, 30.0
ANSWER_S_MAX = 5.0  # a PBX on the same network that has not answered by then is away
DOUBLINGS_MAX = 10


class Registration:
    """One binding."""

    def __init__(
        self,
        phone: GuestPhone,
        outbox: Outbox,
        pbx: Address,
        counters: Counter[str],
        told: Callable[[bool, str], None],
    ) -> None:
        """`told` hears of each change: whether the PBX knows us, and why not."""
        self._phone = phone
        self._outbox = outbox
        self._pbx = pbx
        self._counters = counters
        self._told = told
        self._due = 0.0
        self._up: bool | None = None
        self._failures = 0
        self._digest_number = -1
        self._is_leaving = False
        self.is_over = False

    def beat(self, now: float) -> None:
        """Say it when it is time."""
        if now >= self._due and not self._is_leaving:
            self._due = now + ANSWER_S_MAX + RETRY_S_MAX  # whatever comes of this one moves it
            self._say(*self._phone.register(leave=False), now)

    def leave(self, now: float) -> None:
        """Take our name back."""
        self._is_leaving = True
        self.is_over = not self._up
        if self._up:
            self._say(*self._phone.register(leave=True), now)

    def heard(self, message: Legible, now: float) -> None:
        """Take a final response to a REGISTER."""
        if not self._outbox.settle(("register", message.number)):
            return
        if message.status in (401, 407) and message.number != self._digest_number:
            self._answer_challenge(message, now)
        elif self._is_leaving:
            self.is_over = True
        elif message.status < 300:
            self._failures = 0
            self._due = now + REFRESH_S
            self._change(True, "")
        else:
            self._failed(f"refuses our name: {message.status}", now)

    def given_up(self, now: float) -> None:
        """Nobody answered."""
        self._failed("does not answer", now)

    def _answer_challenge(self, message: Legible, now: float) -> None:
        for name in (
            "www-authenticate",
            "proxy-authenticate",
        ):  # MD5 is all the guest has; SHA may stand first
            message.headers.get(name, []).sort(key=lambda value: "sha-" in value.lower())
        try:
            self._digest_number, text = self._phone.register_with_digest(message, leave=self._is_leaving)
        except GuestFaultError:
            self._failed("asks for a digest nobody understands", now)
        else:
            self._say(self._digest_number, text, now)

    def _say(self, number: int, text: bytes, now: float) -> None:
        self._outbox.ask(("register", number), text, self._pbx, now, ANSWER_S_MAX)

    def _failed(self, why: str, now: float) -> None:
        self._counters["register_failed"] += 1
        self._due = now + min(RETRY_S_MAX, RETRY_S_MIN * 2.0**self._failures)
        self._failures = min(self._failures + 1, DOUBLINGS_MAX)
        self.is_over = self._is_leaving
        if not self._is_leaving:
            self._change(False, why)

    def _change(self, up: bool, why: str) -> None:
        if up is not self._up:
            self._up = up
            self._told(up, why)
