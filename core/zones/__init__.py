# SPDX-License-Identifier: Apache-2.0
"""Whose the ground is: counties, and zones with a police of their own."""
