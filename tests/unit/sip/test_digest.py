# SPDX-License-Identifier: Apache-2.0
"""A trunk with a digest is asked who it is, and nothing that was said can be said again."""

import hashlib
import re
from collections import Counter
from itertools import product
from typing import Any

import pytest

from core.ids import CountyCode
from device_adapters.sip import digest as digest_of
from device_adapters.sip.digest import NONCE_S, Doorman
from device_adapters.sip.events import Address
from device_adapters.sip.message import Request, read_message
from device_adapters.sip.settings import SipSettings, Trunk
from tests.unit.sip.peer import THERE, Peer, endpoint
from tests.unit.sip.test_cost import WHOLE, WORDS, is_linear

URI = "sip:110@example.com"
HASHES = {"SHA-256": "sha256", "MD5": "md5"}
OLD = Trunk(
    name="old",
    addresses=("192.0.2.20",),
    county=CountyCode("330302"),
    digest="MD5",
    username="o",
    password_file="f",
)
TRUNK = Trunk(
    name="t",
    addresses=(THERE[0],),
    county=CountyCode("330302"),
    digest="SHA-256",
    username="carrier",
    password_file="f",
)
OPEN = Trunk(name="open", addresses=("192.0.2.30",), county=CountyCode("330302"))
SETTINGS = SipSettings(trunks=(TRUNK, OLD, OPEN))
SECRETS = {"t": "p:ß", "old": "secret"}
KEY = b"k" * 32


def doorman(key: bytes = KEY) -> Doorman:
    return Doorman(SETTINGS, SECRETS, key)


def request(
    authorization: str = "",
    method: str = "INVITE",
    source: Address = THERE,
    name: str = "a",
    to_tag: str = "",
) -> Request:
    peer = Peer(endpoint(), name, source)
    peer.to_tag = to_tag
    extra = f"Authorization: {authorization}\r\n" if authorization else ""
    read = read_message(peer.text(method, extra=extra).encode())
    assert isinstance(read, Request)
    read.source = source
    return read


def parameters(header: str | None) -> dict[str, str]:
    """Read a challenge."""
    assert header is not None, "was let in"
    assert header.startswith("WWW-Authenticate: Digest ")
    assert header.endswith("\r\n")
    return {
        name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([\w-]+))', header)
    }


def authorization(
    challenge: dict[str, str], *, password: str = "p:ß", nc: str = "00000001", **other: Any
) -> str:
    """Say what a caller who knows the password says to a challenge (RFC 7616 3.4)."""
    said = {"username": "carrier", "uri": URI, "cnonce": "c", "qop": "auth", "nc": nc}
    said |= {name: challenge[name] for name in ("realm", "nonce", "algorithm")} | other

    def hashed(*words: str) -> str:
        return hashlib.new(HASHES.get(said["algorithm"], "md5"), ":".join(words).encode()).hexdigest()

    ha1 = hashed(said["username"], said["realm"], password)
    ha2 = hashed("INVITE", said["uri"])
    said.setdefault("response", hashed(ha1, said["nonce"], said["nc"], said["cnonce"], said["qop"], ha2))
    bare = ("nc", "qop", "algorithm")
    return "Digest " + ", ".join(
        f"{name}={value}" if name in bare else f'{name}="{value}"' for name, value in said.items() if value
    )


def asked(door: Doorman, now: float = 0.0, **more: Any) -> dict[str, str]:
    """Return the challenge an INVITE without credentials gets."""
    return parameters(door.challenge(request(**more), TRUNK, now))


def test_an_invite_is_asked_and_passes_with_the_password() -> None:
    door = doorman()

    challenge = asked(door)

    assert (challenge["realm"], challenge["algorithm"], challenge["qop"]) == ("Gateway110", "SHA-256", "auth")
    assert "stale" not in challenge
    assert door.challenge(request(authorization(challenge)), TRUNK, 1.0) is None
    assert door.counters == Counter(digest_asked=1)


def test_a_trunk_that_knows_nothing_better_is_asked_for_md5() -> None:
    door = doorman()
    source = ("192.0.2.20", 5060)
    challenge = parameters(door.challenge(request(source=source), OLD, 0.0))
    shown = authorization(challenge, password="secret", username="o")

    assert challenge["algorithm"] == "MD5"
    assert door.challenge(request(shown, source=source), OLD, 0.0) is None
    silent = re.sub(", algorithm=MD5", "", shown).replace("00000001", "00000002")
    assert parameters(door.challenge(request(silent, source=source), OLD, 0.0))["algorithm"] == "MD5"
    assert door.counters["digest_response"] == 1  # hashed with another count, so read as MD5 and found wrong


