# SPDX-License-Identifier: Apache-2.0
"""The topic tree."""

import pytest

from core.ids import CountyCode, UnitId
from device_adapters.mqtt import topics


def test_a_units_topic_names_county_unit_and_leaf() -> None:
    said = topics.parse("g110/v1/330302/units/PC-0_7/position")

    assert said == topics.Topic(CountyCode("330302"), UnitId("PC-0_7"), "position")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "g110/v1/330302/units/u1/orders",
        "g110/v1/330302/units/u1/position/",
        "g110/v1/330302/units//position",
        "g110/v1/33030/units/u1/position",
        "g110/v1/３３０３０２/units/u1/position",
        "g110/v2/330302/units/u1/position",
        "g110/v1/330302/units/" + "u" * 33 + "/position",
        "g110/v1/330302/units/u 1/position",
        "g110/v1/330302/units/u1/position\n",
        "/g110/v1/330302/units/u1/position",
    ],
)
def test_any_other_topic_is_none_of_ours(topic: str) -> None:
    assert topics.parse(topic) is None


def test_orders_go_where_the_unit_listens() -> None:
    county, unit = CountyCode("330302"), UnitId("u1")

    assert topics.orders(county, unit) == "g110/v1/330302/units/u1/orders"
    assert topics.acks(county, unit) == "g110/v1/330302/units/u1/acks"
    assert topics.presence(county, "n1") == "g110/v1/330302/sys/n1"


def test_without_counties_every_county_is_heard() -> None:
    assert topics.position_filters() == ("g110/v1/+/units/+/position",)
    assert topics.event_filters() == (
        "g110/v1/+/units/+/status",
        "g110/v1/+/units/+/event",
        "g110/v1/+/units/+/link",
        "g110/v1/+/units/+/acks",
    )


def test_with_counties_only_those_are_heard() -> None:
    assert topics.position_filters(["330302", "330303"]) == (
        "g110/v1/330302/units/+/position",
        "g110/v1/330303/units/+/position",
    )


def test_a_junction_is_named_by_its_topic() -> None:
    said = topics.parse_junction("g110/v1/330302/junctions/J-17/traffic")

    assert said == topics.Junction(CountyCode("330302"), "J-17")
    assert topics.junction_filters(["330302"]) == ("g110/v1/330302/junctions/+/traffic",)


@pytest.mark.parametrize(
    "topic",
    [
        "g110/v1/330302/junctions//traffic",
        "g110/v1/330302/junctions/J 17/traffic",
        "g110/v1/33030/junctions/J17/traffic",
        "g110/v1/330302/units/u1/position",
    ],
)
def test_any_other_topic_is_no_junction(topic: str) -> None:
    assert topics.parse_junction(topic) is None
