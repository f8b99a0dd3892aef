# SPDX-License-Identifier: Apache-2.0
"""TLS on loopback: who is let in, whom we call on, and certificates that change under open connections."""

import asyncio
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.effects import AnswerCaller, RingCaller
from core.ids import CountyCode
from device_adapters.sip.adapter import SipAdapter
from device_adapters.sip.connection import LATE_S
from device_adapters.sip.errors import UnusableFileError
from device_adapters.sip.settings import SipSettings, TlsSettings
from device_adapters.sip.tls import TlsContexts, TlsStream, read_tls
from tests.integration.sip_streams import OPENSSL, Authority, Gateway, Line, called, gateway, line, on_uvloop
from tests.waiting import until

pytestmark = pytest.mark.skipif(not OPENSSL, reason="openssl is not installed (apt install openssl)")
COUNTY = CountyCode("330302")


def settings_of(
    own: tuple[Path, Path], authority: Authority | None = None, *, mutual: bool = False
) -> SipSettings:
    certificate, key = map(str, own)
    trusted = str(authority.certificate) if authority is not None else ""
    tls = TlsSettings(certificate=certificate, key=key, authorities=trusted, mutual=mutual)
    return SipSettings(listen=("tls:127.0.0.1:0",), tls=tls)


def shown_to(caller: Line) -> str:
    """Return the name on the certificate the gateway showed."""
    shown = caller.writer.get_extra_info("ssl_object").getpeercert()
    return str(dict(pair for part in shown["subject"] for pair in part)["commonName"])


async def rings(house: Gateway, caller: Line) -> None:
    caller.say(caller.text("INVITE"))
    assert await caller.status() == 100
    house.adapter.send(RingCaller(leg=house.door.leg()))
    assert await caller.status() == 180


@on_uvloop
async def test_a_caller_is_heard_over_tls(tmp_path: Path) -> None:
    house_authority = Authority(tmp_path, "authority")
    settings = settings_of(house_authority.sign("gateway"))
    async with gateway(settings) as house, line(house, context=house_authority.trusting()) as caller:
        await rings(house, caller)

        assert shown_to(caller) == "gateway"
        assert house.adapter.listening()[0].startswith("tls:127.0.0.1:")


