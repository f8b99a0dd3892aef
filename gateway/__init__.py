# SPDX-License-Identifier: Apache-2.0
"""The only place that wires, waits and reads the clock."""

__version__ = "0.1.0"
