# SPDX-License-Identifier: Apache-2.0
"""A report that carries a position and, perhaps, a cry for help: the second never falls with the first. Pure."""

from collections.abc import Callable
from typing import Literal

from core.events import UnitCalled
from core.ids import UnitId
from device_adapters.fixes import Fix
from device_adapters.mqtt.codec import time_of
from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire.said import Button, Left, Reading, Said

Cry = Literal["emergency", "man_down"]


def reported(
    key: str,
    how: Reading,
    at_ns: int,
    *,
    cry: Cry | None,
    when: Callable[[], float],
    seq: int,
    fix: Callable[[], Fix],
) -> list[Said]:
    """Return the button as it is, then the fix or why there is none.

    `when` and `fix` may raise WireError: a call then has no time, no place.
    """
    refused: WireError | None = None
    place: Fix | None = None
    try:
        place = fix()
    except WireError as wrong:
        refused = wrong
    tst = _time(when, at_ns, how)
    said: list[Said] = []
    if cry is None:
        said.append((key, Button(tst)))
    else:
        call = UnitCalled(
            at_ns=at_ns,
            unit_id=UnitId(key),
            event=cry,
            tst=tst,
            seq=seq,
            lat=None if place is None else place.lat_e7 / 1e7,
            lon=None if place is None else place.lon_e7 / 1e7,
        )
        said.append((key, Button(tst, call)))
    if place is not None:
        said.append((key, place))
    elif refused is not None:
        said.append((key, Left(refused.reason, mended=cry is not None)))
    return said


def _time(when: Callable[[], float], at_ns: int, how: Reading) -> int:
    try:
        return time_of(when(), at_ns, how.future_s_max)
    except WireError:
        return 0
