# SPDX-License-Identifier: Apache-2.0
"""Two families only: the world was wrong (these), or we were (assert).

CoreError
├── OutOfTurnError        something happened that the object's table does not foresee
├── UnknownError          a fact names something nobody has enrolled
├── RosterError           the roster cannot be used
└── RoadError             the roads cannot be used
"""


class CoreError(Exception):
    """Base of everything core raises on purpose."""


class OutOfTurnError(CoreError):
    """An input has no place in the present state."""


class UnknownError(CoreError):
    """A fact names a unit, call, incident or order that does not exist."""


class RosterError(CoreError):
    """The roster is too large or contradicts itself."""


class RoadError(CoreError):
    """The road network contradicts itself, or is not the one that was asked for."""
