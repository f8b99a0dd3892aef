# SPDX-License-Identifier: Apache-2.0
"""Any text that is called SDP is answered line for line or refused by name."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from device_adapters.sip.sdp import UnreadableOfferError, answer, answered, held, offer
from tests.unit.sip.test_sdp import OURS

WORDS = [
    "m=audio 4000 RTP/AVP 8 0 101", "m=audio 0 RTP/AVP 8", "m=video 1 RTP/AVP 31", "m=", "m=audio 9 RTP/SAVP 8",
    "c=IN IP4 0.0.0.0", "c=", "c=IN IP4", "c=IN IP6 ::1", "a=sendonly", "a=inactive", "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:101 x/1", "a=rtpmap:101 telephone-event/8000", "t=1 2", "a=ptime:20", "a=maxptime:",
    "v=0", "o=", "\xff\0",
]  # fmt: skip


sdps = st.lists(st.sampled_from(WORDS) | st.text("m=audio 08\r\n", max_size=9), max_size=12).map(
    lambda lines: "\r\n".join(lines).encode("latin-1")
)


@given(sdps)
def test_any_text_is_answered_line_for_line_or_refused_by_name(sdp: bytes) -> None:
    answered(sdp)
    held(sdp)
    try:
        said = answer(sdp, OURS)
    except UnreadableOfferError:
        return

    theirs = [
        line for line in sdp.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n") if line[:2] == b"m="
    ]
    ours = [line for line in said.splitlines() if line[:2] == b"m="]
    assert len(ours) == len(theirs)
    assert sum(line.startswith(b"m=audio 40000 ") for line in ours) == 1
    assert answered(said) is not None


@given(st.lists(sdps, max_size=6))
def test_the_version_counts_the_changes(offers: list[bytes]) -> None:
    session = OURS
    said: list[bytes] = []
    for sdp in offers:
        try:
            said.append(answer(sdp, session))
        except UnreadableOfferError:
            said.append(offer(session))
        session = session.having_said(said[-1])

    changes = sum(one != other for one, other in pairwise(said))
    assert session.version == 1 + changes
