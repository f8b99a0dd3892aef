# SPDX-License-Identifier: Apache-2.0
"""Services that are asked over the network: how many questions at once, how long, and which of them are away."""

import asyncio
import ssl
from collections import Counter

import structlog

from device_adapters.adapter import Clock
from device_adapters.lookup import http
from device_adapters.lookup.breaker import Breaker
from device_adapters.lookup.neighbours import Neighbours
from device_adapters.lookup.settings import LookupSettings, Origin

HTTPS = "lookup:https"

log = structlog.get_logger(__name__)


class Service:
    """One origin that is asked."""

    def __init__(self, name: str, origin: Origin, settings: LookupSettings) -> None:
        self.name = name
        "`phone` or `held`."
        self.origin = origin
        self.breaker = Breaker(settings.away_after, settings.retry_s_min, settings.retry_s_max)


class Services:
    """All of them, by what they are asked for."""

    def __init__(self, settings: LookupSettings, clock: Clock, neighbours: Neighbours) -> None:
        self._settings = settings
        self._clock = clock
        self._neighbours = neighbours
        self._tls: ssl.SSLContext | None = None
        self._in_flight: Counter[str] = Counter()
        self._away: dict[str, set[Origin]] = {"phone": set(), "held": set()}
        self._room = {"phone": settings.phone_in_flight_max, "held": settings.held_in_flight_max}
        self._budget_s = {"phone": settings.phone_s, "held": settings.held_s}
        self.counters: Counter[str] = Counter()

    async def open(self) -> None:
        """Read the certificates, or read them again; without any https services are not asked."""
        try:
            self._tls = await asyncio.to_thread(http.trust, self._settings)
        except (OSError, ValueError) as error:  # ssl.SSLError, too; or no name of a file
            reason = getattr(error, "strerror", None) or type(error).__name__
            log.error("lookup_https_off" if self._tls is None else "lookup_https_kept", reason=reason)
            if self._tls is None:
                self.counters["https_off"] = 1
                self._neighbours.gone(HTTPS, f"cafile, certfile or keyfile: {reason}")
            return
        self.counters["https_off"] = 0
        self._neighbours.back(HTTPS)

    def may_ask(self, service: Service) -> bool:
        """Tell whether there is room for a question and someone to hear it; the room is then taken."""
        name = service.name
        if service.origin.scheme == "https" and self._tls is None:
            self.counters[f"{name}_not_asked"] += 1
            return False
        if self._in_flight[name] >= self._room[name]:
            self.counters[f"{name}_busy"] += 1
            return False
        if not service.breaker.may_ask(self._clock.mono_s()):
            self.counters[f"{name}_not_asked"] += 1
            return False
        self.counters[f"{name}_asked"] += 1
        self._in_flight[name] += 1  # here, for the task begins only in the next turn
        return True

    async def ask(self, service: Service, question: http.Question) -> http.Reply | None:
        """Ask after `may_ask`, and count how it went; an answer after its budget is late, and taken."""
        name, began = service.name, self._clock.mono_s()
        settings = self._settings
        try:
            tls = self._tls if service.origin.scheme == "https" else None
            reply = await http.ask(question, tls, settings.late_s, settings.reply_bytes_max)
        except http.UnansweredError as wrong:
            self.failed(service, str(wrong))
            return None
        finally:
            self._in_flight[name] -= 1
        if self._clock.mono_s() - began > self._budget_s[name]:
            self.counters[f"{name}_late"] += 1
        return reply

    def well(self, service: Service) -> None:
        """It answered like someone who is at work."""
        if not service.breaker.answered():
            return
        self._away[service.name].discard(service.origin)
        if not self._away[service.name]:
            self._neighbours.back(f"lookup:{service.name}")

    def failed(self, service: Service, reason: str) -> None:
        """It did not; told as a neighbour gone once, however many servers of its kind are away."""
        self.counters[f"{service.name}_{reason}"] += 1
        if not service.breaker.failed(self._clock.mono_s()):
            return
        self._away[service.name].add(service.origin)
        self._neighbours.gone(f"lookup:{service.name}", reason)

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        return {
            **self.counters,
            **{f"{name}_in_flight": self._in_flight[name] for name in self._room},
            **{f"{name}_away": len(origins) for name, origins in self._away.items()},
        }
