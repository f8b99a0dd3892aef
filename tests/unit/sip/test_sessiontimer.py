# SPDX-License-Identifier: Apache-2.0
"""A call nobody refreshes is dead, and no other call is ended for it."""

import pytest

from core.ids import Leg
from device_adapters.sip.endpoint import Endpoint
from device_adapters.sip.events import Ended
from device_adapters.sip.message import Request, read_message
from device_adapters.sip.sessiontimer import Terms, terms_of
from device_adapters.sip.settings import SipSettings
from tests.unit.sip.peer import SDP, THERE, Peer, endpoint, events, ringing, run_to, talking

TIMER = "Supported: timer\r\n"
UPDATES = "Allow: INVITE, ACK, BYE, UPDATE\r\n"
THEY = f"{TIMER}Session-Expires: 180;refresher=uac\r\n"
WE = f"{TIMER}{UPDATES}Session-Expires: 180;refresher=uas\r\n"
WE_BY_INVITE = f"{TIMER}Session-Expires: 180;refresher=uas\r\n"


def answered(extra: str, settings: SipSettings | None = None) -> tuple[Endpoint, Peer]:
    """Return a caller whose 200 was heard just now."""
    sip = endpoint(settings)
    caller, leg = ringing(sip, extra=extra)
    sip.answer(leg, 0.0)
    caller.heard()
    return sip, caller


def reasons(sip: Endpoint) -> list[tuple[str, float]]:
    return [(told.reason, told.at) for told in events(sip) if isinstance(told, Ended)]


@pytest.mark.parametrize(
    ("extra", "said", "required"),
    [
        ("", "1800;refresher=uas", ""),
        (TIMER, "1800;refresher=uas", "timer"),
        (f"{TIMER}Session-Expires: 600\r\n", "600;refresher=uas", "timer"),
        (f"{TIMER}Session-Expires: 600;refresher=uac\r\n", "600;refresher=uac", "timer"),
        (f"{TIMER}x: 600 ; Refresher = uas\r\n", "600;refresher=uas", "timer"),
        (f"{TIMER}Session-Expires: 9000;refresher=uac\r\n", "1800;refresher=uac", "timer"),
        (f"{TIMER}Session-Expires: 9000\r\nMin-SE: 3600\r\n", "3600;refresher=uas", "timer"),
        ("Session-Expires: 600;refresher=uac\r\n", "600;refresher=uas", ""),
        ("Session-Expires: 20\r\n", "90;refresher=uas", ""),
        (f"{TIMER}Session-Expires: soon;refresher=uac\r\n", "1800;refresher=uac", "timer"),
    ],
)
def test_the_answer_says_how_long_and_who_refreshes(extra: str, said: str, required: str) -> None:
    _, caller = answered(extra)

    assert caller.last[0].get("session-expires") == said
    assert caller.last[0].get("require") == required


@pytest.mark.parametrize(
    ("extra", "statuses"),
    [
        (f"{TIMER}Session-Expires: 89\r\n", [422]),
        ("Require: timer\r\nSession-Expires: 89\r\n", [422]),
        (f"{TIMER}Session-Expires: 90\r\n", [100]),
        ("Session-Expires: 89\r\n", [100]),
        (f"{TIMER}Session-Expires: 0\r\n", [100]),
    ],
)
def test_a_session_too_short_is_refused_only_to_who_knows_timers(extra: str, statuses: list[int]) -> None:
    caller = Peer(endpoint())

    assert caller.invite(extra=extra) == statuses
    if statuses == [422]:
        assert caller.last[0].get("min-se") == "90"


def test_we_refresh_at_half_by_update_where_the_peer_takes_it() -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE)

    asked = caller.asked(90.0)

    assert (asked.method, asked.body) == ("UPDATE", b"")
    assert asked.get("session-expires") == "180;refresher=uac"
    assert (asked.to_tag, asked.from_tag) == ("from-a", "leg0")
    caller.reply(asked, 200, 90.1, extra="Session-Expires: 180;refresher=uac\r\n")
    assert caller.asked(180.1).method == "UPDATE"


