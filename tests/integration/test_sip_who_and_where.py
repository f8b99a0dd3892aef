# SPDX-License-Identifier: Apache-2.0
"""Who calls and from where, told in every way a network tells it: what was sent is in the journal and in Redis."""

import json
import threading
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from tests.integration.house import House, house, until
from tests.integration.sip_hand import SDP, Hand

pytestmark = pytest.mark.real

NUMBER, NAME, HOME = "+8657788880001", "王小明", "温州市鹿城区人民路1号"
NUMBERS_CSV = f"number,name,address,lat,lon\n0577-88880001,{NAME},{HOME},28.0150,120.6550\n"
CELLS_CSV = "cell,lat,lon,radius_m\n460-00-1234-5678901,28.0300,120.7000,800\n"
CELL = f"46000{1234:04x}{5678901:07x}"
PRESENCE = (
    '<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" '
    'xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" xmlns:gml="http://www.opengis.net/gml" '
    'xmlns:gs="http://www.opengis.net/pidflo/1.0" xmlns:ca="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr" '
    'entity="pres:x@y"><tuple id="t"><status><gp:geopriv><gp:location-info>{}</gp:location-info>'
    "</gp:geopriv></status></tuple></presence>"
)
SRS = 'srsName="urn:ogc:def:crs:EPSG::4326"'
POINT = f"<gml:Point {SRS}><gml:pos>28.0000 120.6600</gml:pos></gml:Point>"
CIRCLE = (
    f"<gs:Circle {SRS}><gml:pos>28.0100 120.6700</gml:pos>"
    '<gs:radius uom="urn:ogc:def:uom:EPSG::9001">45</gs:radius></gs:Circle>'
)
CIVIC = (
    "<ca:civicAddress><ca:country>CN</ca:country><ca:A3>温州市</ca:A3><ca:RD>人民路</ca:RD>"
    "<ca:HNO>7</ca:HNO></ca:civicAddress>"
)


