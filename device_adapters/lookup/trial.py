# SPDX-License-Identifier: Apache-2.0
"""Everything tried once, for `gateway check`: tables read, connections opened. No number is asked for."""

import asyncio

from device_adapters.lookup import files, http
from device_adapters.lookup.settings import LookupSettings, Origin, origin_of
from device_adapters.lookup.table import Reading, UnreadableTableError

REACH_S = 2.0
"A service that takes longer to open a connection is none (guess)."


class TrialError(Exception):
    """Something the `[lookup]` table names does not work."""


async def try_all(settings: LookupSettings) -> str:
    """Return what can be asked, in one sentence. Raises TrialError, naming the setting."""
    said = []
    breath = files.Breath()
    for name, path, load in (
        ("numbers", settings.numbers, files.load_numbers),
        ("cells", settings.cells, files.load_cells),
    ):
        if path:
            try:
                _, reading = await asyncio.to_thread(load, settings, breath)
            except UnreadableTableError as wrong:
                raise TrialError(f"lookup.{name} = {path!r}: {wrong}") from None
            said.append(f"{path} has {_shown(reading)}")
    try:
        await asyncio.to_thread(files.secret, settings.phone_token_file)
    except UnreadableTableError as wrong:
        raise TrialError(f"lookup.phone_token_file: {wrong}") from None
    named = [(name, origin_of(url)) for name, url in _urls(settings)]
    for name, origin in named:
        await _reach(name, origin, settings)
        said.append(f"{origin.host}:{origin.port} can be reached")
    return "; ".join(said) or "nobody is asked about callers"


def _urls(settings: LookupSettings) -> list[tuple[str, str]]:
    phone = [("phone_url", settings.phone_url)] if settings.phone_url else []
    return phone + [("held_origins", origin) for origin in settings.held_origins]


async def _reach(name: str, origin: Origin, settings: LookupSettings) -> None:
    try:
        tls = await asyncio.to_thread(http.trust, settings) if origin.scheme == "https" else None
        await http.reach(origin, tls, REACH_S)
    except OSError as error:
        raise TrialError(f"lookup.cafile, certfile or keyfile: {error}") from None
    except http.UnansweredError as wrong:
        raise TrialError(f"lookup.{name}: {origin.host}:{origin.port}: {wrong}") from None


def _shown(reading: Reading) -> str:
    bad = ", ".join(f"{count} with {reason}" for reason, count in sorted(reading.bad.items()))
    first = f" (first: line {reading.samples[0][0]})" if reading.samples else ""
    cut = ", and more than are read" if reading.unread else ""
    return f"{reading.rows} lines{cut}" + (f"; left out: {bad}{first}" if bad else "")
