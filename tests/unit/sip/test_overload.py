# SPDX-License-Identifier: Apache-2.0
"""A figure goes to those who asked for one, in the Via they asked with."""

from collections.abc import Callable
from itertools import product

import pytest

from device_adapters.sip.grammar import parse_via
from device_adapters.sip.overload import asks, figure, stamped
from tests.unit.sip.test_cost import WHOLE, WORDS, is_linear

VIA = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK-oc"
STARTS = ("", ";oc", ';oc-algo="', "; oc =", "SIP/2.0/UDP h;oc=")


@pytest.mark.parametrize(
    "asked", [";oc", "; OC ", ";oc=", ';oc;oc-algo="loss,rate"', ';oc-algo="loss";oc;rport']
)
def test_whoever_writes_oc_asks(asked: str) -> None:
    assert asks(VIA + asked)


@pytest.mark.parametrize("silent", ["", ";ocean", ';oc-algo="loss"', ";x=oc"])
def test_whoever_does_not_is_told_nothing(silent: str) -> None:
    assert not asks(VIA + silent)


def test_the_figure_stands_where_it_was_asked_for_and_once() -> None:
    asked = 'SIP/2.0/UDP 192.0.2.9;oc;rport;oc-algo="loss,rate";branch=z9hG4bK-oc;oc-validity=9;oc-seq=1.1'

    said = stamped(asked, figure(20, 12.5))

    assert said == (
        'SIP/2.0/UDP 192.0.2.9;rport;branch=z9hG4bK-oc;oc=20;oc-algo="loss";oc-validity=500;oc-seq=12.50000'
    )
    via = parse_via(said)
    assert via is not None
    assert (via.host, via.branch, via.rport) == ("192.0.2.9", "z9hG4bK-oc", True)


def test_a_later_figure_has_a_higher_number() -> None:
    numbers = [figure(0, now).rpartition("=")[2] for now in (0.0, 0.00001, 9.99999, 10.0, 123456.7)]

    assert sorted(numbers, key=float) == numbers
    assert len(set(numbers)) == len(numbers)


READERS: dict[str, Callable[[str], object]] = {"asks": asks, "stamped": lambda via: stamped(via, ";oc=0")}


@pytest.mark.parametrize("reader", READERS)
def test_a_via_costs_what_it_is_long(reader: str) -> None:
    def work(start: str, word: str) -> Callable[[int], Callable[[], object]]:
        return lambda octets: lambda: READERS[reader](start + word * (octets // len(word)))

    assert [pair for pair in product(STARTS, WORDS) if not is_linear(work(*pair), WHOLE)] == []
