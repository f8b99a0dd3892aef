# SPDX-License-Identifier: Apache-2.0
"""The road files beside the journal: what ways were along when something was decided.

Each file is kept under its digest and never taken away: a replay of that day asks for it. It is a copy, not a
link: a map made anew under the old name must not change what was.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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

    def __init__(self, data: Path, served: str = "") -> None:
        """`data` is the journal's folder; `served` the file to serve, which may be what the folder has lost."""
        self._folder = data / FOLDER
        self._served = served
        self._open: dict[str, Networks] = {}

    def __getitem__(self, digest: str) -> Networks:
        """Return the roads of that digest, read on the spot if need be; that takes half a second for a city.

        Raises JournalBrokenError when they are not there: without them the journal cannot be understood.
        """
        if digest not in self._open:
            with ThreadPoolExecutor(1, "warm") as beside:  # no telephone rings before both are done
                warmed = beside.submit(warm)  # a replay along roads in plain Python would take minutes
                self._open = {digest: prepare(self._read(digest).profiles)}
                warmed.result()
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
        imprint = read_imprint(path)
        if not imprint.profiles:
            raise RoadFileError(f"{path} has roads for nobody; build it again")
        if imprint.content in self._open:
            return imprint.content, self._open[imprint.content]
        stored = self._keep(path)
        return stored.digest, prepare(stored.profiles)

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
            stored = self._served_instead(digest, error)
        if stored.digest != digest:
            raise JournalBrokenError(f"{path} holds other roads than its name says: {stored.digest}")
        return stored

    def _served_instead(self, digest: str, lost: RoadFileError) -> StoredRoads:
        """Return the roads from the file that is served, if they are those: nobody should wait for a backup then."""
        with suppress(RoadFileError):
            if self._served and read_imprint(Path(self._served)).content == digest:
                log.warning("roads_read_where_served", digest=digest, reason=str(lost))
                return self._keep(Path(self._served))
        raise JournalBrokenError(
            f"the journal was written along the roads {digest[:16]}…, and they cannot be read: {lost}; "
            f"put that road file there again (from a backup, or build it again from the same map)"
        ) from None

    def _keep(self, path: Path) -> StoredRoads:
        """Copy a file beside the journal and return what is in the copy: the file may be made anew meanwhile."""
        part = self._folder / ".part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            stored = read(part)
            kept = self._folder / f"{stored.digest}{SUFFIX}"
            part.replace(kept)
        except RoadFileError as error:
            raise RoadFileError(str(error).replace(str(part), str(path))) from None
        except OSError as error:
            reason = f"the road file {path} cannot be kept in {self._folder}: {error.strerror}"
            raise JournalFolderError(reason) from None
        finally:
            with suppress(OSError):
                part.unlink()
        log.info("roads_kept", digest=stored.digest, file=str(kept))
        return stored
