# SPDX-License-Identifier: Apache-2.0
"""What an INVITE says of its caller beside the number."""

import json
from base64 import urlsafe_b64encode
from collections import Counter

import pytest

from device_adapters.sip.events import Invited
from device_adapters.sip.identity import (
    ACCESS_CHARS_MAX,
    access_of,
    attestation_of,
    caller_of,
    diverted_from,
    wants_privacy,
)
from device_adapters.sip.message import Request, read_message
from tests.unit.sip.peer import Peer, endpoint

NETWORK = "3GPP-E-UTRAN-TDD;utran-cell-id-3gpp=4600012340ABCDE1;network-provided"
TELEPHONE = "3GPP-E-UTRAN-TDD;utran-cell-id-3gpp=4600099990ABCDE1"


DEEP = b'{"x":' + b"[" * 1_200 + b"]" * 1_200 + b"}"


def invite(*lines: str, sender: str = '"Caller" <sip:13800138000@x>') -> Request:
    text = Peer(endpoint()).text("INVITE", extra="".join(f"{line}\r\n" for line in lines))
    read = read_message(text.replace('"Caller" <sip:13800138000@192.0.2.9>', sender).encode("latin-1"))
    assert isinstance(read, Request)
    return read


def encoded(claims: object) -> str:
    data = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return urlsafe_b64encode(data).decode().rstrip("=")


def passport(attest: object = "A", tn: object = "8613800138000", **more: object) -> str:
    header = {"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://cert.example.org/p.cer"}
    claims = {
        "attest": attest,
        "dest": {"tn": ["110"]},
        "iat": 1443208345,
        "orig": {"tn": tn},
        "origid": "123e4567-e89b-12d3-a456-426655440000",
        **more,
    }
    return f"{encoded(header)}.{encoded(claims)}.c2lnbmF0dXJl;info=<https://cert.example.org/p.cer>;alg=ES256;ppt=shaken"


@pytest.mark.parametrize(
    ("asserted", "caller"),
    [
        ("<tel:+86-577-8888-0000;phone-context=+86>", "+8657788880000"),
        ("<sip:+86-138-0013-8000@ims.example;user=phone>", "+8613800138000"),
        ("<sip:alice@ims.example>, <tel:+8613900139000>", "+8613900139000"),
        ("<sip:alice@ims.example>", "alice"),
        ("<sip:anonymous@ims.example>", "13800138000"),
    ],
)
def test_a_number_goes_before_a_name_and_is_kept_as_given(asserted: str, caller: str) -> None:
    assert caller_of(invite(f"P-Asserted-Identity: {asserted}"))[0] == caller


@pytest.mark.parametrize(
    ("lines", "private"),
    [
        (["Privacy: id"], True),
        (["Privacy: header;session;critical"], True),
        (["Privacy: User"], True),
        (["Privacy: none", "Privacy: id"], True),
        (["Privacy: none"], False),
        (["Privacy: critical"], False),
        (["Privacy: history"], False),
        (["Privacy: identity"], False),
        ([], False),
    ],
)
def test_a_caller_may_ask_not_to_be_known(lines: list[str], private: bool) -> None:
    asked = invite("P-Asserted-Identity: <tel:+8613800138000>", *lines)

    assert wants_privacy(asked) is private
    assert caller_of(asked)[0] == "+8613800138000"


def test_an_anonymous_sender_asks_the_same() -> None:
    sender = '"Anonymous" <sip:anonymous@Anonymous.invalid>'

    assert wants_privacy(invite("P-Asserted-Identity: <tel:+8613800138000>", sender=sender))


@pytest.mark.parametrize(
    ("lines", "dialled"),
    [
        (["Diversion: <sip:+8657788880000@a.example>;reason=no-answer;counter=1"], "+8657788880000"),
        (["Diversion: <tel:+86-1>;reason=unconditional, <tel:+86-2>;reason=user-busy"], "+862"),
        (["Diversion: <tel:+861>;reason=unconditional", "Diversion: <tel:+862>;reason=deflection"], "+862"),
        (["Diversion: <tel:+861>", "Diversion: <sip:anonymous@x>"], "+861"),
        (["Diversion: <urn:service:sos>"], ""),
        (["Diversion: "], ""),
        (["Diversion: <tel:+861>", "History-Info: <sip:+869@x>;index=1"], "+861"),
        (
            [
                "History-Info: <sip:110@b.example>;index=1.1;mp=1, "
                '<sip:+8657788880000@a.example?Reason=SIP%3Bcause%3D302%3Btext%3D"Moved@x">;index=1'
            ],
            "+8657788880000",
        ),
        (["History-Info: <sip:second@x>;index=1.10", "History-Info: <sip:first@x>;index=1.9"], "first"),
        (["History-Info: <sip:no-index@x>", "History-Info: <sip:first@x>;index=1"], "first"),
        (["History-Info: <sip:110@x>;index=1, <sip:1101@x>;index=1.1"], ""),
        (["History-Info: <sip:anonymous@x>;index=1, <sip:12345@x>;index=1.1"], "12345"),
        ([f"History-Info: <sip:{'9' * 65}@x>;index=1"], ""),
        ([], ""),
    ],
)
def test_the_number_first_dialled_is_told(lines: list[str], dialled: str) -> None:
    assert diverted_from(invite(*lines)) == dialled


