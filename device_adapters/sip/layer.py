# SPDX-License-Identifier: Apache-2.0
"""The transaction layer: live transactions, their timers, and everything on its way out (RFC 3261 17)."""

from collections import Counter, deque
from collections.abc import Callable, Iterable

from core.ids import Leg
from device_adapters.sip.events import Address, Elsewhere
from device_adapters.sip.house import Remembered
from device_adapters.sip.message import Request, Response
from device_adapters.sip.request import ack_of_refusal
from device_adapters.sip.response import SENT, SENT_OTHER, respond, stateless_tag
from device_adapters.sip.timers import Timer, Timers
from device_adapters.sip.transaction import (
    HEARD,
    INVITE,
    OUTCOME,
    REPEATING,
    UNRELIABLE_ONLY,
    WAITS_FOR_STRAYS,
    Act,
    Heard,
    Machine,
    Outcome,
    Purpose,
    State,
    Transaction,
)

T2_S = 4.0
"RFC 3261 17.1.2.2: the longest between two retransmissions."
T4_S = 5.0
"RFC 3261 17.1.2.2: how long the network may keep a message."
C_S = 180.0
"RFC 3261 16.6: whoever said 1xx to our re-INVITE and then nothing for so long has forgotten it."
GIVE_UP_T1S = 64
"RFC 3261: timers B, D, F, H, J, L, M and the wait for ACK and PRACK, in T1."
RELIABLE = frozenset({"TCP", "TLS"})
"Transports that lose nothing and keep the order."

Key = tuple[str, ...]
Owner = Callable[[Transaction, Outcome, Response | None, float], None]


