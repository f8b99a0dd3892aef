# SPDX-License-Identifier: Apache-2.0
"""What callers hear and how they are heard: both laws as ITU-T G.711 has them."""

import math
import wave
from itertools import pairwise
from pathlib import Path

import pytest

from device_adapters import g711, prompts
from device_adapters.g711 import Law, decoded, encoded, is_loud

LAWS: tuple[Law, ...] = ("PCMA", "PCMU")
# ITU-T G.711, tables 1a to 2b: the character signals of the loudest samples, of silence, and of ±1000 (A-law's even
# bits inverted, mu-law's all).
KNOWN: dict[Law, dict[int, int]] = {
    "PCMA": {32_767: 0xAA, -32_768: 0x2A, 0: 0xD5, 1000: 0xFA, -1000: 0x7A},
    "PCMU": {32_767: 0x80, -32_768: 0x00, 0: 0xFF, 1000: 0xCE, -1000: 0x4E},
}


@pytest.mark.parametrize("law", LAWS)
def test_known_samples_become_known_octets(law: Law) -> None:
    assert dict(zip(KNOWN[law], encoded(KNOWN[law], law), strict=True)) == KNOWN[law]


@pytest.mark.parametrize("law", LAWS)
def test_every_octet_comes_back_as_itself(law: Law) -> None:
    octets = bytes(range(256))
    back = encoded(decoded(octets, law), law)

    different = [(a, b) for a, b in zip(octets, back, strict=True) if a != b]
    assert different in ([], [(0x7F, 0xFF)]), "mu-law has two zeros"


@pytest.mark.parametrize("law", LAWS)
def test_no_sample_is_far_from_what_is_heard(law: Law) -> None:
    samples = list(range(-32_000, 32_000, 37))
    heard = decoded(encoded(samples, law), law)

    assert all(abs(a - b) <= max(16, abs(a) // 16) for a, b in zip(samples, heard, strict=True))


@pytest.mark.parametrize("law", LAWS)
def test_a_whisper_is_loud_and_the_line_s_own_noise_is_not(law: Law) -> None:
    def sine(level: int) -> bytes:
        return encoded([round(level * math.sin(n / 3)) for n in range(160)], law)

    assert is_loud(sine(500), law)
    assert not is_loud(sine(60), law)
    assert not is_loud(g711.QUIET[law], law)
    assert not is_loud(b"", law)


def test_the_built_in_announcement_is_one_second_of_the_exchange_s_tone() -> None:
    made = prompts.announcement("")

    assert [len(made.frames[law]) for law in LAWS] == [50, 50]
    assert {len(frame) for law in LAWS for frame in made.frames[law]} == {g711.FRAME}
    samples = decoded(b"".join(made.frames["PCMA"]), "PCMA")
    crossings = sum(a < 0 <= b for a, b in pairwise(samples))
    assert abs(crossings - prompts.TONE_HZ) <= 1


def test_a_wav_file_is_played_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "hello.wav"
    _write(path, rate=8000, channels=1, width=2, samples=250)

    made = prompts.announcement(str(path))

    assert decoded(made.frames["PCMU"][1], "PCMU")[88:92] == [988, 988, 0, 0]


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"rate": 16_000, "channels": 1, "width": 2}, "must be 8 kHz, mono, 16 bit"),
        ({"rate": 8000, "channels": 2, "width": 2}, "must be 8 kHz, mono, 16 bit"),
        ({"rate": 8000, "channels": 1, "width": 1}, "must be 8 kHz, mono, 16 bit"),
        (None, "cannot be played"),
    ],
)
def test_a_file_that_cannot_be_played_is_named(
    tmp_path: Path, shape: dict[str, int] | None, said: str
) -> None:
    path = tmp_path / "hello.wav"
    if shape is None:
        path.write_bytes(b"RIFFnothing")
    else:
        _write(path, **shape, samples=80)

    with pytest.raises(prompts.PromptError, match=said) as wrong:
        prompts.challenge(str(path))

    assert str(path) in str(wrong.value)


def _write(path: Path, *, rate: int, channels: int, width: int, samples: int) -> None:
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.writeframes((1000).to_bytes(width, "little") * samples if width > 1 else b"\x90" * samples)
