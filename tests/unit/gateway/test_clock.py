# SPDX-License-Identifier: Apache-2.0
"""Alarms ring once, in order, never early, and not after they were dropped."""

from gateway.clock import ALARMS_SLACK, Alarms, SystemClock
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


def test_the_wall_never_steps_back() -> None:
    clock = SystemClock()

    seen = [clock.wall_ns() for _ in range(1000)]

    assert seen == sorted(seen)
    assert abs(clock.offset_s()) < 1
