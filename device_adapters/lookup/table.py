# SPDX-License-Identifier: Apache-2.0
"""Millions of lines, found by number: sorted columns and one run of text. Pure.

A dictionary of tuples would take six times the room (README.md), and the garbage collector would walk through it.
"""

import csv
import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

BREATH_ROWS = 64
"Rows read before whoever else wants the interpreter gets it: half a millisecond."
NAME_OCTETS_MAX = 255
"Its length stands in one octet; 85 Chinese characters."
ADDRESS_OCTETS_MAX = 1_500
"500 Chinese characters, as device_adapters/pidf.py takes."
TEXT_OCTETS_MAX = 2**32 - 1
DEG_1E7 = 10_000_000
NOWHERE = -(2**31)
"In the latitude column: no coordinates."
RADIUS_M_MAX = 1_000_000.0
"Beyond, it says nothing (guess)."
SAMPLES_MAX = 5
"Bad lines named; the others are counted."


class BadLineError(Exception):
    """One line of a table cannot be used; its text is the reason, and holds nothing of the line."""


class UnreadableTableError(Exception):
    """The table cannot be used at all."""


class Row(NamedTuple):
    """One line."""

    key: int
    "Positive, below 2**63."
    name: str
    address: str
    lat: float | None
    lon: float | None
    radius_m: float


class Reading(NamedTuple):
    """What reading a table came to."""

    rows: int
    "Lines taken, those of the same key once."
    bad: Counter[str]
    "Lines left out, by reason."
    samples: tuple[tuple[int, str], ...]
    "The first of them: line and reason."
    unread: bool
    "There were more lines than may be taken."


class Table:
    """Rows by key."""

    def __init__(self, columns: "_Columns") -> None:
        keys = np.frombuffer(columns.keys, np.int64) if columns.keys else np.empty(0, np.int64)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]  # of equal keys the later line counts
        order = order[last]
        self._keys: npt.NDArray[np.int64] = keys[last]
        self._lat, self._lon = (_taken(column, np.int32, order) for column in (columns.lat, columns.lon))
        self._radius_m = _taken(columns.radius_m, np.float32, order)
        self._start = _taken(columns.start, np.uint32, order)
        self._length = _taken(columns.length, np.uint16, order)
        self._text = columns.text

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def octets(self) -> int:
        """Memory it takes."""
        columns = (self._keys, self._lat, self._lon, self._radius_m, self._start, self._length)
        return sum(column.nbytes for column in columns) + len(self._text)

    def find(self, key: int) -> Row | None:
        """Return the line of this key."""
        at = int(np.searchsorted(self._keys, key))
        if at == len(self._keys) or self._keys[at] != key:
            return None
        start, length = int(self._start[at]), int(self._length[at])
        name, address = _unpacked(self._text[start : start + length])
        lat, lon = int(self._lat[at]), int(self._lon[at])
        placed = lat != NOWHERE
        return Row(
            key,
            name,
            address,
            lat / DEG_1E7 if placed else None,
            lon / DEG_1E7 if placed else None,
            float(self._radius_m[at]),
        )


class _Columns:
    """A table while it is read."""

    def __init__(self) -> None:
        self.keys = array("q")
        self.lat = array("i")
        self.lon = array("i")
        self.radius_m = array("f")
        self.start = array("I")
        self.length = array("H")
        self.text = bytearray()

    def append(self, row: Row) -> None:
        text = _packed(row.name, row.address)
        if len(self.text) + len(text) > TEXT_OCTETS_MAX:
            raise UnreadableTableError("more text than 4 GiB")
        self.keys.append(row.key)
        self.lat.append(NOWHERE if row.lat is None else round(row.lat * DEG_1E7))
        self.lon.append(0 if row.lon is None else round(row.lon * DEG_1E7))
        self.radius_m.append(row.radius_m)
        self.start.append(len(self.text))
        self.length.append(len(text))
        self.text += text


