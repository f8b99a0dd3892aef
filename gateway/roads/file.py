# SPDX-License-Identifier: Apache-2.0
"""The `.roads` file: graphs and labels of every profile as plain numpy columns in a zip, under a header in JSON.

No pickles: reading a file runs nothing that is in it. The same roads make the same file to the octet, and its
digest names them: the journal keeps the digest, and a replay asks for the roads of that name.
"""

import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import RoadError
from core.roads import labels as hub_labels
from core.roads.graph import I32, RoadGraph
from core.roads.labels import Labels
from gateway.errors import RoadFileError

FORMAT: Final = "gateway110.roads"
VERSION: Final = 1
BYTES_MAX: Final = 16 << 30
"What a file may unpack to: the labels of three provinces for five profiles (measured: 1 kB a node and profile)."
_HEADER: Final = "header.json"
_HEADER_BYTES_MAX: Final = 1 << 20
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the zip's own zero: a file does not tell when it was made
_COLUMNS: Final = tuple(field.name for field in fields(RoadGraph) if field.name != "kinds")
_DTYPES: Final = (np.dtype(np.int8), np.dtype(np.int32))

_DAMAGE: Final = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, struct.error)
"What zipfile, zlib and numpy raise over octets that are not what they were (found by turning each of them over)."

Column = NDArray[np.int8] | I32


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What was told of one profile when it was built."""

    nodes: int
    arcs: int
    lanes: int
    islands: int
    "Parts that cannot be driven between, the main one included."
    main_percent: float
    "The share of its lanes in the largest of them."
    fragments: int
    "Parts too small to keep."
    fragment_lanes: int
    splits: int
    "Nodes added because turns are forbidden."


class Imprint(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself."""

    format: str = FORMAT
    version: int = VERSION
    content: str = ""
    "SHA-256 of all columns: the digest the journal names."
    source: str = ""
    "SHA-256 of the files it was built from, one after the other."
    files: tuple[str, ...] = ()
    "Their names."
    box_e7: tuple[int, int, int, int] = (0, 0, 0, 0)
    "South, west, north, east."
    kinds: tuple[str, ...] = ()
    profiles: dict[str, Built] = {}
    notes: dict[str, int] = {}
    "What was left out or set right, and how often."


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredRoads:
    """A road file in memory."""

    digest: str
    profiles: dict[str, tuple[RoadGraph, Labels]]
    imprint: Imprint
    lost: dict[str, I32]
    "{profile: (n, 4) ends of the lanes that were left out}, for the picture."


