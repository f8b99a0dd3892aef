# SPDX-License-Identifier: Apache-2.0
"""What goes to which incident: the plan's lines, who would fill them, and why one cannot be filled."""

import msgspec

from core.settings import PlanLine, Settings


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of this kind."""

    police_type: str = ""
    "Empty is any."
    capabilities: tuple[str, ...] = ()
    count: int = 1
    after_s: int = 0
    "A later step goes by itself so long after the one before; 0 waits for a desk's word."


def wants(settings: Settings, category: str, level: int, step: int = 1) -> tuple[Want, ...]:
    """Return the lines of the plan for a category and level at this step, in the order of the settings.

    The most particular plan that has a first step counts: of the category and level, of the category, of the
    level, for all. Without one, one unit goes, and no further steps. `needs` counts where no line names the
    category. Never empty at step 1; empty at a later step: there is no such reinforcement.
    """
    plan, needs = _plan(settings, category, level), settings.needs.get(category, ())
    if not plan:
        return (Want(capabilities=needs),) if step == 1 else ()
    return tuple(
        Want(
            police_type=line.police_type,
            capabilities=line.capabilities
            if line.category
            else tuple(dict.fromkeys((*line.capabilities, *needs))),
            count=line.count,
            after_s=line.after_s,
        )
        for line in plan
        if line.step == step
    )


def _plan(settings: Settings, category: str, level: int) -> tuple[PlanLine, ...]:
    """Return the lines of all steps of the most particular plan."""
    for of in ((category, level), (category, 0), ("", level), ("", 0)):
        if of in settings.plan_of:
            return settings.plan_of[of]
    return ()