class TransactionLayer:
    """Filters retransmissions and makes ours. Holds no opinion on calls."""

    def __init__(self, timers: Timers, t1_s: float, counters: Counter[str], transport: str = "UDP") -> None:
        self.outgoing: deque[tuple[bytes, Address]] = deque()
        self.t1_s = t1_s
        self.give_up_s = GIVE_UP_T1S * t1_s
        self.reliable = transport in RELIABLE
        self.server = ""
        "The Server line of what is said once."
        self.remembered = Remembered()
        "The transactions of all listeners of the house."
        self.is_stranger: Callable[[Address], bool] = lambda source: False
        self.said: Callable[[str, bytes, float], None] = lambda leg, data, now: None
        "Is told of everything that is said for a leg."
        self.owner: Owner = lambda transaction, outcome, response, now: None
        "Is told what became of our requests."
        self._timers = timers
        self._counters = counters
        self._live: dict[Key, Transaction] = {}
        self._asked: dict[Key, Transaction] = {}
        "Those of the live ones that are ours."
        self._merged: dict[Key, Transaction] = {}
        first = {Timer.A: t1_s, Timer.C: C_S, Timer.E: t1_s, Timer.G: t1_s, Timer.I: T4_S, Timer.K: T4_S}
        runs = [timer for timer in HEARD if not (self.reliable and timer in UNRELIABLE_ONLY)]
        self._lasts_s = {timer: first.get(timer, self.give_up_s) for timer in runs}
        if self.reliable:
            self._lasts_s |= dict.fromkeys(WAITS_FOR_STRAYS, 0.0)

    def __len__(self) -> int:
        return len(self._live)

    def find(self, key: Key) -> Transaction | None:
        """Return the transaction of a key."""
        return self._live.get(key)

    def sibling(self, request: Request) -> Transaction | None:
        """Return the INVITE with the same Call-ID, From tag and CSeq, come another way (RFC 3261 8.2.2.2)."""
        return self._merged.get(_merge_key(request))

    def reply_to(self, request: Request) -> Address:
        """Return where responses go: over TCP and TLS, the connection it came by (RFC 3261 18.2.2)."""
        found = request.source
        return found if self.reliable or isinstance(found, Elsewhere) else request.reply_to()

    def open(self, machine: Machine, request: Request, leg: Leg) -> Transaction:
        """Begin a server transaction."""
        opened = Transaction(machine, request.key(request.method), self.reply_to(request), leg)
        self.remembered.held += opened.key not in self._live
        self._live[opened.key] = opened
        if self.is_stranger(request.source):
            opened.stranger = True
            self.remembered.strangers += 1
        if machine is INVITE and not request.to_tag:
            opened.merge_key = _merge_key(request)
            self._merged[opened.merge_key] = opened
        return opened

    def ask(
        self, machine: Machine, key: Key, purpose: Purpose, leg: Leg, data: bytes, peer: Address, now: float
    ) -> None:
        """Begin a client transaction and send its request."""
        opened = Transaction(machine, key, peer, leg, purpose)
        opened.last = data
        self.remembered.held += key not in self._live
        self._live[key] = self._asked[key] = opened
        self._moved(opened, None, now)
        self.send_for(leg, data, peer, now)

    def got(self, response: Response, now: float) -> None:
        """Take a response to something we asked; one nobody asked for is counted (RFC 3261 17.1.3)."""
        branch = response.via.branch if response.via is not None else ""
        asked = self._asked.get((branch, response.cseq_method))
        if asked is None:
            self._counters["responses_unasked"] += 1
            return
        status = response.status
        heard = Heard.GOT_1XX if status < 200 else Heard.GOT_2XX if status < 300 else Heard.GOT_FAILURE
        act = self.hear(asked, heard, now)
        if act in (Act.ACK, Act.ACK_AND_TELL):
            self.send_for(asked.leg, ack_of_refusal(asked.last, response), asked.peer, now)
        if act in (Act.TELL_OWNER, Act.ACK_AND_TELL):
            self.owner(asked, OUTCOME[heard], response, now)

    def unreachable(self, lost: Iterable[tuple[bytes, Address]], now: float) -> None:
        """Take it that what we asked with these messages will not be answered (RFC 3261 17.1.4)."""
        gone = set(lost)
        for asked in [asked for asked in self._asked.values() if (asked.last, asked.peer) in gone]:
            if self.hear(asked, Heard.UNREACHABLE, now) is Act.TELL_OWNER:
                self.owner(asked, Outcome.UNREACHABLE, None, now)

    def say(self, transaction: Transaction, status: int, data: bytes, now: float) -> None:
        """Respond within a transaction; `data` was built with `status`."""
        transaction.last = data
        self._count(status)
        said = Heard.SEND_1XX if status < 200 else Heard.SEND_2XX if status < 300 else Heard.SEND_FAILURE
        self.hear(transaction, said, now)

    def take_as_said(self, transaction: Transaction, data: bytes, now: float) -> None:
        """Take it that the process before us said this 200 already."""
        transaction.last = data
        before, transaction.state = transaction.state, State.ACCEPTED
        self._moved(transaction, before, now)

    def say_once(self, request: Request, status: int, extra: str = "", body: bytes = b"") -> None:
        """Respond and keep no memory of it: the same request gets the same answer (RFC 3261 8.2.7)."""
        self._count(status)
        data = respond(request, status, tag=stateless_tag(request), extra=self._signed(extra), body=body)
        self.outgoing.append((data, self.reply_to(request)))

    def send_for(self, leg: Leg, data: bytes, peer: Address, now: float) -> None:
        """Put a datagram on its way, on behalf of a leg."""
        self.outgoing.append((data, peer))
        if leg:
            self.said(leg, data, now)

    def hear(self, transaction: Transaction, heard: Heard, now: float) -> Act:
        """Step a transaction; send and set timers as its table says."""
        before = transaction.state
        act = transaction.step(heard)
        if act is Act.SEND:
            self.send_for(transaction.leg, transaction.last, transaction.peer, now)
        if transaction.state is not before:
            self._moved(transaction, before, now)
        return act

    def fire(self, timer: Timer, key: Key, now: float) -> None:
        """Let a transaction's timer fire."""
        transaction = self._live[key]
        heard = HEARD[timer]
        act = self.hear(transaction, heard, now)
        if timer in REPEATING:
            self._counters["retransmitted"] += 1
            longest = transaction.state is State.PROCEEDING  # 17.1.2.2: someone is there, so wait
            doubled = 2 * (transaction.interval_s or self.t1_s)
            most = self.give_up_s if timer is Timer.A else T2_S  # 17.1.1.2: A knows no T2
            transaction.interval_s = T2_S if longest else min(doubled, most)
            self._timers.set(timer, key, now + transaction.interval_s)
        elif act is Act.TELL_OWNER:
            self.owner(transaction, OUTCOME[heard], None, now)

    def _signed(self, extra: str) -> str:
        return extra if extra.endswith(self.server) else extra + self.server

    def _count(self, status: int) -> None:
        by_status, by_class = SENT.get(status, SENT_OTHER)
        self._counters[by_status] += 1
        self._counters[by_class] += 1

    def _moved(self, transaction: Transaction, before: State | None, now: float) -> None:
        if transaction.state is State.TERMINATED:
            self._forget(transaction)
        runs = transaction.machine.runs
        ran = runs.get(before, ()) if before else ()
        running = runs.get(transaction.state, ())
        for timer in ran:
            if timer not in running:
                self._timers.drop(timer, transaction.key)
        for timer in running:
            if timer in ran or (lasts_s := self._lasts_s.get(timer)) is None:
                continue
            if not lasts_s:
                self.hear(transaction, HEARD[timer], now)
                return
            self._timers.set(timer, transaction.key, now + lasts_s)

    def _forget(self, transaction: Transaction) -> None:
        del self._live[transaction.key]
        self._merged.pop(transaction.merge_key, None)
        self._asked.pop(transaction.key, None)
        self.remembered.held -= 1
        self.remembered.strangers -= transaction.stranger


def _merge_key(request: Request) -> Key:
    return (request.call_id, request.from_tag, str(request.cseq))
