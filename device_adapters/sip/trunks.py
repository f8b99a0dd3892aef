# SPDX-License-Identifier: Apache-2.0
"""Which listed trunks are there: OPTIONS to each address, and what comes of it, as a table (RFC 3261 11).

Any request from an address, by whichever listener it comes, is life, so that a busy trunk is never asked. A trunk
is down when all its addresses are. One that does not answer still may call: nobody is refused because of what
stands here; and of one that calls and has never answered, silence tells nothing.
"""

from collections import deque
from enum import Enum, auto
from heapq import heappop, heappush

from device_adapters.sip.events import Address, TrunkChanged
from device_adapters.sip.response import ALLOW
from device_adapters.sip.settings import SipSettings, Trunk, Way, source_host, trunks_by_host, way_of, ways_of

ANSWER_S_MAX = 10.0
"""How long an OPTIONS may stay without an answer. Timer F would wait 32 s; by 10 s five datagrams went (0, 0.5, 1.5,
3.5 and 7.5 s). With one lost in ten either way a living trunk is doubted once in 4,000 and taken for down once in
16 million, and of a dead one we know 20 s after it was first asked."""
DOWN_S_MIN = 5.0
DOWN_S_MAX = 30.0
"A trunk that is down is asked again after so long, then twice as long, up to this: found again within half a minute."
REFUSED_S = 5.0
"Between two refusals that are to prove something: a trunk that restarts refuses for a moment."
CALLED_S = 6 * 3600.0
"""So long after its last request, a trunk that has never answered an OPTIONS counts as there: many drop OPTIONS at
their border. A night may be quiet; a whole watch without a call is worth a look (guess)."""
CHANGES_MAX = 1_000
"Not yet taken; a trunk changes twice a minute at most, so that is years of takers away (guess)."


class State(Enum):
    """What is known of one address."""

    UNKNOWN = auto()
    "Nothing yet. Counts as up: calls are taken from it anyway."
    UP = auto()
    DOUBTED = auto()
    "One OPTIONS was not answered; the next is out at once. Still counts as up."
    DOWN = auto()


class Heard(Enum):
    """What can befall it."""

    ASKED = auto()
    "We sent OPTIONS."
    ANSWERED = auto()
    "Whatever the status: who says 404 or 503 is there."
    HEARD = auto()
    "A request of its own came."
    SILENT = auto()
    "No answer in time."
    REFUSED = auto()
    "No way to send."
    MUTE = auto()
    "Neither, from one that has never answered, but called within `CALLED_S`: that is its way."


class Next(Enum):
    """When it is looked at again."""

    ANSWER_DUE = auto()
    AT_ONCE = auto()
    SOON = auto()
    KEEP_ALIVE = auto()
    BACK_OFF = auto()


S, H, N = State, Heard, Next

NEXT: dict[tuple[State, Heard], tuple[State, Next]] = {
    (S.UNKNOWN, H.ASKED): (S.UNKNOWN, N.ANSWER_DUE),
    (S.UNKNOWN, H.ANSWERED): (S.UP, N.KEEP_ALIVE),
    (S.UNKNOWN, H.HEARD): (S.UP, N.KEEP_ALIVE),
    (S.UNKNOWN, H.SILENT): (S.DOUBTED, N.AT_ONCE),
    (S.UNKNOWN, H.REFUSED): (S.DOUBTED, N.SOON),
    (S.UNKNOWN, H.MUTE): (S.UP, N.KEEP_ALIVE),
    (S.UP, H.ASKED): (S.UP, N.ANSWER_DUE),
    (S.UP, H.ANSWERED): (S.UP, N.KEEP_ALIVE),
    (S.UP, H.HEARD): (S.UP, N.KEEP_ALIVE),
    (S.UP, H.SILENT): (S.DOUBTED, N.AT_ONCE),
    (S.UP, H.REFUSED): (S.DOUBTED, N.SOON),
    (S.UP, H.MUTE): (S.UP, N.KEEP_ALIVE),
    (S.DOUBTED, H.ASKED): (S.DOUBTED, N.ANSWER_DUE),
    (S.DOUBTED, H.ANSWERED): (S.UP, N.KEEP_ALIVE),
    (S.DOUBTED, H.HEARD): (S.UP, N.KEEP_ALIVE),
    (S.DOUBTED, H.SILENT): (S.DOWN, N.BACK_OFF),
    (S.DOUBTED, H.REFUSED): (S.DOWN, N.BACK_OFF),
    (S.DOUBTED, H.MUTE): (S.UP, N.KEEP_ALIVE),
    (S.DOWN, H.ASKED): (S.DOWN, N.ANSWER_DUE),
    (S.DOWN, H.ANSWERED): (S.UP, N.KEEP_ALIVE),
    (S.DOWN, H.HEARD): (S.UP, N.KEEP_ALIVE),
    (S.DOWN, H.SILENT): (S.DOWN, N.BACK_OFF),
    (S.DOWN, H.REFUSED): (S.DOWN, N.BACK_OFF),
    (S.DOWN, H.MUTE): (S.UP, N.KEEP_ALIVE),
}
REASON = {
    H.ANSWERED: "answered",
    H.HEARD: "heard",
    H.MUTE: "heard",
    H.SILENT: "unanswered",
    H.REFUSED: "unanswered",
}
"Why a trunk changed."


