# SPDX-License-Identifier: Apache-2.0
"""The adapter between a house that asks and services that may or may not answer, over loopback."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core.effects import LookUpCaller, RingCaller
from core.events import CallerFound, Fact, NeighbourBack, NeighbourGone
from core.ids import Leg
from device_adapters.datum import gcj02_from_wgs84
from device_adapters.lookup.adapter import LookupAdapter
from device_adapters.lookup.held import REQUEST
from device_adapters.lookup.settings import LookupSettings
from tests.unit.adapters.test_shapes import POINT, document, said
from tests.waiting import until

ACCESS = "3GPP-E-UTRAN-TDD;utran-cell-id-3gpp=4600012340ABCDE1;network-provided"
NUMBERS = "number,name,address,lat,lon,uncertainty_m\n88880000,王小明,府学巷2号,{lat},{lon},30\n"
CELLS = "cell,lat,lon,radius_m\n460-00-4660-11259361,28.01,120.71,600\n"
FOUND = b'{"name": "\xe7\x8e\x8b", "address": "road 2", "lat": 28.0, "lon": 120.7}'
PIDF = document(said(POINT))


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def wall_ns(self) -> int:
        return int(self.now * 1e9)

    def mono_s(self) -> float:
        return self.now


class Hall:
    """A door that keeps what comes in."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def feed(self, fact: Fact) -> int:
        self.facts.append(fact)
        return len(self.facts)

    def when_durable(self, seq: int, then: Callable[[], None]) -> None:
        then()

    def found(self) -> list[CallerFound]:
        return [fact for fact in self.facts if isinstance(fact, CallerFound)]

    def neighbours(self) -> list[tuple[str, str]]:
        kinds = NeighbourGone | NeighbourBack
        return [(type(fact).__name__, fact.name) for fact in self.facts if isinstance(fact, kinds)]


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def reply(body: bytes, status: str = "200 OK", more: str = "") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)

    return answer


