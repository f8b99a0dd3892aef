# SPDX-License-Identifier: Apache-2.0
"""Servers that more than one page of scenes asks for."""

from collections.abc import Iterator

import pytest

from gateway.demo.servers import Server, ServerMissingError, mosquitto_server


@pytest.fixture
def broker() -> Iterator[Server]:
    try:
        server = mosquitto_server()
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running
