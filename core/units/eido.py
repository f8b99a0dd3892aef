# SPDX-License-Identifier: Apache-2.0
"""What a unit does, as the pair of statuses that NENA's Emergency Incident Data Object asks for.

Of the standard (NENA-STA-021.1b-2022, EmergencyResource component): a unit has exactly one primary status, of the
three below, one or more secondary ones from a registry of 41, and may carry its own code beside them
(`unitStatusInternal`): put our `status` there. The three mean: free; on something, but may be sent elsewhere; can be
sent nowhere.

Spelled as in the list the registry grew from (APCO/NENA 2.105.1, EIDD, in its NIEM form) with the words run together:
all secondary ones but `EnRoute`, which the copy we could read leaves out and which its own definitions speak of. Hold
them against the registry before a system of another maker reads them.

Ours: which of our twelve is which. We have `ConditionallyAvailable` mean what the policies mean by it: a unit on its
way may be taken for something graver, one that has arrived may not. The registry has no word for an officer's own
emergency; the incident that it opened says it.
"""

from core.effects import EidoPrimary
from core.events import UnitStatus

PAIR: dict[UnitStatus, tuple[EidoPrimary, tuple[str, ...]]] = {
    "off_duty": ("NotAvailable", ("OffDuty",)),
    "available": ("Available", ("OnDuty",)),
    "reserved": ("ConditionallyAvailable", ("OnDuty",)),
    "dispatched": ("ConditionallyAvailable", ("Assigned",)),
    "acknowledged": ("ConditionallyAvailable", ("AcknowledgedTransmission",)),
    "enroute": ("ConditionallyAvailable", ("EnRoute",)),
    "on_scene": ("NotAvailable", ("OnScene",)),
    "transporting": ("NotAvailable", ("Transporting",)),
    "at_destination": ("NotAvailable", ("Arrived", "AlternateLocation")),
    "clearing": ("ConditionallyAvailable", ("Cleared",)),
    "out_of_service": ("NotAvailable", ("OutOfService",)),
    "emergency": ("NotAvailable", ("OnDuty",)),
}
"{our status: (primary, secondary)}"
