# SPDX-License-Identifier: Apache-2.0
"""The configuration: one TOML file, every field documented where it is read, every typo named.

Each part's table is a Struct beside the code that reads it; this file only puts them together.
"""

import csv
import difflib
import os
import re
import tomllib
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec

from core.settings import SINCE, Settings
from device_adapters.lookup.settings import LookupSettings
from device_adapters.mqtt.settings import MqttSettings
from device_adapters.pyvoip.settings import PyvoipSettings
from device_adapters.sip.settings import SipSettings
from device_adapters.voice.settings import VoiceSettings
from gateway.errors import ConfigError
from gateway.publish.settings import RedisSettings
from gateway.tracks.settings import TracksSettings

IDS_MAX = 100_000  # of one source: a province's vehicles, a guess
FIGURE_MAX = 31_536_000
"""Of `[dispatch]`: a year in seconds, and the product of two such still fits an int64 when one is in ms. It is refused
here and not by core/settings.py: a journal that holds a larger one must open all the same."""


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[http]` table: /healthz, /readyz and /metrics for operators."""

    listen: str = "127.0.0.1:8110"
    'HOST:PORT; "" turns it off. When it is taken the gateway serves without it and says so.'


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[journal]` table."""

    second: str = ""
    "Folder on another disk for calls that rang while the first disk did not answer; default: in `data`."
    close_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 5.0
    "How long a stop waits for the disk to take the last records."


class ZonesSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[zones]` table."""

    file: str = ""
    "GeoJSON of counties and special zones (gateway/zones.py); none: nobody says whose the ground is."


class RoadsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[roads]` table. How ways along them are reckoned is in `[dispatch]`."""

    file: str = ""
    "What `gateway roads build` made; empty: straight lines. Read again on SIGHUP."


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything `gateway serve` needs. All of it has defaults that serve on one machine."""

    county: Annotated[str, msgspec.Meta(pattern=r"^\d{6}$")] = "330302"
    "GB/T 2260 code of the county that calls belong to when their trunk does not say."
    data: str = "gateway-data"
    "Folder of the journal. It is the truth; put it on a disk with a mirror."
    units: str = ""
    "units.csv: the roster (gateway/roster.py). Read again on SIGHUP."
    units_left_out_percent_max: Annotated[int, msgspec.Meta(ge=0, le=100)] = 50
    "A roster read again that leaves out more of the units is not taken: it looks cut off. A restart takes any."
    node: str = ""
    "Name of this machine among gateways; default: made once and kept in the data folder."
    drain_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    "How long a stop lets calls in progress go on before it hangs up on nobody and leaves."
    sip: SipSettings = SipSettings()
    voice: VoiceSettings = VoiceSettings()
    mqtt: MqttSettings = MqttSettings()
    lookup: LookupSettings = LookupSettings()
    pyvoip: PyvoipSettings = PyvoipSettings()
    redis: RedisSettings = RedisSettings()
    http: HttpSettings = HttpSettings()
    journal: JournalSettings = JournalSettings()
    zones: ZonesSettings = ZonesSettings()
    roads: RoadsSettings = RoadsSettings()
    tracks: TracksSettings = TracksSettings()
    dispatch: Settings = msgspec.convert(dict(SINCE), Settings)

    def __post_init__(self) -> None:
        """Refuse two figures for one thing, and figures beyond all sense."""
        if self.dispatch.insistent_per_hour not in (0, self.sip.insistent_per_hour):
            raise ValueError(
                "dispatch.insistent_per_hour must be sip.insistent_per_hour, or 0 (nobody is insistent)"
            )
        if beyond := next(_beyond(msgspec.to_builtins(self.dispatch), "dispatch"), ""):
            raise ValueError(f"{beyond} must be at most {FIGURE_MAX}, a year in seconds")


def load(path: Path | None, overrides: dict[str, Any]) -> Config:
    """Read the file (none: the defaults) and lay the command line's values over it.

    `overrides` maps dotted names (`sip.listen`) to values. Raises ConfigError, one line a person can act on.
    """
    table: dict[str, Any] = {}
    if path is not None:
        table = _read(path)
    for name, value in overrides.items():
        *tables, field = name.split(".")
        at = table
        for part in tables:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise ConfigError(f"{path}: {part} must be a table: [{part}]")
        at[field] = value
    if isinstance(dispatch := table.get("dispatch", {}), dict):
        table["dispatch"] = {**SINCE, **dispatch}
    try:
        config = msgspec.convert(table, Config)
        return _with_ids(config) if any(source.units_file for source in config.mqtt.sources) else config
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"{path or 'command line'}: {_explained(str(error))}") from None


def read_ids(path: Path) -> dict[str, str]:
    """Read a source's units_file: {foreign id: unit id}. Raises ConfigError naming what is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(islice(csv.DictReader(file), IDS_MAX + 1))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None
    if not rows or not {"foreign_id", "unit_id"} <= set(rows[0]):
        raise ConfigError(
            f"{path}: the first line must name the columns foreign_id,unit_id, and an id must follow"
        )
    if len(rows) > IDS_MAX:
        raise ConfigError(f"{path}: more than {IDS_MAX} ids")
    ids: dict[str, str] = {}
    for line, row in enumerate(rows, 2):
        foreign, unit = (row["foreign_id"] or "").strip(), (row["unit_id"] or "").strip()
        if not foreign or foreign in ids:
            raise ConfigError(f"{path}, line {line}: foreign_id {foreign!r} is empty or listed twice")
        ids[foreign] = unit
    return ids


def _with_ids(config: Config) -> Config:
    """Put what the sources' files say in the place of their names. Raises ConfigError and ValueError."""
    sources = tuple(
        msgspec.structs.replace(source, units=read_ids(Path(source.units_file)), units_file="")
        if source.units_file
        else source
        for source in config.mqtt.sources
    )
    return msgspec.structs.replace(config, mqtt=msgspec.structs.replace(config.mqtt, sources=sources))


def _beyond(value: Any, name: str) -> Iterator[str]:  # noqa: ANN401  what TOML may hold
    """Find the figures that are too large, by name."""
    if isinstance(value, int) and value > FIGURE_MAX:
        yield name
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _beyond(one, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _beyond(one, name)


def node_name(config: Config) -> str:
    """Return this gateway's name, made from the host and the folder: two gateways never share one."""
    folder = zlib.crc32(str(Path(config.data).resolve()).encode())
    return config.node or f"{os.uname().nodename.split('.')[0]}-{folder:08x}"


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from None


def _explained(message: str) -> str:
    """Name the nearest known key when the message is about an unknown one."""
    unknown = re.search(r"unknown field `([^`]+)`(?: - at `\$\.?([^`]*)`)?", message)
    if unknown is None:
        return message
    table = re.sub(r"\[.*?\]", "", unknown[2] or "")
    known = _fields(table)
    near = difflib.get_close_matches(unknown[1], known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(sorted(known))}"
    return f"unknown key {unknown[1]!r} in {f'[{table}]' if table else 'the top level'}: {hint}"


def _fields(table: str) -> list[str]:
    struct: Any = Config
    for part in filter(None, table.split(".")):
        struct = _struct_in({field.name: field.type for field in msgspec.structs.fields(struct)}[part])
    return [field.name for field in msgspec.structs.fields(struct)]


def _struct_in(kind: Any) -> Any:  # noqa: ANN401  a type, or what typing makes of several
    """Return the Struct that a field holds, alone or as a list or a table of them."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next(filter(None, map(_struct_in, get_args(kind))), None)