def write(
    path: Path, imprint: Imprint, profiles: dict[str, tuple[RoadGraph, Labels]], lost: dict[str, I32]
) -> Imprint:
    """Write a file in one stroke (it is whole or it is not there); return its imprint with the digest."""
    columns = dict(_columns(profiles, lost))
    imprint = msgspec.structs.replace(imprint, content=_digest(imprint.kinds, columns))
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.writestr(_entry(_HEADER), msgspec.json.format(msgspec.json.encode(imprint), indent=1))
                for name, column in columns.items():
                    with archive.open(_entry(f"{name}.npy"), "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, column, version=(1, 0), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RoadFileError(f"{path} cannot be written: {error.strerror}") from None
    return imprint


def read(path: Path) -> StoredRoads:
    """Read a file and verify it. Raises RoadFileError in one line."""
    try:
        with _opened(path) as archive:
            imprint = _imprint(path, archive)
            columns = {name: _column(path, archive, name) for name in _names(archive)}
    except _DAMAGE as error:
        raise RoadFileError(f"{path} is damaged or cut short: {error}") from None
    if _digest(imprint.kinds, columns) != imprint.content:
        raise RoadFileError(
            f"{path} is not what was written: its columns have another digest; build it again"
        )
    if {name.partition("/")[0] for name in columns} != imprint.profiles.keys():
        raise RoadFileError(f"{path} contradicts itself: its header names other profiles than it has")
    try:
        profiles = {name: _restored(name, columns, imprint.kinds) for name in imprint.profiles}
        lost = {name: cast(I32, columns[f"{name}/lost"]) for name in imprint.profiles}
    except KeyError as error:
        raise RoadFileError(f"{path} lacks the column {error.args[0]}; build it again") from None
    except RoadError as error:
        raise RoadFileError(f"{path} contradicts itself: {error}") from None
    return StoredRoads(digest=imprint.content, profiles=profiles, imprint=imprint, lost=lost)


def read_imprint(path: Path) -> Imprint:
    """Read only what a file says of itself, unverified."""
    try:
        with _opened(path) as archive:
            return _imprint(path, archive)
    except _DAMAGE as error:
        raise RoadFileError(f"{path} is damaged or cut short: {error}") from None


def _columns(
    profiles: dict[str, tuple[RoadGraph, Labels]], lost: dict[str, I32]
) -> Iterator[tuple[str, Column]]:
    for profile, (graph, labels) in profiles.items():
        for name in _COLUMNS:
            yield f"{profile}/graph/{name}", getattr(graph, name)
        for name, column in labels.arrays().items():
            yield f"{profile}/labels/{name}", column
        yield f"{profile}/lost", lost[profile]


def _digest(kinds: tuple[str, ...], columns: dict[str, Column]) -> str:
    whole = hashlib.sha256(repr((FORMAT, VERSION, kinds)).encode())
    for name in sorted(columns):
        column = np.ascontiguousarray(columns[name])
        whole.update(repr((name, column.dtype.str, column.shape)).encode())
        whole.update(column.data.cast("B") if column.size else b"")
    return whole.hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile:
        raise RoadFileError(
            f"{path} is no road file, or it is cut short; `gateway roads build` makes one"
        ) from None
    except OSError as error:
        raise RoadFileError(f"{path} cannot be read: {error.strerror}") from None
    if sum(entry.file_size for entry in archive.infolist()) > BYTES_MAX:
        archive.close()
        raise RoadFileError(f"{path} unpacks to more than {BYTES_MAX >> 30} GiB")
    return archive


def _imprint(path: Path, archive: zipfile.ZipFile) -> Imprint:
    if _HEADER not in archive.namelist() or archive.getinfo(_HEADER).file_size > _HEADER_BYTES_MAX:
        raise RoadFileError(f"{path} is a zip but no road file; `gateway roads build` makes one")
    try:
        imprint = msgspec.json.decode(archive.read(_HEADER), type=Imprint)
    except msgspec.MsgspecError as error:
        raise RoadFileError(f"{path}: its header cannot be understood: {error}") from None
    if imprint.format != FORMAT:
        raise RoadFileError(f"{path} is no road file: its format is {imprint.format!r}")
    if imprint.version != VERSION:
        raise RoadFileError(
            f"{path} has version {imprint.version} and this gateway reads {VERSION}: build it again"
        )
    return imprint


def _names(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]


def _column(path: Path, archive: zipfile.ZipFile, name: str) -> Column:
    size = archive.getinfo(f"{name}.npy").file_size
    with archive.open(f"{name}.npy") as entry:
        if np.lib.format.read_magic(entry) != (1, 0):
            raise RoadFileError(f"{path}: the column {name} is of another numpy format")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(entry)
        count = int(np.prod(shape, dtype=np.int64))
        if dtype not in _DTYPES or fortran or min(shape, default=0) < 0 or count * dtype.itemsize > size:
            raise RoadFileError(f"{path}: the column {name} is none of ours ({dtype}, {shape})")
        column = np.frombuffer(bytearray(entry.read()), dtype, count)
    return cast(Column, column.reshape(shape))


def _restored(profile: str, columns: dict[str, Column], kinds: tuple[str, ...]) -> tuple[RoadGraph, Labels]:
    graph = RoadGraph(**{name: columns[f"{profile}/graph/{name}"] for name in _COLUMNS}, kinds=kinds)  # type: ignore[arg-type]
    graph.validate()
    prefix = f"{profile}/labels/"
    found = {name.removeprefix(prefix): column for name, column in columns.items() if name.startswith(prefix)}
    return graph, hub_labels.restored(graph, cast(dict[str, I32], found))
