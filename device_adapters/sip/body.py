# SPDX-License-Identifier: Apache-2.0
"""A message's body as parts: the SDP and the location may come alone or together (RFC 5621, RFC 2046 5.1)."""

import re
from typing import NamedTuple

from device_adapters.sip.message import Message

PARTS_MAX = 16
"An emergency INVITE carries two or three; SIPREC and eCall add a few (guess)."
DEPTH_MAX = 3
"multipart/mixed around multipart/related around multipart/alternative."
PART_HEAD_OCTETS_MAX = 4_096
"Headers of one part: three short lines. What has more is no part we read."

_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
READ_KINDS = ("multipart/", "text/", "message/", "application/sdp", "application/pidf+xml")
IGNORED_KINDS = re.compile(r"application/(?:[\w.-]+\+(?:xml|json)|isup|qsig|emergencycall.*|vnd\.3gpp.*)$")
"Riders a trunk attaches and a caller must not be refused for."


class Part(NamedTuple):
    """One thing inside a body."""

    kind: str
    "Media type in lower case, without parameters."
    content_id: str
    "Without angle brackets."
    content: bytes


def parts_of(message: Message) -> list[Part]:
    """Return the parts of a body, those of multiparts one by one; unreadable multiparts give none."""
    if not message.body:
        return []
    content_type = message.get("content-type")
    found: list[Part] = []
    _collect(content_type, message.get("content-id"), message.body, found, DEPTH_MAX)
    return found


def unknown_kind(message: Message) -> bool:
    """Tell whether the body is of a kind that must be refused with 415 (RFC 3261 8.2.3)."""
    kind = _kind(message.get("content-type"))
    if (
        not message.body
        or not kind
        or "handling=optional" in message.get("content-disposition").replace(" ", "").replace('"', "").lower()
    ):
        return False
    return not (kind.startswith(READ_KINDS) or IGNORED_KINDS.match(kind))


def _collect(content_type: str, content_id: str, content: bytes, found: list[Part], depth: int) -> None:
    kind = _kind(content_type)
    if not kind.startswith("multipart/"):
        found.append(Part(kind, content_id.strip().strip("<>"), content))
        return
    boundary = _BOUNDARY.search(content_type)
    if boundary is None or depth == 0:
        return
    delimiter = b"\r\n--" + (boundary[1] or boundary[2]).encode("latin-1")
    for piece in (b"\r\n" + content).split(delimiter, PARTS_MAX + 1)[1 : PARTS_MAX + 1]:
        if piece.startswith(b"--") or len(found) >= PARTS_MAX:
            return
        head, _, inner = piece.partition(b"\r\n\r\n")
        if len(head) > PART_HEAD_OCTETS_MAX:
            continue
        headers = _part_headers(head.decode("latin-1"))
        _collect(
            headers.get("content-type", "text/plain"), headers.get("content-id", ""), inner, found, depth - 1
        )


def _part_headers(head: str) -> dict[str, str]:
    lines = head.replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