@pytest.mark.parametrize("attest", ["A", "B", "C"])
@pytest.mark.parametrize("caller", ["+8613800138000", "13800138000", "8613800138000", "+86 138-0013-8000"])
def test_an_attestation_of_this_number_is_told(attest: str, caller: str) -> None:
    counters: Counter[str] = Counter()

    assert attestation_of(invite(f"Identity: {passport(attest)}"), caller, counters) == attest
    assert not counters


def test_the_area_s_zero_is_no_other_line() -> None:
    identity = passport("A", "8657788880000")

    assert attestation_of(invite(f"y: {identity}"), "057788880000", Counter()) == "A"


@pytest.mark.parametrize("caller", ["+8613900139000", "", "0", "8000", "anonymous"])
def test_an_attestation_of_another_number_is_none(caller: str) -> None:
    counters: Counter[str] = Counter()

    assert attestation_of(invite(f"Identity: {passport()}"), caller, counters) == ""
    assert counters == {"anomaly_identity_of_another": 1}


def test_among_several_the_one_that_vouches_counts() -> None:
    diversion = encoded({"alg": "ES256", "ppt": "div"}) + "." + encoded({"orig": {"tn": "1"}}) + ".x"
    compact = "..c2lnbmF0dXJl;info=<https://x>"
    counters: Counter[str] = Counter()

    asked = invite(f"Identity: {compact}, {diversion}", f"Identity: {passport('B')}")

    assert attestation_of(asked, "13800138000", counters) == "B"
    assert not counters


@pytest.mark.parametrize(
    "identity",
    [
        "nonsense",
        "a.b",
        "a.b.c.d",
        "a.!!!.c",
        f"a.{encoded(b'not json')}.c",
        f"a.{encoded([1])}.c",
        f"a.{encoded({'attest': 1})}.c",
        f"a.{encoded({'attest': 'A', 'orig': '1'})}.c",
        f"a.{encoded(b'[' * 2_000)}.c",
        f"a.{encoded(b'{' * 100)}.c",
        f"a.{encoded(DEEP)}.c",
        f"a.{encoded(bytes(range(256)))}.c",
        passport("D"),
        passport("a"),
        passport("A", 13800138000),
    ],
)
def test_an_unreadable_identity_is_counted_and_costs_nothing(identity: str) -> None:
    counters: Counter[str] = Counter()

    assert attestation_of(invite(f"Identity: {identity}"), "13800138000", counters) == ""
    assert counters == {"anomaly_identity_unreadable": 1}


@pytest.mark.parametrize(
    ("lines", "access"),
    [
        ([f"P-Access-Network-Info: {TELEPHONE}, {NETWORK}"], NETWORK),
        ([f"P-Access-Network-Info: {TELEPHONE}", f"p-access-network-info: {NETWORK}"], NETWORK),
        ([f"P-Access-Network-Info: {NETWORK}"], NETWORK),
        ([f"P-Access-Network-Info: {TELEPHONE}"], TELEPHONE),
        (
            ['P-Access-Network-Info: IEEE-802.11;x="a;network-provided;b", DSL ; Network-Provided'],
            "DSL ; Network-Provided",
        ),
        ([], ""),
    ],
)
def test_the_network_s_word_on_the_cell_goes_before_the_telephone_s(lines: list[str], access: str) -> None:
    assert access_of(invite(*lines), Counter()) == access


def test_an_absurdly_long_access_is_counted_and_left_out() -> None:
    counters: Counter[str] = Counter()

    assert access_of(invite(f"P-Access-Network-Info: {'x' * (ACCESS_CHARS_MAX + 1)}"), counters) == ""
    assert counters == {"anomaly_access_long": 1}


def test_a_call_carries_all_of_it() -> None:
    caller = Peer(endpoint())
    caller.invite(
        extra="P-Asserted-Identity: <tel:+8613800138000>\r\nPrivacy: id\r\nDiversion: <tel:+8657788880000>\r\n"
        f"P-Access-Network-Info: {NETWORK}\r\nIdentity: {passport('B')}\r\n"
        "Geolocation: <https://lis.example.com/a>, <cid:nothing>\r\n"
    )

    told = caller.sip.next_event()

    assert isinstance(told, Invited)
    assert (told.caller, told.privacy, told.attestation) == ("+8613800138000", True, "B")
    assert (told.diverted_from, told.access) == ("+8657788880000", NETWORK)
    assert told.locate_at == ("https://lis.example.com/a",)
