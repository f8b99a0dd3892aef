# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in the headers that tell of the caller, the call is told, and what is told is within bounds."""

import json
import math
from collections import Counter
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from core.ids import Leg
from device_adapters.lookup import cells, held, numbers
from device_adapters.lookup.settings import Origin
from device_adapters.lookup.table import UnreadableTableError, read_table
from device_adapters.pidf import ADDRESS_CHARS_MAX, UnreadableLocationError, read_pidf
from device_adapters.sip.identity import ACCESS_CHARS_MAX, NUMBER_CHARS_MAX, caller_of
from device_adapters.sip.invitation import invited
from device_adapters.sip.message import Request, read_message
from device_adapters.sip.pidf import REFERENCE_CHARS_MAX, REFERENCES_MAX
from tests.unit.adapters.test_shapes import arc, circle, document, said
from tests.unit.sip.peer import SDP, Peer, endpoint
from tests.unit.sip.test_identity import NETWORK, passport

HEADERS = (
    "P-Asserted-Identity", "Privacy", "Diversion", "History-Info", "Identity", "P-Access-Network-Info",
    "Geolocation", "Geolocation-Routing",
)  # fmt: skip
WORDS = (
    "<", ">", '"', ",", ";", "=", "@", "?", "%", "%41", ".", "..", "\\", " ", "\t", "\xff", "\0", "1", "+86",
    "sip:", "tel:", "https://", "cid:", "<tel:+8613800138000>", "<sip:a@b?x=y@z>", ";index=", ";index=1.1", "id",
    "none", "eyJ", "e30", "bnVsbA", passport(), NETWORK, "3GPP-NR;", "utran-cell-id-3gpp=", ";network-provided",
)  # fmt: skip
noise = st.lists(
    st.sampled_from(WORDS) | st.text(st.characters(max_codepoint=255), max_size=8), max_size=12
).map("".join)
lines = st.lists(st.tuples(st.sampled_from(HEADERS), noise), max_size=6)


@given(lines)
def test_any_octets_in_these_headers_cost_nobody_the_call(given_lines: list[tuple[str, str]]) -> None:
    extra = "".join(f"{name}: {value}\r\n" for name, value in given_lines if not set("\r\n") & set(value))
    read = read_message(Peer(endpoint()).text("INVITE", extra=extra, body=SDP).encode("latin-1"))
    assert isinstance(read, Request)

    told = invited(read, Leg("leg"), caller_of(read), 1, 0.0, Counter())

    assert told.attestation in ("", "A", "B", "C")
    assert len(told.diverted_from) <= NUMBER_CHARS_MAX
    assert len(told.access) <= ACCESS_CHARS_MAX
    assert len(told.locate_at) <= REFERENCES_MAX
    assert all(uri.isascii() and " " not in uri and len(uri) <= REFERENCE_CHARS_MAX for uri in told.locate_at)
    assert cells.key_of_access(told.access) >= 0
    for uri in told.locate_at:
        held.asked_at(uri, {Origin("https", "a", 443)})


places = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-200, 200)
shapes = st.lists(
    st.builds(circle, places, places) | st.builds(arc, places, places, places, places), max_size=10
)


@given(shapes)
def test_whatever_a_shape_says_its_circle_is_on_earth(inside: list[str]) -> None:
    try:
        place = read_pidf(document(*map(said, inside)))
    except UnreadableLocationError:
        return

    assert place.location is not None
    assert abs(place.location.lat) <= 90
    assert abs(place.location.lon) <= 180
    assert 0 <= place.location.uncertainty_m < math.inf


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([b"<a>", b"</a>", b"<pos>", b"<Circle>", b"1 2"])).map(b"".join)
)
def test_any_octets_are_a_place_or_none(data: bytes) -> None:
    for read in (read_pidf, held.read_answer):
        try:
            assert len(read(data).address) <= ADDRESS_CHARS_MAX
        except (UnreadableLocationError, held.NoPlaceError):
            continue


@given(st.text(max_size=60), st.sampled_from(["", "0577"]))
def test_any_text_is_a_number_or_none(text: str, area_code: str) -> None:
    number = numbers.spelt(text, area_code)

    assert number == "" or 0 < numbers.number_key(number) < 2**63
    assert numbers.spelt(number, area_code) == number


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
answers = st.dictionaries(
    st.sampled_from(["name", "address", "lat", "lon", "uncertainty_m", "crs", "x"]), json_values
)


@given(
    answers.map(json.dumps).map(str.encode) | st.binary(max_size=200),
    st.sampled_from(["wgs84", "gcj02", "bd09"]),
)
def test_any_answer_is_somebody_or_nobody(data: bytes, datum: str) -> None:
    try:
        subscriber = numbers.read_answer(data, datum)
    except numbers.UnreadableAnswerError:
        return

    if subscriber is not None and subscriber.location is not None:
        assert abs(subscriber.location.lat) <= 90.1
        assert abs(subscriber.location.lon) <= 180.1
        assert 0 <= subscriber.location.uncertainty_m < math.inf


words = st.sampled_from(["88880000", "王", '"', ",", "\n", "28.1", "1e999", "nan", "\0", "-1"]) | st.text(
    max_size=5
)


@given(st.lists(words, max_size=40).map("".join), st.integers(1, 20))
def test_any_lines_are_a_table_or_none(text: str, rows_max: int) -> None:
    head = "number,name,address,lat,lon,uncertainty_m\n"
    row_of = partial(numbers.row_of, area_code="0577")
    for lines_of in (text, head + text):
        try:
            table, reading = read_table(lines_of.splitlines(keepends=True), numbers.NEEDED, row_of, rows_max)
        except UnreadableTableError:
            continue
        assert len(table) == reading.rows <= rows_max
