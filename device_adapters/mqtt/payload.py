# SPDX-License-Identifier: Apache-2.0
"""JSON as devices write it: read into a form, refused by name, and a cry for help saved out of the wreck. Pure."""

import re
from typing import Any, Literal, TypeVar

import msgspec

from core.ids import UnitId

Reason = Literal[
    "bad_topic",
    "too_large",
    "unknown_unit",
    "wrong_county",
    "unreadable",
    "wrong_unit",
    "unknown_crs",
    "not_finite",
    "out_of_range",
    "null_island",
    "future",
    "too_often",
    "no_unit",
    "unknown_id",
    "no_time",
    "no_fix",
    "outdated",
    "encrypted",
    "unknown_code",
]
"Those from `no_unit` on are of foreign payloads (device_adapters.mqtt.wire)."
Form = TypeVar("Form", bound="Said")
_SURROGATES = re.compile(rb"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..)|\\u[dD][89a-fA-F]..")


class WireError(Exception):
    """A message cannot be used; `reason` says why. Caught in one place: device_adapters.mqtt.intake."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Said(msgspec.Struct, kw_only=True, gc=False):
    """What any message may say beside its own: whose it is."""

    unit: str | int | None = None
    unit_id: str | int | None = None


class CriedEvent(Said, kw_only=True, gc=False):
    """What must be left of an event when nothing else of it can be read."""

    event: Literal["emergency", "man_down", "check_in"]


class CriedStatus(Said, kw_only=True, gc=False):
    """What must be left of a status when nothing else of it can be read."""

    status: Literal["emergency"]


def read(decoder: msgspec.json.Decoder[Form], payload: bytes, unit_id: UnitId) -> Form:
    """Return what was said. Raises WireError: `unreadable`, `not_finite`, `wrong_unit`."""
    try:
        said = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("not_finite" if holds_nan(payload) else "unreadable") from None
    if said.unit is not None or said.unit_id is not None:
        for name in (said.unit, said.unit_id):
            if name is not None and str(name) != unit_id:
                raise WireError("wrong_unit")
    return said


def read_or_save(
    decoder: msgspec.json.Decoder[Form], cried: msgspec.json.Decoder[Any], payload: bytes, unit_id: UnitId
) -> tuple[Form, Reason | None]:
    """Return what was said and, when it is a cry for help with a broken part, why that part was left out.

    `cried` reads the form's word that makes it a cry. Raises WireError as `read` does for everything else.
    """
    try:
        return read(decoder, payload, unit_id), None
    except WireError as wrong:
        if wrong.reason == "wrong_unit":
            raise
        return _saved(decoder.type, cried, payload, unit_id, wrong.reason), wrong.reason


def _saved(
    form: type[Form], cried: msgspec.json.Decoder[Any], payload: bytes, unit_id: UnitId, reason: Reason
) -> Form:
    """Return what can be read of a cry, field by field: its time and number tell a copy, its place where to go."""
    payload = mended(payload)
    try:
        cry = read(cried, payload, unit_id)
        fields = msgspec.json.decode(payload)
    except WireError as wrong:
        raise wrong if wrong.reason == "wrong_unit" else WireError(reason) from None
    except (msgspec.DecodeError, RecursionError):  # beside the cry stands what cannot be read at all
        fields = {}
    word = cry.__struct_fields__[-1]  # after those of Said
    kept: dict[str, Any] = {word: getattr(cry, word)}
    for name in form.__struct_fields__:
        if name not in fields:
            continue
        try:
            msgspec.convert({**kept, name: fields[name]}, form)
        except msgspec.ValidationError:
            if name == "crs":  # whoever cannot say in which datum has not said where
                kept |= {"lat": None, "lon": None}
        else:
            kept.setdefault(name, fields[name])
    return msgspec.convert(kept, form)


def mended(payload: bytes) -> bytes:
    """Return the nearest thing to JSON: no NaN, UTF-8, no halves of characters."""
    return _without_halves(_as_utf8(_without_nan(payload)))


def _without_nan(payload: bytes) -> bytes:
    """Return what many a library should have written instead of NaN and Infinity."""
    return payload.replace(b"NaN", b"null").replace(b"-Infinity", b"null").replace(b"Infinity", b"null")


def holds_nan(payload: bytes) -> bool:
    """Return whether it would be JSON but for NaN or Infinity."""
    finite = _without_nan(payload)
    try:
        msgspec.json.decode(finite)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return finite != payload


def _as_utf8(payload: bytes) -> bytes:
    """Return UTF-8: who writes Chinese otherwise writes GB 18030."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return payload.decode("gb18030", errors="replace").encode()
    return payload


def _without_halves(payload: bytes) -> bytes:
    """Return it with U+FFFD for half a character: who cuts a text by length cuts an emoji in two."""
    return _SURROGATES.sub(lambda found: found[1] or rb"\ufffd", payload)
