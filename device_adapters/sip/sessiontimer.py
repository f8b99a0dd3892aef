# SPDX-License-Identifier: Apache-2.0
"""Session timers (RFC 4028): what a leg agrees on, and when it must be refreshed or given up, as a table."""

from enum import Enum, auto
from typing import NamedTuple

from device_adapters.sip.message import Message

LEAD_S_MAX = 32
"Whoever waits for a refresh gives up min(32 s, a third) before the end (RFC 4028 10)."
DIGITS_MAX = 9
MIN_SE_S = 90
"RFC 4028 4: no session is shorter."
TRIES_MAX = 8
"Refreshes in a row that met one of theirs, or were too brief: after that we stand back for STAND_S (guess)."
STAND_S = 30
"""A refusal may be a moment's: a border controller that restarts, a proxy without a route. Asked again this often
until the session's end, which alone decides (guess)."""


class State(Enum):
    """Who does what next."""

    __hash__ = object.__hash__

    OFF = auto()
    "Not answered yet, or over."
    WE_WAIT = auto()
    "Half the interval, then it is on us."
    WE_ASK = auto()
    "Our refresh is out."
    WE_PAUSE = auto()
    "It met one of theirs; once more in a moment."
    WE_STAND = auto()
    "Refused: the call goes on, and is asked for again by and by, until the session ends."
    THEY = auto()
    "It is on them."


class Heard(Enum):
    """What can befall it."""

    __hash__ = object.__hash__

    WE_REFRESH = auto()
    "A 2xx made us the one who refreshes, from now on."
    THEY_REFRESH = auto()
    DUE = auto()
    "The deadline came: half the interval, or its end."
    AGAIN = auto()
    CROSSED = auto()
    "491, or 500 with Retry-After."
    ANOTHER_WAY = auto()
    "422: longer; 405 or 501 to an UPDATE: by re-INVITE."
    REFUSED = auto()
    GONE = auto()
    "408, 481 or no answer at all."
    OVER = auto()
    "The leg is."


class Act(Enum):
    """What it asks of the leg."""

    NOTHING = auto()
    WAIT_HALF = auto()
    WAIT_END = auto()
    ASK = auto()
    PAUSE = auto()
    STAND = auto()
    TELL_EXPIRED = auto()
    TELL_GONE = auto()


S, H, A = State, Heard, Act
AGREED = {
    (state, heard): to
    for state in State
    for heard, to in {H.WE_REFRESH: (S.WE_WAIT, A.WAIT_HALF), H.THEY_REFRESH: (S.THEY, A.WAIT_END)}.items()
}
NEXT: dict[tuple[State, Heard], tuple[State, Act]] = AGREED | {
    (S.WE_WAIT, H.DUE): (S.WE_ASK, A.ASK),
    (S.WE_WAIT, H.OVER): (S.OFF, A.NOTHING),
    (S.WE_ASK, H.CROSSED): (S.WE_PAUSE, A.PAUSE),
    (S.WE_ASK, H.ANOTHER_WAY): (S.WE_ASK, A.ASK),
    (S.WE_ASK, H.REFUSED): (S.WE_STAND, A.STAND),
    (S.WE_ASK, H.GONE): (S.OFF, A.TELL_GONE),
    (S.WE_ASK, H.DUE): (S.OFF, A.TELL_EXPIRED),
    (S.WE_ASK, H.OVER): (S.OFF, A.NOTHING),
    (S.WE_PAUSE, H.AGAIN): (S.WE_ASK, A.ASK),
    (S.WE_PAUSE, H.DUE): (S.OFF, A.TELL_EXPIRED),
    (S.WE_PAUSE, H.OVER): (S.OFF, A.NOTHING),
    (S.WE_STAND, H.AGAIN): (S.WE_ASK, A.ASK),
    (S.WE_STAND, H.DUE): (S.OFF, A.TELL_EXPIRED),
    (S.WE_STAND, H.OVER): (S.OFF, A.NOTHING),
    (S.THEY, H.DUE): (S.OFF, A.TELL_EXPIRED),
    (S.THEY, H.OVER): (S.OFF, A.NOTHING),
}


class Terms(NamedTuple):
    """What a message says of session timers."""

    supported: bool
    expires_s: int
    "0 when it says nothing."
    refresher: str
    "`uac`, `uas` or empty."
    min_se_s: int


