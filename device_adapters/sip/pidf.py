# SPDX-License-Identifier: Apache-2.0
"""Where the caller is, when the INVITE carries it by value: which parts of the body count (RFC 6442 4.1).

What cannot be read is no location; the call goes on.
"""

import re

from device_adapters.pidf import Place, UnreadableLocationError, read_pidf
from device_adapters.sip.body import Part
from device_adapters.sip.grammar import name_addr, scheme_of
from device_adapters.sip.message import Message

PIDF = "application/pidf+xml"
DOCUMENTS_MAX = 4
"Read of one INVITE: one from the device, one from each network on the way (guess)."
REFERENCES_MAX = 4
"Places to fetch from, kept of one INVITE (guess)."
REFERENCE_CHARS_MAX = 512
"Of one of them; those of RFC 6753 have some 60 (guess)."
REFERRING = ("https", "http", "sip", "sips", "pres")
"RFC 6442 4.1. Only the first two are fetched (device_adapters/lookup)."

_CID = re.compile(r"<?\s*cid:([^>;\s]+)", re.IGNORECASE)
_REFERENCE = re.compile(r"[!-~]+")


def place_of(message: Message, parts: list[Part]) -> Place | None:
    """Return the place an INVITE carries by value, or None when it carries none.

    The first document with coordinates gives them; an address that is only in another one is laid beside it. Raises
    UnreadableLocationError when there are documents and none can be read.
    """
    places: list[Place] = []
    unread = 0
    documents = _in_order(message, parts)[:DOCUMENTS_MAX]
    for part in documents:
        try:
            places.append(read_pidf(part.content))
        except UnreadableLocationError:
            unread += 1
    if not places:
        if documents:
            raise UnreadableLocationError("none of the documents")
        return None
    best = next((place for place in places if place.location is not None), places[0])
    address = best.address or next((place.address for place in places if place.address), "")
    return Place(best.location, address, unread + sum(place.unread for place in places))


def references(message: Message) -> tuple[str, ...]:
    """Return where the caller's place can be fetched (RFC 6442 4.1, by reference). Geolocation-Routing is not ours."""
    uris = [name_addr(value).uri for value in message.listed("geolocation")]
    good = [uri for uri in uris if scheme_of(uri) in REFERRING and _REFERENCE.fullmatch(uri)]
    return tuple(uri for uri in dict.fromkeys(good) if len(uri) <= REFERENCE_CHARS_MAX)[:REFERENCES_MAX]


def _in_order(message: Message, parts: list[Part]) -> list[Part]:
    """Return the parts of the right kind, those first that Geolocation points to, in its order (RFC 6442 4.1)."""
    located = [part for part in parts if part.kind == PIDF]
    if len(located) < 2:
        return located
    named = [found[1] for value in message.listed("geolocation") if (found := _CID.match(value)) is not None]
    rank = {content_id: number for number, content_id in reversed(list(enumerate(named)))}
    return sorted(located, key=lambda part: rank.get(part.content_id, len(named)))
