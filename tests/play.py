# SPDX-License-Identifier: Apache-2.0
"""Write a scene as it is told: what happened >> what should follow.

    Play() >> call("a") << RingCaller(...) << Shows("call.waiting", state="ringing") >> ...

Every `<<` must be met, in order, by an effect of the last fact; effects nobody asks about are let pass, so a
scene names what it is about. `.nothing(Type)` demands the absence.
"""

from typing import Any

from core.effects import Decision, Effect
from core.engine import Engine
from core.events import (
    CallAbandoned,
    CallAnswered,
    CallEnded,
    CallerFound,
    CallKeyPressed,
    CallReceived,
    CallSilent,
    CommandGiven,
    Fact,
    Location,
    OrderAcked,
    RosterLoaded,
    RosterUnit,
    ServiceStarted,
    TimerFired,
    UnitCalled,
    UnitReported,
    UnitsMoved,
)
from core.ids import CountyCode, Leg, OrderId, UnitId
from core.settings import Settings
from core.units.columns import FIX_DTYPE

LUCHENG = CountyCode("330302")
OUHAI = CountyCode("330304")
NOON_S = 1_760_000_000
"When every scene begins, s since 1970."
SQUARE = (28.0000, 120.6600)
"Somewhere in the town."


class Shows:
    """An expected decision: its type, and those fields the scene cares for."""

    def __init__(self, kind: str, /, **fields: object) -> None:
        self.kind = kind
        self.fields = fields

    def met_by(self, effect: Effect) -> bool:
        return effect.__struct_config__.tag == self.kind and all(
            getattr(effect, name) == value for name, value in self.fields.items()
        )

    def __repr__(self) -> str:
        return f"{self.kind} {self.fields}"


class Play:
    """Feed facts; demand effects."""

    def __init__(self, **policy: Any) -> None:
        self.engine = Engine()
        self.effects: list[Effect] = []
        self._due: list[Effect] = []
        _ = self >> starts(0, **policy)

    def __rshift__(self, fact: Fact) -> "Play":
        self.effects = self.engine.handle(fact)
        self._due = list(self.effects)
        return self

    def __lshift__(self, expected: Effect | Shows) -> "Play":
        for i, effect in enumerate(self._due):
            if expected.met_by(effect) if isinstance(expected, Shows) else effect == expected:
                del self._due[: i + 1]
                return self
        raise AssertionError(f"{expected} did not follow; what did: {self._due}")

    def nothing(self, kind: str) -> "Play":
        """Demand that the last fact had no effect of this kind."""
        found = [effect for effect in self.effects if effect.__struct_config__.tag == kind]
        assert not found, f"unexpected: {found}"
        return self

    def last(self, kind: str) -> Any:
        """Return the last effect of this kind of the last fact."""
        return next(effect for effect in reversed(self.effects) if effect.__struct_config__.tag == kind)

    @property
    def decisions(self) -> list[Decision]:
        return [effect for effect in self.effects if isinstance(effect, Decision)]


def at(second: float) -> int:
    return int((NOON_S + second) * 1_000_000_000)


def town(**policy: Any) -> Play:
    """Two cars: u1 at 100 m, u2 at 900 m from the square."""
    return Play(**policy) >> roster("u1", "u2") >> moved(1, (0, 100, 0), (1, 900, 0))


def starts(second: float, **policy: Any) -> ServiceStarted:
    return ServiceStarted(
        at_ns=at(second), version="test", node="n1", county=LUCHENG, settings=Settings(**policy)
    )


def roster(*units: str, county: CountyCode = LUCHENG) -> RosterLoaded:
    return RosterLoaded(
        at_ns=at(0), units=tuple(RosterUnit(unit_id=UnitId(unit), county=county) for unit in units)
    )


def moved(second: float, *fixes: tuple[int, float, float]) -> UnitsMoved:
    """Fixes are (unit index, metres east of the square, metres north of it)."""
    import numpy as np

    records = np.zeros(len(fixes), FIX_DTYPE)
    for i, (index, east_m, north_m) in enumerate(fixes):
        lat, lon = place(east_m, north_m)
        records[i] = (index, round(lat * 1e7), round(lon * 1e7), int(NOON_S + second), 0, 0)
    return UnitsMoved(at_ns=at(second), n=len(fixes), data=records.tobytes())


def place(east_m: float, north_m: float) -> tuple[float, float]:
    return SQUARE[0] + north_m / 110_800, SQUARE[1] + east_m / 98_400


def call(name: str, second: float, spot: tuple[float, float] | None = (0, 0), **fields: Any) -> CallReceived:
    """A call named `name` from `spot` metres east and north of the square, or from nowhere known."""
    location = None
    if spot is not None:
        lat, lon = place(*spot)
        location = Location(lat=lat, lon=lon, source="pidf-lo")
    return CallReceived(
        at_ns=at(second),
        leg=Leg(f"leg-{name}"),
        sip_call_id=f"{name}@trunk",
        county=fields.pop("county", LUCHENG),
        location=location,
        **fields,
    )


def answered(name: str, second: float) -> CallAnswered:
    return CallAnswered(at_ns=at(second), leg=Leg(f"leg-{name}"), sip_call_id=f"{name}@trunk")


def abandoned(name: str, second: float) -> CallAbandoned:
    return CallAbandoned(at_ns=at(second), leg=Leg(f"leg-{name}"), sip_call_id=f"{name}@trunk")


def ended(name: str, second: float) -> CallEnded:
    return CallEnded(at_ns=at(second), leg=Leg(f"leg-{name}"), sip_call_id=f"{name}@trunk")


def found(
    call: str, second: float, spot: tuple[float, float] | None = (0, 0), source: str = "held", **fields: Any
) -> CallerFound:
    """An answer about the caller of `call`: a place metres east and north of the square, or none."""
    location = None
    if spot is not None:
        lat, lon = place(*spot)
        about = {key: fields.pop(key) for key in ("uncertainty_m", "at_ms", "datum") if key in fields}
        location = Location(lat=lat, lon=lon, source=source, **about)
    return CallerFound(at_ns=at(second), leg=Leg(f"leg-{call}"), source=source, location=location, **fields)


def silent(name: str, second: float) -> CallSilent:
    return CallSilent(at_ns=at(second), leg=Leg(f"leg-{name}"), sip_call_id=f"{name}@trunk")


def key(name: str, second: float, pressed: str = "1") -> CallKeyPressed:
    return CallKeyPressed(at_ns=at(second), leg=Leg(f"leg-{name}"), sip_call_id=f"{name}@trunk", key=pressed)


def reports(unit: str, second: float, status: Any) -> UnitReported:
    return UnitReported(at_ns=at(second), unit_id=UnitId(unit), status=status, tst=int(NOON_S + second))


def ack(unit: str, order_id: str, second: float, what: Any, **fields: Any) -> OrderAcked:
    return OrderAcked(at_ns=at(second), unit_id=UnitId(unit), order_id=OrderId(order_id), ack=what, **fields)


def presses(unit: str, second: float, **fields: Any) -> UnitCalled:
    """The emergency button of a unit."""
    said = {"tst": int(NOON_S + second), **fields}
    return UnitCalled(at_ns=at(second), unit_id=UnitId(unit), event="emergency", **said)


def command(name: str, second: float, **fields: Any) -> CommandGiven:
    return CommandGiven(at_ns=at(second), command=name, county=LUCHENG, **fields)


def fires(key: str, second: float) -> TimerFired:
    return TimerFired(at_ns=at(second), key=key)
