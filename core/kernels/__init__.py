# SPDX-License-Identifier: Apache-2.0
"""Numba only: arrays in, numbers out."""
