# SPDX-License-Identifier: Apache-2.0
"""What becomes of a fix: which is the unit's newest, which is late, which cannot be true. Pure."""

from device_adapters.fixes.fix import COURSE_TURN, Fix

__all__ = ["COURSE_TURN", "Fix"]