def read_table(
    lines: Iterable[str],
    needed: frozenset[str],
    row_of: Callable[[Mapping[str, str]], Row],
    rows_max: int,
    breathe: Callable[[], None] = lambda: None,
) -> tuple[Table, Reading]:
    """Read CSV, each line by itself; the first names the columns. Raises UnreadableTableError when it does not.

    A quotation that goes on in the next line (RFC 4180 2.6) is a bad line: one stray quote would eat thousands.
    """
    numbered = enumerate(lines, 1)
    try:
        names = [name.strip().lower() for name in _cells(next(numbered, (0, ""))[1])]
    except BadLineError:
        names = []
    if not needed <= set(names):
        raise UnreadableTableError(f"the first line must name the columns {','.join(sorted(needed))}")
    columns = _Columns()
    bad: Counter[str] = Counter()
    samples: list[tuple[int, str]] = []
    taken = 0
    for number, line in numbered:
        if number % BREATH_ROWS == 0:
            breathe()
        if not line.rstrip("\r\n"):
            continue
        taken += 1
        if taken > rows_max:
            break
        try:
            columns.append(row_of(dict(zip(names, _cells(line), strict=False))))
        except BadLineError as wrong:
            bad[str(wrong)] += 1
            if len(samples) < SAMPLES_MAX:
                samples.append((number, str(wrong)))
    table = Table(columns)
    return table, Reading(len(table), bad, tuple(samples), taken > rows_max)


def coordinates(cells: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Return `lat` and `lon` of a line, both or neither; raise BadLineError when they are no place on Earth."""
    lat, lon = cells.get("lat", "").strip(), cells.get("lon", "").strip()
    if not lat and not lon:
        return None, None
    return on_earth(_float(lat, "lat"), _float(lon, "lon"))


def on_earth(lat: float, lon: float) -> tuple[float, float]:
    """Return them as they are; raise BadLineError when they are no place a caller can be."""
    if not (abs(lat) <= 90 and abs(lon) <= 180) or (lat == 0 and lon == 0):  # false for NaN, too
        raise BadLineError("no place on Earth")
    return lat, lon


def radius(cells: Mapping[str, str], name: str) -> float:
    """Return an uncertainty in metres; 0 when it is not given."""
    text = cells.get(name, "").strip()
    metres = _float(text, name) if text else 0.0
    if not 0 <= metres <= RADIUS_M_MAX:
        raise BadLineError(f"{name} out of range")
    return metres


def _float(text: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise BadLineError(f"{name} is no number") from None
    if not math.isfinite(number):
        raise BadLineError(f"{name} is no number")
    return number


def _cells(line: str) -> list[str]:
    """Return a line's cells; raise BadLineError when a quotation does not end in it, or a field is too long."""
    if '"' not in line:
        return line.rstrip("\r\n").split(",")
    reader = csv.reader((line, ""))
    try:
        cells = next(reader)
    except csv.Error:
        raise BadLineError("no CSV") from None
    if reader.line_num > 1:
        raise BadLineError("a quotation without end")
    return cells


def _taken(
    column: "array[int] | array[float]", kind: type, order: npt.NDArray[np.intp]
) -> npt.NDArray[np.generic]:
    return (np.frombuffer(column, kind) if len(column) else np.empty(0, kind))[order]


def _packed(name: str, address: str) -> bytes:
    first = _cut(name, NAME_OCTETS_MAX)
    return bytes((len(first),)) + first + _cut(address, ADDRESS_OCTETS_MAX) if name or address else b""


def _unpacked(text: bytearray) -> tuple[str, str]:
    if not text:
        return "", ""
    end = 1 + text[0]
    return text[1:end].decode(), text[end:].decode()


def _cut(text: str, octets_max: int) -> bytes:
    """Return as many whole characters as there is room for."""
    octets = text.encode("utf-8", "replace")
    return octets if len(octets) <= octets_max else octets[:octets_max].decode("utf-8", "ignore").encode()