@pytest.mark.parametrize(
    ("trunk", "method", "to_tag"),
    [(TRUNK, "ACK", ""), (TRUNK, "CANCEL", ""), (TRUNK, "OPTIONS", ""), (TRUNK, "BYE", "x"), (TRUNK, "INVITE", "x"),
     (OPEN, "INVITE", ""), (None, "INVITE", "")],
)  # fmt: skip
def test_only_the_first_invite_of_a_trunk_with_a_digest_is_asked(
    trunk: Trunk | None, method: str, to_tag: str
) -> None:
    assert doorman().challenge(request(method=method, to_tag=to_tag), trunk, 0.0) is None


@pytest.mark.parametrize(
    ("wrong", "counted"),
    [
        ({"password": "q"}, "digest_response"),
        ({"username": "someone"}, "digest_response"),
        ({"response": "0" * 64}, "digest_response"),
        ({"response": "ß" * 64}, "digest_response"),
        ({"algorithm": "MD5"}, "digest_algorithm"),
        ({"algorithm": ""}, "digest_algorithm"),
        ({"algorithm": "SHA-256-sess"}, "digest_algorithm"),
        ({"qop": ""}, "digest_incomplete"),
        ({"qop": "auth-int"}, "digest_incomplete"),
        ({"cnonce": ""}, "digest_incomplete"),
        ({"nc": ""}, "digest_incomplete"),
        ({"realm": "elsewhere"}, "digest_asked"),
    ],
)
def test_what_is_wrong_is_asked_again_and_counted(wrong: dict[str, str], counted: str) -> None:
    door = doorman()
    shown = authorization(asked(door), **wrong)

    again = parameters(door.challenge(request(shown), TRUNK, 0.0))

    assert "stale" not in again
    assert door.counters - Counter(digest_asked=1) == Counter({counted: 1})


def test_a_password_that_is_right_with_an_old_nonce_needs_only_a_new_one() -> None:
    door = doorman()
    shown = authorization(asked(door, 10.0))

    assert door.challenge(request(shown), TRUNK, 10.0 + NONCE_S) is None
    stale = parameters(door.challenge(request(shown.replace("00000001", "00000002")), TRUNK, 11.0))
    assert "stale" not in stale

    late = authorization(asked(door, 10.0), nc="00000009")
    stale = parameters(door.challenge(request(late), TRUNK, 11.0 + NONCE_S))
    assert stale["stale"] == "true"
    assert door.challenge(request(authorization(stale)), TRUNK, 11.0 + NONCE_S) is None


@pytest.mark.parametrize("nonce", ["x", "0.s0.0", ".", "", "ff.s00000000." + "0" * 32])
def test_a_nonce_that_is_not_ours_is_stale_at_best(nonce: str) -> None:
    door = doorman()
    challenge = asked(door) | {"nonce": nonce}

    again = parameters(door.challenge(request(authorization(challenge)), TRUNK, 0.0))

    assert again.get("stale", "") == ("true" if nonce else "")


def test_a_nonce_of_the_process_before_is_stale() -> None:
    shown = authorization(asked(doorman(b"before")))

    assert parameters(doorman().challenge(request(shown), TRUNK, 0.0))["stale"] == "true"


def test_a_nonce_is_good_only_from_where_it_was_asked_for() -> None:
    door = doorman()
    shown = authorization(asked(door))

    assert (
        parameters(door.challenge(request(shown, source=("192.0.2.77", 5060)), TRUNK, 0.0))["stale"] == "true"
    )
    assert door.challenge(request(shown, source=(THERE[0], 5999)), TRUNK, 0.0) is None


def test_what_was_said_cannot_be_said_again() -> None:
    door = doorman()
    shown = authorization(asked(door))
    assert door.challenge(request(shown), TRUNK, 0.0) is None

    again = parameters(door.challenge(request(shown), TRUNK, 0.0))

    assert again["stale"] == "true"
    assert door.counters["digest_replayed"] == 1


