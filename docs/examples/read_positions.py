# SPDX-License-Identifier: Apache-2.0
"""Print where a county's units are, tick by tick.

python docs/examples/read_positions.py redis://127.0.0.1:6379/0 330302
"""

import struct
import sys
from typing import Any

import redis

RECORD = struct.Struct("<IiiIHH")
"Unit index, latitude 1e-7°, longitude 1e-7°, device time s, speed cm/s, course 0.01° (36000: none)."


def main(url: str, county: str) -> None:
    """Follow the positions stream from now on; what was missed is overtaken by what comes."""
    connection: Any = redis.Redis.from_url(url, protocol=2, socket_timeout=10)  # bytes: a record is no text
    stream, last, names = f"g110:{{{county}}}:positions", b"$", {}
    while True:
        for _, entries in connection.xread({stream: last}, block=5000) or []:
            for entry_id, fields in entries:
                last = entry_id
                for unit, lat, lon, fix_s, speed, course in RECORD.iter_unpack(fields[b"data"]):
                    if unit not in names:  # an index never changes its unit: asked once
                        found = connection.hget(f"g110:{{{county}}}:unit_index", str(unit))
                        names[unit] = found.decode() if found else f"#{unit}"
                    place = f"{lat / 1e7:.6f} {lon / 1e7:.6f}"
                    way = "–" if course == 36_000 else f"{course / 100:.0f}°"
                    sys.stdout.write(f"{names[unit]:10} {place} {fix_s} {speed * 0.036:.0f} km/h {way}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
