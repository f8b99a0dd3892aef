# SPDX-License-Identifier: Apache-2.0
"""Room that is kept for listed trunks: what peers nobody listed may hold.

A listed trunk has no limit but the house's: often one address carries a whole county, the operator vouches for
it, and a limit would refuse callers. Of the others, together they hold a share, and one address half of that
share, so that a single noisy one leaves room for the next. An address can be forged, so the half is courtesy;
the share holds whatever they write.
"""

from collections import Counter

from device_adapters.sip.events import Address
from device_adapters.sip.settings import SipSettings, source_host, trunks_by_host

ONE_STRANGER_PERCENT = 50
"Of the strangers' room, for one address (guess)."


class Strangers:
    """The legs of peers that are not listed, counted by address. Without listed trunks nobody is a stranger."""

    def __init__(self, settings: SipSettings) -> None:
        self._listed = frozenset(trunks_by_host(settings))
        self._room = settings.calls_max * settings.strangers_percent
        "Legs, times 100: a share rounds up, so that a small house still has a place."
        self._legs: Counter[str] = Counter()
        self._held = 0

    def __len__(self) -> int:
        return self._held

    def listed(self, source: Address) -> bool:
        """Tell whether datagrams from there come from a listed trunk."""
        return source_host(source[0]) in self._listed

    def turned_away(self, source: Address) -> bool:
        """Tell whether a new call from there must leave its place to the trunks."""
        if not self._listed or self.listed(source):
            return False
        own = self._legs[source_host(source[0])]
        return self._held * 100 >= self._room or own * 100 * 100 >= self._room * ONE_STRANGER_PERCENT

    def came(self, source: Address) -> None:
        """Count a leg from there."""
        if self._listed and not self.listed(source):
            self._legs[source_host(source[0])] += 1
            self._held += 1

    def left(self, source: Address) -> None:
        """Forget it again."""
        host = source_host(source[0])
        if host in self._legs:
            self._held -= 1
            self._legs[host] -= 1
            if not self._legs[host]:
                del self._legs[host]
