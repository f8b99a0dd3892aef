# SPDX-License-Identifier: Apache-2.0
"""Profiles of the laws: quick by default, long under `make soak`. No test is given more time by a busy machine."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick", deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "soak", deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")
