# SPDX-License-Identifier: Apache-2.0
"""In whatever order things befall them, the gates keep their rules and remember no more than they may."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from device_adapters.sip import digest as digest_of
from device_adapters.sip.digest import WINDOW
from device_adapters.sip.events import Address
from device_adapters.sip.rates import SLOT_S, SLOTS, Bucket, CallerCounts
from device_adapters.sip.trace import Traces, UnreadableTraceError, read_trace
from device_adapters.sip.trunks import ANSWER_S_MAX, DOWN_S_MAX
from tests.unit.sip.test_admission import LISTED, OTHER, SECOND, House, stranger, trunk
from tests.unit.sip.test_digest import TRUNK, doorman, request
from tests.unit.sip.test_trunks import ALL, UDP, A, B, let_pass, watched

HOUR_S = 3600.0

said_or_heard = st.lists(st.tuples(st.booleans(), st.binary(max_size=60)), max_size=12)


@given(st.binary(max_size=60))
def test_any_octets_are_a_trace_or_refused_by_name(data: bytes) -> None:
    try:
        read_trace(data)
    except UnreadableTraceError:
        return


@given(said_or_heard, st.integers(1, 6))
def test_a_trace_is_the_tail_of_what_was_said_and_heard(told: list[tuple[bool, bytes]], most: int) -> None:
    traces = Traces(most)
    traces.begin("leg", 1.0)
    for heard, data in told:
        (traces.heard if heard else traces.said)("leg", data, 1.0)

    read = read_trace(traces.take("leg"))

    assert [(line.heard, line.text) for line in read] == told[-most:]


gaps = st.lists(st.floats(0, 3) | st.sampled_from([0.0, 0.1, 1 / 3, 1e-9, 60.0]), max_size=40)


@given(gaps, st.integers(1, 50), st.integers(1, 20))
def test_no_window_lets_more_through_than_the_burst_and_its_seconds(
    waits: list[float], per_s: int, burst: int
) -> None:
    bucket = Bucket(per_s, burst)
    now, passed = 0.0, []
    for wait in waits:
        now += wait
        passed += [now] if bucket.take(now) else []

    for first, begin in enumerate(passed):
        for last, end in enumerate(passed[first:], 1):
            lasted_ns = int(end * 1e9) - int(begin * 1e9)
            assert last <= burst + Fraction(lasted_ns * per_s, 10**9)


@given(gaps, st.integers(1, 50), st.integers(1, 20))
def test_whoever_keeps_the_rate_always_passes(waits: list[float], per_s: int, burst: int) -> None:
    bucket = Bucket(per_s, burst)
    now = 0.0
    for wait in waits:
        now += wait + 1 / per_s + 1e-6

        assert bucket.take(now)


calls = st.lists(
    st.tuples(
        st.sampled_from(["5771", "5772", "5773"]),
        st.sampled_from([0.0, 1.0, 299.0, 300.0, 900.0, 3300.0, 3600.0, 8000.0]),
    ),
    max_size=40,
)


@given(calls)
def test_a_count_is_what_the_last_hour_would_say_to_five_minutes(told: list[tuple[str, float]]) -> None:
    counts = CallerCounts(10)
    now = 0.0
    heard: list[tuple[str, float]] = []
    for caller, wait in told:
        now += wait
        heard.append((caller, now))
        mine = [at for name, at in heard if name == caller]

        count = counts.add(caller, now)

        newest_slots = now // SLOT_S - SLOTS
        assert count == sum(at // SLOT_S > newest_slots for at in mine)
        assert (
            sum(now - at < HOUR_S - SLOT_S for at in mine) <= count <= sum(now - at < HOUR_S for at in mine)
        )


admissions = st.lists(
    st.tuples(
        st.sampled_from(["call", "call", "call", "end"]),
        st.sampled_from([LISTED, OTHER, SECOND, stranger(1), stranger(2)]),
        st.sampled_from(["", "13800138000", "13900139000"]),
        st.sampled_from([0.0, 0.01, 0.3, 5.0]),
    ),
    max_size=80,
)


@given(admissions)
def test_a_call_within_its_contract_is_refused_only_by_a_house_that_is_full(
    told: list[tuple[str, Address, str, float]],
) -> None:
    house = House(
        trunk("mobile", "192.0.2.9", "192.0.2.10", calls_max=5), trunk("telecom", "192.0.2.20"),
        calls_max=10, strangers_percent=40, strangers_per_s=1, insistent_per_hour=4,
    )  # fmt: skip
    held: list[Address] = []
    taken: list[str] = []
    now = 0.0
    for what, source, caller, wait in told:
        now += wait
        if what == "end":
            if source in held:
                held.remove(source)
                house.end(source)
            continue
        listed = source in (LISTED, OTHER, SECOND)
        mobile = sum(one in (LISTED, OTHER) for one in held)
        insists = bool(caller) and taken.count(caller) + 1 >= 4

        refused = house.call(source, now, caller)

        if not refused:
            held.append(source)
            taken.append(caller)
        elif listed:
            full = len(held) >= 10
            nearly = len(held) >= 9 and insists
            assert full or nearly or (source != SECOND and mobile >= 5)
        assert len(held) <= 10
        assert sum(one[0].startswith("198.") for one in held) <= 4


WORDS_SAID = [
    'realm="Gateway110"',
    'nonce="x"',
    "nc=1",
    'uri="',
    "qop=auth",
    ",",
    "=",
    '"',
    "\\",
    " ",
    "\xff",
    "a",
]


@given(st.lists(st.sampled_from(WORDS_SAID), max_size=20))
def test_whatever_is_shown_the_answer_is_one_short_line(words: list[str]) -> None:
    read = request()
    read.headers["authorization"] = ["Digest " + "".join(words)]

    said = doorman().challenge(read, TRUNK, 0.0)

    assert said is not None
    assert len(said) < 300
    assert said.count("\r\n") == 1


@given(st.lists(st.integers(1, 3 * WINDOW), max_size=60))
def test_each_count_passes_once_and_never_again(counts: list[int]) -> None:
    used = digest_of._Used(0)
    passed: list[int] = []
    for count in counts:
        may = count not in passed and (not passed or count > max(passed) - WINDOW)

        assert used.take(count) is may

        passed += [count] if may else []
    assert used.bits < 1 << WINDOW


keep_alives = st.lists(
    st.tuples(
        st.sampled_from(["wait", "wait", "wait", "heard", "answered", "answered", "silent", "refused"]),
        st.sampled_from([A, B]),
        st.sampled_from([0.0, 0.3, 4.0, 11.0, 31.0]),
    ),
    max_size=60,
)


@given(keep_alives)
def test_changes_alternate_and_nobody_is_ever_forgotten_or_hurried(
    told: list[tuple[str, Address, float]],
) -> None:
    trunks = watched(trunk("mobile", A[0], B[0]), trunk("telecom", "192.0.2.20"))
    now = 0.0
    asked: dict[Address, list[float]] = {}
    for what, address, wait in told:
        end = now + wait
        while (due := trunks.next_due(UDP)) is not None and due <= end:
            now = max(now, due)
            for _, peer in trunks.to_ask(UDP, now):
                asked.setdefault(peer, []).append(now)
            after = trunks.next_due(UDP)
            assert after is not None
            assert now < after <= now + max(30.0, DOWN_S_MAX)
        now = end
        match what:
            case "heard":
                trunks.heard(address[0], now)
            case "answered":
                trunks.answered(address, 200, now)
            case "silent" | "refused":
                trunks.silent(address, now, refused=what == "refused")

    for name in ("mobile", "telecom"):
        mine = [event for event in trunks.events if event.trunk == name]
        assert [event.up for event in mine] == [number % 2 == 1 for number in range(len(mine))]
        assert (trunks.standing()[name] == "down") is (len(mine) % 2 == 1)
    assert len(trunks._due[UDP]) <= 3 * len(told) + 6


@given(keep_alives)
def test_a_trunk_that_answers_again_is_up_within_half_a_minute(
    told: list[tuple[str, Address, float]],
) -> None:
    trunks = watched(trunk("mobile", A[0], B[0]))
    now = 0.0
    for what, address, wait in told:
        let_pass(trunks, now + wait)
        now += wait
        if what == "heard":
            trunks.heard(address[0], now)

    let_pass(trunks, now + DOWN_S_MAX + ANSWER_S_MAX, ALL)

    assert trunks.standing() == {"mobile": "up"}
    assert not trunks.events or trunks.events[-1].up
