# SPDX-License-Identifier: Apache-2.0
"""What the world saw in one run, before anybody sums it up."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NEVER = -1

I64 = NDArray[np.int64]


@dataclass(kw_only=True)
class Outcome:
    """What came of one run. Arrays are by case, ns since the start; NEVER for what never came."""

    ready_ns: I64
    "The engine knew what and where: from now on it might send a unit."
    ordered_ns: I64
    "The first order."
    reached_ns: I64
    "The first unit was there."
    called_off: int = 0
    "Orders taken back while the car was on its way: diversions."
    unsigned: int = 0
    "Orders nobody signed in time."
    worked_ns: list[tuple[int, int]] = field(default_factory=list)
    "From each order until the car was free again."
    eta_off_s: list[float] = field(default_factory=list)
    "Of each order that was driven to its end: the drive less what the engine had told when it sent the car."
    decided_us: list[float] = field(default_factory=list)
    "CPU time of the engine when an incident was given its place."
    refused: dict[str, int] = field(default_factory=dict)
    "What the engine refused or ignored, by name."
