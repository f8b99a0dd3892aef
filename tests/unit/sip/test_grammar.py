# SPDX-License-Identifier: Apache-2.0
import pytest

from device_adapters.sip.grammar import (
    NameAddr,
    header_key,
    host_port,
    name_addr,
    parse_via,
    readable,
    split_commas,
    stamp_via,
    tag_of,
    user_of,
)


@pytest.mark.parametrize(
    ("spelt", "key"),
    [("Via", "via"), ("V", "via"), ("vIA ", "via"), ("i", "call-id"), ("X-Own", "x-own"), ("m", "contact")],
)
def test_a_header_has_one_name_however_it_is_spelt(spelt: str, key: str) -> None:
    assert header_key(spelt) == key


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("<sip:a@b>;tag=1", NameAddr("", "sip:a@b")),
        ("sip:a@b;tag=1", NameAddr("", "sip:a@b")),
        ('"A, \\"B\\" <C>" <sip:a@b>', NameAddr('A, "B" <C>', "sip:a@b")),
        ("Bell, Alexander <sip:a@b>;tag=43", NameAddr("Bell, Alexander", "sip:a@b")),
        ('"Mr. J. User <sip:a@b>', NameAddr("Mr. J. User", "sip:a@b")),
        ("< sip:a@b >", NameAddr("", "sip:a@b")),
        ("", NameAddr("", "")),
    ],
)
def test_an_address_is_taken_apart_even_if_it_is_wrong(value: str, address: NameAddr) -> None:
    assert name_addr(value) == address


@pytest.mark.parametrize("charset", ["utf-8", "gbk"])
def test_a_chinese_name_is_read_in_either_charset(charset: str) -> None:
    wire = '"温州公安" <sip:110@wz>'.encode(charset).decode("latin-1")

    assert name_addr(wire).display == "温州公安"


def test_octets_of_no_charset_stay_as_they_are() -> None:
    assert readable("\xff\xff") == "\xff\xff"


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("<sip:a@b;tag=inside>;tag=outside", "outside"),
        ("<sip:a@b;tag=inside>", ""),
        ("<sip:a@b> ;  TAG = x9 ;other", "x9"),
        ("sip:a@b", ""),
    ],
)
def test_the_tag_is_the_header_s_and_not_the_uri_s(value: str, tag: str) -> None:
    assert tag_of(value) == tag


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:+8613800138000;phone-context=+86@ims:5060;user=phone", "+8613800138000"),
        ("sips:a:secret@b", "a"),
        ("sip:host.only", ""),
        ("tel:+86-138-0013-8000;phone-context=+86", "+8613800138000"),
        ("urn:service:SOS.police", "urn:service:sos.police"),
        ("sip:sips%3Auser%40example.com@example.net", "sips:user@example.com"),
        ("sip:null-%00-null@example.com", "null-\0-null"),
        ("sip:%E6%B8%A9@x", "温"),
    ],
)
def test_the_user_is_whom_the_uri_means(uri: str, user: str) -> None:
    assert user_of(uri) == user


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("sip:a@192.0.2.1:5070;lr", ("192.0.2.1", 5070)),
        ("sip:192.0.2.1", ("192.0.2.1", 0)),
        ("sip:a@[2001:db8::1]:99", ("2001:db8::1", 99)),
        ("sip:a@b:99999", ("b", 0)),
    ],
)
def test_host_and_port_of_a_uri(uri: str, place: tuple[str, int]) -> None:
    assert host_port(uri) == place


def test_commas_in_quotes_and_brackets_do_not_split() -> None:
    assert split_commas('"a,\\",b" <sip:c,d@e>, <tel:1>') == ['"a,\\",b" <sip:c,d@e>', " <tel:1>"]


def test_a_via_is_read_through_its_white_space() -> None:
    via = parse_via("SIP  /   2.0 /UDP    192.0.2.2 : 5070 ; branch = z9hG4bKx ; rport")

    assert via == ("UDP", "192.0.2.2", 5070, "z9hG4bKx", True)
    assert parse_via("SIP/2.0/TCP [2001:db8::1]:5060") == ("TCP", "[2001:db8::1]", 5060, "", False)
    assert parse_via("nonsense") is None
    assert parse_via("SIP/2.0/UDP h;branch=z9hG4bKrport") == ("UDP", "h", 0, "z9hG4bKrport", False)


@pytest.mark.parametrize(
    ("element", "stamped"),
    [
        ("SIP/2.0/UDP 192.0.2.9:5060;branch=x", "SIP/2.0/UDP 192.0.2.9:5060;branch=x"),
        ("SIP/2.0/UDP host;branch=x", "SIP/2.0/UDP host;branch=x;received=192.0.2.9"),
        ("SIP/2.0/UDP host;rport;branch=x", "SIP/2.0/UDP host;branch=x;received=192.0.2.9;rport=5061"),
        ("SIP/2.0/UDP host;received=6.6.6.6;branch=x", "SIP/2.0/UDP host;branch=x;received=192.0.2.9"),
    ],
)
def test_the_top_via_is_stamped_with_where_it_came_from(element: str, stamped: str) -> None:
    via = parse_via(element)
    assert via is not None

    assert stamp_via(element, via, "192.0.2.9", 5061) == stamped
