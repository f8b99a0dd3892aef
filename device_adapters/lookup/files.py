# SPDX-License-Identifier: Apache-2.0
"""Tables from the disk, read in a thread beside the loop. The thread takes a breath often, so that calls go on."""

import codecs
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from device_adapters.lookup import cells, numbers
from device_adapters.lookup.settings import LookupSettings
from device_adapters.lookup.table import Reading, Row, Table, UnreadableTableError, read_table

BREATH_S = 0.0005
"Long enough that the loop gets the interpreter, which it would else have to ask 5 ms for."
CHUNK_OCTETS = 262_144
"Decoded in a tenth of a millisecond."


class StoppedError(Exception):
    """The house closes while a table is read."""


class Breath:
    """What a reading thread takes; `stop` makes it the last."""

    def __init__(self) -> None:
        self._stopped = False

    def __call__(self) -> None:
        """Let the loop go on. Raises StoppedError."""
        if self._stopped:
            raise StoppedError
        time.sleep(BREATH_S)

    def stop(self) -> None:
        """End the reading."""
        self._stopped = True


def load_numbers(settings: LookupSettings, breath: Breath) -> tuple[Table, Reading]:
    """Read the three fields. Raises UnreadableTableError or StoppedError."""
    row_of = partial(numbers.row_of, area_code=settings.area_code)
    return _load(settings.numbers, numbers.NEEDED, row_of, settings.numbers_max, breath)


def load_cells(settings: LookupSettings, breath: Breath) -> tuple[Table, Reading]:
    """Read the radio cells. Raises UnreadableTableError or StoppedError."""
    return _load(settings.cells, cells.NEEDED, cells.row_of, settings.cells_max, breath)


def secret(name: str) -> str:
    """Return what a file of one line holds; nothing for no file. Raises UnreadableTableError."""
    try:
        return Path(name).read_text("ascii").strip() if name else ""
    except (OSError, ValueError):  # no ASCII, or no name of a file
        raise UnreadableTableError("it cannot be read as one line of ASCII") from None


def _load(
    name: str,
    needed: frozenset[str],
    row_of: Callable[[Mapping[str, str]], Row],
    rows_max: int,
    breath: Breath,
) -> tuple[Table, Reading]:
    """Read one CSV file, UTF-8 or GBK."""
    path = Path(name)
    try:
        with path.open(encoding=_charset(path, breath), errors="replace", newline="") as lines:
            return read_table(lines, needed, row_of, rows_max, breath)
    except OSError as error:
        raise UnreadableTableError(f"it cannot be read: {error.strerror}") from None


def _charset(path: Path, breath: Breath) -> str:
    """Return the charset of the whole file: a short line of GBK may look like UTF-8, a file of them does not."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while chunk := file.read(CHUNK_OCTETS):
                decoder.decode(chunk)
                breath()
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "gb18030"
    return "utf-8-sig"
