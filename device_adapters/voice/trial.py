# SPDX-License-Identifier: Apache-2.0
"""One try at the voice, for `gateway check`: ports are bound and let go, files are read."""

from device_adapters import prompts
from device_adapters.voice.pool import even
from device_adapters.voice.settings import VoiceSettings
from device_adapters.voice.sockets import bound


class VoiceError(Exception):
    """It would not work; the message says what to do."""


def try_voice(settings: VoiceSettings) -> str:
    """Return what is well. Raises VoiceError."""
    if not settings.on:
        return "off"
    try:
        prompts.announcement(settings.announcement)
        prompts.challenge(settings.challenge)
    except prompts.PromptError as error:
        raise VoiceError(str(error)) from None
    ports = even(settings.port_min, settings.port_max)
    free, why = 0, ""
    for port in ports:
        try:
            bound(settings.host, port).close()
            free += 1
        except OSError as error:
            why = f": port {port}: {error.strerror}"
    if free < settings.calls_max:
        raise VoiceError(f"{free} ports can be bound, and voice.calls_max is {settings.calls_max}{why}")
    return f"can bind {free} of {len(ports)} ports from {settings.port_min} on"
