# SPDX-License-Identifier: Apache-2.0
import pytest

from device_adapters.sip.sdp import SDP_BYTES_MAX, Session, UnreadableOfferError, answer, offer

OURS = Session("192.0.2.110", 40000, 7, 1)
HEAD = "v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"


def answered(media: str, session: Session = OURS) -> list[str]:
    return answer((HEAD + media).encode(), session).decode().splitlines()


@pytest.mark.parametrize(
    ("formats", "voice"), [("0 8 101", "8"), ("8 0", "8"), ("0", "0"), ("18 0 101", "0"), ("96 97", "97")]
)
def test_a_law_is_chosen_before_mu_law(formats: str, voice: str) -> None:
    lines = answered(f"m=audio 4000 RTP/AVP {formats}\r\na=rtpmap:96 AMR/8000\r\na=rtpmap:97 pcma/8000\r\n")

    assert f"m=audio 40000 RTP/AVP {voice}" in lines


def test_the_keys_a_caller_presses_are_taken_at_the_offered_number() -> None:
    lines = answered("m=audio 4000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n")

    assert lines[-5:] == [
        "m=audio 40000 RTP/AVP 8 96",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:96 telephone-event/8000",
        "a=fmtp:96 0-16",
        "a=sendrecv",
    ]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_the_direction_is_the_mirror_of_the_offered(theirs: str, ours: str) -> None:
    assert answered(f"m=audio 4000 RTP/AVP 8\r\na={theirs}\r\n")[-1] == f"a={ours}"
    assert answered(f"a={theirs}\r\nm=audio 4000 RTP/AVP 8\r\n")[-1] == f"a={ours}"


def test_every_other_medium_is_refused_in_its_place() -> None:
    lines = answered("m=video 5000 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 8\r\nm=text 6000 RTP/AVP 98\r\n")

    assert [line for line in lines if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 31",
        "m=audio 40000 RTP/AVP 8",
        "m=text 0 RTP/AVP 98",
    ]


@pytest.mark.parametrize(
    "sdp",
    [
        b"",
        b"\xff\xfe",
        (HEAD + "m=video 5000 RTP/AVP 31\r\n").encode(),
        (HEAD + "m=audio 0 RTP/AVP 8\r\n").encode(),
        (HEAD + "m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 AMR/8000\r\n").encode(),
        b"m" * (SDP_BYTES_MAX + 1),
    ],
)
def test_an_offer_without_a_voice_we_have_is_told(sdp: bytes) -> None:
    with pytest.raises(UnreadableOfferError):
        answer(sdp, OURS)


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