def test_we_refresh_by_reinvite_with_the_same_session_and_confirm_each_200() -> None:
    sip = endpoint()
    caller, leg = ringing(sip, extra=WE_BY_INVITE)
    sip.answer(leg, 0.0)
    caller.heard()
    said = caller.last[0].body
    caller.ack()

    asked = caller.asked(90.0)
    assert (asked.method, asked.body) == ("INVITE", said)
    caller.reply(asked, 100, 90.1)
    first = (
        caller.reply(asked, 200, 90.2, body=SDP),
        [m.method for m in caller.last if isinstance(m, Request)],
    )
    ack = caller.sent[0][0]
    caller.reply(asked, 200, 90.7, body=SDP)

    assert first == ([0], ["ACK"])
    assert caller.sent[0][0] == ack
    assert caller.last[0].cseq == asked.cseq
    assert run_to(sip, 179.0) == []


def test_the_new_contact_of_a_200_is_where_we_speak_next() -> None:
    sip = endpoint()
    caller, leg = talking(sip, extra=WE)
    caller.reply(caller.asked(90.0), 200, 90.1, extra="Contact: <sip:moved@192.0.2.9:5099>\r\n")

    sip.hang_up(leg, 91.0)

    caller.heard()
    assert caller.last[0].uri == "sip:moved@192.0.2.9:5099"  # type: ignore[union-attr]
    assert caller.sent[0][1] == ("192.0.2.9", 5099)


def test_a_peer_that_does_not_refresh_in_time_is_gone() -> None:
    sip = endpoint()
    talking(sip, extra=THEY)

    sent = run_to(sip, 160.0)

    assert sent[0] == (148.0, "BYE")
    assert reasons(sip) == [("expired", 148.0)]


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_peer_that_refreshes_talks_on(method: str) -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=THEY)

    for turn in range(1, 6):
        assert caller.within(method, 1 + turn, 90.0 * turn, extra=TIMER + "Session-Expires: 180\r\n") == [200]
        assert caller.last[0].get("session-expires") == "180;refresher=uac"
        caller.ack(90.0 * turn, cseq=1 + turn)

    assert run_to(sip, 590.0) == []
    assert reasons(sip) == []
    run_to(sip, 599.0)
    assert reasons(sip) == [("expired", 598.0)]


def test_a_peer_may_hand_the_refreshing_over_to_us() -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=THEY)

    caller.within("UPDATE", 2, 80.0, extra=TIMER + UPDATES + "Session-Expires: 180;refresher=uas\r\n")

    assert caller.last[0].get("session-expires") == "180;refresher=uas"
    assert caller.asked(170.0).method == "UPDATE"


@pytest.mark.parametrize("status", [408, 481])
@pytest.mark.parametrize("extra", [WE, WE_BY_INVITE])
def test_a_peer_that_knows_of_no_such_call_is_gone(extra: str, status: int) -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=extra)

    sent = caller.reply(caller.asked(90.0), status, 90.1)

    assert [m.method for m in caller.last if isinstance(m, Request)][-1] == "BYE", sent
    assert reasons(sip) == [("gone", 90.1)]


@pytest.mark.parametrize("extra", [WE, WE_BY_INVITE, ""])
def test_a_refresh_nobody_answers_ends_the_call(extra: str) -> None:
    sip = endpoint(SipSettings(session_expires_s=180))
    talking(sip, extra=extra)

    run_to(sip, 123.0)

    assert reasons(sip) == [("gone", 122.0)]


@pytest.mark.parametrize("status", [403, 488, 503, 603])
def test_any_other_refusal_is_asked_again_and_leaves_the_call_until_its_session_ends(status: int) -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE)
    caller.reply(caller.asked(90.0), status, 90.1)
    assert run_to(sip, 120.0) == []
    caller.reply(caller.asked(120.1), status, 120.2)

    assert run_to(sip, 147.0) == []
    assert reasons(sip) == []
    run_to(sip, 148.0)
    assert reasons(sip) == [("expired", 148.0)]


