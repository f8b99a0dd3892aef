# SPDX-License-Identifier: Apache-2.0
"""Profiles of the laws: quick by default, long under `make soak`. No test is given more time by a busy machine.

Which worker runs what (`pytest -n 2`): whatever needs servers, clocks or fixed ports runs on one of them, in a row.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "quick", deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "soak", deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")

NEED_THE_MACHINE = ("tests/integration/", "tests/unit/voice/test_adapter.py", "tests/unit/pyvoip/")
"They load it, count on clocks or share ports: two at once have failed each other."


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Give what needs the machine to one worker; the rest goes by files."""
    from xdist.scheduler import LoadScopeScheduling

    class OneMachine(LoadScopeScheduling):  # type: ignore[misc]  # has no types
        def _split_scope(self, nodeid: str) -> str:
            return "machine" if nodeid.startswith(NEED_THE_MACHINE) else nodeid.partition("::")[0]

    return OneMachine(config, log)
