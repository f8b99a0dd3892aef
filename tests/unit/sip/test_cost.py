# SPDX-License-Identifier: Apache-2.0
"""What a datagram may cost us: no octets a stranger can choose make reading one dear.

Ratios within one run, the least of several tries, in time of this thread: what else the machine does is not
counted. A square fails however often it is timed, so a fraction that looks bad is timed again.
"""

import gc
import re
from collections.abc import Callable, Iterator
from itertools import product
from time import thread_time
from types import ModuleType

import pytest

from device_adapters import pidf as documents
from device_adapters.lookup import cells
from device_adapters.lookup import settings as lookups
from device_adapters.sip import (
    adapter,
    admission,
    body,
    calls,
    dialog,
    digest,
    grammar,
    identity,
    invitation,
    layer,
    media,
    message,
    overload,
    pidf,
    rates,
    response,
    sdp,
    settings,
    trace,
    trunks,
    udp,
)  # fmt: skip
from device_adapters.sip import (
    endpoint as endpoint_of,
)
from tests.unit.sip.peer import SDP, THERE, Peer, endpoint

DEAR = 50
"A datagram is 55 times as long as an INVITE: it may cost about what as many octets of INVITEs cost."
LINEAR = 3.0
"Twice the octets, twice the time, and room for a noisy machine; a square would be four."
TRIES = 7
CHANCES = 8
WHOLE = 64_000
TINY_S = 0.005
"Sooner done than any square of WHOLE octets, whose least is a second: need not be timed twice."

WORDS = (
    " ", "\t", '"', "x", "<a>", "<a/>", "m=audio 1 RTP/AVP 8\n", "a=x\n", "\r\n", "\r\n ",
    "\\", ",", ";", "<", ">", "@", "1", ":", "%", "\n", "\r", "[", "=", "/", "?", "<>", '""',
    '"\\', '",', "<,", ",<", "> <", "\\\"", " ;", "; ", ";tag", ";branch=", ";rport ", ";received=", " :",
    "1 ", "%41", "cid:", "<!", "--x", "a=b;", "sip:%@", '<">', "SIP/2.0/UDP h ",
)  # fmt: skip
STARTS = (
    "", "SIP", "SIP/2.0/UDP", "SIP/2.0/UDP h", "SIP/2.0/UDP h:1", '"', "<", "1", "1 x", "a=rtpmap:1", "m=audio 1",
    "m=audio 1/", ";", ";tag", ";tag=", ";rport", ";received", ";boundary=", ';boundary="', "application/a",
    "application/emergencycall", "<!", "<", "cid:", "SIP/2.0", "\r\n",
)  # fmt: skip
NAMES: tuple[str, ...] = (
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
    "Contact",
    "P-Asserted-Identity",
    "Require",
    "Geolocation",
)
NAMES += ("Diversion", "History-Info", "Identity", "Privacy", "P-Access-Network-Info")
NAMES += ("Record-Route", "Content-Type", "Content-Disposition", "Content-Length", "Expires", "X")


Family = Callable[[str, str, int], str]


def plain() -> str:
    extra = (
        "User-Agent: SBC\r\nSupported: timer, replaces\r\nP-Charging-Vector: icid-value=1234567890\r\n" * 5
    )
    return Peer(endpoint()).text("INVITE", extra=extra, body=SDP)


def one_line(name: str, word: str, octets: int) -> str:
    """Everything behind the first octets of one header."""
    start = {"Via": "SIP/2.0/UDP h", "CSeq": "1"}.get(name, "<sip:a@b>")
    return plain().replace("\r\nVia: ", f"\r\n{name}: {start}{word * (octets // len(word))}x\r\nVia: ", 1)


def many_lines(name: str, word: str, octets: int) -> str:
    """As many lines as there is room for, each of the lawful length."""
    line = f"{name}: SIP/2.0/UDP h{word * (4000 // len(word))}x\r\n"
    return plain().replace("\r\nFrom: ", f"\r\n{line * (octets // len(line))}From: ", 1)


def short_lines(name: str, word: str, octets: int) -> str:
    line = f"{name}: {word * (octets // 220 // len(word))}\r\n"
    return plain().replace("\r\nFrom: ", f"\r\n{line * 220}From: ", 1)