@pytest.mark.parametrize("status", [400, 500, 503, 504])
def test_a_refusal_of_the_moment_costs_nobody_the_call(status: int) -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE)
    caller.reply(caller.asked(90.0), status, 90.1)

    caller.reply(caller.asked(120.1), 200, 120.2, extra=WE)

    run_to(sip, 209.0)
    assert reasons(sip) == []


def test_a_peer_that_could_not_be_reached_for_a_moment_is_asked_again() -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE)
    caller.asked(90.0)

    sip.unreachable(caller.sent, 90.0)

    caller.reply(caller.asked(120.0), 200, 120.1, extra=WE)
    run_to(sip, 208.0)
    assert reasons(sip) == []


def test_a_peer_without_timers_that_refuses_is_there_and_talks_on() -> None:
    """Nobody but us keeps time: an answer is all we wanted to hear."""
    sip = endpoint(SipSettings(session_expires_s=180))
    caller, _ = talking(sip)

    for turn in range(1, 4):
        asked = caller.asked(90.0 * turn + 0.1 * (turn - 1))
        assert asked.method == "INVITE"
        caller.reply(asked, 501, 90.0 * turn + 0.1 * turn)

    assert reasons(sip) == []


def test_a_peer_that_finds_the_session_too_short_gets_a_longer_one() -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE)

    caller.reply(caller.asked(90.0), 422, 90.1, extra="Min-SE: 600\r\n")

    asked = caller.last[-1]
    assert (asked.get("session-expires"), asked.get("min-se")) == ("600;refresher=uac", "600")
    assert isinstance(asked, Request)
    caller.reply(asked, 200, 90.2, extra="Session-Expires: 600;refresher=uac\r\n")
    assert run_to(sip, 390.0) == []
    assert caller.asked(390.2).method == "UPDATE"


def test_a_422_that_names_nothing_longer_is_a_refusal() -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE)

    assert caller.reply(caller.asked(90.0), 422, 90.1, extra="Min-SE: 90\r\n") == []
    assert sip.statistics()["refresh_refused"] == 1


@pytest.mark.parametrize("status", [405, 501])
def test_a_peer_that_does_not_take_the_update_it_allowed_gets_a_reinvite(status: int) -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE)

    caller.reply(caller.asked(90.0), status, 90.1)

    assert [m.method for m in caller.last if isinstance(m, Request)] == ["INVITE"]


@pytest.mark.parametrize(
    ("status", "extra", "least_s", "most_s"), [(491, "", 0, 2), (500, "Retry-After: 7\r\n", 7, 7)]
)
def test_a_refresh_that_met_theirs_is_tried_again_a_moment_later(
    status: int, extra: str, least_s: float, most_s: float
) -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE_BY_INVITE)
    caller.reply(caller.asked(90.0), status, 90.0, extra=extra)

    ((at, word), *_) = run_to(sip, 97.5)

    assert word == "INVITE"
    assert least_s <= at - 90.0 <= most_s


def test_two_legs_do_not_meet_again_at_the_same_moment() -> None:
    pauses = set()
    for name in "abcdef":
        sip = Endpoint(SipSettings(), ("192.0.2.110", 5060), lambda name=name: f"leg-{name}")  # type: ignore[misc]
        caller, _ = talking(sip, extra=WE_BY_INVITE)
        caller.reply(caller.asked(90.0), 491, 90.0)
        pauses.add(run_to(sip, 92.1)[0][0])

    assert len(pauses) > 3


def test_their_reinvite_while_ours_is_out_gets_491_and_ours_goes_on() -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE_BY_INVITE)
    asked = caller.asked(90.0)

    assert caller.within("INVITE", 2, 90.1, body=SDP) == [491]
    assert caller.within("UPDATE", 3, 90.1, body=SDP) == [491]
    assert caller.within("UPDATE", 4, 90.1) == [200]
    caller.reply(asked, 200, 90.2, body=SDP)

    assert caller.within("INVITE", 5, 90.3, body=SDP) == [200]


