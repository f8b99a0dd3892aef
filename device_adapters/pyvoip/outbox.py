# SPDX-License-Identifier: Apache-2.0
"""All that leaves for the PBX: said once, remembered, and said again where RFC 3261 wants it."""

import socket
from collections import Counter
from collections.abc import Hashable
from secrets import token_hex

from core.ids import Leg
from device_adapters.pyvoip.again import GIVE_UP_S, Again, Memory
from device_adapters.pyvoip.legible import Legible
from device_adapters.pyvoip.replies import bye, response

Address = tuple[str, int]


class Outbox:
    """One socket towards the PBX."""

    def __init__(self, socket_: socket.socket, contact: str, counters: Counter[str]) -> None:
        """`contact` is user@host:port as the PBX reaches us."""
        self._socket = socket_
        self._contact = contact
        self._counters = counters
        self._again = Again()
        self._memory = Memory()

    def say(
        self,
        request: Legible,
        status: int,
        to: Address,
        now: float,
        *,
        leg: str = "",
        body: bytes = b"",
        reason: str = "",
    ) -> None:
        """Answer a request. A final answer to an INVITE is said until its ACK (13.3.1.4, timer G)."""
        lines = [f"Contact: <sip:{self._contact}>"] if leg and status > 100 else []
        data = response(request, status, leg or token_hex(8), lines=lines, body=body, reason=reason)
        self._memory.keep(_key(request), (data, to), now)
        if request.method == "INVITE" and status >= 200:
            self.ask(("ack", request.call_id, request.number), data, to, now)
        else:
            self.send(data, to)
        self._counters[f"sent_{status}"] += 1

    def say_bye(self, invite: Legible, leg: Leg, to: Address, now: float) -> None:
        """End the dialog this INVITE began."""
        via = f"SIP/2.0/UDP {self._contact.rpartition('@')[2]};branch=z9hG4bK{token_hex(8)};rport"
        self.ask(("bye", invite.call_id), bye(invite, leg, 1, via), to, now)

    def ask(self, key: Hashable, data: bytes, to: Address, now: float, give_up_s: float = GIVE_UP_S) -> None:
        """Send it until it is settled or given up."""
        self._again.said(key, (data, to), now, give_up_s)
        self.send(data, to)

    def settle(self, key: Hashable) -> bool:
        """It was answered; return whether that was waited for."""
        return self._again.settle(key)

    def is_repeated(self, request: Legible) -> bool:
        """Whether it was answered before; then it is now, in the same words (17.2)."""
        said = self._memory.answer(_key(request))
        if said is None:
            return False
        self._counters["retransmissions"] += 1
        self.send(*said)
        return True

    def beat(self, now: float) -> list[Hashable]:
        """Say what is due again; return what nobody answered."""
        for said in self._again.due(now):
            self._counters["retransmitted"] += 1
            self.send(*said)
        self._memory.forget(now)
        return self._again.given_up(now)

    def waits(self) -> bool:
        """Whether something is still to be answered."""
        return len(self._again) > 0

    def send(self, data: bytes, to: Address) -> None:
        """Send one datagram; what the network does to it is not ours to know."""
        try:
            self._socket.sendto(data, to)
        except OSError:
            self._counters["socket_errors"] += 1


def _key(message: Legible) -> tuple[str, str, str, int]:
    """What makes a request the same one again: 17.2.3, and Call-ID and CSeq for those without a branch."""
    return message.method, message.branch, message.call_id, message.number