@on_uvloop
async def test_nobody_speaks_less_than_tls_1_2_or_no_tls_at_all(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    async with gateway(settings_of(authority.sign("gateway"))) as house:
        old = authority.trusting()
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with line(house, context=old):
                raise AssertionError("it was let in")
        async with line(house) as plain:
            plain.say(plain.text("INVITE"))
            assert await plain.hung_up_on()

        assert house.counted("tls_faults") == 2
        assert house.door.facts == []


@on_uvloop
async def test_mutual_tls_lets_in_who_shows_a_certificate_of_the_authorities(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "authority"), Authority(tmp_path, "other")
    known, unknown = authority.sign("carrier"), other.sign("somebody")
    async with gateway(settings_of(authority.sign("gateway"), authority, mutual=True)) as house:
        async with line(house, context=authority.trusting(known)) as caller:
            await rings(house, caller)
        for own in (None, unknown):
            try:  # with TLS 1.3 the caller is up before he is refused
                async with line(house, context=authority.trusting(own)) as caller:
                    caller.say(caller.text("INVITE"))
                    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                        await caller.hear()
            except (ssl.SSLError, ConnectionError):
                pass

        assert house.counted("tls_faults") == 2
        assert house.counted("requests_invite") == 1


@on_uvloop
async def test_new_certificates_are_for_new_connections_and_bad_ones_change_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.sign("gateway")
    settings = settings_of((certificate, key))
    trusting = authority.trusting()
    async with gateway(settings) as house, line(house, "early", trusting) as early:
        await rings(house, early)
        leg = house.door.leg()

        certificate.write_text("no certificate")
        with pytest.raises(UnusableFileError, match=rf"sip.tls.certificate {certificate}"):
            house.adapter.reload(settings)
        async with line(house, "meanwhile", trusting) as meanwhile:
            assert shown_to(meanwhile) == "gateway"

        for fresh, file in zip(authority.sign("renewed"), (certificate, key), strict=True):
            file.write_bytes(fresh.read_bytes())
        assert house.adapter.reload(settings) == []
        async with line(house, "late", trusting) as late:
            assert shown_to(late) == "renewed"

        house.adapter.send(AnswerCaller(leg=leg))
        assert await early.status() == 200


@on_uvloop
async def test_we_call_only_on_those_the_authorities_vouch_for(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path, "authority"), Authority(tmp_path, "other")
    settings = settings_of(authority.sign("gateway"), authority)
    for signed_by, answered in ((authority, 1), (other, 0)):
        proxy = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        proxy.load_cert_chain(*signed_by.sign("carrier"))
        async with gateway(settings) as house, called(proxy) as (port, came):
            async with line(house, context=authority.trusting()) as caller:
                caller.say(caller.text("INVITE", via_port=port))
                assert await caller.status() == 100
            await until(lambda house=house: house.counted("connections") == 0)  # type: ignore[misc]

            house.adapter.send(AnswerCaller(leg=house.door.leg()))

            await until(
                lambda house=house: house.counted("connections_opened") + house.counted("connect_failed")  # type: ignore[misc]
            )
            assert house.counted("connections_opened") == answered
            assert house.counted("undelivered") == 1 - answered
            if answered:
                async with asyncio.timeout(5):
                    back = await came.get()
                assert await back.status() == 200
                await back.close()


@on_uvloop
async def test_without_authorities_nobody_is_called_on(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    async with gateway(settings_of(authority.sign("gateway"))) as house:
        async with line(house, context=authority.trusting()) as caller:
            caller.say(caller.text("INVITE", via_port=5061))
            assert await caller.status() == 100
        await until(lambda: house.counted("connections") == 0)

        house.adapter.send(RingCaller(leg=house.door.leg()))

        await until(lambda: house.counted("connect_failed") == 1)


@on_uvloop
async def test_a_handshake_that_does_not_end_is_ended(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    async with gateway(settings_of(authority.sign("gateway"))) as house, line(house) as silent:
        silent.say(b"\x16\x03\x01")
        await until(lambda: house.counted("connections"))
        house.clock.ahead_s = LATE_S

        assert await silent.hung_up_on()
        assert house.counted("connections_late") == 1


@on_uvloop
async def test_files_that_cannot_be_used_are_told_at_start_by_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.sign("gateway")
    _, other_key = authority.sign("other")
    (tmp_path / "empty").touch()
    absent = tmp_path / "absent"
    for tls, sentence in (
        (TlsSettings(certificate=str(absent), key=str(key)), f"sip.tls.certificate {absent} cannot be read"),
        (TlsSettings(certificate=str(certificate), key=str(absent)), f"sip.tls.key {absent} cannot be read"),
        (TlsSettings(certificate=str(certificate), key=str(other_key)), "do not belong together"),
        (
            TlsSettings(certificate=str(certificate), key=str(key), authorities=str(tmp_path / "empty")),
            "holds no PEM certificate",
        ),
    ):
        adapter = SipAdapter(
            SipSettings(listen=("tls:127.0.0.1:0",), tls=tls), Gateway(SipSettings()).clock, COUNTY
        )
        with pytest.raises(UnusableFileError, match=sentence):
            await adapter.open()


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> TlsContexts:
    authority = Authority(tmp_path_factory.mktemp("tls"), "authority")
    return read_tls(settings_of(authority.sign("gateway"), authority).tls)


def joined(contexts: TlsContexts) -> tuple[TlsStream, TlsStream]:
    """Return both ends of a connection whose handshake is done."""
    assert contexts.client is not None
    server, client = TlsStream(contexts.server, server=True), TlsStream(contexts.client, server=False)
    for _ in range(4):
        server.receive(client.take())
        client.receive(server.take())
    assert server.ready
    assert client.ready
    return server, client


@given(
    said=st.lists(st.binary(max_size=40_000), max_size=4),
    noise=st.binary(max_size=200),
    at=st.integers(0, 80),
)
def test_sealed_octets_come_out_as_they_went_in_and_noise_is_a_fault_not_an_exception(
    contexts: TlsContexts, said: list[bytes], noise: bytes, at: int
) -> None:
    server, client = joined(contexts)
    for part in said:
        client.send(part)
    sealed = client.take()
    cut = len(sealed) * at // 80

    heard = server.receive(sealed[:cut]) + server.receive(sealed[cut:])
    server.receive(noise)

    assert heard == b"".join(said)
    assert server.receive(b"") == b""
    TlsStream(contexts.server, server=True).receive(noise)


def test_what_came_before_a_broken_record_is_heard(contexts: TlsContexts) -> None:
    server, client = joined(contexts)
    client.send(b"first")
    first = client.take()
    client.send(b"second")
    broken = bytearray(client.take())
    broken[-1] ^= 1

    assert server.receive(first + broken) == b"first"
    assert server.fault
    assert server.receive(first) == b""


def test_a_goodbye_is_understood(contexts: TlsContexts) -> None:
    server, client = joined(contexts)

    client.close()
    server.receive(client.take())

    assert server.over
    assert not server.fault
