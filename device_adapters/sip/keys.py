# SPDX-License-Identifier: Apache-2.0
"""Keys a caller presses, when they come as INFO (application/dtmf-relay, application/dtmf; RFC 6086 legacy use)."""

from device_adapters.sip.message import Message

KINDS = ("application/dtmf-relay", "application/dtmf")
BODY_OCTETS_MAX = 256
"Two short lines. What is longer is no key."
KEYS = {name: name for name in "0123456789*#ABCD"} | {
    "10": "*",
    "11": "#",
    "12": "A",
    "13": "B",
    "14": "C",
    "15": "D",
}
"RFC 4733 3.2 by number, too: some gateways count on after 9."


def says_key(message: Message) -> bool:
    """Tell whether a message is a key by its kind."""
    return message.get("content-type").partition(";")[0].strip().lower() in KINDS


def key_of(message: Message) -> str:
    """Return the key, or an empty string when it cannot be read."""
    if len(message.body) > BODY_OCTETS_MAX:
        return ""
    for line in message.body.splitlines():
        name, equals, value = line.partition(b"=")
        if equals and name.strip().lower() == b"signal":
            return KEYS.get(_word(value), "")
    return KEYS.get(_word(message.body), "")


def _word(octets: bytes) -> str:
    return octets.decode("latin-1").strip().upper()
