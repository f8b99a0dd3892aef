# SPDX-License-Identifier: Apache-2.0
"""Each of our statuses as NENA's EIDO has it."""

from typing import get_args

import pytest

from core.effects import EidoPrimary
from core.events import UnitStatus
from core.units.columns import Barred
from core.units.eido import PAIR
from core.units.status import BARRED_BY_STATUS
from tests.play import Shows, reports, town

EIDD = frozenset(
    {
        *("AcknowledgedTransmission", "AlternateLocation", "Arrived", "Assigned", "AssignmentCanceled"),
        *(
            "BackToAssignedArea",
            "BackUp",
            "Break",
            "CheckedIn",
            "Cleared",
            "CopPop",
            "Court",
            "CoveringAlternateArea",
        ),
        *(
            "OffDuty",
            "OnDuty",
            "OnScene",
            "OutOfService",
            "PatientContact",
            "Post",
            "ResponderInitiatedEvent",
        ),
        *(
            "RollCall",
            "Roster",
            "ShiftPending",
            "Staging",
            "Station",
            "TrafficStop",
            "Training",
            "Transporting",
        ),
        "Unmanned",
    }
)
"The registry's forerunner (APCO/NENA 2.105.1) as far as a copy could be read."


@pytest.mark.parametrize("status", get_args(UnitStatus))
def test_every_status_has_one_primary_status_and_at_least_one_secondary(status: UnitStatus) -> None:
    primary, secondary = PAIR[status]

    assert primary in get_args(EidoPrimary)
    assert secondary
    assert set(secondary) <= EIDD | {"EnRoute"}


@pytest.mark.parametrize("status", get_args(UnitStatus))
def test_only_who_may_be_ordered_is_available_and_whoever_cannot_be_is_not(status: UnitStatus) -> None:
    assert (PAIR[status][0] == "Available") == (status == "available")
    if BARRED_BY_STATUS.get(status, Barred.FREE) is not Barred.FREE:
        assert PAIR[status][0] == "NotAvailable"


def test_a_unit_s_state_carries_the_pair() -> None:
    _ = (
        town()
        >> reports("u1", 2, "enroute")
        << Shows("unit.updated", eido_primary="ConditionallyAvailable", eido_secondary=("EnRoute",))
    )
