# SPDX-License-Identifier: Apache-2.0
"""Real sipp plays what trunks do, rule by rule; the RFC section stands in each scenario (scenarios/*.xml)."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from device_adapters.sip.settings import SipSettings
from tests.integration.house import until
from tests.integration.sip_exchange import SCENARIOS, SIPP, Exchange, dial, exchange
from tests.integration.sip_hand import Hand, status

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not SIPP, reason="sipp is not installed (apt install sip-tester)"),
]

HERE = ("udp:127.0.0.1:0",)
ROOMS = {
    "plain": SipSettings(listen=HERE),
    "impatient": SipSettings(listen=HERE, t1_ms=50, ring_repeat_s=1),
    "small": SipSettings(listen=HERE, calls_max=1),
    "draining": SipSettings(listen=HERE),
    "six": SipSettings(listen=("udp:[::1]:0",)),
    "stream": SipSettings(listen=("tcp:127.0.0.1:0",)),
}
"Settings that some scenarios need; one adapter each, opened when the first of them asks."

ENDED = {"CallReceived": 1, "CallAnswered": 1, "CallEnded": 1}
LEFT = {"CallReceived": 1, "CallAbandoned": 1}
REFUSED = {"CallReceived": 1, "CallEnded": 1}
NOTHING: dict[str, int] = {}
DISCARD = ("-nr",)
"sipp hides repeated messages unless it is told not to repeat its own."


class Scene(NamedTuple):
    """One scenario and what the house must have been told of it, each call once."""

    scenario: str
    told: dict[str, int]
    room: str = "plain"
    arguments: tuple[str, ...] = ()
    reason: str = ""


def scene(
    sentence: str, scenario: str, told: dict[str, int], *arguments: str, room: str = "plain", reason: str = ""
) -> object:
    """Return a parameter whose id is its sentence."""
    return pytest.param(Scene(scenario, told, room, arguments, reason), id=sentence.replace(" ", "_"))


TRANSACTIONS = [
    scene("an invite that came by two ways is merged", "merged_invite", ENDED),
    scene("an invite said twice rings once and hears the same", "invite_again_while_ringing", LEFT, *DISCARD),
    scene("an invite said twice is refused in the same words", "invite_again_when_refused", NOTHING, *DISCARD),
    scene("a caller who hangs up while it rings hears 200 and 487", "cancel", LEFT, reason="cancel"),
    scene("a cancel that crossed our answer changes nothing", "cancel_after_200", ENDED, reason="bye"),
    scene("a bye may come before the ack", "bye_before_ack", ENDED, *DISCARD, reason="bye"),
    scene("a bye while it rings is a hang-up", "bye_while_ringing", LEFT, reason="bye"),
    scene("a strangers bye is told that there is no such call", "strangers_bye", NOTHING),
    scene("a lower cseq is refused and the call goes on", "lower_cseq", ENDED),
    scene("a request with the tag of another is refused and the call goes on", "wrong_to_tag", ENDED),
    scene("a caller without branches is answered", "no_branch", ENDED),
    scene("a caller without branches can hang up while it rings", "no_branch_cancel", LEFT, reason="cancel"),
    scene("our bye takes the way the invite came", "record_route", ENDED, reason="hung_up"),
    scene("the desk hangs up and the caller hears it", "hung_up_by_us", ENDED, reason="hung_up"),
    scene("the desk refuses a ringing call", "refused_by_us", REFUSED, reason="refused"),
]  # fmt: skip
OFFERS = [
    scene("a trunk may hold and silence and resume", "hold", ENDED),
    scene("a hold of the old kind is a hold", "hold_of_old", ENDED),
    scene("an invite without an offer is offered a-law", "late_offer", ENDED),
    scene("a re-invite without an offer is offered a-law", "late_offer_again", ENDED),
    scene("an update without an offer is confirmed", "update_without_sdp", ENDED),
    scene("an update with an offer is answered", "update_with_sdp", ENDED),
    scene("an offer before the first was answered must wait", "update_while_ringing", ENDED),
    scene("a re-invite before the first was answered must wait", "invite_while_ringing", ENDED),
    scene("two offers that crossed are told so", "glare", ENDED),
    scene("every media line gets an answer", "several_media", ENDED),
    scene("a trunk with mu-law only is answered in mu-law", "mulaw_only", ENDED),
    scene("keys are taken under the number the trunk gave them", "keys", ENDED),
    scene("an address at the media line is enough", "address_at_media", ENDED),
    scene("an offer of nothing we can talk is refused with the reason", "g729_only", NOTHING),
    scene("a re-offer of nothing we can talk leaves the call as it was", "g729_in_the_call", ENDED),
    scene("keys pressed in an info are taken", "keyed", {**ENDED, "CallKeyPressed": 1}),
]  # fmt: skip
RELIABLY = [
    scene("a required reliable ring is confirmed", "prack", ENDED),
    scene("a ring is reliable for who supports it", "prack_supported", ENDED),
    scene("a prack of nothing we said is refused", "prack_wrong", ENDED),
    scene(
        "a ring nobody confirms is repeated and the call answered",
        "prack_missing", ENDED, *DISCARD, room="impatient",
    ),
    scene("a ring is plain for who does not speak of it", "no_100rel", ENDED),
    scene("the trunk may refresh the session by invite and by update", "session_timer_theirs", ENDED),
    scene("the trunk may leave the refreshing to us", "session_timer_ours", ENDED),
    scene("somebody is told to refresh when nobody said who", "session_timer_open", ENDED),
    scene("a caller without session timers is not told to refresh", "session_timer_none", ENDED),
    scene("a session too short is told the least and then answered", "session_too_short", ENDED),
]  # fmt: skip
REFUSALS = [
    scene("a required option we do not know is named", "required_option", NOTHING),
    scene("a method that is not ours is told which are", "method_not_allowed", NOTHING),
    scene("options are answered with all we can", "options", NOTHING),
    scene("a caller who accepts nothing of ours is answered all the same", "nothing_acceptable", ENDED),
    scene("a body of unknown kind is refused unless it is optional", "unknown_body", ENDED),
    scene("a zipped body is refused with what we read", "encoded_body", NOTHING),
    scene("a scheme that is no telephones is refused", "unknown_scheme", NOTHING),
    scene("a version of SIP that does not exist is refused", "wrong_version", NOTHING),
    scene("110 is answered by each of its names", "services", {"CallReceived": 4, "CallAnswered": 4, "CallEnded": 4}),
    scene("a full house says when to try again and keeps who is there", "full", LEFT, room="small"),
    scene("a house about to stop takes no new call", "draining", NOTHING, room="draining"),
]  # fmt: skip
IN_TIME = [
    scene(
        "an answer nobody confirms is repeated and then ended",
        "no_ack", ENDED, *DISCARD, room="impatient", reason="no_ack",
    ),
    scene("a ringing phone goes on ringing", "rings_on", LEFT, *DISCARD, room="impatient"),
    scene("a caller in line is told the place", "queued", ENDED),
    scene("an invite ends when it said it would", "caller_gives_up", LEFT, reason="expired"),
    scene("a call over IPv6 is a call", "plain_call", ENDED, room="six"),
    scene("a hang-up over IPv6 is a hang-up", "cancel", LEFT, room="six"),
]  # fmt: skip
ONE_STREAM = ("-t", "t1")
OVER_TCP = [
    scene("a caller over TCP may hang up while it rings", "cancel", LEFT, *ONE_STREAM, room="stream", reason="cancel"),
    scene("a trunk over TCP may hold and resume", "hold", ENDED, *ONE_STREAM, room="stream"),
    scene("a ring over TCP is confirmed", "prack", ENDED, *ONE_STREAM, room="stream"),
    scene("a session over TCP is refreshed", "session_timer_theirs", ENDED, *ONE_STREAM, room="stream"),
    scene(
        "our bye over TCP takes the way the invite came",
        "record_route", ENDED, *ONE_STREAM, room="stream", reason="hung_up",
    ),
    scene("nothing to talk about over TCP is refused", "g729_only", NOTHING, *ONE_STREAM, room="stream"),
]  # fmt: skip
SCENES = [*TRANSACTIONS, *OFFERS, *RELIABLY, *REFUSALS, *IN_TIME, *OVER_TCP]


@pytest.fixture(scope="module")
def rooms() -> Iterator[Callable[[str], Exchange]]:
    opened: dict[str, Exchange] = {}
    with ExitStack() as stack:

        def room(name: str) -> Exchange:
            if name not in opened:
                opened[name] = stack.enter_context(exchange(ROOMS[name]))
                if name == "draining":
                    opened[name].within(lambda: opened[name].adapter.drain(True))
            return opened[name]

        yield room


@pytest.mark.parametrize("played", SCENES)
def test_sipp_hears_what_the_rfc_promises(
    played: Scene, rooms: Callable[[str], Exchange], tmp_path: Path
) -> None:
    room = rooms(played.room)
    call_id = f"{played.room}-{played.scenario}."  # the dot: some names begin like others
    before = room.statistics()["calls"]

    wrong = dial(room.address, played.scenario, tmp_path, *played.arguments, call_id=call_id)

    broken = room.broke()
    assert broken is None, f"{broken!r}\n{wrong}"
    assert not wrong, wrong
    until(lambda: room.desk.told(call_id) == Counter(played.told), 3.0)
    until(lambda: room.statistics()["calls"] <= before, 5.0)
    if played.reason:
        assert room.desk.reasons(call_id) == [played.reason]


@pytest.mark.parametrize(
    ("octets", "line", "answer"),
    [(50_000, "X-Nothing: 1", 513), (0, "To: <sip:110@gateway>" + ";x" * 2_500, 400)],
    ids=["a_body_nobody_reads_to_the_end", "an_address_as_long_as_a_book"],
)
def test_what_is_too_long_is_refused_and_the_next_caller_answered(
    rooms: Callable[[str], Exchange], octets: int, line: str, answer: int
) -> None:
    target = rooms("plain").address
    with Hand(target) as bulky, Hand(target) as next_caller:
        bulky.say("INVITE", 1, line, body="x" * octets, kind="application/sdp")

        assert status(bulky.answer()) == answer
        assert next_caller.call()
    until(lambda: rooms("plain").desk.told(next_caller.call_id) == Counter(ENDED), 3.0)
    assert rooms("plain").desk.told(bulky.call_id) == Counter()


def test_every_scenario_is_played_by_some_scene() -> None:
    scenes = "".join(page.read_text() for page in Path(__file__).parent.glob("test_*.py"))

    assert [path.stem for path in SCENARIOS.glob("*.xml") if path.stem not in scenes] == []
