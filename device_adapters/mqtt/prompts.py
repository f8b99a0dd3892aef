# SPDX-License-Identifier: Apache-2.0
"""Safety checks on their way to officers: the newest of each unit, as long as an answer is waited for. Pure.

A question that was lost on the way is not kept: the engine asks again when broker or gateway are back, and tells a desk
when nobody answers.
"""

from typing import Literal

import msgspec

from core.effects import PromptUnit
from core.ids import UnitId
from device_adapters.mqtt import topics
from device_adapters.mqtt.orders import Outgoing

_ENCODER = msgspec.json.Encoder()


class PromptSays(msgspec.Struct, kw_only=True):
    """`…/prompts`."""

    prompt: int
    "Number of the question: `prompt` of the `check_in` that answers it. A higher one takes its place on the screen."
    kind: Literal["check_in"] = "check_in"
    order_id: str
    incident_id: str
    deadline: int
    "s since 1970: without an answer by then a desk is told."
    text: str
    "To show the officer."


class Prompts:
    """What still has to leave. Bounded by the fleet: one a unit."""

    def __init__(self) -> None:
        self._waiting: dict[UnitId, PromptUnit] = {}
        self.sent = 0
        self.expired = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, prompt: PromptUnit) -> None:
        """Keep it until the line is up, in place of an older one to the same unit."""
        self._waiting.pop(prompt.unit_id, None)
        self._waiting[prompt.unit_id] = prompt

    def due(self, now_s: int) -> PromptUnit | None:
        """Return the oldest that is still worth an answer, or None."""
        while self._waiting:
            prompt = next(iter(self._waiting.values()))
            if prompt.deadline > now_s:
                return prompt
            del self._waiting[prompt.unit_id]
            self.expired += 1
        return None

    def left(self, prompt: PromptUnit) -> None:
        """Note that it is on its way."""
        del self._waiting[prompt.unit_id]
        self.sent += 1


def encode_prompt(prompt: PromptUnit) -> bytes:
    """Return the question as the unit reads it."""
    return _ENCODER.encode(
        PromptSays(
            prompt=prompt.prompt,
            order_id=prompt.order_id,
            incident_id=prompt.incident_id,
            deadline=prompt.deadline,
            text=prompt.text,
        )
    )


def as_message(prompt: PromptUnit, now_s: int) -> Outgoing:
    """Return it as it is published: no broker keeps it longer than it is waited for."""
    return Outgoing(
        topic=topics.prompts(prompt.county, prompt.unit_id),
        payload=encode_prompt(prompt),
        expiry_s=max(1, prompt.deadline - now_s),
        reply_to=topics.event(prompt.county, prompt.unit_id),
        correlation=str(prompt.prompt).encode(),
    )
