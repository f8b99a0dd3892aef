# SPDX-License-Identifier: Apache-2.0
"""An offer is answered line for line, with a voice we have, in the direction the peer asked for."""

import pytest

from device_adapters.sip.media import MEDIA_MAX
from device_adapters.sip.sdp import (
    SDP_BYTES_MAX,
    Answer,
    NothingInCommonError,
    Session,
    UnreadableOfferError,
    answer,
    answered,
    held,
    offer,
)

OURS = Session("192.0.2.110", 40000, 7, 1)
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
AUDIO = "m=audio 4000 RTP/AVP 8\r\n"
OFFER = (HEAD + AUDIO).encode()


def lines_of(media: str, session: Session = OURS) -> list[str]:
    return answer((HEAD + media).encode(), session).decode().splitlines()


def media_of(media: str) -> list[str]:
    return [line for line in lines_of(media) if line.startswith("m=")]


@pytest.mark.parametrize(
    ("formats", "voice"), [("0 8 101", "8"), ("8 0", "8"), ("0", "0"), ("18 0 101", "0"), ("96 97", "97")]
)
def test_a_law_is_chosen_before_mu_law(formats: str, voice: str) -> None:
    lines = lines_of(f"m=audio 4000 RTP/AVP {formats}\r\na=rtpmap:96 AMR/8000\r\na=rtpmap:97 pcma/8000\r\n")

    assert f"m=audio 40000 RTP/AVP {voice}" in lines


def test_a_number_means_what_the_offer_says_it_means() -> None:
    assert media_of("m=audio 4000 RTP/AVP 8 0\r\na=rtpmap:8 G729/8000\r\n") == ["m=audio 40000 RTP/AVP 0"]
    assert media_of("m=audio 4000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000/2\r\n") == ["m=audio 40000 RTP/AVP 0"]
    assert media_of("m=audio 4000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000/1\r\n") == ["m=audio 40000 RTP/AVP 8"]


def test_the_keys_a_caller_presses_are_taken_at_the_offered_number() -> None:
    lines = lines_of("m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n")

    assert lines[-5:] == [
        "m=audio 40000 RTP/AVP 8 96",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:96 telephone-event/8000",
        "a=fmtp:96 0-16",
        "a=sendrecv",
    ]


def test_keys_at_another_clock_than_the_voice_are_left_out() -> None:
    wide = "a=rtpmap:96 telephone-event/16000\r\na=rtpmap:97 telephone-event/8000\r\n"

    assert media_of("m=audio 4000 RTP/AVP 8 96 97\r\n" + wide) == ["m=audio 40000 RTP/AVP 8 97"]
    assert media_of("m=audio 4000 RTP/AVP 8 96\r\n" + wide) == ["m=audio 40000 RTP/AVP 8"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_the_direction_is_the_mirror_of_the_offered(theirs: str, ours: str) -> None:
    assert lines_of(f"{AUDIO}a={theirs}\r\n")[-1] == f"a={ours}"
    assert lines_of(f"a={theirs}\r\n{AUDIO}")[-1] == f"a={ours}"


def test_the_direction_of_a_media_line_comes_before_the_sessions() -> None:
    assert lines_of(f"a=sendonly\r\n{AUDIO}a=sendrecv\r\n")[-1] == "a=sendrecv"


@pytest.mark.parametrize("nowhere", ["IN IP4 0.0.0.0", "IN IP6 ::", "IN IP6 nobody.invalid"])
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("", "recvonly"), ("a=sendonly\r\n", "recvonly"), ("a=recvonly\r\n", "inactive")],
)
def test_a_hold_of_old_is_answered_as_a_hold(nowhere: str, theirs: str, ours: str) -> None:
    assert lines_of(f"{AUDIO}c={nowhere}\r\n{theirs}")[-1] == f"a={ours}"


def test_the_address_of_a_media_line_comes_before_the_sessions() -> None:
    session = "v=0\r\nc=IN IP4 0.0.0.0\r\n"
    below = (session + AUDIO + "c=IN IP4 192.0.2.9\r\n").encode()

    assert answer(below, OURS).endswith(b"a=sendrecv\r\n")
    assert held((session + AUDIO).encode())
    assert not held(below)


