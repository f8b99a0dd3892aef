# SPDX-License-Identifier: Apache-2.0
"""Which lines of the settings make the plan of an incident."""

from core.dispatch.plans import Want, wants
from core.settings import PlanLine, Settings

PLANS = Settings(
    needs={"drowning": ("boat",)},
    plans=(
        PlanLine(category="robbery", level=1, count=3, capabilities=("firearm",)),
        PlanLine(category="robbery", level=1, police_type="criminal"),
        PlanLine(category="robbery", level=1, step=2, count=2, after_s=300),
        PlanLine(category="robbery", count=2),
        PlanLine(level=1, count=2),
        PlanLine(category="riot", step=2, count=20),
    ),
)


def test_without_a_plan_one_unit_goes_that_can_do_what_the_category_needs() -> None:
    assert wants(Settings(), "", 2) == (Want(),)
    assert wants(PLANS, "drowning", 2) == (Want(capabilities=("boat",)),)
    assert wants(PLANS, "drowning", 2, 2) == ()


def test_the_lines_of_the_category_and_level_go_before_those_of_either() -> None:
    assert wants(PLANS, "robbery", 1) == (
        Want(capabilities=("firearm",), count=3),
        Want(police_type="criminal"),
    )
    assert wants(PLANS, "robbery", 3) == (Want(count=2),)
    assert wants(PLANS, "fraud", 1) == (Want(count=2),)
    assert wants(PLANS, "fraud", 2) == (Want(),)


def test_a_plan_for_a_level_still_sends_what_the_category_needs() -> None:
    assert wants(PLANS, "drowning", 1) == (Want(capabilities=("boat",), count=2),)


def test_reinforcements_are_those_of_the_same_plan() -> None:
    assert wants(PLANS, "robbery", 1, 2) == (Want(count=2, after_s=300),)
    assert wants(PLANS, "robbery", 2, 2) == ()


def test_reinforcements_alone_are_no_plan() -> None:
    assert wants(PLANS, "riot", 2) == (Want(),)
    assert wants(PLANS, "riot", 2, 2) == ()