def test_we_do_not_refresh_while_their_reinvite_is_unconfirmed() -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE_BY_INVITE)
    caller.within("INVITE", 2, 89.9, extra=WE_BY_INVITE.replace("180", "91"), body=SDP)
    events(sip)

    assert {word for _, word in run_to(sip, 100.0)} == {"200"}
    caller.ack(100.0, cseq=2)
    assert {word for _, word in run_to(sip, 137.0)} == {"INVITE"}


def test_a_connection_that_is_gone_does_not_end_a_call_before_its_time() -> None:
    sip = endpoint()
    caller, _ = talking(sip, extra=WE)
    caller.asked(90.0)

    sip.unreachable(caller.sent, 90.1)

    assert reasons(sip) == []
    run_to(sip, 148.0)
    assert reasons(sip) == [("expired", 148.0)]


def test_a_hang_up_while_a_refresh_is_out_says_bye_and_still_confirms_the_200() -> None:
    sip = endpoint()
    caller, leg = talking(sip, extra=WE_BY_INVITE)
    asked = caller.asked(90.0)
    sip.hang_up(leg, 90.1)
    caller.heard()

    caller.reply(asked, 200, 90.2, body=SDP)

    assert [m.method for m in caller.last if isinstance(m, Request)] == ["ACK"]
    run_to(sip, 200.0)
    held = sip.statistics()
    assert (held["calls"], held["transactions"], held["timers"]) == (0, 0, 0)


def test_a_call_taken_up_after_a_restart_is_refreshed_soon_and_counts_on() -> None:
    sip = endpoint()
    caller = Peer(sip)
    raw = caller.text("INVITE", extra=WE, body=SDP).encode()
    sip.adopt(raw, THERE, Leg("before"), "answered", 7000.0)

    sent = run_to(sip, 7045.0)

    assert sent[0][1] == "UPDATE"
    assert 7000.0 <= sent[0][0] <= 7045.0


def test_a_call_taken_up_after_a_restart_counts_beyond_what_the_old_process_said() -> None:
    sip = endpoint()
    caller = Peer(sip)
    raw = caller.text("INVITE", body=SDP).encode()
    sip.adopt(raw, THERE, Leg("before"), "answered", 7.0, cseq=1_760_000_000)

    sip.hang_up(Leg("before"), 8.0)

    caller.heard()
    assert caller.last[0].cseq == 1_760_000_001


def test_a_call_taken_up_is_refreshed_by_us_whoever_was_to_do_it_and_ends_when_nobody_is_there() -> None:
    sip = endpoint()
    raw = Peer(sip).text("INVITE", extra=THEY, body=SDP).encode()
    sip.adopt(raw, THERE, Leg("before"), "answered", 7000.0)

    sent = run_to(sip, 7149.0)

    assert sent[0][0] <= 7045.0
    assert [reason for reason, _ in reasons(sip)] == ["gone"]


@pytest.mark.parametrize(
    ("lines", "terms"),
    [
        ("", Terms(False, 0, "", 0)),
        ("k: timer\r\nx: 90\r\n", Terms(True, 90, "", 0)),
        ("Supported: a, TIMER ,b\r\nMin-SE: 120;x\r\n", Terms(True, 0, "", 120)),
        ("Supported: timers\r\nSession-Expires: 9999999999;refresher=me\r\n", Terms(False, 0, "", 0)),
        ("Session-Expires: ²\r\nMin-SE: -1\r\n", Terms(False, 0, "", 0)),
    ],
)
def test_what_cannot_be_read_was_not_said(lines: str, terms: Terms) -> None:
    invite = read_message(Peer(endpoint()).text("INVITE", extra=lines).encode("latin-1", "replace"))

    assert terms_of(invite) == terms
