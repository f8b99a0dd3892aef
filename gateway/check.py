# SPDX-License-Identifier: Apache-2.0
"""`gateway check`: the configuration as it would be used, and each neighbour tried once."""

import asyncio
import os
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from core.errors import CoreError
from core.ids import CountyCode
from core.zones.zone import COUNTY
from device_adapters.lookup.trial import TrialError, try_all
from device_adapters.mqtt.client import try_login
from device_adapters.pyvoip.trial import PbxError, try_pbx
from device_adapters.sip.adapter import SipAdapter
from device_adapters.sip.errors import ListenError
from device_adapters.voice.trial import VoiceError, try_voice
from gateway.clock import SystemClock
from gateway.config import Config, HttpSettings
from gateway.errors import GatewayError, RoadFileError, StartError
from gateway.ops import listen
from gateway.publish.redis import AWAY, client
from gateway.roads.file import read
from gateway.roster import doubtful, read_roster
from gateway.tracks import parquet
from gateway.zones import read_zones

DOUBTS_SHOWN = 3

Attempt = Callable[[Config], Awaitable[str]]


def check(config: Config) -> int:
    """Print the effective configuration, then one line for each neighbour; return 0 only if all are well."""
    print(msgspec.json.format(msgspec.json.encode(_without_secrets(config)), indent=2).decode())
    return asyncio.run(_try_all(config))


async def _try_all(config: Config) -> int:
    wrong = 0
    for name, attempt in ATTEMPTS.items():
        try:
            print(f"{name:8} ok    {await attempt(config)}")
        except (GatewayError, CoreError, ListenError, OSError, *AWAY) as error:
            wrong += 1
            print(f"{name:8} FAULT {error}")
    return 1 if wrong else 0


async def _sip(config: Config) -> str:
    adapter = SipAdapter(config.sip, SystemClock(), CountyCode(config.county))
    await adapter.open()
    listening = ", ".join(adapter.listening())
    adapter.close()
    return f"can listen on {listening}"


async def _data(config: Config) -> str:
    _write_once(Path(config.data), "data")
    return f"{config.data} can be written"


def _write_once(folder: Path, what: str) -> None:
    """Write into the folder, or see that it can be made: a check leaves nothing behind."""
    try:
        if not folder.is_dir():
            above = next(parent for parent in folder.resolve().parents if parent.exists())
            if not (above.is_dir() and os.access(above, os.W_OK)):
                raise PermissionError(0, f"it cannot be made in {above}")
            return
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StartError(f"the {what} folder {folder} cannot be written: {error.strerror}") from None


async def _tracks(config: Config) -> str:
    if not config.tracks.folder:
        return "no folder given: no history of tracks is kept"
    parquet.need()
    _write_once(Path(config.tracks.folder), "tracks")
    return f"{config.tracks.folder} can be written, {config.tracks.days_kept} days are kept"


async def _pyvoip(config: Config) -> str:
    try:
        return await asyncio.to_thread(try_pbx, config.pyvoip)
    except PbxError as error:
        raise StartError(str(error)) from None


async def _voice(config: Config) -> str:
    try:
        return await asyncio.to_thread(try_voice, config.voice)
    except VoiceError as error:
        raise StartError(str(error)) from None


async def _redis(config: Config) -> str:
    connection = client(config.redis)
    try:
        about = await connection.info("server")
    except AWAY as error:
        raise StartError(f"{_shown(config.redis.url)} does not answer: {error}") from None
    finally:
        await connection.aclose()
    return f"{_shown(config.redis.url)} is Redis {about['redis_version']}"


async def _mqtt(config: Config) -> str:
    try:
        await try_login(config.mqtt)
    except OSError as error:
        raise StartError(f"{config.mqtt.url}: {error}") from None
    return f"{config.mqtt.url} lets us in"


async def _lookup(config: Config) -> str:
    try:
        return await try_all(config.lookup)
    except TrialError as error:
        raise StartError(str(error)) from None


async def _units(config: Config) -> str:
    if not config.units:
        return "no roster given: nobody can be ordered"
    units = read_roster(Path(config.units))
    zones = read_zones(Path(config.zones.file)).zones if config.zones.file else ()
    strange = doubtful(units, {zone.county for zone in zones if zone.kind == COUNTY})
    return "; ".join((f"{config.units} lists {len(units)} units", *strange[:DOUBTS_SHOWN]))


async def _zones(config: Config) -> str:
    if not config.zones.file:
        return "no map given: nobody says whose the ground is"
    zones, doubts = read_zones(Path(config.zones.file))
    counties = sum(zone.kind == COUNTY for zone in zones)
    told = f"{config.zones.file} has {counties} counties and {len(zones) - counties} special zones"
    return "; ".join((told, *doubts[:DOUBTS_SHOWN]))


async def _roads(config: Config) -> str:
    if not config.roads.file:
        return "no road file given: ways are straight lines"
    stored = await asyncio.to_thread(read, Path(config.roads.file))
    if not stored.profiles:
        raise RoadFileError(f"{config.roads.file} has roads for nobody; build it again")
    return f"{config.roads.file} has roads for {', '.join(sorted(stored.profiles))}"


async def _http(config: Config) -> str:
    if not config.http.listen:
        return "off"
    try:
        listen(config.http.listen).close()
    except StartError as error:
        if config.http != HttpSettings():
            raise
        return f"would serve without: {error}"
    return f"can listen on {config.http.listen}"


ATTEMPTS: dict[str, Attempt] = {
    "sip": _sip,
    "data": _data,
    "voice": _voice,
    "pyvoip": _pyvoip,
    "redis": _redis,
    "mqtt": _mqtt,
    "lookup": _lookup,
    "units": _units,
    "roads": _roads,
    "zones": _zones,
    "tracks": _tracks,
    "http": _http,
}


def _without_secrets(config: Config) -> Config:
    mqtt, redis_at = config.mqtt, config.redis
    return msgspec.structs.replace(
        config,
        mqtt=msgspec.structs.replace(mqtt, password="***" if mqtt.password else ""),
        redis=msgspec.structs.replace(redis_at, url=_shown(redis_at.url)),
    )


def _shown(url: str) -> str:
    """Return a URL without its password."""
    return re.sub(r"(//[^:/@]*):[^@/]*@", r"\1:***@", url)
