# SPDX-License-Identifier: Apache-2.0
"""What the operator may say about fixes."""

import msgspec


class FixSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[mqtt.fixes]` table of the configuration."""

    speed_m_s_max: float = 60.0
    "A unit that must have been faster to be there is not there: a jump. 216 km/h; 0: nothing is a jump."
    speeds_m_s_max: dict[str, float] = {}
    "... of other kinds of police: a helicopter does 80 m/s, so {'air': 120}."
    slack_m: float = 50.0
    "Nothing this near is a jump: what a receiver errs in a street of tall houses, a guess."
    agreeing: int = 3
    "So many jumps in a row that agree with each other are true: a ferry, a tow truck, a bad first fix."
    accuracy_m_max: int = 500
    "A fix that calls itself less exact is of a mast, not of a satellite; 0: all are taken."
    coarse_after_s: int = 60
    "... and counts only when the unit has had no better one for so long."
    correct_clocks: bool = False
    """Take a device's constant error of clock from its times. Off: late by radio and late by clock look alike.
    The clock of a foreign source is corrected only up to `future_s_max` ahead."""

    def __post_init__(self) -> None:
        """Refuse what cannot work, at start and by name."""
        for name, figure in (("speed_m_s_max", self.speed_m_s_max), ("slack_m", self.slack_m)):
            if not 0 <= figure <= 100_000:
                raise ValueError(f"mqtt.fixes.{name} must be from 0 to 100000")
        if not all(0 <= figure <= 100_000 for figure in self.speeds_m_s_max.values()):
            raise ValueError("mqtt.fixes.speeds_m_s_max must be from 0 to 100000 each")
        if not 1 <= self.agreeing <= 100:
            raise ValueError("mqtt.fixes.agreeing must be from 1 to 100")
        if self.accuracy_m_max < 0 or self.coarse_after_s < 0:
            raise ValueError("mqtt.fixes.accuracy_m_max and coarse_after_s must not be below 0")
