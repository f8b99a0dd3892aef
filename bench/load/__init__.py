# SPDX-License-Identifier: Apache-2.0
"""The open-loop load harness: `python -m bench.load`, also `gateway load`."""

from bench.load.harness import main

__all__ = ["main"]
