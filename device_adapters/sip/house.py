# SPDX-License-Identifier: Apache-2.0
"""What the listeners of a house share: its places, the watch on its trunks, and the legs of each other.

A caller may come by one listener and hang up by another: a request too long for UDP goes by TCP (RFC 3261 18.1.1),
and a proxy forwards as its routes say.
"""

from collections.abc import Iterator
from typing import Protocol

from device_adapters.sip.admission import Admission
from device_adapters.sip.message import Request
from device_adapters.sip.settings import SipSettings
from device_adapters.sip.trunks import Trunks

NUMBER_DIGITS_MAX = 3
"Of a listener's number: nobody has a thousand."


class Remembered:
    """How many transactions there are."""

    __slots__ = ("held", "strangers")

    def __init__(self) -> None:
        self.held = 0
        self.strangers = 0
        "... of peers nobody listed."


class Neighbour(Protocol):
    """An endpoint, as the others of its house see it."""

    def knows(self, request: Request) -> bool:
        """Tell whether a request that came by another listener belongs to a leg of this one."""
        ...

    def hear(self, request: Request, now: float) -> None:
        """Take it."""
        ...


class House:
    """One for all endpoints of an adapter, which join it in the order of `sip.listen`."""

    def __init__(self, settings: SipSettings) -> None:
        self.admission = Admission(settings)
        self.trunks = Trunks(settings)
        self.remembered = Remembered()
        self._endpoints: list[Neighbour] = []

    def join(self, endpoint: Neighbour) -> int:
        """Take an endpoint in; return its listener's number."""
        self._endpoints.append(endpoint)
        return len(self._endpoints) - 1

    def whose(self, request: Request, number: int) -> Neighbour | None:
        """Return the endpoint, other than this number's, whose leg a request belongs to."""
        for other in self._asked(request):
            if other != number and self._endpoints[other].knows(request):
                return self._endpoints[other]
        return None

    def _asked(self, request: Request) -> Iterator[int]:
        """Return who may know it: the listener the To tag names; of a CANCEL, which has none, any."""
        if request.to_tag:
            number = listener_of(request.to_tag)
            yield from (number,) if number is not None and number < len(self._endpoints) else ()
        else:
            yield from range(len(self._endpoints))


def listener_of(tag: str) -> int | None:
    """Return the number of the listener a To tag of ours ends in (ports.py); None when it has none."""
    digits = tag.rpartition(".")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= NUMBER_DIGITS_MAX else None
