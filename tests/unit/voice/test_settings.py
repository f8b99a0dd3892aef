# SPDX-License-Identifier: Apache-2.0
"""What cannot work is refused at the start, by name."""

import pytest

from device_adapters.voice.settings import VoiceSettings
from device_adapters.voice.trial import VoiceError, try_voice


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"host": "trunk.example"}, "voice.host"),
        ({"port_min": 30_000, "port_max": 30_009, "calls_max": 6}, "voice.calls_max"),
        ({"port_min": 30_010, "port_max": 30_009, "calls_max": 1}, "voice.calls_max"),
        ({"heartbeat_s": 5.0}, "voice.heartbeat_s"),
        ({"restart_s_min": 20.0}, "voice.restart_s_min"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        VoiceSettings(**given)  # type: ignore[arg-type]


def test_a_port_for_each_call_is_enough() -> None:
    assert VoiceSettings(port_min=30_000, port_max=30_008, calls_max=5).calls_max == 5


def test_a_file_that_cannot_be_played_is_found_before_a_caller_hears_it() -> None:
    with pytest.raises(VoiceError, match=r"nowhere\.wav cannot be played"):
        try_voice(VoiceSettings(on=True, announcement="nowhere.wav"))


def test_off_is_well() -> None:
    assert try_voice(VoiceSettings()) == "off"