class SessionTimer:
    """One leg's session timer."""

    __slots__ = ("began", "expires_s", "min_se_s", "patience_s", "peer_knows", "state", "tries")

    def __init__(self) -> None:
        self.state = State.OFF
        self.expires_s = 0
        self.min_se_s = MIN_SE_S
        "The least the peer, or somebody between, takes."
        self.peer_knows = False
        "It keeps time, too. If not, the interval is ours alone and any answer proves it is alive."
        self.began = 0.0
        self.tries = 0
        "Of the refresh that is due."
        self.patience_s = 0
        "What their last 500 asked us to wait."

    def step(self, heard: Heard) -> Act:
        """Move on and return what to do; what is not in the table asks nothing."""
        row = NEXT.get((self.state, heard))
        if row is None:
            return Act.NOTHING
        if self.state is State.WE_STAND:
            self.tries = 0
        self.state, act = row
        if act is Act.ASK:
            self.tries += 1
            if self.tries > TRIES_MAX:
                self.state, act = State.WE_STAND, Act.STAND
        return act

    def agree(self, terms: Terms, usual_s: int, now: float) -> Heard:
        """Settle a request of theirs that we answer with 2xx (RFC 4028 9): return who refreshes."""
        asked_s = max(terms.expires_s, MIN_SE_S) if terms.expires_s else 0
        least_s = max(terms.min_se_s, MIN_SE_S)
        self.expires_s = asked_s if 0 < asked_s <= usual_s else max(usual_s, least_s)
        if asked_s:
            self.expires_s = min(self.expires_s, max(asked_s, least_s))  # never longer than they asked
        self.min_se_s = max(self.min_se_s, least_s)
        self.peer_knows = terms.supported
        theirs = terms.refresher == "uac" or (not terms.refresher and self.state is State.THEY)
        return self._begun(terms.supported and theirs, now)

    def agreed(self, terms: Terms, now: float) -> Heard:
        """Settle a refresh of ours that they answered with 2xx (RFC 4028 7.2)."""
        if terms.expires_s:
            self.expires_s = max(terms.expires_s, MIN_SE_S)
        return self._begun(bool(terms.expires_s) and terms.refresher == "uas", now)

    def alive(self, now: float) -> Heard:
        """Begin again on the word of a peer that keeps no time: it answered, so the call stands."""
        return self._begun(False, now)

    def longer(self, terms: Terms) -> bool:
        """Take the 422 of our refresh; False when it names nothing longer (RFC 4028 7.3)."""
        if terms.min_se_s <= self.expires_s:
            return False
        self.min_se_s = self.expires_s = terms.min_se_s
        return True

    def half_at(self) -> float:
        """Return when we refresh (RFC 4028 7.2)."""
        return self.began + self.expires_s / 2

    def end_at(self) -> float:
        """Return when nobody will any more (RFC 4028 10)."""
        return self.began + self.expires_s - min(LEAD_S_MAX, self.expires_s / 3)

    def said(self) -> str:
        """Return the header lines of our 2xx (RFC 4028 9)."""
        refresher = "uac" if self.state is State.THEY else "uas"
        require = "Require: timer\r\n" if self.peer_knows else ""
        return f"{require}Session-Expires: {self.expires_s};refresher={refresher}\r\n"

    def asked(self) -> str:
        """Return the header lines of our refresh (RFC 4028 7.4)."""
        least = f"Min-SE: {self.min_se_s}\r\n" if self.min_se_s > MIN_SE_S else ""
        return f"Supported: timer\r\nSession-Expires: {self.expires_s};refresher=uac\r\n{least}"

    def _begun(self, theirs: bool, now: float) -> Heard:
        self.began = now
        self.tries = self.patience_s = 0
        return Heard.THEY_REFRESH if theirs else Heard.WE_REFRESH


def terms_of(message: Message) -> Terms:
    """Read what a message says of session timers; what cannot be read was not said."""
    digits, _, parameters = message.get("session-expires").partition(";")
    return Terms(
        knows_timers(message),
        _seconds(digits),
        _refresher(parameters) if parameters else "",
        _seconds(message.get("min-se").partition(";")[0]),
    )


def knows_timers(message: Message) -> bool:
    """Tell whether whoever says this keeps time, too."""
    return has_option(message, "supported", "timer") or has_option(message, "require", "timer")


def expires_s_of(message: Message) -> int:
    """Return the session a message asks for; 0 when it asks for none."""
    return _seconds(message.get("session-expires").partition(";")[0])


def has_option(message: Message, key: str, option: str) -> bool:
    """Tell whether Supported or Require has an option tag; tags are tokens, so no comma is quoted."""
    for line in message.headers.get(key, ()):
        folded = line.lower()
        if option in folded and option in [tag.strip() for tag in folded.split(",")]:
            return True
    return False


def _seconds(digits: str) -> int:
    digits = digits.strip()
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= DIGITS_MAX else 0


def _refresher(parameters: str) -> str:
    for parameter in parameters.lower().split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "refresher" and value.strip() in ("uac", "uas"):
            return value.strip()
    return ""
