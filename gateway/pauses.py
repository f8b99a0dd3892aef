# SPDX-License-Identifier: Apache-2.0
"""What keeps the interpreter from pausing the loop."""

import gc
import sys

SWITCH_S = 0.0005
"""The journal's thread asks for the interpreter once a record; under load each time it would wait the usual 5 ms for
it, and callers for the disk: measured in a flood, 50 ms."""
GC_THRESHOLDS = (2_000, 10, 5_000)
"""Small bites, and hardly ever the whole. Measured with 300,000 records and 100,000 new objects a second: the longest
look takes 1.4 ms; 410 ms with Python's own (700, 10, 10). The whole has its turn after a hundred million objects."""


def settle() -> None:
    """Keep the collector off what lives for ever: by default it stalls the loop for up to half a second.

    Called once, when everything is built. `python -m bench.compare loop` measures what it is worth.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
