# SPDX-License-Identifier: Apache-2.0
"""Arithmetic over columns: arrays in, numbers out. Plain Python until `warm()`, machine code after it."""

from core.kernels._jit import faults, kernels, twins, warm

__all__ = ["faults", "kernels", "twins", "warm"]
