# SPDX-License-Identifier: Apache-2.0
"""The reports everybody is sent, and the table everybody keeps of them."""

import random
import time
import zlib
from collections.abc import Callable, Iterator

import msgspec

UNITS = 5_000
COUNTY = "330302"
FILTER = f"g110/v1/{COUNTY}/units/+/position"
SEED = 110
STEP_E7 = 100
"Each report is a metre north of the one before and a second later: nothing to be refused."


def topic(row: int) -> str:
    """Return where a unit reports."""
    return f"g110/v1/{COUNTY}/units/u{row}/position"


def reports(count: int) -> list[tuple[str, bytes]]:
    """Return (topic, payload) of so many reports, all units in turn."""
    return [(topic(n % UNITS), _payload(n, lat, lon, tst)) for n, lat, lon, tst in _told(count)]


def last_places(count: int) -> int:
    """Return the checksum of the table after so many reports."""
    table = Table(count, lambda: None)
    for n, lat, lon, tst in _told(count):
        table.put(n % UNITS, lat, lon, tst)
    return table.checksum()


class Said(msgspec.Struct, gc=False):
    """One report, decoded."""

    lat: float
    lon: float
    tst: int
    vel: float = 0.0
    cog: float = 0.0
    seq: int = 0


class Table:
    """The newest place of each unit: what a client's user keeps. Six stores a report, in lists."""

    def __init__(self, count: int, complete: Callable[[], None]) -> None:
        self.count = count
        self.heard = 0
        self.began_cpu_s = self.ended_cpu_s = self.began_s = self.ended_s = 0.0
        self._complete = complete
        self._rows = {topic(row): row for row in range(UNITS)}
        self._rows_of_octets = {name.encode(): row for name, row in self._rows.items()}
        self._decode = msgspec.json.Decoder(Said).decode
        self._lat = [0.0] * UNITS
        self._lon = [0.0] * UNITS
        self._tst = [0] * UNITS
        self._vel = [0.0] * UNITS
        self._cog = [0.0] * UNITS
        self._seq = [0] * UNITS

    def begin(self) -> None:
        """Take the time of the first report."""
        self.began_cpu_s, self.began_s = time.process_time(), time.monotonic()

    def end(self) -> None:
        """Take the time of the last one."""
        self.ended_cpu_s, self.ended_s = time.process_time(), time.monotonic()
        self._complete()

    def on(self, name: str, payload: bytes) -> None:
        """Take one report in."""
        self._store(self._rows[name], payload)

    def on_octets(self, name: bytes, payload: bytes) -> None:
        """... its topic as it came."""
        self._store(self._rows_of_octets[name], payload)

    def _store(self, row: int, payload: bytes) -> None:
        if not self.heard:
            self.begin()
        said = self._decode(payload)
        self._lat[row] = said.lat
        self._lon[row] = said.lon
        self._tst[row] = said.tst
        self._vel[row] = said.vel
        self._cog[row] = said.cog
        self._seq[row] = said.seq
        self.heard += 1
        if self.heard == self.count:
            self.end()

    def put(self, row: int, lat: float, lon: float, tst: int) -> None:
        """Write a place down that was read elsewhere."""
        self._lat[row], self._lon[row], self._tst[row] = lat, lon, tst

    def checksum(self) -> int:
        """Return a number that is the same for the same last places, to a centimetre; times from the first on."""
        begin_s = min(self._tst)
        places = zip(self._lat, self._lon, self._tst, strict=True)
        rows = [(round(lat * 1e7), round(lon * 1e7), tst - begin_s) for lat, lon, tst in places]
        return zlib.crc32(repr(rows).encode())


def _told(count: int) -> Iterator[tuple[int, float, float, int]]:
    chance = random.Random(SEED)
    lat_e7 = [chance.randrange(275_000_000, 285_000_000) for _ in range(UNITS)]
    lon_e7 = [chance.randrange(1_200_000_000, 1_210_000_000) for _ in range(UNITS)]
    begin_s = int(time.time()) - count // UNITS - 2  # noqa: TID251  devices have clocks of their own
    for n in range(count):
        row, turn = n % UNITS, n // UNITS
        yield n, (lat_e7[row] + STEP_E7 * turn) / 1e7, lon_e7[row] / 1e7, begin_s + turn


def _payload(n: int, lat: float, lon: float, tst: int) -> bytes:
    said = {
        "_type": "location",
        "lat": lat,
        "lon": lon,
        "tst": tst,
        "vel": 4,
        "cog": 0,
        "seq": n // UNITS + 1,
    }
    return msgspec.json.encode(said)
