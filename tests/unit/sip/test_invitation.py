# SPDX-License-Identifier: Apache-2.0
import pytest

from device_adapters.sip.demands import expires_s
from device_adapters.sip.identity import caller_of
from device_adapters.sip.message import Request, read_message
from tests.unit.sip.peer import Peer, endpoint


def invite(extra: str = "", sender: str = '"Caller" <sip:13800138000@x>') -> Request:
    text = Peer(endpoint()).text("INVITE", extra=extra)
    read = read_message(text.replace('"Caller" <sip:13800138000@192.0.2.9>', sender).encode("latin-1"))
    assert isinstance(read, Request)
    return read


@pytest.mark.parametrize(
    ("asserted", "sender", "caller"),
    [
        ("", '"Caller" <sip:13800138000@x>', ("13800138000", "Caller")),
        ("<tel:+86-138-0000>", '"Caller" <sip:1@x>', ("+861380000", "Caller")),
        ('"Net" <sip:+8610@ims>, <tel:+8611>', '"Caller" <sip:1@x>', ("+8610", "Net")),
        ("<sip:ims.example>, <tel:+8611>", "<sip:1@x>", ("+8611", "")),
        ("<tel:+8611>", '"Anonymous" <sip:anonymous@anonymous.invalid>', ("+8611", "")),
        ("", '"Anonymous" <sip:anonymous@anonymous.invalid>', ("", "")),
        ("", "<urn:uuid:1>", ("", "")),
        ("", "", ("", "")),
    ],
)
def test_the_network_s_word_goes_before_the_caller_s(
    asserted: str, sender: str, caller: tuple[str, str]
) -> None:
    extra = f"P-Asserted-Identity: {asserted}\r\n" if asserted else ""

    assert caller_of(invite(extra, sender)) == caller


@pytest.mark.parametrize(
    ("given", "limit_s"), [("30", 30), ("0", 0), ("3601", 0), ("soon", 0), ("9" * 30, 0), ("²", 0)]
)
def test_an_absurd_expires_is_no_limit(given: str, limit_s: int) -> None:
    assert expires_s(invite(f"Expires: {given}\r\n")) == limit_s