class LocationServer(BaseHTTPRequestHandler):
    """Knows where one telephone is (RFC 5985)."""

    asked: ClassVar[list[tuple[str, bytes]]] = []

    def do_POST(self) -> None:
        self.asked.append((self.path, self.rfile.read(int(self.headers.get("Content-Length") or 0))))
        answer = (
            '<?xml version="1.0"?><locationResponse xmlns="urn:ietf:params:xml:ns:geopriv:held">'
            + PRESENCE.format(CIRCLE.replace("28.0100 120.6700", "28.0400 120.6900")).partition("?>")[2]
            + "</locationResponse>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/held+xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def lis() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), LocationServer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, lis: str) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("who")
    (folder / "numbers.csv").write_text(NUMBERS_CSV)
    (folder / "cells.csv").write_text(CELLS_CSV)
    (folder / "gateway.toml").write_text(
        f'[lookup]\nnumbers = "{folder}/numbers.csv"\ncells = "{folder}/cells.csv"\nheld_origins = ["{lis}"]\n'
    )
    with house(folder, "--config", str(folder / "gateway.toml")) as running:
        yield running


@pytest.fixture
def hand(home: House) -> Iterator[Hand]:
    with Hand(home.gateway.sip_address, "who") as caller:
        yield caller


def received(home: House, call_id: str) -> dict[str, Any]:
    until(lambda: call_id in home.call_ids())
    return next(fact for fact in home.facts("call.received") if fact["sip_call_id"] == call_id)


def shown(home: House, call_id: str, kind: str = "call.ended") -> dict[str, Any]:
    """Return the newest decision of this type about the call."""
    until(lambda: [made for made in home.of(kind) if made["sip_call_id"] == call_id])
    return [made for made in home.of(kind) if made["sip_call_id"] == call_id][-1]


def found(home: House, call_id: str, source: str) -> dict[str, Any]:
    """Return what was looked up for the call."""
    leg = received(home, call_id)["leg"]

    def told() -> list[dict[str, Any]]:
        return [fact for fact in home.facts("caller.found") if (fact["leg"], fact["source"]) == (leg, source)]

    until(told)
    return told()[0]


def place(home: House, call_id: str, source: str) -> dict[str, Any]:
    """Return the incident's candidate of this source for the call."""
    call = shown(home, call_id)["call_id"]

    def told() -> list[dict[str, Any]]:
        return [
            candidate
            for made in home.of("incident.updated")
            for candidate in made["locations"]
            if (candidate["call_id"], candidate["source"]) == (call, source)
        ]

    until(told)
    return told()[-1]


def test_the_networks_word_stands_before_the_callers_and_privacy_hides_nothing_from_110(
    home: House, hand: Hand
) -> None:
    call = hand.call(
        f"P-Asserted-Identity: <tel:{NUMBER}>", "Privacy: id",
        sender='"Anonymous" <sip:anonymous@anonymous.invalid>',
    )  # fmt: skip

    fact = received(home, call)
    assert (fact["caller"], fact["privacy"]) == (NUMBER, True)
    assert shown(home, call)["privacy"] is True


def test_a_caller_with_a_tel_uri_and_nothing_else_has_a_number(home: House, hand: Hand) -> None:
    call = hand.call(sender="<tel:+86-577-8888-0002>", uri="urn:service:sos.police")

    fact = received(home, call)
    assert fact["caller"].replace("-", "") == "+8657788880002"
    assert fact["called"] == "urn:service:sos.police"


@pytest.mark.parametrize(
    "line",
    [
        "Diversion: <sip:12345@trunk.example>;reason=unconditional",
        "History-Info: <sip:12345@trunk.example>;index=1, <sip:110@gateway>;index=1.1",
    ],
    ids=["Diversion", "History-Info"],
)
def test_a_diverted_call_tells_what_was_dialled(home: House, hand: Hand, line: str) -> None:
    call = hand.call(line)

    assert received(home, call)["diverted_from"] == "12345"
    assert shown(home, call)["diverted_from"] == "12345"


def test_what_the_first_network_vouches_for_is_kept(home: House, hand: Hand) -> None:
    claims = {"attest": "A", "orig": {"tn": NUMBER.removeprefix("+")}, "dest": {"tn": ["110"]}, "iat": 1}
    header, payload = (urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
                       for part in ({"alg": "ES256", "ppt": "shaken", "typ": "passport"}, claims))  # fmt: skip

    call = hand.call(
        f"P-Asserted-Identity: <tel:{NUMBER}>",
        f"Identity: {header}.{payload}.c2lnbmF0dXJl;info=<https://cert.example/c.pem>;alg=ES256;ppt=shaken",
    )

    assert received(home, call)["attestation"] == "A"
    assert shown(home, call)["attestation"] == "A"


@pytest.mark.parametrize(
    ("shape", "expected"),
    [(POINT, (28.0, 120.66, 0.0)), (CIRCLE, (28.01, 120.67, 45.0))],
    ids=["point", "circle"],
)
def test_a_place_in_the_invite_is_the_incidents_place(
    home: House, hand: Hand, shape: str, expected: tuple[float, float, float]
) -> None:
    call = hand.call(
        "Geolocation: <cid:here@x>", body=PRESENCE.format(shape), kind="application/pidf+xml\r\nContent-ID: <here@x>"
    )  # fmt: skip

    location = received(home, call)["location"]
    assert (location["lat"], location["lon"], location["uncertainty_m"]) == expected
    candidate = place(home, call, "pidf-lo")
    assert (candidate["lat"], candidate["lon"], candidate["uncertainty_m"]) == expected


def test_a_place_beside_the_sdp_is_found_too(home: House, hand: Hand) -> None:
    parts = (
        f"--b\r\nContent-Type: application/sdp\r\n\r\n{SDP}\r\n--b\r\nContent-Type: application/pidf+xml\r\n"
        f"Content-ID: <here@x>\r\n\r\n{PRESENCE.format(POINT)}\r\n--b--\r\n"
    )

    call = hand.call("Geolocation: <cid:here@x>", body=parts, kind="multipart/mixed;boundary=b")

    assert received(home, call)["location"]["lat"] == 28.0
    assert any(b"m=audio" in heard and b"RTP/AVP 8" in heard for heard in hand.heard)


def test_a_civic_address_is_kept_as_one_line(home: House, hand: Hand) -> None:
    call = hand.call(
        "Geolocation: <cid:here@x>", body=PRESENCE.format(CIVIC), kind="application/pidf+xml\r\nContent-ID: <here@x>"
    )  # fmt: skip

    address = received(home, call)["address"]
    assert "人民路" in address
    assert "7" in address


def test_a_place_by_reference_is_fetched_from_a_listed_server(home: House, hand: Hand, lis: str) -> None:
    call = hand.call(f"Geolocation: <{lis}/lis/token-1>", "Geolocation-Routing: no")

    assert received(home, call)["locate_at"] == (f"{lis}/lis/token-1",)
    location = found(home, call, "held")["location"]
    assert (location["lat"], location["lon"], location["uncertainty_m"]) == (28.04, 120.69, 45.0)
    assert "/lis/token-1" in [path for path, _ in LocationServer.asked]
    assert place(home, call, "held")["lat"] == 28.04


def test_a_place_by_reference_is_not_fetched_from_anyone_else(home: House, hand: Hand, lis: str) -> None:
    elsewhere = lis.replace("127.0.0.1", "localhost")

    call = hand.call(f"Geolocation: <{elsewhere}/lis/stranger>", f"P-Asserted-Identity: <tel:{NUMBER}>")

    found(home, call, "lookup")
    assert "/lis/stranger" not in [path for path, _ in LocationServer.asked]


def test_a_cell_is_a_place(home: House, hand: Hand) -> None:
    access = f'3GPP-E-UTRAN-FDD;utran-cell-id-3gpp="{CELL}";network-provided'

    call = hand.call(f"P-Access-Network-Info: {access}")

    assert received(home, call)["access"] == access
    location = found(home, call, "cell")["location"]
    assert (location["lat"], location["lon"], location["uncertainty_m"]) == (28.03, 120.70, 800.0)
    assert place(home, call, "cell")["lat"] == 28.03


def test_a_registered_number_has_a_name_and_an_address(home: House, hand: Hand) -> None:
    call = hand.call(f"P-Asserted-Identity: <tel:{NUMBER}>")

    told = found(home, call, "lookup")
    assert (told["name"], told["address"]) == (NAME, HOME)
    candidate = place(home, call, "lookup")
    assert (candidate["lat"], candidate["lon"], candidate["address"]) == (28.015, 120.655, HOME)
    assert NUMBER not in home.gateway.log.read_text()
    assert NAME not in home.gateway.log.read_text()
