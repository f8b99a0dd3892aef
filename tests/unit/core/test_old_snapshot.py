# SPDX-License-Identifier: Apache-2.0
"""A snapshot of the version before this one is read; one of a version to come is not."""

from typing import Any

import msgspec

from core import snapshot
from core.ids import CallId, IncidentId
from tests.play import Play, Shows, abandoned, answered, call, command, found, place, town

OF_THIS_VERSION = ("callbacks", "departed", "incident_of_caller", "vague_places", "sent_for")
OF_LINES = {"calls_waiting": "callers_in_line", "incidents_waiting": "incidents_in_line"}


def _written_before(play: Play, number: int) -> bytes:
    """Return the snapshot as a version wrote it that knew none of the new fields."""
    saved = _keyed(msgspec.msgpack.decode(snapshot.take(play.engine)))
    for name in OF_THIS_VERSION:
        del saved[name]
    for incident in saved["incidents"]:
        for name in (
            "locations",
            "calls",
            "whose",
            "guessed",
            "coarse",
            "awaited",
            "has_waited",
            "told_same",
        ):
            del incident[name]
    for one in saved["calls"]:
        for name in ("number", "since_ns", "silence", "demoted", "callback_id", "locate_at", "position"):
            del one[name]
    return msgspec.msgpack.encode({**saved, "format": number})


def _keyed(saved: dict[str, Any]) -> dict[str, Any]:
    """Put one number for each who waits, in place of level and time."""
    head_start_s = saved["settings"]["head_start_s"]
    for before, now in OF_LINES.items():
        saved[before] = [
            (member, since_ms - head_start_s[level - 1] * 1000, protected)
            for member, level, since_ms, protected in saved.pop(now)
        ]
    return saved


def test_a_snapshot_of_the_version_before_goes_on_with_its_calls_and_places() -> None:
    play = town() >> call("a", 2, caller="13800138000") >> call("b", 3, spot=None)
    restored = snapshot.restore(_written_before(play, 1))
    assert restored is not None
    play.engine = restored

    incident = restored.state.incidents[IncidentId("i4")]
    assert [one.candidate.chosen for one in incident.locations] == [True]
    assert incident.calls == 1
    play >> found("a", 9, spot=(900, 0), source="cell")
    _ = play << Shows("incident.updated", lat=incident.lat, state="ranked", location_source="desk")
    lat, lon = place(900, 0)
    play >> found("a", 9, spot=(900, 0), source="held", uncertainty_m=1.0)
    _ = play << Shows("incident.updated", lat=incident.lat, location_source="desk")
    play >> command("incident.locate", 9, incident_id=IncidentId("i4"), lat=lat, lon=lon)
    _ = play << Shows("incident.updated", lon=lon)
    _ = play >> answered("a", 10) << Shows("order.issued", incident_id="i4")
    _ = play >> abandoned("b", 11) << Shows("callback.updated", state="open")


def test_a_mast_in_an_older_snapshot_is_no_place_to_link_calls_by() -> None:
    play = Play() >> call("a", 2, None, caller="13800138000") >> found("a", 3, source="cell")
    saved = msgspec.msgpack.decode(snapshot.take(play.engine))
    saved = _keyed(saved) | {"format": 2, "places": saved["vague_places"]}
    del saved["vague_places"], saved["sent_for"]

    restored = snapshot.restore(msgspec.msgpack.encode(saved))

    assert restored is not None
    assert (restored.state.places.items(), len(restored.state.vague_places.items())) == ([], 1)


def test_a_snapshot_of_a_version_to_come_is_left_alone() -> None:
    assert snapshot.restore(_written_before(town(), snapshot.FORMAT + 1)) is None


def test_who_waits_in_an_older_snapshot_keeps_their_place_and_their_level() -> None:
    play = Play(answer="seats") >> call("a", 2, spot=None) >> call("b", 3, spot=(5000, 0))
    play >> command("call.classify", 4, call_id=CallId("c3"), level=1)
    before = play.engine.state.calls_waiting.items()

    restored = snapshot.restore(msgspec.msgpack.encode(_keyed(_taken(play)) | {"format": 3}))

    assert restored is not None
    state = restored.state
    assert state.calls_waiting.items() == before
    assert state.calls_waiting.first(state.now_ms, 2) == ["c3", "c2"]


def _taken(play: Play) -> dict[str, Any]:
    saved: dict[str, Any] = msgspec.msgpack.decode(snapshot.take(play.engine))
    return saved
