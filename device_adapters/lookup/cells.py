# SPDX-License-Identifier: Apache-2.0
"""Radio cells: from P-Access-Network-Info to a place. Pure.

A cell is known by its network and its own identity. The area of UMTS, LTE and NR is read over: areas are redrawn,
and the identity is unique without them (TS 25.401 6.1.5, TS 23.003 19.6 and 19.6A). GSM's is not.
"""

import re
from collections.abc import Mapping

from device_adapters.lookup.table import BadLineError, Row, coordinates, radius

NEEDED = frozenset({"cell", "lat", "lon", "radius_m"})
ACCESS_CHARS_MAX = 512
"As in device_adapters/sip/identity.py; a fact may be older than that bound."

RADIOS = {"gsm": 1, "umts": 2, "lte": 3, "nr": 4}
"Whose identities are counted apart."
LAYOUT = {"gsm": (4, 4), "umts": (4, 7), "lte": (4, 7), "nr": (6, 9)}
"""Hexadecimal digits of area and cell behind MCC and MNC (TS 24.229 7.2A.4.3). With an MNC of two or three digits every
length means one layout; only UMTS and LTE share theirs."""
ACCESS = {"GERAN": "gsm", "UTRAN": "umts", "E-UTRAN": "lte", "NR": "nr"}
"Of access types without `3GPP-` and without what follows: duplex, satellite."

_IDENTITY = re.compile(r'(?:utran-cell-id-3gpp|cgi-3gpp)="?([0-9A-Fa-f]{13,21})"?', re.IGNORECASE)
_CELL = re.compile(r"[0-9]{5}[0-9A-Fa-f]{8,16}")
_DASHED = re.compile(r"([0-9]{3})-([0-9]{2,3})-([0-9]{1,8})-([0-9]{1,11})")


def key_of_access(access: str) -> int:
    """Return the key of the cell a P-Access-Network-Info names; 0 when it names none."""
    kind, _, parameters = access[:ACCESS_CHARS_MAX].partition(";")
    radio = _radio(kind)
    if not radio:
        return 0
    for parameter in parameters.split(";"):
        found = _IDENTITY.fullmatch(parameter.replace(" ", "").replace("\t", ""))
        if found is not None:
            return _key(radio, found[1])
    return 0


def row_of(cells: Mapping[str, str]) -> Row:
    """Read one line of the table; raise BadLineError when it is of no use.

    `cell` is written as in P-Access-Network-Info, or `MCC-MNC-AREA-CELL` in decimal. `radio` is gsm, umts, lte or
    nr; without it, what the length says, lte rather than umts; decimal without it is lte, or nr when it is too large.
    """
    key = _key_of_line(cells.get("cell", "").strip(), cells.get("radio", "").strip().lower())
    if not key:
        raise BadLineError("no cell")
    lat, lon = coordinates(cells)
    if lat is None:
        raise BadLineError("no place")
    return Row(key, "", "", lat, lon, radius(cells, "radius_m"))


def _radio(kind: str) -> str:
    name = kind.strip().upper()
    if not name.startswith("3GPP-"):
        return ""
    name = name.removeprefix("3GPP-")
    return next((radio for prefix, radio in ACCESS.items() if name.startswith(prefix)), "")


def _key_of_line(cell: str, radio: str) -> int:
    if radio and radio not in RADIOS:
        return 0
    dashed = _DASHED.fullmatch(cell)
    if dashed is None:
        return _key(radio or _radio_of_length(len(cell)), cell) if _CELL.fullmatch(cell) else 0
    network, area, identity = dashed[1] + dashed[2], f"{int(dashed[3]):x}", f"{int(dashed[4]):x}"
    if not radio:
        radio = "lte" if _fit(area, identity, "lte") else "nr"
    if not _fit(area, identity, radio):
        return 0
    area_digits, cell_digits = LAYOUT[radio]
    return _key(radio, network + area.zfill(area_digits) + identity.zfill(cell_digits))


def _fit(area: str, identity: str, radio: str) -> bool:
    area_digits, cell_digits = LAYOUT[radio]
    return len(area) <= area_digits and len(identity) <= cell_digits


def _radio_of_length(length: int) -> str:
    for radio in ("gsm", "lte", "nr"):
        if length - sum(LAYOUT[radio]) in (5, 6):
            return radio
    return ""


def _key(radio: str, text: str) -> int:
    """Return radio, network and cell as one number; 0 when the text is not as long as that radio's."""
    if not radio:
        return 0
    area_digits, cell_digits = LAYOUT[radio]
    network = text[: -area_digits - cell_digits]
    if len(network) not in (5, 6) or not (network.isascii() and network.isdigit()):
        return 0
    identity = text[len(network) :] if radio == "gsm" else text[-cell_digits:]
    # 3 bits of radio, 21 of network (six digits, and a one that keeps its zeros), 36 of NR's cell: 60 of 63
    return (RADIOS[radio] << 57) | (int("1" + network) << 36) | int(identity, 16)
