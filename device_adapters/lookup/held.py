# SPDX-License-Identifier: Apache-2.0
"""Fetching a place by reference: whom we may ask, what we say, what they answer (RFC 5985, RFC 6753). Pure.

The reference comes from whoever sent the INVITE. What it names is compared with the listed servers and never followed
further: not to another host, not to another scheme.
"""

from collections.abc import Collection
from urllib.parse import urlsplit
from xml.etree import ElementTree

from device_adapters.lookup.settings import Origin, origin_of
from device_adapters.pidf import PIDF_BYTES_MAX, Place, UnreadableLocationError, read_pidf

REFERENCES_MAX = 2
"Fetched for one caller: one of the telephone's, one of the network's (guess)."
REFERENCE_CHARS_MAX = 512
"As in device_adapters/sip/pidf.py; a fact may be older than that bound."
HELD = "application/held+xml"
PIDF = "application/pidf+xml"
REQUEST = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<locationRequest xmlns="urn:ietf:params:xml:ns:geopriv:held" responseTime="emergencyDispatch">'
    b'<locationType exact="false">any</locationType></locationRequest>\n'
)
"RFC 5985 5.1: as precise as it can be had in the time there is before someone is sent."


class NoPlaceError(Exception):
    """The server knows no place; its text is the error's code (RFC 5985 5.3), one of CODES."""


CODES = (
    "requestError xmlError generalLisError locationUnknown unsupportedMessage timeout cannotProvideLiType "
    "notLocatable"
).split()


def asked_at(reference: str, origins: Collection[Origin]) -> tuple[Origin, str] | None:
    """Return whom to ask and for what; None when the reference leads to nobody who is listed."""
    if len(reference) > REFERENCE_CHARS_MAX:
        return None
    try:
        origin = origin_of(reference)
    except ValueError:
        return None
    if origin not in origins:
        return None
    parts = urlsplit(reference)
    return origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def read_answer(data: bytes) -> Place:
    """Read a HELD response or a bare PIDF-LO. Raises NoPlaceError or UnreadableLocationError."""
    try:
        return read_pidf(data, "held")
    except UnreadableLocationError:
        code = _error_code(data)
        if code:
            raise NoPlaceError(code) from None
        raise


def _error_code(data: bytes) -> str:
    """Return the code of a HELD error; empty when it is none."""
    if len(data) > PIDF_BYTES_MAX or b"<!" in data or b"error" not in data or b"\0" in data:
        return ""
    try:
        root = ElementTree.fromstring(data.strip())  # noqa: S314 - no declarations, so nothing to expand
    except (ElementTree.ParseError, ValueError, LookupError):
        return ""
    if root.tag.rpartition("}")[2] != "error":
        return ""
    code = root.get("code", "")
    return code if code in CODES else "generalLisError"