def raw(*octets: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        for piece in octets:
            writer.write(piece)
            await writer.drain()

    return answer


async def never(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


class Desk:
    """A service that answers as it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answer: Answer = reply(b"{}")
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self.asked.append(head + await reader.readexactly(int(length or 0)))
            await self.answer(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    told = Desk()
    server = await asyncio.start_server(told.serve, "127.0.0.1", 0)
    told.port = server.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        server.close()


@asynccontextmanager
async def adapter(
    settings: LookupSettings, hall: Hall, clock: Clock | None = None
) -> AsyncIterator[LookupAdapter]:
    lookup = LookupAdapter(settings, clock or Clock())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lookup.run(hall))
        try:
            yield lookup
        finally:
            lookup.stop()


def counted(lookup: LookupAdapter, name: str, times: int) -> Callable[[], bool]:
    return lambda: lookup.statistics().get(name) == times


def ask(
    caller: str = "", access: str = "", locate_at: tuple[str, ...] = (), leg: str = "leg1"
) -> LookUpCaller:
    return LookUpCaller(leg=Leg(leg), caller=caller, access=access, locate_at=locate_at)


def phone(service: Desk, **more: object) -> LookupSettings:
    return LookupSettings(phone_url=f"{service.url}/find?number={{number}}", **more)  # type: ignore[arg-type]


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, "utf-8")
    return str(path)


async def test_the_tables_tell_who_and_where_in_true_coordinates(tmp_path: Path) -> None:
    lat, lon = gcj02_from_wgs84(28.0, 120.7)
    settings = LookupSettings(
        numbers=written(tmp_path, "numbers.csv", NUMBERS.format(lat=f"{lat:.7f}", lon=f"{lon:.7f}")),
        numbers_datum="gcj02",
        area_code="0577",
        cells=written(tmp_path, "cells.csv", CELLS),
    )
    hall = Hall()

    async with adapter(settings, hall) as lookup:
        lookup.send(ask("+8657788880000", ACCESS))
        await until(lambda: len(hall.found()) == 2)

    cell, line = hall.found()
    assert (cell.source, cell.leg, line.source, line.name, line.address) == (
        "cell",
        "leg1",
        "lookup",
        "王小明",
        "府学巷2号",
    )
    assert cell.location is not None
    assert (cell.location.lat, cell.location.lon, cell.location.uncertainty_m) == (28.01, 120.71, 600)
    assert line.location is not None
    assert (line.location.lat, line.location.lon) == pytest.approx((28.0, 120.7), abs=2e-7)
    assert (line.location.datum, cell.location.datum, cell.location.source) == ("gcj02", "wgs84", "cell")


async def test_who_rang_before_the_tables_were_read_is_asked_for_then(tmp_path: Path) -> None:
    settings = LookupSettings(cells=written(tmp_path, "cells.csv", CELLS))
    hall = Hall()
    lookup = LookupAdapter(settings, Clock())
    lookup.send(ask(access=ACCESS))
    await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lookup.run(hall))
        await until(hall.found)
        lookup.stop()

    assert lookup.statistics()["early"] == 0


async def test_who_rang_too_long_before_is_not(tmp_path: Path) -> None:
    settings = LookupSettings(cells=written(tmp_path, "cells.csv", CELLS))
    hall, clock = Hall(), Clock()
    lookup = LookupAdapter(settings, clock)
    lookup.send(ask(access=ACCESS))
    await asyncio.sleep(0)
    clock.now += settings.late_s + 1

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(lookup.run(hall))
        await until(lambda: lookup.statistics().get("early_dropped"))
        lookup.stop()

    assert hall.facts == []


async def test_tables_are_read_again_and_a_bad_one_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    settings = LookupSettings(cells=written(tmp_path, "cells.csv", CELLS))
    hall = Hall()

    async with adapter(settings, hall) as lookup:
        await until(lambda: lookup.statistics().get("cells_rows") == 1)
        path.write_text(CELLS + "460-00-1-2,28,120,5\nx,1,1,1\n", "utf-8")
        lookup.reload()
        await until(lambda: lookup.statistics()["cells_rows"] == 2)
        path.write_text("nothing\n", "utf-8")
        lookup.reload()
        await until(lambda: lookup.statistics().get("cells_refused") == 1)
        lookup.send(ask(access=ACCESS))
        await until(hall.found)

    assert (lookup.statistics()["cells_rows"], lookup.statistics()["cells_bad_lines"]) == (2, 1)


async def test_a_table_that_shrinks_grossly_is_refused_and_the_old_one_stands(tmp_path: Path) -> None:
    lines = [f"460-00-4660-{n},28.01,120.71,600\n" for n in (11259361, *range(1, 10))]
    head = "cell,lat,lon,radius_m\n"
    path = tmp_path / "cells.csv"
    path.write_text(head + "".join(lines), "utf-8")
    hall = Hall()

    async with adapter(LookupSettings(cells=str(path)), hall) as lookup:
        await until(lambda: lookup.statistics().get("cells_rows") == 10)
        path.write_text(head + "".join(lines[-4:]), "utf-8")
        lookup.reload()
        await until(lambda: lookup.statistics().get("cells_refused") == 1)
        lookup.send(ask(access=ACCESS))
        await until(hall.found)
        path.write_text(head + "".join(lines[-5:]), "utf-8")
        lookup.reload()
        await until(lambda: lookup.statistics()["cells_rows"] == 5)

    assert hall.neighbours() == []


@pytest.mark.parametrize("text", ["", "nothing\n", "number,name\n88880000;n\n"])
async def test_a_table_that_cannot_be_used_at_the_start_is_shown_until_it_can(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text(text, "utf-8")
    hall = Hall()

    async with adapter(LookupSettings(numbers=str(path)), hall) as lookup:
        await until(counted(lookup, "numbers_refused", 1))
        lookup.reload()
        await until(counted(lookup, "numbers_refused", 2))
        told_once = hall.neighbours()
        path.write_text(NUMBERS.format(lat=28.0, lon=120.7), "utf-8")
        lookup.reload()
        await until(lambda: len(hall.facts) == 2)
        path.unlink()
        lookup.reload()  # the old one stands
        await until(counted(lookup, "numbers_refused", 3))

    assert told_once == [("NeighbourGone", "lookup:tables")]
    assert hall.neighbours() == [*told_once, ("NeighbourBack", "lookup:tables")]


async def test_a_token_nobody_can_read_is_shown_and_never_told(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_bytes(b"secret\xff")
    hall = Hall()
    settings = LookupSettings(phone_url="http://127.0.0.1:1/{number}", phone_token_file=str(token))

    async with adapter(settings, hall) as lookup:
        await until(hall.neighbours)
        token.write_text("secret", "utf-8")
        lookup.reload()
        await until(lambda: len(hall.facts) == 2)

    assert hall.neighbours() == [("NeighbourGone", "lookup:tables"), ("NeighbourBack", "lookup:tables")]
    assert "secret" not in str(hall.facts)


async def test_a_service_is_asked_for_what_the_table_does_not_know(tmp_path: Path) -> None:
    hall = Hall()
    async with desk() as service:
        service.answer = reply(FOUND)
        settings = phone(
            service,
            numbers=written(tmp_path, "numbers.csv", NUMBERS.format(lat="", lon="")),
            area_code="0577",
            phone_token_file=written(tmp_path, "token", "secret\n"),
        )
        async with adapter(settings, hall) as lookup:
            await until(lambda: "numbers_rows" in lookup.statistics())
            lookup.send(ask("88880000", leg="known"))
            lookup.send(ask("+8613800138000", leg="unknown"))
            await until(lambda: len(hall.found()) == 2)

    assert [(found.leg, found.name) for found in hall.found()] == [("known", "王小明"), ("unknown", "王")]
    (asked,) = service.asked
    assert asked.startswith(b"GET /find?number=13800138000 HTTP/1.1\r\n")
    assert b"Authorization: Bearer secret\r\n" in asked
    assert f"Host: 127.0.0.1:{service.port}\r\n".encode() in asked


async def test_a_withheld_number_asks_nobody() -> None:
    hall = Hall()
    async with desk() as service, adapter(phone(service), hall) as lookup:
        for caller in ("", "alice", "+"):
            lookup.send(ask(caller))
        lookup.send(ask("110110"))
        await until(lambda: lookup.statistics().get("phone_unknown"))

    assert len(service.asked) == 1


async def test_other_effects_and_a_house_without_lookups_ask_nobody() -> None:
    hall = Hall()
    async with adapter(LookupSettings(), hall) as lookup:
        lookup.send(RingCaller(leg=Leg("leg1")))
        lookup.send(ask("13800138000", ACCESS, ("https://lis.example.com/",)))
        await until(lambda: lookup.statistics().get("held_not_listed"))

    assert (hall.facts, lookup.statistics()["asked"]) == ([], 1)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_place_is_fetched_by_reference(method: str) -> None:
    hall = Hall()
    async with desk() as lis:
        lis.answer = reply(PIDF, more="Content-Type: application/pidf+xml\r\n")
        settings = LookupSettings(held_origins=(lis.url,), held_method=method)  # type: ignore[arg-type]
        async with adapter(settings, hall) as lookup:
            lookup.send(ask(locate_at=("sip:x@y", f"{lis.url}/loc?id=1")))
            await until(hall.found)

    (found,) = hall.found()
    assert (found.source, found.leg) == ("held", "leg1")
    assert found.location is not None
    assert (found.location.lat, found.location.source) == (33.0, "held")
    head, _, body = lis.asked[0].partition(b"\r\n\r\n")
    assert head.startswith(f"{method} /loc?id=1 HTTP/1.1\r\n".encode())
    assert body == (REQUEST if method == "POST" else b"")


async def test_a_reference_to_anyone_else_is_never_fetched() -> None:
    hall = Hall()
    async with desk() as listed, desk() as secret:
        listed.answer = reply(b"", "302 Found", f"Location: {secret.url}/\r\n")
        async with adapter(LookupSettings(held_origins=(listed.url,)), hall) as lookup:
            lookup.send(ask(locate_at=(f"{secret.url}/", f"http://localhost:{listed.port}/")))
            lookup.send(ask(locate_at=(f"{listed.url}/",)))
            await until(lambda: lookup.statistics().get("held_status_3xx"))

    assert (secret.asked, hall.facts) == ([], [])
    assert lookup.statistics()["held_not_listed"] == 2


async def test_no_more_than_two_references_of_one_call_are_fetched() -> None:
    hall = Hall()
    async with desk() as lis, adapter(LookupSettings(held_origins=(lis.url,)), hall) as lookup:
        lis.answer = reply(PIDF)
        lookup.send(ask(locate_at=tuple(f"{lis.url}/{n}" for n in range(4))))
        await until(lambda: len(hall.found()) == 2)

    assert lookup.statistics()["held_asked"] == 2


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (reply(b"", "404 Not Found"), "held_status_4xx"),
        (reply(b"<html/>"), "held_unreadable"),
        (reply(b'<error code="locationUnknown"/>'), "held_locationUnknown"),
        (reply(b"", "500 Oops"), "held_status_500"),
    ],
)
async def test_a_server_that_gives_no_place_is_counted(answer: Answer, name: str) -> None:
    hall = Hall()
    async with desk() as lis, adapter(LookupSettings(held_origins=(lis.url,)), hall) as lookup:
        lis.answer = answer
        lookup.send(ask(locate_at=(f"{lis.url}/",)))
        await until(lambda: lookup.statistics().get(name))

    assert hall.facts == []


HUGE = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b" " * 0x4000 + b"\r\n"


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (reply(b""), "phone_unreadable"),
        (reply(b"[1]"), "phone_unreadable"),
        (reply(b'{"name": {"first": 1}}'), "phone_unreadable"),
        (reply(b"[" * 60_000), "phone_unreadable"),
        (reply(b'{"lat": 91, "lon": 1}'), "phone_unreadable"),
        (reply(b"", "500 Oops"), "phone_status_500"),
        (reply(b"", "302 Found", "Location: http://192.0.2.1/\r\n"), "phone_status_302"),
        (reply(b"", "401 Who"), "phone_status_401"),
        (reply(b"", "404 Not Found"), "phone_unknown"),
        (reply(b"", "204 No Content"), "phone_unknown"),
        (reply(b"{}"), "phone_unknown"),
        (raw(), "phone_protocol"),
        (raw(b"nonsense\r\n\r\n"), "phone_protocol"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), "phone_protocol"),
        (raw(b"HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n"), "phone_protocol"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000), "phone_protocol"),
        (raw(HUGE, *[b"4000\r\n" + b" " * 0x4000 + b"\r\n"] * 8), "phone_too_long"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b" " * 200_000), "phone_too_long"),
        (reply(b'"' + b"x" * 65_535 + b'"'), "phone_too_long"),
        (raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 9_000), "phone_too_long"),
    ],
)
async def test_a_broken_answer_is_counted_by_name_and_costs_nothing(answer: Answer, name: str) -> None:
    hall = Hall()
    async with desk() as service, adapter(phone(service), hall) as lookup:
        service.answer = answer
        lookup.send(ask("13800138000"))
        await until(lambda: lookup.statistics().get(name))

    assert hall.facts == []
    assert lookup.statistics()["phone_in_flight"] == 0


async def test_an_answer_in_pieces_is_one_answer() -> None:
    hall = Hall()
    async with desk() as service, adapter(phone(service), hall) as lookup:
        chunks = [b"%x\r\n%b\r\n" % (1, FOUND[at : at + 1]) for at in range(len(FOUND))]
        head = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        service.answer = raw(head, *chunks, b"0\r\n\r\n")
        lookup.send(ask("13800138000"))
        await until(hall.found)

    assert hall.found()[0].address == "road 2"


async def test_a_late_answer_is_counted_and_taken_all_the_same() -> None:
    hall, clock, asked = Hall(), Clock(), asyncio.Event()

    async def later(writer: asyncio.StreamWriter) -> None:
        await asked.wait()
        await reply(FOUND)(writer)

    async with desk() as service, adapter(phone(service), hall, clock) as lookup:
        service.answer = later
        lookup.send(ask("13800138000"))
        await until(lambda: service.asked)
        clock.now += 1.0
        asked.set()
        await until(hall.found)

    assert lookup.statistics()["phone_late"] == 1


async def test_an_answer_that_never_comes_is_not_waited_for() -> None:
    hall = Hall()
    async with desk() as service:
        service.answer = never
        async with adapter(phone(service, phone_s=0.01, held_s=0.01, late_s=0.05), hall) as lookup:
            lookup.send(ask("13800138000"))
            await until(lambda: lookup.statistics().get("phone_timeout"))

    assert hall.facts == []
    assert lookup.statistics()["phone_in_flight"] == 0


async def test_beyond_the_questions_in_flight_nobody_is_asked() -> None:
    hall = Hall()
    async with desk() as service:
        service.answer = never
        async with adapter(phone(service, phone_in_flight_max=2), hall) as lookup:
            for _ in range(5):
                lookup.send(ask("13800138000"))
            await until(lambda: len(service.asked) == 2)

    assert lookup.statistics()["phone_busy"] == 3


async def test_a_service_that_goes_and_comes_back_is_told_once_each() -> None:
    hall, clock = Hall(), Clock()
    async with desk() as service:
        service.answer = reply(b"", "500 Oops")
        async with adapter(phone(service), hall, clock) as lookup:
            for asked in range(1, 4):
                lookup.send(ask("13800138000"))
                await until(counted(lookup, "phone_status_500", asked))
            lookup.send(ask("13800138000"))
            await until(lambda: lookup.statistics().get("phone_not_asked") == 1)
            gone = list(hall.neighbours())
            service.answer = reply(FOUND)
            clock.now += 1.0
            lookup.send(ask("13800138000"))
            await until(hall.found)
            lookup.send(ask("13800138000"))
            await until(lambda: len(hall.found()) == 2)

    assert gone == [("NeighbourGone", "lookup:phone")]
    assert hall.neighbours() == [*gone, ("NeighbourBack", "lookup:phone")]
    assert len(service.asked) == 5


async def test_two_location_servers_away_are_one_neighbour_gone() -> None:
    hall, clock = Hall(), Clock()
    async with desk() as one, desk() as other:
        one.answer = other.answer = reply(b"", "503 Busy")
        settings = LookupSettings(held_origins=(one.url, other.url), away_after=1)
        async with adapter(settings, hall, clock) as lookup:
            lookup.send(ask(locate_at=(f"{one.url}/", f"{other.url}/")))
            await until(lambda: lookup.statistics().get("held_status_503") == 2)
            one.answer = other.answer = reply(PIDF)
            clock.now += 1.0
            lookup.send(ask(locate_at=(f"{one.url}/",)))
            await until(lambda: len(hall.found()) == 1)
            before = list(hall.neighbours())
            lookup.send(ask(locate_at=(f"{other.url}/",)))
            await until(lambda: len(hall.found()) == 2)

    assert before == [("NeighbourGone", "lookup:held")]
    assert hall.neighbours() == [*before, ("NeighbourBack", "lookup:held")]


async def test_what_a_caller_asks_of_a_server_cannot_make_it_away() -> None:
    hall = Hall()
    async with desk() as lis:
        lis.answer = reply(b"", "404 Not Found")
        async with adapter(LookupSettings(held_origins=(lis.url,), away_after=1), hall) as lookup:
            for asked in range(1, 4):
                lookup.send(ask(locate_at=(f"{lis.url}/made-up",)))
                await until(counted(lookup, "held_status_4xx", asked))

    assert hall.facts == []


async def test_a_service_nobody_can_reach_is_away() -> None:
    hall = Hall()
    async with desk() as service:
        closed = service.url.rpartition(":")[0] + ":1"
    settings = LookupSettings(phone_url=f"{closed}/{{number}}", away_after=1)

    async with adapter(settings, hall) as lookup:
        lookup.send(ask("13800138000"))
        await until(hall.neighbours)

    assert lookup.statistics()["phone_unreachable"] == 1


async def test_asking_is_not_in_the_way_of_the_ring(tmp_path: Path) -> None:
    """Nothing is asked, found or fed before the sender has gone on."""
    settings = LookupSettings(
        cells=written(tmp_path, "cells.csv", CELLS), held_origins=("http://127.0.0.1:1",)
    )
    hall = Hall()
    async with adapter(settings, hall) as lookup:
        await until(lambda: "cells_rows" in lookup.statistics())

        lookup.send(ask("13800138000", ACCESS, ("http://127.0.0.1:1/",)))
        before = (
            list(hall.facts),
            lookup.statistics().get("cells_found"),
            lookup.statistics().get("held_asked"),
        )
        await until(hall.found)

    assert before == ([], None, None)


async def test_a_stop_waits_for_no_answer() -> None:
    hall = Hall()
    async with desk() as service:
        service.answer = never
        async with adapter(phone(service), hall) as lookup:
            lookup.send(ask("13800138000"))
            await until(lambda: service.asked)
        lookup.send(ask("13800138000"))
        await asyncio.sleep(0)

    assert (hall.facts, len(service.asked)) == ([], 1)


async def test_https_without_a_readable_authority_is_not_asked(tmp_path: Path) -> None:
    hall = Hall()
    settings = LookupSettings(
        phone_url="https://127.0.0.1:1/{number}", cafile=written(tmp_path, "ca.pem", "nonsense")
    )
    async with adapter(settings, hall) as lookup:
        lookup.send(ask("13800138000"))
        await until(lambda: lookup.statistics().get("phone_not_asked"))

    assert lookup.statistics()["https_off"] == 1
    assert hall.neighbours() == [("NeighbourGone", "lookup:https")]


def certificate(folder: Path) -> tuple[str, str]:
    """Make a certificate for 127.0.0.1 that signs itself."""
    certfile, keyfile = str(folder / "cert.pem"), str(folder / "key.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    new = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    subprocess.run([*new, "-keyout", keyfile, "-out", certfile, *subject], check=True, capture_output=True)
    return certfile, keyfile


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
@pytest.mark.parametrize("trusted", [True, False])
async def test_https_is_spoken_with_whom_we_trust_alone(tmp_path: Path, trusted: bool) -> None:
    certfile, keyfile = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certfile, keyfile)
    hall, lis = Hall(), Desk()
    lis.answer = reply(PIDF)
    server = await asyncio.start_server(lis.serve, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async with adapter(
        LookupSettings(held_origins=(url,), cafile=certfile if trusted else ""), hall
    ) as lookup:
        lookup.send(ask(locate_at=(f"{url}/a",)))
        await until(lambda: hall.found() or lookup.statistics().get("held_unreachable"))
    server.close()

    assert (len(hall.found()), len(lis.asked)) == ((1, 1) if trusted else (0, 0))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
async def test_https_that_was_off_is_on_once_its_files_are_mended(tmp_path: Path) -> None:
    cafile = tmp_path / "ca.pem"
    hall = Hall()
    settings = LookupSettings(phone_url="https://127.0.0.1:1/{number}", cafile=str(cafile), away_after=9)

    async with adapter(settings, hall) as lookup:
        await until(hall.neighbours)
        shutil.copy(certificate(tmp_path)[0], cafile)
        lookup.reload()
        await until(lambda: len(hall.facts) == 2)
        cafile.write_text("nonsense", "utf-8")
        lookup.reload()  # what was read stays
        lookup.send(ask("13800138000"))
        await until(lambda: lookup.statistics().get("phone_unreachable"))

    assert hall.neighbours() == [("NeighbourGone", "lookup:https"), ("NeighbourBack", "lookup:https")]
    assert lookup.statistics()["https_off"] == 0
