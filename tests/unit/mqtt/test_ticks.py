# SPDX-License-Identifier: Apache-2.0
"""Ticks of positions: as long as they are told to be, whatever a tick costs."""

import pytest

from device_adapters.mqtt.adapter import next_tick_s

WORK_S = 0.007


def test_what_a_tick_costs_does_not_make_ticks_longer() -> None:
    now_s = due_s = 5.0
    for _ in range(1_000):
        due_s = next_tick_s(due_s, now_s, 100)
        now_s = due_s + WORK_S

    assert due_s == pytest.approx(105.0)


def test_after_a_stall_one_tick_comes_at_once_and_none_is_made_up_for() -> None:
    after_stall_s = next_tick_s(5.0, 7.3, 100)

    assert after_stall_s == 7.3
    assert next_tick_s(after_stall_s, 7.3 + WORK_S, 100) == pytest.approx(7.4)
