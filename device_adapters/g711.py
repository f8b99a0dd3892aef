# SPDX-License-Identifier: Apache-2.0
"""G.711, both laws, from 16 bit and as loudness. Pure.

For all that is heard of us: pyVoIP would send mu-law under A-law's name.
"""

from collections.abc import Iterable
from typing import Literal

Law = Literal["PCMA", "PCMU"]

RATE_HZ = 8000
FRAME = 160  # samples of 20 ms
FRAME_S = 0.02
QUIET: dict[Law, bytes] = {"PCMA": b"\xd5" * FRAME, "PCMU": b"\xff" * FRAME}
_BIAS, _CLIP = 0x84, 32_635  # ITU-T G.711, mu-law


def encoded(samples: Iterable[int], law: Law) -> bytes:
    """Return 16-bit samples as one octet each."""
    encode = _alaw if law == "PCMA" else _ulaw
    return bytes(encode(sample) for sample in samples)


def decoded(data: bytes, law: Law) -> list[int]:
    """Return the 16-bit samples."""
    table = _DECODED[law]
    return [table[octet] for octet in data]


def is_loud(data: bytes, law: Law) -> bool:
    """Whether the mean of the magnitudes is 128 or more, -48 dBFS: a whisper is, a line's own noise is not (guess)."""
    return len(data) > 0 and sum(data.translate(_LOUDNESS[law])) >= len(data)


def _ulaw(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> exponent + 3) & 0x0F) & 0xFF


def _alaw(sample: int) -> int:
    mask, magnitude = (0xD5, sample >> 3) if sample >= 0 else (0x55, (~sample) >> 3)
    segment = max(0, magnitude.bit_length() - 5)
    return (segment << 4 | (magnitude >> max(1, segment)) & 0x0F) ^ mask


def _from_ulaw(octet: int) -> int:
    octet = ~octet & 0xFF
    magnitude = (((octet & 0x0F) << 3) + _BIAS << (octet >> 4 & 7)) - _BIAS
    return -magnitude if octet & 0x80 else magnitude


def _from_alaw(octet: int) -> int:
    octet ^= 0x55
    segment = octet >> 4 & 7
    magnitude = (octet & 0x0F) << 4
    magnitude = magnitude + 8 if segment == 0 else magnitude + 0x108 << segment - 1
    return magnitude if octet & 0x80 else -magnitude


_DECODED: dict[Law, tuple[int, ...]] = {
    "PCMA": tuple(map(_from_alaw, range(256))),
    "PCMU": tuple(map(_from_ulaw, range(256))),
}
_LOUDNESS: dict[Law, bytes] = {
    law: bytes(min(255, abs(sample) >> 7) for sample in table) for law, table in _DECODED.items()
}
