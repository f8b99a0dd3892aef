# SPDX-License-Identifier: Apache-2.0
"""Servers that more than one page of scenes asks for."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gateway.demo.servers import Server, ServerMissingError, mosquitto_server

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Run these one after the other: servers and clocks of two would be in each other's way."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("machine"))


@pytest.fixture
def broker() -> Iterator[Server]:
    try:
        server = mosquitto_server()
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running
