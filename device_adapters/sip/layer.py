# SPDX-License-Identifier: Apache-2.0
"""The transaction layer: live transactions, their timers, and everything on its way out (RFC 3261 17)."""

from collections import Counter, deque

from core.ids import Leg
from device_adapters.sip.events import Address
from device_adapters.sip.message import Request
from device_adapters.sip.response import respond, stateless_tag
from device_adapters.sip.timers import Timer, Timers
from device_adapters.sip.transaction import (
    HEARD,
    INVITE,
    REPEATING,
    Act,
    Heard,
    Machine,
    State,
    Transaction,
)

T2_S = 4.0
"RFC 3261 17.1.2.2: the longest between two retransmissions."
T4_S = 5.0
"RFC 3261 17.1.2.2: how long the network may keep a message."
GIVE_UP_T1S = 64
"RFC 3261: timers F, H, J, L and the wait for ACK, in T1."

Key = tuple[str, ...]


class TransactionLayer:
    """Filters retransmissions and makes ours. Holds no opinion on calls."""

    def __init__(self, timers: Timers, t1_s: float, counters: Counter[str]) -> None:
        self.outgoing: deque[tuple[bytes, Address]] = deque()
        self.t1_s = t1_s
        self.give_up_s = GIVE_UP_T1S * t1_s
        self._timers = timers
        self._counters = counters
        self._live: dict[Key, Transaction] = {}
        self._merged: dict[Key, Transaction] = {}
        first = {Timer.E: t1_s, Timer.G: t1_s, Timer.I: T4_S, Timer.K: T4_S}
        self._lasts_s = {timer: first.get(timer, self.give_up_s) for timer in HEARD}

    def __len__(self) -> int:
        return len(self._live)

    def find(self, key: Key) -> Transaction | None:
        """Return the transaction of a key."""
        return self._live.get(key)

    def sibling(self, request: Request) -> Transaction | None:
        """Return the INVITE with the same Call-ID, From tag and CSeq, come another way (RFC 3261 8.2.2.2)."""
        return self._merged.get(_merge_key(request))

    def open(self, machine: Machine, request: Request, leg: Leg) -> Transaction:
        """Begin a server transaction."""
        opened = Transaction(machine, request.key(request.method), request.reply_to(), leg)
        self._live[opened.key] = opened
        if machine is INVITE and not request.to_tag:
            opened.merge_key = _merge_key(request)
            self._merged[opened.merge_key] = opened
        return opened

    def ask(self, machine: Machine, key: Key, leg: Leg, data: bytes, peer: Address, now: float) -> None:
        """Begin a client transaction and send its request."""
        opened = Transaction(machine, key, peer, leg)
        opened.last = data
        self._live[key] = opened
        self._moved(opened, None, now)
        self.send(data, peer)

    def say(self, transaction: Transaction, status: int, data: bytes, now: float) -> None:
        """Respond within a transaction; `data` was built with `status`."""
        transaction.last = data
        self._counters[f"sent_{status // 100}xx"] += 1
        said = Heard.SEND_1XX if status < 200 else Heard.SEND_2XX if status < 300 else Heard.SEND_FAILURE
        self.hear(transaction, said, now)

    def said(self, transaction: Transaction, data: bytes, now: float) -> None:
        """Take it that the process before us said this 200 already."""
        transaction.last = data
        before, transaction.state = transaction.state, State.ACCEPTED
        self._moved(transaction, before, now)

    def say_once(self, request: Request, status: int, extra: str = "", body: bytes = b"") -> None:
        """Respond and keep no memory of it: the same request gets the same answer (RFC 3261 8.2.7)."""
        self._counters[f"sent_{status // 100}xx"] += 1
        data = respond(request, status, tag=stateless_tag(request), extra=extra, body=body)
        self.send(data, request.reply_to())

    def send(self, data: bytes, peer: Address) -> None:
        """Put a datagram on its way."""
        self.outgoing.append((data, peer))

    def hear(self, transaction: Transaction, heard: Heard, now: float) -> Act:
        """Step a transaction; send and set timers as its table says."""
        before = transaction.state
        act = transaction.step(heard)
        if act is Act.SEND:
            self.send(transaction.last, transaction.peer)
        if transaction.state is not before:
            self._moved(transaction, before, now)
        return act

    def fire(self, timer: Timer, key: Key, now: float) -> tuple[Transaction, Act]:
        """Let a transaction's timer fire."""
        transaction = self._live[key]
        act = self.hear(transaction, HEARD[timer], now)
        if timer in REPEATING:
            self._counters["retransmitted"] += 1
            longest = transaction.state is State.PROCEEDING  # 17.1.2.2: someone is there, so wait
            doubled = 2 * (transaction.interval_s or self.t1_s)
            transaction.interval_s = T2_S if longest else min(doubled, T2_S)
            self._timers.set(timer, key, now + transaction.interval_s)
        return transaction, act

    def _moved(self, transaction: Transaction, before: State | None, now: float) -> None:
        if transaction.state is State.TERMINATED:
            del self._live[transaction.key]
            self._merged.pop(transaction.merge_key, None)
        runs = transaction.machine.runs
        ran = runs.get(before, ()) if before else ()
        running = runs.get(transaction.state, ())
        for timer in ran:
            if timer not in running:
                self._timers.drop(timer, transaction.key)
        for timer in running:
            if timer not in ran:
                self._timers.set(timer, transaction.key, now + self._lasts_s[timer])


def _merge_key(request: Request) -> Key:
    return (request.call_id, request.from_tag, str(request.cseq))
