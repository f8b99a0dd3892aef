# SPDX-License-Identifier: Apache-2.0
"""The tables in force, and the service's token: read beside the loop, changed at once when the new ones are whole."""

import asyncio
from collections import Counter
from collections.abc import Callable

import structlog

from device_adapters.lookup import files
from device_adapters.lookup.settings import LookupSettings
from device_adapters.lookup.table import Reading, Table, UnreadableTableError

SHRUNK = 0.5
"""Of the lines in force: a reading of fewer is half an export rather than a small town (guess). A restart takes it."""

log = structlog.get_logger(__name__)


class Shelf:
    """What can be looked up without asking anyone."""

    def __init__(self, settings: LookupSettings) -> None:
        self._settings = settings
        self._breath = files.Breath()
        self._filling = False
        self._again = False
        self._counters: Counter[str] = Counter()
        self.filled = not (settings.numbers or settings.cells or settings.phone_token_file)
        "Whether everything was read once, or found to be unreadable."
        self.numbers: Table | None = None
        self.cells: Table | None = None
        self.token = ""
        self.lacking: dict[str, str] = {}
        "Why there is no table or token, by the setting that names it; one that stands from before is not lacking."

    async def fill(self) -> None:
        """Read everything; again, when that was asked for meanwhile. What cannot be read stays as it was."""
        self._filling = self._again = True
        while self._again:
            self._again = False
            if self._settings.phone_token_file:
                await self._read_token()
            if self._settings.numbers:
                self.numbers = await self._read("numbers", files.load_numbers, self.numbers)
            if self._settings.cells:
                self.cells = await self._read("cells", files.load_cells, self.cells)
        self._filling = False
        self.filled = True

    def renew(self) -> bool:
        """Ask for it all to be read again; tell whether the caller must see to it: else it is being read already."""
        self._again = self._filling
        return not self._filling

    def stop(self) -> None:
        """End a reading that is under way."""
        self._breath.stop()

    def statistics(self) -> dict[str, int]:
        """Return counters, by name."""
        tables = {"numbers": self.numbers, "cells": self.cells}
        sizes = {f"{name}_rows": len(table) for name, table in tables.items() if table is not None}
        octets = {f"{name}_octets": table.octets for name, table in tables.items() if table is not None}
        return {**self._counters, **sizes, **octets}

    async def _read_token(self) -> None:
        try:
            self.token = await asyncio.to_thread(files.secret, self._settings.phone_token_file)
            self.lacking.pop("phone_token_file", None)
        except UnreadableTableError as wrong:
            log.error("lookup_token_refused", reason=str(wrong))
            self._counters["token_refused"] += 1
            if not self.token:
                self.lacking["phone_token_file"] = str(wrong)

    async def _read(
        self,
        name: str,
        load: Callable[[LookupSettings, files.Breath], tuple[Table, Reading]],
        before: Table | None,
    ) -> Table | None:
        try:
            table, reading = await asyncio.to_thread(load, self._settings, self._breath)
            _compare(reading, before)
        except files.StoppedError:
            return before
        except UnreadableTableError as wrong:
            log.error("lookup_table_refused", table=name, reason=str(wrong))
            self._counters[f"{name}_refused"] += 1
            if before is None:
                self.lacking[name] = str(wrong)
            return before
        self.lacking.pop(name, None)
        for line, reason in reading.samples:
            log.warning("lookup_table_line", table=name, line=line, reason=reason)
        bad = sum(reading.bad.values())
        self._counters[f"{name}_bad_lines"] = bad
        self._counters[f"{name}_cut"] = int(reading.unread)
        log.info("lookup_table_read", table=name, rows=reading.rows, bad_lines=bad, cut=reading.unread)
        return table


def _compare(reading: Reading, before: Table | None) -> None:
    """Refuse a table that is much less than the one in force, or nothing but bad lines. Raises UnreadableTableError."""
    if before is not None and reading.rows < SHRUNK * len(before):
        raise UnreadableTableError(
            f"{reading.rows} lines can be used and {len(before)} are in force: "
            "less than half of them is taken only by a restart"
        )
    if reading.bad and not reading.rows:
        raise UnreadableTableError(f"none of its {reading.bad.total()} lines can be used")