def folded(name: str, word: str, octets: int) -> str:
    """A header of many lines, blanks before each."""
    lines = (word * (octets // 220 // len(word)) + "\r\n ") * 220
    return plain().replace("\r\nFrom: ", f"\r\n{name}: a{lines}\r\nFrom: ", 1)


def request_line(name: str, word: str, octets: int) -> str:
    return plain().replace("sip:110@", f"sip:{word * (octets // len(word))}@", 1)


def in_body(name: str, word: str, octets: int) -> str:
    kind = f'multipart/mixed;boundary="{word.strip() or "x"}"'
    head = f"Content-Type: {kind}\r\nContent-Length: {octets}\r\n"
    return Peer(endpoint()).text("INVITE", extra=head) + "\r\n" + word * (octets // len(word))


def took(work: Callable[[], object], tries: int = TRIES) -> float:
    best = float("inf")
    for _ in range(tries):
        began = thread_time()
        work()
        best = min(best, thread_time() - began)
    return best


def through(data: bytes) -> Callable[[], object]:
    """Return the work one datagram is: read, told, answered."""

    def work() -> None:
        sip = endpoint()
        sip.receive_datagram(data, THERE, 0.0)
        sip.datagrams_to_send(0.0)
        sip.next_event()

    return work


def is_linear(work: Callable[[int], Callable[[], object]], octets: int) -> bool:
    """Tell whether twice the octets take at most LINEAR times the time."""
    if took(work(octets), 1) < TINY_S:
        return True
    return any(took(work(octets)) <= LINEAR * took(work(octets // 2)) for _ in range(CHANCES))


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    """A pass of the garbage collector is not what is timed."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "family",
    [one_line, many_lines, short_lines, folded, request_line, in_body],
    ids=lambda family: family.__name__,
)
def test_a_long_datagram_costs_no_more_than_as_many_octets_of_invites(family: Family) -> None:
    an_invite = through(plain().encode())
    names = NAMES if family not in (request_line, in_body) else ("",)
    limit_s = DEAR * took(an_invite)

    dear = []
    for name, word in product(names, WORDS):
        work = through(family(name, word, WHOLE).encode("latin-1")[: message.MESSAGE_BYTES_MAX])
        if took(work, 2) > limit_s and all(took(work) > DEAR * took(an_invite) for _ in range(CHANCES)):
            dear.append((name, word))

    assert dear == []


@pytest.mark.parametrize(
    "family",
    [one_line, many_lines, short_lines, folded, request_line, in_body],
    ids=lambda family: family.__name__,
)
def test_twice_the_datagram_costs_twice_the_time(family: Family) -> None:
    def work(name: str, word: str) -> Callable[[int], Callable[[], object]]:
        return lambda octets: through(family(name, word, octets).encode("latin-1"))

    names = NAMES if family not in (request_line, in_body) else ("",)

    assert [pair for pair in product(names, WORDS) if not is_linear(work(*pair), WHOLE)] == []


MODULES: tuple[ModuleType, ...] = (
    adapter,
    admission,
    body,
    calls,
    dialog,
    digest,
    endpoint_of,
    grammar,
    invitation,
    layer,
    message,
    pidf,
)
MODULES += (cells, documents, identity, lookups)
MODULES += (admission, digest, media, overload, rates, response, sdp, settings, trace, trunks, udp)
MATCHED = (
    "_QUOTED",
    "_ELEMENT",
    "_USUAL_VIA",
    "_REQUESTABLE",
    "_VIA",
    "_CSEQ",
    "_VERSION",
    "_CID",
    "_RTPMAP",
    "_REFERENCE",
    "_URL",
    "_IDENTITY",
    "_TIMES",
    "IGNORED_KINDS",
)
SEARCHED = (
    "_ESCAPE",
    "_TAG",
    "_BRANCH",
    "_RPORT",
    "_RECEIVED",
    "_FOLD",
    "_INDEX",
    "_QUOTATION",
    "_BOUNDARY",
)
OURS = ("_LISTEN", "_COUNTY", "_PRINTABLE", "_CALLED", "_CELL", "_DASHED")
"The operator writes what these read."
PATTERNS = {
    name: value for module in MODULES for name, value in vars(module).items() if isinstance(value, re.Pattern)
}


def test_every_pattern_is_known_here() -> None:
    assert sorted(PATTERNS) == sorted((*MATCHED, *SEARCHED, *OURS))


@pytest.mark.parametrize("name", [*MATCHED, *SEARCHED])
def test_a_pattern_costs_what_its_text_is_long(name: str) -> None:
    pattern = PATTERNS[name]

    def work(start: str, word: str) -> Callable[[int], Callable[[], object]]:
        def of(octets: int) -> Callable[[], object]:
            text = start + word * (octets // len(word)) + "!"
            given = text.encode() if isinstance(pattern.pattern, bytes) else text
            return (lambda: pattern.match(given)) if name in MATCHED else (lambda: pattern.findall(given))

        return of

    assert [pair for pair in product(STARTS, WORDS) if not is_linear(work(*pair), WHOLE)] == []


READERS: dict[str, Callable[[str], object]] = {
    "name_addr": grammar.name_addr,
    "split_commas": grammar.split_commas,
    "tag_of": grammar.tag_of,
    "user_of": grammar.user_of,
    "host_port": grammar.host_port,
    "parse_via": grammar.parse_via,
    "stamp_via": lambda text: grammar.stamp_via(text, grammar.Via("UDP", "h", 0, "", True), "h", 1),
    "sdp": lambda text: forgiven(lambda: sdp.answer(text.encode("latin-1"), sdp.Session("h", 1, 1, 1))),
    "sdp answered": lambda text: sdp.answered(text.encode("latin-1")),
    "identity": lambda text: identity._passport(text),
    "index": identity._index,
    "access": cells.key_of_access,
    "pidf": lambda text: forgiven(lambda: documents.read_pidf(text.encode("latin-1"))),
}


def forgiven(work: Callable[[], object]) -> None:
    try:
        work()
    except (sdp.UnreadableOfferError, documents.UnreadableLocationError):
        return


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_costs_what_its_text_is_long(reader: str) -> None:
    read = READERS[reader]
    octets = {"sdp": sdp.SDP_BYTES_MAX, "pidf": documents.PIDF_BYTES_MAX}.get(
        reader.partition(" ")[0], WHOLE
    ) - 40

    def work(start: str, word: str) -> Callable[[int], Callable[[], object]]:
        return lambda octets: lambda: read(start + word * (octets // len(word)))

    starts = (*STARTS, "sip:", "tel:", "m=audio 1 RTP/AVP 8\n", "<a><Circle>", "<p><pos>")

    assert [pair for pair in product(starts, WORDS) if not is_linear(work(*pair), octets)] == []
