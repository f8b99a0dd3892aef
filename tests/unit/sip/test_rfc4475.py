# SPDX-License-Identifier: Apache-2.0
"""The torture messages of RFC 4475, byte for byte, judged by their manifest."""

from pathlib import Path

import msgspec
import pytest

from device_adapters.sip.events import Invited
from tests.unit.sip.peer import Peer, endpoint

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "rfc4475"


class Torture(msgspec.Struct):
    id: str
    kind: str
    expect: list[str]
    also_ok: list[str]
    never: list[str]
    reply: str
    emergency_accept: bool


class Manifest(msgspec.Struct):
    messages: list[Torture]


def corpus() -> list[Torture]:
    manifest = CORPUS / "manifest.json"
    return msgspec.json.decode(manifest.read_bytes(), type=Manifest).messages if manifest.exists() else []


def fits(status: int, patterns: list[str]) -> bool:
    return any(pattern in (str(status), f"{status // 100}xx") for pattern in patterns)


pytestmark = pytest.mark.skipif(not corpus(), reason="../shared/data/rfc4475 is not here")


@pytest.mark.parametrize("torture", corpus(), ids=lambda torture: str(torture.id))
def test_a_torture_message_gets_what_the_manifest_wants(torture: Torture) -> None:
    peer = Peer(endpoint())

    statuses = peer.say((CORPUS / f"{torture.id}.dat").read_bytes())
    told = peer.sip.next_event()
    if isinstance(told, Invited):
        peer.sip.answer(told.leg, 0.0)
        statuses += peer.heard()

    if torture.kind == "response":
        assert statuses == []
    elif statuses:
        assert fits(statuses[-1], torture.expect + torture.also_ok), statuses
        assert not any(fits(status, torture.never) for status in statuses), statuses
    else:
        assert torture.reply == "may"
    assert isinstance(told, Invited) or not torture.emergency_accept
    assert peer.options() == [200]
    assert peer.sip.next_event() is None or torture.kind == "request"
