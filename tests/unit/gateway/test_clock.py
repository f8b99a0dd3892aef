# SPDX-License-Identifier: Apache-2.0
"""Alarms ring once, in order, never early, and not after they were dropped."""

import asyncio
from itertools import pairwise

from gateway.clock import ALARMS_SLACK, RING_MAX, Alarms, SystemClock
from tests.waiting import until

MS = 1_000_000


async def test_alarms_ring_in_the_order_of_their_times_and_never_early() -> None:
    clock, heard, times = SystemClock(), list[str](), dict[str, int]()

    def ring(key: str) -> None:
        heard.append(key)
        times[key] = clock.wall_ns()

    alarms, now = Alarms(clock, ring), clock.wall_ns()
    dues = {"late": now + 30 * MS, "soon": now + 10 * MS, "past": now - MS}
    for key, due in dues.items():
        alarms.set(key, due)

    await until(lambda: len(heard) >= 3)

    assert heard == ["past", "soon", "late"]
    assert all(times[key] >= due for key, due in dues.items())
    assert len(alarms) == 0


async def test_a_moved_alarm_rings_once_at_its_new_time_and_a_dropped_one_never() -> None:
    clock, heard = SystemClock(), list[str]()
    alarms, now = Alarms(clock, heard.append), clock.wall_ns()
    alarms.set("moved", now + 5 * MS)
    alarms.set("moved", now + 20 * MS)
    alarms.set("dropped", now + 5 * MS)
    alarms.drop("dropped")
    alarms.set("last", now + 30 * MS)

    await until(lambda: len(heard) >= 2)

    assert heard == ["moved", "last"]


async def test_dropped_alarms_do_not_pile_up() -> None:
    clock = SystemClock()
    alarms = Alarms(clock, lambda key: None)

    for n in range(3 * ALARMS_SLACK):
        alarms.set(f"t{n}", clock.wall_ns() + 3_600_000 * MS)
        alarms.drop(f"t{n}")

    assert len(alarms._heap) <= ALARMS_SLACK + 1
    alarms.stop()


async def test_moved_alarms_do_not_pile_up() -> None:
    clock = SystemClock()
    alarms = Alarms(clock, lambda key: None)

    for n in range(3 * ALARMS_SLACK):
        alarms.set("again", clock.wall_ns() + 3_600_000 * MS + n)

    assert len(alarms._heap) <= ALARMS_SLACK + 3
    alarms.stop()


async def test_the_loop_has_its_turn_while_many_ring_at_once() -> None:
    clock, heard, seen = SystemClock(), list[str](), list[int]()
    alarms, loop = Alarms(clock, heard.append), asyncio.get_running_loop()
    for n in range(10 * RING_MAX):
        alarms.set(f"t{n}", clock.wall_ns())

    def look() -> None:
        seen.append(len(heard))
        if len(heard) < 10 * RING_MAX:
            loop.call_soon(look)

    loop.call_soon(look)
    await until(lambda: len(heard) == 10 * RING_MAX)

    steps = [after - before for before, after in pairwise(seen)]
    assert max(steps) <= RING_MAX
    assert len(alarms) == 0


async def test_alarms_ring_in_time_with_ten_thousand_running() -> None:
    """10,000 running, 2,000 of them due within two seconds: each within 100 ms, as the ladder of orders asks."""
    clock, late_ns = SystemClock(), list[int]()
    dues: dict[str, int] = {}
    alarms = Alarms(clock, lambda key: late_ns.append(clock.wall_ns() - dues[key]))
    begin = clock.wall_ns() + 50 * MS
    dues = {f"soon{n}": begin + n * MS for n in range(2_000)}
    for n in range(8_000):
        alarms.set(f"far{n}", begin + 3_600_000 * MS + n)
    for key, due_ns in dues.items():
        alarms.set(key, due_ns)

    await until(lambda: len(late_ns) == len(dues))

    alarms.stop()
    late_ns.sort()
    assert late_ns[0] >= 0, "never early"
    assert late_ns[len(late_ns) * 99 // 100] <= 100 * MS


async def test_setting_and_dropping_an_alarm_costs_no_more_with_ten_thousand_running() -> None:
    clock = SystemClock()

    def cost_ns(running: int) -> int:
        """Return what it takes to set and drop 2,000 alarms: the best of five."""
        alarms = Alarms(clock, lambda key: None)
        far_ns = clock.wall_ns() + 3_600_000 * MS
        for n in range(running):
            alarms.set(f"t{n}", far_ns + n)
        took: list[int] = []
        for _ in range(5):
            began_ns = clock.mono_ns()
            for n in range(2_000):
                alarms.set(f"x{n}", far_ns + n)
            for n in range(2_000):
                alarms.drop(f"x{n}")
            took.append(clock.mono_ns() - began_ns)
        alarms.stop()
        return min(took)

    assert cost_ns(10_000) < 100 * cost_ns(10), "a thousand times as many: by the logarithm, never each one"


def test_the_wall_never_steps_back() -> None:
    clock = SystemClock()

    seen = [clock.wall_ns() for _ in range(1000)]

    assert seen == sorted(seen)
    assert abs(clock.offset_s()) < 1