@pytest.mark.parametrize("line", ["", "c=", "c=IN", "c=IN IP4", "c=IN IP4 ", "c=IN IP4 sbc.example 1 2 3"])
def test_an_offer_without_an_address_we_can_read_is_answered(line: str) -> None:
    sdp = f"v=0\r\n{line}\r\n{AUDIO}".encode()

    assert answer(sdp, OURS).endswith(b"a=sendrecv\r\n")
    assert answered(sdp) is not None


@pytest.mark.parametrize("port", [1, 65_535])
def test_a_stream_may_be_at_any_port(port: int) -> None:
    assert media_of(f"m=audio {port} RTP/AVP 8\r\n") == ["m=audio 40000 RTP/AVP 8"]


def test_every_other_medium_is_refused_in_its_place() -> None:
    assert media_of(
        "m=video 5000 RTP/AVP 31\r\nm=audio 0 RTP/AVP 8\r\nm=audio 6000 RTP/SAVP 8\r\nm=audio 6002 RTP/AVP 18\r\n"
        "m=audio 4000/2 RTP/AVPF 8\r\nm=audio 7000 RTP/AVP 8\r\nm=image 8000 udptl t38\r\nm=\r\nm=text x\r\n"
    ) == [
        "m=video 0 RTP/AVP 31",
        "m=audio 0 RTP/AVP 8",
        "m=audio 0 RTP/SAVP 8",
        "m=audio 0 RTP/AVP 18",
        "m=audio 40000 RTP/AVPF 8",
        "m=audio 0 RTP/AVP 8",
        "m=image 0 udptl t38",
        "m=audio 0 RTP/AVP 0",
        "m=text 0 RTP/AVP 0",
    ]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("a=ptime:20", "a=ptime:20"),
        ("a=ptime:30\r\na=maxptime:150", "a=ptime:30"),
        ("a=maxptime:10", "a=ptime:10"),
        ("a=ptime:40\r\na=maxptime:30", "a=ptime:30"),
        ("a=maxptime:1", "a=ptime:10"),
        ("a=ptime:5000", "a=ptime:20"),
        ("a=ptime:0", ""),
        ("a=ptime:-20", ""),
        ("a=ptime:20.5", ""),
        ("a=ptime:99999999", ""),
        ("b=AS:64", ""),
    ],
)
def test_packets_are_as_long_as_they_ask_when_that_is_sane(theirs: str, ours: str) -> None:
    lines = lines_of(f"{AUDIO}{theirs}\r\n")

    assert [line for line in lines if "ptime" in line] == ([ours] if ours else [])
    assert lines[-1] == "a=sendrecv"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("t=0 0", "t=0 0"),
        ("t=3034423619 3042462419 ", "t=3034423619 3042462419"),
        ("t=x y", "t=0 0"),
        ("", "t=0 0"),
    ],
)
def test_an_answer_repeats_the_time_of_the_offer(theirs: str, ours: str) -> None:
    lines = answer(f"v=0\r\n{theirs}\r\n{AUDIO}".encode(), OURS).decode().splitlines()

    assert [line for line in lines if line.startswith("t=")] == [ours]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_lines_may_end_as_in_any_system(end: str) -> None:
    assert answer(OFFER.replace(b"\r\n", end.encode()), OURS) == answer(OFFER, OURS)


def test_we_have_an_ipv6_address_too() -> None:
    lines = lines_of("m=audio 4000 RTP/AVP 8\r\nc=IN IP6 2001:db8::9\r\n", OURS._replace(host="2001:db8::1"))

    assert lines[1] == "o=- 7 1 IN IP6 2001:db8::1"
    assert lines[3] == "c=IN IP6 2001:db8::1"


@pytest.mark.parametrize(
    "sdp",
    [
        b"",
        b"\xff\xfe",
        HEAD.encode(),
        (HEAD + "m=\r\n").encode(),
        (HEAD + "m=audio x RTP/AVP 8\r\n").encode(),
        (HEAD + "m=audio 65536 RTP/AVP 8\r\n").encode(),
        (HEAD + "m=audio 4000 RTP/AVP\r\n").encode(),
        (HEAD + AUDIO * (MEDIA_MAX + 1)).encode(),
        b"m" * (SDP_BYTES_MAX + 1),
    ],
)
def test_what_holds_no_media_is_no_offer(sdp: bytes) -> None:
    with pytest.raises(UnreadableOfferError) as told:
        answer(sdp, OURS)

    assert not isinstance(told.value, NothingInCommonError)


