# SPDX-License-Identifier: Apache-2.0
"""TLS for one connection as a machine of octets, and the files it stands on. Knows ssl; knows no loop.

The loop's own TLS tells of a connection only after its handshake: then nobody could count, limit or end those
that never finish one. Here a connection is ours from its first octet, and keeps the certificate it began with.
"""

import ssl
from pathlib import Path
from typing import NamedTuple

from device_adapters.sip.errors import UnusableFileError
from device_adapters.sip.settings import TlsSettings

READ_OCTETS = 65_536


class TlsContexts(NamedTuple):
    """What new connections begin with."""

    server: ssl.SSLContext
    client: ssl.SSLContext | None
    "None without `authorities`: whom we call on could not be known."


class TlsStream:
    """One side of one connection. Nothing a peer sends makes it raise; `fault` says what was wrong."""

    def __init__(self, context: ssl.SSLContext, *, server: bool) -> None:
        self.ready = False
        "The handshake is done: octets can be sent."
        self.fault = ""
        "Why nothing more can be read; take what is to be sent all the same: it tells the peer."
        self.over = False
        "The peer said it sends nothing more."
        self._heard, self._to_send = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._heard, self._to_send, server_side=server)
        if not server:
            self._shake()

    def receive(self, data: bytes) -> bytes:
        """Take what came; return what it says."""
        if self.fault or self.over:
            return b""
        self._heard.write(data)
        if not self.ready:
            self._shake()
        return self._read() if self.ready else b""

    def send(self, data: bytes) -> None:
        """Seal what is to be said; `take` hands it over."""
        left = memoryview(data)
        try:
            while left:
                left = left[self._tls.write(left) :]
        except ssl.SSLError as wrong:
            self.fault = _told(wrong)

    def take(self) -> bytes:
        """Hand over what must be sent."""
        return self._to_send.read()

    def close(self) -> None:
        """Say that nothing more comes from us."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:  # it wants the peer's goodbye, or was never up: ours is written
            return

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return
        except ssl.SSLError as wrong:
            self.fault = _told(wrong)
            return
        self.ready = True

    def _read(self) -> bytes:
        parts = []
        try:
            while part := self._tls.read(READ_OCTETS):
                parts.append(part)
            self.over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as wrong:
            self.fault = _told(wrong)
        return b"".join(parts)


def read_tls(settings: TlsSettings) -> TlsContexts:
    """Read the files of `[sip.tls]`; raise UnusableFileError with a sentence that names the one that is wrong."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _own(server, settings)
    client = None
    if settings.authorities:
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False  # we call on addresses; the authorities are the carriers' own
        _own(client, settings)
        for context in (server, client):
            _trust(context, settings.authorities)
    if settings.mutual:
        server.verify_mode = ssl.CERT_REQUIRED
    return TlsContexts(server, client)


def _own(context: ssl.SSLContext, settings: TlsSettings) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    for name in ("certificate", "key"):
        _readable(f"sip.tls.{name}", getattr(settings, name))
    try:
        context.load_cert_chain(
            settings.certificate, settings.key, password=lambda: ""
        )  # never ask a terminal
    except (OSError, ValueError) as wrong:
        raise UnusableFileError(
            f"sip.tls.certificate {settings.certificate} and sip.tls.key {settings.key} do not belong together "
            f"or are not PEM without password: {_told(wrong)}."
        ) from None


def _trust(context: ssl.SSLContext, authorities: str) -> None:
    _readable("sip.tls.authorities", authorities)
    try:
        context.load_verify_locations(authorities)
    except (OSError, ValueError) as wrong:
        raise UnusableFileError(
            f"sip.tls.authorities {authorities} holds no PEM certificate: {_told(wrong)}."
        ) from None


def _readable(name: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as wrong:
        raise UnusableFileError(f"{name} {path} cannot be read: {wrong.strerror}.") from None


def _told(wrong: Exception) -> str:
    reason = getattr(wrong, "reason", None)
    return str(reason).lower().replace("_", " ") if reason else str(wrong)
