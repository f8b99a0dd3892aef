# SPDX-License-Identifier: Apache-2.0
"""The road files beside the journal: what ways were along when something was decided.

Each file is kept under its digest and never taken away: a replay of that day asks for it. It is a copy, not a
link: a map made anew under the old name must not change what was.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from core.kernels import warm
from core.roads.network import Networks, prepare
from gateway.errors import JournalBrokenError, JournalFolderError, RoadFileError
from gateway.roads.file import StoredRoads, read, read_imprint

FOLDER: Final = "roads"
SUFFIX: Final = ".roads"

log = structlog.get_logger()


class Shelf(Mapping[str, Networks]):
    """The engine's library: roads by digest, those of the past read from the disk when they are asked for."""

    def __init__(self, data: Path) -> None:
        """`data` is the journal's folder."""
        self._folder = data / FOLDER
        self._open: dict[str, Networks] = {}

    def __getitem__(self, digest: str) -> Networks:
        """Return the roads of that digest, read on the spot if need be; that takes half a second for a city.

        Raises JournalBrokenError when they are not there: without them the journal cannot be understood.
        """
        if digest not in self._open:
            warm()  # a replay along roads in plain Python would take minutes
            self._open = {digest: _networks(self._read(digest))}
        return self._open[digest]

    def __iter__(self) -> Iterator[str]:
        """Name those that can be asked for."""
        return iter(sorted(path.stem for path in self._folder.glob(f"*{SUFFIX}")))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def take_in(self, path: Path) -> tuple[str, Networks]:
        """Read a road file and keep it beside the journal; return its digest and its roads. For a thread.

        Raises RoadFileError when it cannot be used, JournalFolderError when it cannot be kept.
        """
        digest = read_imprint(path).content
        if digest in self._open:
            return digest, self._open[digest]
        stored = read(path)
        self._keep(path, stored.digest)
        return stored.digest, _networks(stored)

    def open(self, digest: str, networks: Networks) -> None:
        """Let the engine have these."""
        self._open[digest] = networks

    def close_others(self, digest: str) -> None:
        """Give back the memory of all others."""
        self._open = {name: networks for name, networks in self._open.items() if name == digest}

    def _read(self, digest: str) -> StoredRoads:
        path = self._folder / f"{digest}{SUFFIX}"
        try:
            stored = read(path)
        except RoadFileError as error:
            raise JournalBrokenError(
                f"the journal was written along the roads {digest[:16]}…, and they cannot be read: {error}; "
                f"put that road file there again (from a backup, or build it again from the same map)"
            ) from None
        if stored.digest != digest:
            raise JournalBrokenError(f"{path} holds other roads than its name says: {stored.digest}")
        return stored

    def _keep(self, path: Path, digest: str) -> None:
        kept = self._folder / f"{digest}{SUFFIX}"
        if kept.exists():
            return
        part = kept.with_name(f".{digest}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(kept)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise JournalFolderError(f"the road file cannot be kept as {kept}: {error.strerror}") from None
        log.info("roads_kept", digest=digest, file=str(kept))


def _networks(stored: StoredRoads) -> Networks:
    return prepare(stored.profiles)
