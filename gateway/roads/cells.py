# SPDX-License-Identifier: Apache-2.0
"""Rows and cells of tables in CSV; whatever is wrong is told with its file and line."""

import csv
import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from gateway.errors import RoadSourceError
from gateway.roads.survey import BYTES_MAX

Layouts = dict[tuple[str, ...], str]
"{columns that give it away: layout}"

_HEADER_LINES_MAX: Final = 20
"Lines before the one that names the columns; JEMSS has up to six."


class Row(NamedTuple):
    """One line of a table."""

    table: str
    line: int
    cells: list[str]
    at: dict[str, int]
    "{column: which cell}"

    @property
    def where(self) -> str:
        """Say in which file and line it stands, for the one who has to find it."""
        return f"{self.table}, line {self.line}"

    def text(self, column: str) -> str:
        """Return what stands in a column; "" when the table has no such column."""
        place = self.at.get(column)
        return "" if place is None else self.cells[place].strip()

    def number(self, column: str) -> float:
        """Return a finite number."""
        text = self.text(column)
        try:
            number = float(text)
        except ValueError:
            raise RoadSourceError(f"{self.where}: {column} {text!r} is not a number") from None
        if not math.isfinite(number):
            raise RoadSourceError(f"{self.where}: {column} is {text}, which is no number to drive by")
        return number

    def positive(self, column: str, times: float, most: float) -> float:
        """Return a number above zero in other units, at least 1 and at most `most` of them."""
        number = self.number(column)
        if number <= 0:
            raise RoadSourceError(f"{self.where}: {column} is {number:g}; it must be above 0")
        if number * times > most:
            raise RoadSourceError(
                f"{self.where}: {column} is {number:g}; the most that fits is {most / times:g}"
            )
        return max(number * times, 1.0)

    def name(self, column: str) -> str:
        """Return what a node is called; JEMSS writes 17 as 17.0."""
        return self.text(column).removesuffix(".0")


class _Reader(Protocol):
    """What `csv.reader` gives; its own type has no name at run time."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


class Table(NamedTuple):
    """The rows below a line that names the columns."""

    name: str
    layout: str
    columns: frozenset[str]
    rows: Iterator[Row]


def table(name: str, text: str, layouts: Layouts) -> Table:
    """Find the line that names the columns of one of the layouts, and return what is below it."""
    reader = csv.reader(text.splitlines())
    try:
        for header in reader:
            columns = [column.strip() for column in header]
            layout = next((known for first, known in layouts.items() if set(first) <= set(columns)), None)
            if layout is not None:
                return Table(name, layout, frozenset(columns), _rows(name, reader, columns))
            if reader.line_num >= _HEADER_LINES_MAX:
                break
    except csv.Error as error:
        raise RoadSourceError(f"{name}, line {reader.line_num}: {error}") from None
    known = " or ".join(",".join(first) for first in layouts)
    raise RoadSourceError(f"{name} is no table of roads: no line names the columns {known}")


def text_of(path: Path) -> str:
    """Return the text of a file."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise RoadSourceError(f"{path} is larger than {BYTES_MAX >> 30} GiB: cut the region out first")
        return _decoded(str(path), path.read_bytes())
    except OSError as error:
        raise RoadSourceError(f"{path} cannot be read: {error.strerror}") from None


def texts_in(path: Path, names: tuple[str, ...]) -> list[str]:
    """Return the texts of these members of a zip."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(archive.getinfo(name).file_size for name in names) > BYTES_MAX:
                raise RoadSourceError(
                    f"{path} unpacks to more than {BYTES_MAX >> 30} GiB: cut the region out first"
                )
            return [_decoded(f"{path}:{name}", archive.read(name)) for name in names]
    except KeyError:
        raise RoadSourceError(f"{path} must hold {' and '.join(names)}") from None
    except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise RoadSourceError(f"{path} is not a whole zip: {error}") from None


def _decoded(name: str, octets: bytes) -> str:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RoadSourceError(f"{name} is not text in UTF-8: {error.reason} at octet {error.start}") from None


def _rows(name: str, reader: "_Reader", columns: list[str]) -> Iterator[Row]:
    at = {column: place for place, column in enumerate(columns) if column}
    needed = len(columns) - (not columns[-1])  # JEMSS ends its lines with a comma, but not all of them
    try:
        for cells in reader:
            if not any(map(str.strip, cells)):
                continue  # spreadsheets leave rows of commas behind
            if len(cells) >= needed:
                yield Row(name, reader.line_num, cells, at)
            else:
                raise RoadSourceError(
                    f"{name}, line {reader.line_num}: {len(cells)} cells for {needed} columns"
                )
    except csv.Error as error:
        raise RoadSourceError(f"{name}, line {reader.line_num}: {error}") from None