def test_a_trunk_that_counts_on_is_asked_once_for_many_calls() -> None:
    door = doorman()
    challenge = asked(door)

    for count in (1, 2, 5, 3, 4, 100, 37, 0xFFFFFFFF):
        assert door.challenge(request(authorization(challenge, nc=f"{count:08x}")), TRUNK, 0.0) is None

    for nc in ("00000005", "00000024", "00000000", "ffffffff", "000000100", "1_1", "+1", "x"):
        assert door.challenge(request(authorization(challenge, nc=nc)), TRUNK, 0.0) is not None


def test_two_invites_of_one_second_get_two_nonces_and_a_repeated_one_the_same() -> None:
    door = doorman()

    first, second, again = (asked(door, name=name)["nonce"] for name in ("a", "b", "a"))

    assert first == again != second
    assert door.challenge(request(authorization({**asked(door), "nonce": first})), TRUNK, 0.0) is None
    assert door.challenge(request(authorization({**asked(door), "nonce": second})), TRUNK, 0.0) is None


def test_a_nonce_that_was_forgotten_cannot_be_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_of, "NONCES_MAX", 2)
    door = doorman()
    shown = [authorization(asked(door, float(at), name=f"n{at}")) for at in range(4)]
    for one in shown:
        assert door.challenge(request(one), TRUNK, 5.0) is None

    replays = [door.challenge(request(one), TRUNK, 5.0) for one in shown]

    assert [parameters(header)["stale"] for header in replays] == ["true"] * 4
    assert door.challenge(request(authorization(asked(door, 5.0))), TRUNK, 5.0) is None


def test_who_does_not_know_the_password_costs_no_memory() -> None:
    door = doorman()
    for number in range(100):
        door.challenge(request(authorization(asked(door), password="x", cnonce=str(number))), TRUNK, 0.0)

    assert len(door._used) == 0


def test_a_new_password_counts_at_once() -> None:
    secrets = dict(SECRETS)
    door = Doorman(SETTINGS, secrets, KEY)
    challenge = asked(door)

    secrets["t"] = "new"

    assert door.challenge(request(authorization(challenge)), TRUNK, 0.0) is not None
    assert door.challenge(request(authorization(challenge, password="new")), TRUNK, 0.0) is None


def test_credentials_for_someone_else_are_passed_over() -> None:
    door = doorman()
    shown = authorization(asked(door))
    read = request(shown)
    read.headers["authorization"] = ["Basic x", 'Digest realm="elsewhere"', "", shown]

    assert door.challenge(read, TRUNK, 0.0) is None


def test_quotes_within_a_value_are_read() -> None:
    shown = 'Digest realm="Gateway110", username="a\\"b\\\\c, d", uri=sip:x'

    assert digest_of._parameters(shown[7:]) == {
        "realm": "Gateway110",
        "username": 'a"b\\c, d',
        "uri": "sip:x",
    }


def test_a_realm_never_breaks_the_header() -> None:
    settings = SipSettings(server='G"a\\te', trunks=(OPEN,))

    assert Doorman(settings, {}, KEY).realm == "Gate"
    assert Doorman(SipSettings(server="", host="192.0.2.110"), {}, KEY).realm == "192.0.2.110"
    assert Doorman(SipSettings(server=""), {}, KEY).realm == "110"


@pytest.mark.parametrize("secrets", [{}, {"t": "", "old": "x"}])
def test_a_digest_without_a_password_is_told_at_start(secrets: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"sip\.trunks 't' has a digest"):
        Doorman(SETTINGS, secrets, KEY)


def test_credentials_cost_what_they_are_long() -> None:
    def work(start: str, word: str) -> Any:
        return lambda octets: lambda: digest_of._parameters(start + word * (octets // len(word)))

    starts = ("", 'realm="', "nonce=", 'a="\\', "\\\\")

    assert [pair for pair in product(starts, WORDS) if not is_linear(work(*pair), WHOLE)] == []


def test_a_request_uri_that_was_rewritten_on_the_way_is_counted_and_the_right_password_let_in() -> None:
    door = doorman()
    shown = authorization(asked(door), uri="sip:110@192.0.2.110:5060;user=phone")

    assert door.challenge(request(shown), TRUNK, 1.0) is None
    assert door.counters["digest_uri"] == 1
