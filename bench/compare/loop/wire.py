# SPDX-License-Identifier: Apache-2.0
"""What the probe sends."""

import struct

HEARD = struct.Struct("q")
"The sender's monotonic ns; one machine has one such clock."
