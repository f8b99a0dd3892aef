# SPDX-License-Identifier: Apache-2.0
"""What a radio puts on the air: payloads of the contract's native form, and what must come of a position. Pure."""

from typing import Literal

import msgspec

from device_adapters.simulated.faults import Spoken, Truth

KMH = 3.6
UNTOLD = -1.0
"As a course: the device tells neither speed nor course."


class Report(msgspec.Struct, frozen=True):
    """One message a radio sends."""

    unit_id: str
    kind: Literal["position", "status", "acks", "link", "event"]
    payload: bytes
    truth: Truth | None = None
    "Of a position: what must be shown."


def position(unit_id: str, spoken: Spoken) -> Report:
    """Return a position as it goes out, with its truth. Written by hand: json takes three times as long."""
    measured = spoken.measured
    crs = f',"crs":"{spoken.crs}"' if spoken.crs else ""
    way = ""
    if measured.course != UNTOLD:
        way = f'"vel":{measured.speed_ms * KMH:.1f},"cog":{measured.course:.1f},'
    payload = (
        f'{{"lat":{spoken.lat:.7f},"lon":{spoken.lon:.7f},{way}'
        f'"acc":5,"tst":{spoken.tst},"seq":{measured.seq}{crs}}}'
    )
    truth = Truth(
        unit_id,
        round(spoken.shown[0] * 1e7),
        round(spoken.shown[1] * 1e7),
        measured.tst,
        spoken.tst,
        spoken.must,
        spoken.fault,
        round(measured.lat * 1e7),
        round(measured.lon * 1e7),
    )
    return Report(unit_id, "position", payload.encode(), truth)


def status(unit_id: str, word: str, stamp: dict[str, int]) -> Report:
    """Return what a crew says it does."""
    return Report(unit_id, "status", msgspec.json.encode({"status": word, **stamp}))


def link(unit_id: str, word: Literal["online", "offline"]) -> Report:
    """Return whether a radio is on."""
    return Report(unit_id, "link", word.encode())


def ack(unit_id: str, order_id: str, version: int, word: str, stamp: dict[str, int], reason: str) -> Report:
    """Return an answer to an order."""
    body: dict[str, object] = {"order_id": order_id, "version": version, "ack": word, **stamp}
    if reason:
        body["reason"] = reason
    return Report(unit_id, "acks", msgspec.json.encode(body))


def event(unit_id: str, word: str, stamp: dict[str, int], **more: object) -> Report:
    """Return a pressed button or a word of the crew."""
    return Report(unit_id, "event", msgspec.json.encode({"event": word, **stamp, **more}))