@pytest.mark.parametrize(
    "media",
    [
        "m=video 5000 RTP/AVP 31\r\n",
        "m=audio 0 RTP/AVP 8\r\n",
        "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\n",
        "m=audio 4000 RTP/SAVP 8\r\n",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 8\r\n",
        "m=audio 4000 TCP 8\r\n",
        "m=image 4000 udptl t38\r\n",
        "m=audio 0 RTP/AVP 8\r\n" * MEDIA_MAX,
    ],
)
def test_an_offer_without_a_voice_we_have_is_told_apart(media: str) -> None:
    with pytest.raises(NothingInCommonError):
        answer((HEAD + media).encode(), OURS)


def test_without_an_offer_we_offer_both_laws_and_the_keys() -> None:
    assert offer(OURS._replace(host="2001:db8::1")).decode().splitlines() == [
        "v=0",
        "o=- 7 1 IN IP6 2001:db8::1",
        "s=-",
        "c=IN IP6 2001:db8::1",
        "t=0 0",
        "m=audio 40000 RTP/AVP 8 0 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=sendrecv",
    ]


def test_a_later_offer_keeps_every_line_and_every_number() -> None:
    media = (
        "m=video 5000 RTP/AVP 31\r\nm=audio 4000 RTP/AVPF 101 97\r\n"
        "a=rtpmap:101 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\n"
    )
    talking = OURS.having_said(answer((HEAD + media).encode(), OURS))

    lines = offer(talking).decode().splitlines()

    assert lines[1] == "o=- 7 2 IN IP4 192.0.2.110"
    assert lines[5:8] == [
        "m=video 0 RTP/AVP 31",
        "m=audio 40000 RTP/AVPF 101 0 97",
        "a=rtpmap:101 PCMA/8000",
    ]


def test_a_later_offer_finds_a_number_of_its_own_for_the_keys() -> None:
    media = "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 PCMA/8000\r\n"
    talking = OURS.having_said(answer((HEAD + media).encode(), OURS))

    assert b"m=audio 40000 RTP/AVP 101 0 96\r\n" in offer(talking)


def test_the_version_grows_only_when_what_we_say_changes() -> None:
    first = OURS.having_said(answer(OFFER, OURS))
    refreshed = first.having_said(answer(OFFER, first))
    hold = first.having_said(answer(OFFER + b"a=sendonly\r\n", first))
    resumed = hold.having_said(answer(OFFER, hold))

    assert [session.version for session in (first, refreshed, hold, resumed)] == [1, 1, 2, 3]
    assert refreshed.said == first.said
    assert [b"o=- 7 %d IN" % session.version in session.said for session in (first, hold, resumed)] == [
        True
    ] * 3
    assert offer(OURS.having_said(offer(OURS))) == offer(OURS)


@pytest.mark.parametrize(
    ("direction", "holds"), [("sendrecv", False), ("sendonly", True), ("recvonly", False), ("inactive", True)]
)
def test_who_does_not_want_to_hear_holds_us(direction: str, holds: bool) -> None:
    assert held(OFFER + f"a={direction}\r\n".encode()) is holds


def test_an_answer_to_our_offer_is_read() -> None:
    sdp = (
        HEAD + "m=audio 4000 RTP/AVP 0 101\r\nc=IN IP4 192.0.2.10\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=recvonly\r\n"
    )

    assert answered(sdp.encode()) == Answer("192.0.2.10", 4000, "PCMU", "0", "101", "recvonly")


@pytest.mark.parametrize(
    "sdp",
    [
        b"",
        b"\xff" * 100,
        b"m=audio",
        b"v=0",
        (HEAD + "m=audio 0 RTP/AVP 8\r\n").encode(),
        OFFER + b"a=x\r\n" * SDP_BYTES_MAX,
    ],
)
def test_rubbish_takes_nothing_of_our_offer_and_holds_nobody(sdp: bytes) -> None:
    assert answered(sdp) is None
    assert not held(sdp)