class _Line:
    """One address of a trunk."""

    __slots__ = (
        "address",
        "alive_at",
        "answers",
        "asked_at",
        "back_off_s",
        "draining",
        "due",
        "state",
        "trunk",
        "way",
    )

    def __init__(self, trunk: Trunk, host: str) -> None:
        self.trunk = trunk
        self.address: Address = (host, trunk.port)
        self.way = way_of(trunk.transport, host)
        self.state = State.UNKNOWN
        self.alive_at = float("-inf")
        self.answers = False
        "It has answered an OPTIONS."
        self.asked_at: float | None = None
        "When the OPTIONS went that is not yet answered."
        self.back_off_s = DOWN_S_MIN
        self.draining = False
        self.due = 0.0


class Trunks:
    """Every address we ask, when it is due, and what became of it: one watch for all listeners of a house."""

    def __init__(self, settings: SipSettings) -> None:
        """Watch the addresses some listener can ask."""
        ways = ways_of(settings)
        self.events: deque[TrunkChanged] = deque(maxlen=CHANGES_MAX)
        self._lines = [
            _Line(trunk, host)
            for host, trunk in trunks_by_host(settings).items()
            if trunk.keep_alive_s and way_of(trunk.transport, host) in ways
        ]
        self._by_host = {line.address[0]: line for line in self._lines}
        self._of: dict[str, list[_Line]] = {}
        for line in self._lines:
            self._of.setdefault(line.trunk.name, []).append(line)
        self._due: dict[Way, list[tuple[float, int]]] = {}
        "Heaps; an entry whose time is no longer its line's is passed over."
        self._numbers = {line.address: number for number, line in enumerate(self._lines)}
        for line in self._lines:
            self._set(line, 0.0)
        self._asking: set[Way] = set()

    def __len__(self) -> int:
        return len(self._lines)

    def claim(self, way: Way) -> bool:
        """Tell a listener whether it is the one to ask: the first of its transport and family is."""
        first = way not in self._asking
        self._asking.add(way)
        return first and way in self._due

    def next_due(self, way: Way) -> float | None:
        """Return when `to_ask` wants to be called; None when there is nobody to ask."""
        heap = self._due.get(way, [])
        while heap and heap[0][0] != self._lines[heap[0][1]].due:
            heappop(heap)
        return heap[0][0] if heap else None

    def to_ask(self, way: Way, now: float) -> list[tuple[Trunk, Address]]:
        """Return where OPTIONS must go now. Whoever was asked and did not answer in time was silent."""
        asked: list[tuple[Trunk, Address]] = []
        while (due := self.next_due(way)) is not None and due <= now:
            line = self._lines[heappop(self._due[way])[1]]
            if line.asked_at is not None:
                self.silent(line.address, now)
            elif line.state is State.UP and line.alive_at + line.trunk.keep_alive_s > now:
                self._set(line, line.alive_at + line.trunk.keep_alive_s)
            else:
                line.asked_at = now
                asked.append((line.trunk, line.address))
                self._hear(line, Heard.ASKED, now)
        return asked

    def answered(self, address: Address, status: int, now: float) -> None:
        """Take a response to an OPTIONS.

        503 means that it wants no calls now. It still answers and may still call, so it is up, and shown draining.
        """
        line = self._by_host.get(source_host(address[0]))
        if line is None or status < 200:
            return
        line.asked_at = None
        line.alive_at = now
        line.answers = True
        line.draining = status == 503
        self._hear(line, Heard.ANSWERED, now)

    def silent(self, address: Address, now: float, *, refused: bool = False) -> None:
        """Take it that what was asked will not be answered; `refused`: no connection, no route."""
        line = self._by_host.get(source_host(address[0]))
        if line is None or line.asked_at is None:
            return
        asked_at, line.asked_at = line.asked_at, None
        if line.alive_at >= asked_at:
            self._set(line, line.alive_at + line.trunk.keep_alive_s)
        elif not line.answers and line.alive_at + CALLED_S > now:
            self._hear(line, Heard.MUTE, now)
        else:
            self._hear(line, Heard.REFUSED if refused else Heard.SILENT, now)

    def heard(self, source: str, now: float) -> None:
        """Take any request from a host as life."""
        line = self._by_host.get(source_host(source))
        if line is None:
            return
        line.alive_at = now
        if line.state is not State.UP:
            self._hear(line, Heard.HEARD, now)

    def standing(self, way: Way | None = None) -> dict[str, str]:
        """Return how each trunk stands, or each whose first address is asked this way.

        One of `unknown`, `up`, `draining` and `down`.
        """
        return {
            name: _standing(lines) for name, lines in self._of.items() if way is None or lines[0].way == way
        }

    def _hear(self, line: _Line, heard: Heard, now: float) -> None:
        before = _is_down(self._of[line.trunk.name])
        line.state, then = NEXT[line.state, heard]
        after = _is_down(self._of[line.trunk.name])
        if line.state is State.UP:
            line.back_off_s = DOWN_S_MIN
        match then:
            case Next.ANSWER_DUE:
                self._set(line, now + ANSWER_S_MAX)
            case Next.AT_ONCE:
                self._set(line, now)
            case Next.SOON:
                self._set(line, now + REFUSED_S)
            case Next.KEEP_ALIVE:
                self._set(line, now + line.trunk.keep_alive_s)
            case Next.BACK_OFF:
                self._set(line, now + line.back_off_s)
                line.back_off_s = min(2 * line.back_off_s, DOWN_S_MAX)
        if before is not after:
            told = TrunkChanged(trunk=line.trunk.name, up=before, reason=REASON[heard], at=now)
            self.events.append(told)

    def _set(self, line: _Line, due: float) -> None:
        line.due = due
        heappush(self._due.setdefault(line.way, []), (due, self._numbers[line.address]))


