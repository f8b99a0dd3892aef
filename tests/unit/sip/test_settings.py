# SPDX-License-Identifier: Apache-2.0
"""What cannot work is refused at start, in a sentence that names the key."""

from typing import Any

import msgspec
import pytest

from device_adapters.sip.settings import SipSettings, listen_address, trunks_by_host

TRUNK = {"name": "t", "addresses": ["192.0.2.9"], "county": "330302"}
TLS = {"listen": ["tls:0.0.0.0:5061"]}
OWN = {"tls": {"certificate": "c", "key": "k"}}


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"server": "城"}, "sip.server must be printable ASCII"),
        ({"server": "G\r\nX: y"}, "sip.server must be printable ASCII"),
        ({"listen": []}, "sip.listen names no address"),
        ({"listen": ["udp:0.0.0.0:99999"]}, "sip.listen must be udp:HOST:PORT.* with a port up to 65535"),
        ({"listen": ["127.0.0.1:5060"]}, "sip.listen must be udp:HOST:PORT"),
        ({"listen": ["udp:\0:0"]}, "sip.listen must be udp:HOST:PORT"),
        ({"listen": ["udp:127.0.0.1"]}, "sip.listen must be udp:HOST:PORT"),
        ({"listen": ["udp:2001:db8::1:5060"]}, "sip.listen must be udp:HOST:PORT"),
        ({"listen": ["udp:[2001:db8:::1]:5060"]}, "sip.listen must be udp:HOST:PORT"),
        ({"listen": ["udp:127.0.0.1:5060\n"]}, "sip.listen must be udp:HOST:PORT"),
        (
            {"listen": ["sctp:0.0.0.0:5060"]},
            "sip.listen must be udp:HOST:PORT, tcp:HOST:PORT or tls:HOST:PORT",
        ),
        ({"listen": ["TCP:0.0.0.0:5060"]}, "sip.listen must be udp:HOST:PORT"),
        ({"listen": ["tls:0.0.0.0:5061"]}, "a tls: address, which needs certificate and key in"),
        (TLS | {"tls": {"certificate": "c"}}, "a tls: address, which needs certificate and key in"),
        (TLS | {"tls": {"key": "k"}}, "a tls: address, which needs certificate and key in"),
        ({"tls": {"mutual": True}}, "sip.tls.mutual needs sip.tls.authorities"),
        ({"called_as": ["110", ""]}, "sip.called_as must be numbers, URNs or"),
        ({"trunks": [TRUNK | {"called_as": ["11 0"]}]}, "sip.trunks.called_as of 't' must be numbers"),
        (
            {"trunks": [TRUNK | {"digest": "MD5"}]},
            "sip.trunks.digest of 't' needs its username and password_file",
        ),
        (
            {"trunks": [TRUNK | {"digest": "SHA-256", "username": "u"}]},
            "needs its username and password_file",
        ),
        ({"trunks": [TRUNK | {"digest": "SHA-1"}]}, "digest"),
        ({"trunks": [TRUNK, TRUNK | {"addresses": []}]}, "two trunks are named 't'"),
        (
            {"trunks": [TRUNK, TRUNK | {"name": "u", "addresses": ["::ffff:192.0.2.9"]}]},
            "::ffff:192.0.2.9 is an address of both 't' and 'u'",
        ),
        (
            {"trunks": [TRUNK | {"transport": "tcp"}]},
            "sip.trunks.transport of 't' is 'tcp', and sip.listen has no",
        ),
        (
            {"listen": ["udp:[::]:5060"], "trunks": [TRUNK]},
            "sip.trunks.transport of 't' is 'udp', and sip.listen has no such address of its family",
        ),
        (TLS | OWN | {"trunks": [TRUNK | {"transport": "tls"}]}, "sip.tls.authorities must say"),
        ({"host": "gateway.example"}, "sip.host must be an IP address"),
        ({"host": "0.0.0.0"}, "sip.host is where peers send to"),
        ({"media_host": "fe80::1%x\r\ny"}, "sip.media_host must be an IP address"),
        ({"media_port": 65_536}, "media_port"),
        ({"receive_buffer_bytes": 2**31}, "receive_buffer_bytes"),
        ({"strangers_percent": 101}, "strangers_percent"),
        ({"only_trunks": True}, "sip.only_trunks without an address in sip.trunks"),
        ({"trunks": [TRUNK | {"addresses": ["192.0.2.9:5060"]}]}, "addresses of 't' must be IP addresses"),
        ({"trunks": [TRUNK | {"addresses": ["sbc.example"]}]}, "addresses of 't' must be IP addresses"),
        ({"trunks": [TRUNK | {"county": "3303"}]}, "county of 't' must be six digits"),
        ({"trunks": [TRUNK | {"county": "330302\n"}]}, "county of 't' must be six digits"),
    ],
)
def test_what_cannot_work_is_refused_by_name(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        msgspec.convert(table, SipSettings)


def test_what_can_work_is_taken() -> None:
    given = {"trunks": [TRUNK], "host": "2001:db8::1", "media_host": "0.0.0.0", "only_trunks": True}

    settings = msgspec.convert(given, SipSettings)

    assert settings.strangers_percent == 20
    assert listen_address("udp:[2001:db8::1]:65535") == ("udp", "2001:db8::1", 65_535)
    assert listen_address("tcp:localhost:0") == ("tcp", "localhost", 0)
    assert listen_address("tls:192.0.2.110:5061") == ("tls", "192.0.2.110", 5061)


@pytest.mark.parametrize(
    "table",
    [
        {"trunks": [TRUNK | {"transport": "tcp", "keep_alive_s": 0}]},
        {"listen": ["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060"], "trunks": [TRUNK | {"transport": "tcp"}]},
        TLS | OWN | {"trunks": [TRUNK | {"transport": "tls", "keep_alive_s": 0}]},
        {"trunks": [TRUNK | {"digest": "SHA-256", "username": "u", "password_file": "p"}]},
        {
            "trunks": [
                TRUNK | {"addresses": ["192.0.2.9", "192.0.2.9"], "called_as": ["urn:service:sos.fire"]}
            ]
        },
    ],
)
def test_trunks_and_listeners_that_fit_together_are_taken(table: dict[str, Any]) -> None:
    msgspec.convert(table, SipSettings)


def test_a_trunk_is_known_however_its_address_is_written() -> None:
    addresses = ["2001:DB8:0::1", "::ffff:192.0.2.9", "::ffff:c000:20a"]

    settings = msgspec.convert({"trunks": [TRUNK | {"addresses": addresses}]}, SipSettings)

    assert set(trunks_by_host(settings)) == {"2001:db8::1", "192.0.2.9", "192.0.2.10"}
