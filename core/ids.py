# SPDX-License-Identifier: Apache-2.0
"""Names of things. A call is never a unit, so the type checker keeps them apart.

Ids the engine makes carry the sequence number of the fact that caused them: `c17` is the call of fact 17.
They are therefore the same in every replay.
"""

from typing import NewType

CallId = NewType("CallId", str)
IncidentId = NewType("IncidentId", str)
OrderId = NewType("OrderId", str)
CallbackId = NewType("CallbackId", str)
UnitId = NewType("UnitId", str)
CountyCode = NewType("CountyCode", str)
"GB/T 2260 code of a county, six digits: 330302 is Lucheng."
Leg = NewType("Leg", str)
"One side of one SIP dialog: the To tag we gave it. Unique for ever, and known again after a restart."