def options(
    peer: Address, sent_by: str, transport: str, *, branch: str, call_id: str, tag: str, server: str
) -> bytes:
    """Build the OPTIONS we ask a trunk with (RFC 3261 11.1). `sent_by` is our host:port as in every Via of ours."""
    host = f"[{peer[0]}]" if ":" in peer[0] else peer[0]
    scheme, parameter = (
        ("sips" if transport == "TLS" else "sip"),
        (";transport=tcp" if transport == "TCP" else ""),
    )
    uri = f"{scheme}:{host}:{peer[1]}{parameter}"
    return (
        f"OPTIONS {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} {sent_by};rport;branch={branch}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <{scheme}:110@{sent_by}>;tag={tag}\r\n"
        f"To: <{uri}>\r\n"
        f"Call-ID: {call_id}\r\n"
        "CSeq: 1 OPTIONS\r\n"
        f"Contact: <{scheme}:110@{sent_by}{parameter}>\r\n"
        f"Accept: application/sdp\r\n{ALLOW}"
        f"User-Agent: {server}\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode("latin-1")


def _is_down(lines: list[_Line]) -> bool:
    return all(line.state is State.DOWN for line in lines)


def _standing(lines: list[_Line]) -> str:
    there = [line for line in lines if line.state is not State.DOWN]
    if not there:
        return "down"
    if all(line.state is State.UNKNOWN for line in there):
        return "unknown"
    return "draining" if all(line.draining for line in there) else "up"
