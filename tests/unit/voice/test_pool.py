# SPDX-License-Identifier: Apache-2.0
"""A port is one leg's, and waits longest before it is another's."""

from hypothesis import given
from hypothesis import strategies as st

from core.ids import Leg
from device_adapters.voice.pool import PortPool, even

ONE, TWO, THREE = Leg("one"), Leg("two"), Leg("three")


def test_voice_has_the_even_ports_of_a_range() -> None:
    assert list(even(30_001, 30_006)) == [30_002, 30_004, 30_006]


def test_the_longest_unused_port_is_next() -> None:
    pool = PortPool(even(30_000, 30_005), 3)
    first = pool.take(ONE)
    pool.release(ONE)

    assert [first, pool.take(TWO), pool.take(THREE), pool.take(ONE)] == [30_000, 30_002, 30_004, 30_000]


def test_a_leg_that_asks_again_keeps_its_port() -> None:
    pool = PortPool(even(30_000, 30_005), 3)

    assert pool.take(ONE) == pool.take(ONE) == pool.of(ONE)
    assert len(pool) == 1


def test_beyond_the_limit_there_is_none_though_ports_are_free() -> None:
    pool = PortPool(even(30_000, 30_100), 1)
    pool.take(ONE)

    assert pool.take(TWO) == 0
    assert not pool.release(TWO)


def test_ports_of_other_programs_are_given_to_nobody_until_they_are_free() -> None:
    pool = PortPool(even(30_000, 30_003), 2)
    pool.bar([30_000, 30_002])
    assert pool.take(ONE) == 0
    pool.bar([30_000])
    assert pool.take(ONE) == 30_002
    pool.bar([])

    assert pool.take(TWO) == 30_000


def test_a_process_begins_where_it_is_told() -> None:
    assert PortPool(even(30_000, 30_009), 5, begin=2).take(ONE) == 30_004


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), max_size=60), st.integers(0, 4))
def test_no_port_is_ever_of_two_legs_and_none_is_lost(asked: list[tuple[bool, int]], begin: int) -> None:
    ports = list(even(30_000, 30_007))
    pool, held = PortPool(ports, 3, begin), dict[Leg, int]()
    for takes, number in asked:
        leg = Leg(str(number))
        if takes:
            port = pool.take(leg)
            assert port == held.get(leg, port)
            held |= {leg: port} if port else {}
        else:
            assert pool.release(leg) is (held.pop(leg, None) is not None)
        assert len(set(held.values())) == len(held) == len(pool) <= 3

    for leg in list(held):
        pool.release(leg)
    assert len({pool.take(Leg(f"new{n}")) for n in range(3)}) == 3
