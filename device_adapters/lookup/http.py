# SPDX-License-Identifier: Apache-2.0
"""One question over HTTP/1.1: one connection, one answer, no redirect, no more octets and no more time than allowed.

h11 speaks; asyncio carries. A connection lasts for one question: on the county's own network opening one takes less
than a millisecond, and none can be found dead when a caller needs it.
"""

import asyncio
import ssl
from typing import NamedTuple

import h11

from device_adapters.lookup.settings import LookupSettings, Origin

HEAD_OCTETS_MAX = 16_384
"Of an answer's head and of one chunk's line; with the body's bound, of all that is read."
READ_OCTETS = 16_384


class Question(NamedTuple):
    """What is asked."""

    origin: Origin
    method: str
    target: str
    accept: str
    body: bytes = b""
    body_type: str = ""
    token: str = ""


class Reply(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class UnansweredError(Exception):
    """Nobody answered in a way we could use; its text is one word to count by."""


async def ask(question: Question, tls: ssl.SSLContext | None, seconds: float, octets_max: int) -> Reply:
    """Ask once. Raises UnansweredError: `unreachable`, `timeout`, `protocol`, `too_long`."""
    origin = question.origin
    assert (tls is not None) == (origin.scheme == "https"), "https without TLS, or the other way round"
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(origin.host, origin.port, ssl=tls)
            try:
                return await _exchange(question, reader, writer, octets_max)
            finally:
                writer.transport.abort()  # nothing more is to be said, and nobody waited for
    except TimeoutError:
        raise UnansweredError("timeout") from None
    except OSError:  # refused, reset, no such host, a certificate we do not trust
        raise UnansweredError("unreachable") from None
    except (h11.ProtocolError, UnicodeError):  # a host name no resolver can be asked for, too
        raise UnansweredError("protocol") from None


async def reach(origin: Origin, tls: ssl.SSLContext | None, seconds: float) -> None:
    """Open a connection and close it. Raises UnansweredError."""
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(origin.host, origin.port, ssl=tls)
        writer.transport.abort()
    except TimeoutError:
        raise UnansweredError("timeout") from None
    except (OSError, UnicodeError):
        raise UnansweredError("unreachable") from None


def trust(settings: LookupSettings) -> ssl.SSLContext:
    """Return what our https connections trust and show. Reads files; raises OSError (ssl.SSLError is one)."""
    context = ssl.create_default_context(cafile=settings.cafile or None)
    if settings.certfile:
        context.load_cert_chain(
            settings.certfile, settings.keyfile or None, password=lambda: ""
        )  # never ask a terminal
    return context


async def _exchange(
    question: Question, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, octets_max: int
) -> Reply:
    line = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_OCTETS_MAX)
    request = h11.Request(method=question.method, target=question.target, headers=_headers(question))
    said = [line.send(request), line.send(h11.Data(data=question.body)), line.send(h11.EndOfMessage())]
    writer.write(b"".join(part for part in said if part))
    await writer.drain()
    status, body, heard = 0, bytearray(), 0
    while True:
        event = line.next_event()
        match event:
            case h11.NEED_DATA:
                data = await reader.read(READ_OCTETS)
                heard += len(data)
                if heard > octets_max + HEAD_OCTETS_MAX:
                    raise UnansweredError("too_long")
                line.receive_data(data)
            case h11.Response():
                status = event.status_code
            case h11.Data():
                body += event.data
                if len(body) > octets_max:
                    raise UnansweredError("too_long")
            case h11.EndOfMessage():
                return Reply(status, bytes(body))
            case h11.InformationalResponse():
                continue
            case _:
                raise UnansweredError("protocol")


def _headers(question: Question) -> list[tuple[str, str]]:
    scheme, host, port = question.origin
    shown = f"[{host}]" if ":" in host else host
    usual = (scheme, port) in (("http", 80), ("https", 443))
    headers = [
        ("Host", shown if usual else f"{shown}:{port}"),
        ("Accept", question.accept),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    if question.body:
        headers += [("Content-Type", question.body_type), ("Content-Length", str(len(question.body)))]
    if question.token:
        headers.append(("Authorization", f"Bearer {question.token}"))
    return headers
