# SPDX-License-Identifier: Apache-2.0
"""What a broken or malicious sender may say: anything at all, and things that are wrong for one named reason."""

import json
from typing import Any

from hypothesis import strategies as st

from core.ids import CountyCode, UnitId

NOW_S = 1_700_000_000
UNITS = tuple(UnitId(f"u{i}") for i in range(8))
ROSTER = {unit: (i, CountyCode("330302")) for i, unit in enumerate(UNITS)}
LEAVES = ("position", "status", "event", "link", "acks", "orders", "")

topics = st.one_of(
    st.text(max_size=60),
    st.builds(
        lambda county, unit, leaf: f"g110/v1/{county}/units/{unit}/{leaf}",
        st.sampled_from(["330302", "330303", "33030x", "+"]),
        st.one_of(st.sampled_from(UNITS), st.text(max_size=40)),
        st.sampled_from(LEAVES),
    ),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
fields = st.dictionaries(
    st.sampled_from(
        "lat lon tst vel cog seq crs unit unit_id status event link ack order_id version text reason".split()
    ),
    st.one_of(
        anything,
        st.sampled_from(["emergency", "signed", "available", "online", "gcj02", "bd09", "u1", NOW_S]),
    ),
)
payloads = st.one_of(
    st.binary(max_size=200),
    fields.map(lambda said: json.dumps(said).encode()),
    st.binary(min_size=8_193, max_size=8_200),
    st.integers(1, 8_000).map(lambda n: b"[" * n),
)
wrong_type = st.one_of(st.none(), st.text(max_size=5), st.lists(st.integers(), max_size=2), st.booleans())


def hostile(now_s: int) -> st.SearchStrategy[tuple[str, bytes]]:
    """Return (leaf, payload) that must be refused, whoever of the roster sends it at `now_s`."""
    whole: dict[str, dict[str, Any]] = {
        "position": {"lat": 28.0, "lon": 120.7, "tst": now_s},
        "status": {"status": "on_scene", "tst": now_s},
        "event": {"event": "text", "text": "x", "tst": now_s},
        "acks": {"order_id": "o1", "ack": "signed", "tst": now_s},
    }
    leaves = st.sampled_from(sorted(whole))

    def spoilt(leaf: str, more: dict[str, Any]) -> tuple[str, bytes]:
        return leaf, json.dumps(whole[leaf] | more).encode()

    outside = st.one_of(st.floats(90.001, 1e300), st.floats(-1e300, -90.001))
    return st.one_of(
        st.tuples(leaves, st.binary(max_size=300).map(lambda octets: b"\xff" + octets)),
        st.tuples(leaves, st.integers(1, 8_000).map(lambda n: b"[" * n)),
        st.tuples(leaves, st.integers(1, 1_000).map(lambda n: b'{"lat":' * n)),
        st.builds(lambda leaf, n: spoilt(leaf, {"more": "x" * n}), leaves, st.integers(8_192, 60_000)),
        st.builds(lambda leaf, cut: (leaf, spoilt(leaf, {})[1][:-cut]), leaves, st.integers(1, 20)),
        st.builds(lambda leaf, name: spoilt(leaf, {"unit": f"not-{name}"}), leaves, st.text(max_size=20)),
        st.builds(lambda ahead: spoilt("status", {"tst": now_s + ahead}), st.integers(3_600, 2**40)),
        st.builds(
            lambda key, said: spoilt("position", {key: said}), st.sampled_from(["lat", "lon"]), wrong_type
        ),
        st.sampled_from(["NaN", "Infinity", "-Infinity"]).map(
            lambda word: ("position", f'{{"lat":{word},"lon":120.7,"tst":{now_s}}}'.encode())
        ),
        outside.map(lambda lat: spoilt("position", {"lat": lat})),
        st.just(spoilt("position", {"lat": 0.0, "lon": 0.0})),
        st.text(min_size=1, max_size=10).map(lambda crs: spoilt("position", {"crs": f"epsg:{crs}"})),
        st.text(min_size=1, max_size=10).map(lambda said: spoilt("status", {"status": f"not {said}"})),
        st.text(min_size=1, max_size=10).map(lambda said: spoilt("event", {"event": f"not {said}"})),
        st.text(min_size=1, max_size=10).map(lambda said: spoilt("acks", {"ack": f"not {said}"})),
    )
