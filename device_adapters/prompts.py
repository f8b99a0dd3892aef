# SPDX-License-Identifier: Apache-2.0
"""What a caller hears: frames of 20 ms, ready for either law. Generated, or read from a WAV file at the start."""

import math
import sys
import wave
from array import array
from collections.abc import Sequence
from pathlib import Path

import msgspec

from device_adapters.g711 import FRAME, RATE_HZ, Law, encoded

TONE_HZ = 450  # the frequency of a Chinese exchange's own tones (GB/T 3380)
CHALLENGE_HZ = 950
LEVEL = 6000  # of 32,767: -15 dBFS, where speech is
SECONDS_MAX = 120  # a guess; each costs 16 kB


class PromptError(Exception):
    """A file that cannot be played; the message says why."""


class Prompt(msgspec.Struct, frozen=True):
    """Frames of 160 octets by law."""

    frames: dict[Law, tuple[bytes, ...]]


def tone(hz: int, seconds: float) -> list[int]:
    """Return a sine of that frequency."""
    return [round(LEVEL * math.sin(2 * math.pi * hz * n / RATE_HZ)) for n in range(round(seconds * RATE_HZ))]


def prompt(samples: Sequence[int]) -> Prompt:
    """Return it in both laws, filled up to whole frames."""
    whole = [*samples, *[0] * (-len(samples) % FRAME)]
    laws: tuple[Law, ...] = ("PCMA", "PCMU")
    return Prompt({law: _cut(encoded(whole, law)) for law in laws})


def announcement(path: str) -> Prompt:
    """Return what an answered caller hears. Raises PromptError."""
    return prompt(wav(Path(path)) if path else tone(TONE_HZ, 1.0))


def challenge(path: str) -> Prompt:
    """Return what asks for a key. Raises PromptError."""
    return prompt(wav(Path(path)) if path else (tone(CHALLENGE_HZ, 0.2) + [0] * 800) * 3)


def wav(path: Path) -> Sequence[int]:
    """Return the samples of a WAV file of 8 kHz, mono, 16 bit. Raises PromptError."""
    try:
        with wave.open(str(path), "rb") as file:
            is_ours = (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
            samples = array("h", file.readframes(SECONDS_MAX * RATE_HZ)) if is_ours else None
    except (OSError, EOFError, wave.Error, ValueError) as error:
        raise PromptError(f"{path} cannot be played: {error}") from None
    if samples is None:
        raise PromptError(f"{path} cannot be played: it must be 8 kHz, mono, 16 bit")
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _cut(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + FRAME] for at in range(0, len(data), FRAME))
