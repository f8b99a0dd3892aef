# SPDX-License-Identifier: Apache-2.0
"""What Traccar forwards over MQTT (`forward.type=mqtt`): a position and its device, out of some 270 protocols. Pure.

Speed is in knots; `fixTime` is ISO 8601, from old versions ms since 1970. `valid: false` is no fix of the satellites;
`outdated: true` repeats an older place. `attributes.alarm` may name several alarms, with commas between.
Forwarded events (`event.forward.type=mqtt`) are heard for their alarm alone.
"""

from typing import Any

from device_adapters.fixes import Fix
from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire.alarms import Cry, reported
from device_adapters.mqtt.wire.fields import Object, fix_of, key_of, number, object_of, part, seconds
from device_adapters.mqtt.wire.said import Passed, Reading, Said

CRIES: dict[str, Cry] = {"sos": "emergency", "fallDown": "man_down"}
"The gravest first."


def read(payload: bytes, key: str, how: Reading, at_ns: int) -> list[Said]:
    """Return the button as the report shows it, and the fix."""
    said = object_of(payload, mend=True)
    key = key_of(said, key, how)
    position, event = part(said, "position"), part(said, "event")
    cry = _cry(position, event)
    if event and cry is None:
        return [(key, Passed("event"))]
    if not position and cry is None:
        raise WireError("unreadable")

    def when() -> float:
        times = (position.get("deviceTime"), position.get("fixTime"), event.get("eventTime"))
        return seconds(next((each for each in times if each is not None), None), how)

    return reported(key, how, at_ns, cry=cry, when=when, seq=0, fix=lambda: _fix(position, how, at_ns))


def _fix(position: Object, how: Reading, at_ns: int) -> Fix:
    if position.get("outdated") is True:
        raise WireError("outdated")
    if not position or position.get("valid") is False:
        raise WireError("no_fix")
    return fix_of(
        how,
        at_ns,
        lat=number(position, "latitude"),
        lon=number(position, "longitude"),
        tst=seconds(position.get("fixTime"), how),
        speed=number(position, "speed"),
        course=number(position, "course"),
        accuracy=number(position, "accuracy"),
    )


def _cry(position: Object, event: Object) -> Cry | None:
    named = _alarms(part(position, "attributes").get("alarm"))
    if event.get("type") == "alarm":
        named |= _alarms(part(event, "attributes").get("alarm"))
    return next((cry for alarm, cry in CRIES.items() if alarm in named), None)


def _alarms(value: Any) -> set[str]:  # noqa: ANN401  what JSON may hold
    return {name.strip() for name in value.split(",")} if isinstance(value, str) else set()
