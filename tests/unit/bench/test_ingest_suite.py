# SPDX-License-Identifier: Apache-2.0
"""The suite `ingest`: everybody is sent the same reports, and who ends with other places does not count."""

import pytest

from bench.compare.ingest import suite
from bench.compare.ingest.clients import CLIENTS
from bench.compare.ingest.reports import Table, last_places, reports
from bench.compare.result import OURS
from bench.compare.suite import Asked, CompareError
from device_adapters.mqtt.bulk import Splitter

COUNT = 12_000


def test_whoever_stores_every_report_ends_with_the_expected_places() -> None:
    table = Table(COUNT, lambda: None)

    for topic, payload in reports(COUNT):
        table.on(topic, payload)

    assert table.heard == COUNT
    assert table.checksum() == last_places(COUNT)


def test_one_place_that_differs_is_seen() -> None:
    table = Table(COUNT, lambda: None)
    for topic, payload in reports(COUNT)[:-1]:
        table.on(topic, payload)

    assert table.checksum() != last_places(COUNT)


def test_what_is_sent_is_mqtt() -> None:
    told = reports(300)
    splitter = Splitter(mqtt5=False, qos_max=0, payload_bytes_max=8_192)

    splitter.feed(b"".join(suite._publish(topic.encode(), payload) for topic, payload in told))

    assert splitter.take() == ([(topic.encode(), payload, 0) for topic, payload in told], None)


def test_a_lost_report_and_a_wrong_place_are_told_and_not_counted() -> None:
    found = {"heard": 9.0, "cpu_s": 1.0, "wall_s": 2.0, "rss_mib": 50.0, "checksum": 7.0}

    assert suite._sample(found, 10, 7).wrong == "it heard 9 of 10"
    assert suite._sample({**found, "heard": 10.0}, 10, 8).wrong == "its last places are others"
    assert suite._sample({**found, "heard": 10.0}, 10, 7).checked


def test_a_stranger_is_told_by_name() -> None:
    with pytest.raises(CompareError, match="nobody is called mqttools"):
        suite.compare(Asked(only=frozenset({"mqttools"})))


def test_ours_is_one_of_them() -> None:
    assert OURS in CLIENTS
