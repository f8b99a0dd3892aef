# SPDX-License-Identifier: Apache-2.0
"""The examples of the position feed do what the papers say."""

import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis

from device_adapters.simulated.shown import RECORD
from gateway.demo.servers import Server, ServerMissingError, redis_server

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "read_positions.py"
TICK = b"".join(
    struct.pack("<IiiIHH", *record)
    for record in (
        (0, 280_100_000, 1_206_600_000, 1_700_000_000, 1_500, 9_000),
        (1, -335_000_000, -703_000_000, 1_700_000_001, 0, 36_000),
        (9, 1, 2, 3, 65_535, 35_999),
    )
)


@pytest.fixture
def store() -> Iterator[Server]:
    try:
        server = redis_server()
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server as running:
        yield running


def test_the_reader_in_the_examples_prints_where_the_units_are(store: Server) -> None:
    stream = "g110:{330302}:positions"
    with redis.Redis.from_url(store.url) as connection:
        connection.hset("g110:{330302}:unit_index", mapping={"0": "LC-P-001", "1": "LC-T-001"})
        command = [sys.executable, "-u", str(EXAMPLE), store.url, "330302"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
            assert reader.stdout is not None
            while not _waits(connection):
                assert reader.poll() is None
            connection.xadd(stream, {"at": 1, "n": 3, "data": TICK}, maxlen=600, approximate=True)
            said = [reader.stdout.readline().split() for _ in range(3)]
            reader.kill()

    assert said == [
        ["LC-P-001", "28.010000", "120.660000", "1700000000", "54", "km/h", "90°"],
        ["LC-T-001", "-33.500000", "-70.300000", "1700000001", "0", "km/h", "–"],
        ["#9", "0.000000", "0.000000", "3", "2359", "km/h", "360°"],
    ]


def test_the_reader_is_no_longer_than_a_screen() -> None:
    code = [line for line in EXAMPLE.read_text("utf-8").splitlines() if line and not line.startswith("#")]

    assert len(code) <= 35


def test_the_numpy_lines_of_the_papers_read_a_tick() -> None:
    text = (ROOT / "docs" / "integrate.md").read_text("utf-8")
    found = re.search(r"```python\n(RECORD = np\.dtype.*?)```", text, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {"np": np, "data": TICK}

    exec(found[1], names)

    fixes = names["fixes"]
    assert names["RECORD"] == RECORD
    assert fixes["unit"].tolist() == [0, 1, 9]
    assert names["lat"].tolist() == pytest.approx([28.01, -33.5, 1e-7])
    assert fixes["course_cdeg"].tolist() == [9_000, 36_000, 35_999]


def _waits(connection: "redis.Redis") -> bool:
    """Return whether somebody sits in a blocking read."""
    clients: Any = connection.client_list()
    return any(client["cmd"].startswith("xread") for client in clients)
