# SPDX-License-Identifier: Apache-2.0
"""JSON as devices write it: read into a form, refused by name, and a cry for help saved out of the wreck. Pure."""

import math
import re
from collections.abc import Callable
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
_BOM = b"\xef\xbb\xbf"
_CONTROLS = dict.fromkeys(range(0x20), " ")
_STRING = rb'("(?:[^"\\]++|\\.)*+(?:"|\\?\Z))'
"The last one may have lost its end."
_NO_NUMBER = rb"-?(?i:inf(?:inity)?|nan)"
"As C and JavaScript write them."
_FINITE = re.compile(_STRING + rb"|" + _NO_NUMBER, re.DOTALL)
_TOKENS = re.compile(_STRING + rb"|(-?[0-9][0-9.eE+-]*+)|(:)[ ]*+(?=[,}])|" + _NO_NUMBER, re.DOTALL)
_CUT = re.compile(
    rb'(\\["\\/bfnrt]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})'
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{0,2}|\\u[0-9a-fA-F]{0,3}(?![0-9a-fA-F])|\\(?=[^u])"
)
"Half a character, half an escape or none, once a whole one has been passed over."


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

    unit: Any = None
    unit_id: Any = None
    event: Literal["emergency", "man_down", "check_in"]


class CriedStatus(Said, kw_only=True, gc=False):
    """What must be left of a status when nothing else of it can be read."""

    unit: Any = None
    unit_id: Any = None
    status: Literal["emergency"]


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read(decoder: msgspec.json.Decoder[Form], payload: bytes, unit_id: UnitId) -> Form:
    """Return what was said. Raises WireError: `unreadable`, `not_finite`, `wrong_unit`."""
    try:
        said = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WireError("not_finite" if holds_nan(payload) else "unreadable") from None
    if said.unit is not None or said.unit_id is not None:
        for name in (said.unit, said.unit_id):
            if type(name) in (str, int) and str(name) != unit_id:
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
    as_written: Callable[[bytes], bytes] = bytes
    for made_legible in (as_written, mended):
        try:
            whole = made_legible(payload)
            cry = cried.decode(whole)
            fields = _FIELDS.decode(whole)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            if any(_is_anothers(name, unit_id) for name in (cry.unit, cry.unit_id)):
                raise WireError("wrong_unit")
            return _of_fields(form, cry, fields)
    raise WireError(reason)


def _is_anothers(name: object, unit_id: UnitId) -> bool:
    """Return whether it names another unit, legibly: the topic tells whose it is, a damaged name tells nothing."""
    return type(name) in (str, int) and "\ufffd" not in str(name) and str(name).strip() != unit_id


def _of_fields(form: type[Form], cry: Said, fields: dict[str, msgspec.Raw]) -> Form:
    word = cry.__struct_fields__[-1]  # after those of Said
    kept: dict[str, Any] = {word: getattr(cry, word)}
    for name in form.__struct_fields__:
        if name in (word, "unit", "unit_id") or name not in fields:
            continue
        try:
            value = _value(bytes(fields[name]))
            msgspec.convert({**kept, name: value}, form)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if name == "crs":  # whoever cannot say in which datum has not said where
                kept |= {"lat": None, "lon": None}
        else:
            kept.setdefault(name, value)
    return msgspec.convert(kept, form)


def _value(raw: bytes) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(mended(raw))


def mended(payload: bytes) -> bytes:
    """Return the nearest thing to JSON, in UTF-8: values that are none become null, and what is no character U+FFFD.

    No number is NaN or beyond a double, no value is left out, no character is cut in half or a control character, and
    nothing stands around. Takes time in proportion to its length, whatever a stranger sends.
    """
    text = _text(_without_rest(payload.removeprefix(_BOM))).translate(_CONTROLS)
    return _TOKENS.sub(_token, text.encode())


def _token(found: re.Match[bytes]) -> bytes:
    string, number, colon = found.groups()
    if string:
        return _CUT.sub(lambda cut: cut[1] or rb"\ufffd", string)
    if number:
        return number if _is_finite(number) else b"null"
    return b":null" if colon else b"null"


def _is_finite(number: bytes) -> bool:
    try:
        return math.isfinite(float(number))
    except ValueError:  # no number at all; who decodes says so
        return True


def _without_rest(payload: bytes) -> bytes:
    """Return it without what stands behind the end of a C string; a NUL inside a string is no end."""
    said, _, _ = payload.partition(b"\0")
    return said if said.rstrip().endswith(b"}") else payload


def holds_nan(payload: bytes) -> bool:
    """Return whether it would be JSON but for NaN or Infinity."""
    finite = _FINITE.sub(lambda token: token[1] or b"null", payload)
    try:
        msgspec.json.decode(finite)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return finite != payload


def _text(payload: bytes) -> str:
    """Return what was written: UTF-8, if need be with a character cut in two, or else GB 18030, as is usual here."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        text = payload.decode(errors="replace")
    halves = len(re.findall("\ufffd+", text))
    if halves == 1 and any(letter > "\x7f" and letter != "\ufffd" for letter in text):
        return text
    return payload.decode("gb18030", errors="replace")
