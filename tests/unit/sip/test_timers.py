# SPDX-License-Identifier: Apache-2.0
from device_adapters.sip.timers import SWEEP_MIN, Timer, Timers


def test_deadlines_come_in_order() -> None:
    timers = Timers()
    timers.set(Timer.H, "b", 2.0)
    timers.set(Timer.G, "a", 1.0)

    assert timers.next_due() == 1.0
    assert timers.pop_due(0.9) is None
    assert timers.pop_due(5.0) == (Timer.G, "a")
    assert timers.pop_due(5.0) == (Timer.H, "b")
    assert timers.pop_due(5.0) is None


def test_a_deadline_set_again_has_moved() -> None:
    timers = Timers()
    timers.set(Timer.J, "a", 1.0)
    timers.set(Timer.J, "a", 3.0)

    assert timers.next_due() == 3.0
    assert len(timers) == 1


def test_a_dropped_deadline_never_comes() -> None:
    timers = Timers()
    timers.set(Timer.J, "a", 1.0)
    timers.drop(Timer.J, "a")
    timers.drop(Timer.J, "never set")

    assert timers.next_due() is None


def test_dropped_deadlines_do_not_fill_the_heap() -> None:
    timers = Timers()
    for number in range(10_000):
        timers.set(Timer.OK, number, float(number))
        timers.drop(Timer.OK, number)

    assert len(timers._heap) <= SWEEP_MIN + 2
