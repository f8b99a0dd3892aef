# SPDX-License-Identifier: Apache-2.0
"""Pre-coded status of TETRA and PDT radios, as the radio network's gateway hands it on. Pure.

A status is 16 bits; what each number stands for is the bureau's table. 0 is the emergency status unless the table says
otherwise. The payload is JSON with `code` (or `status`) as a number or as "0x8002", `issi`, and if known `tst`, `seq`,
`lat`, `lon`; or, when the topic names the radio, the bare number.
"""

from typing import cast

from core.events import UnitCalled, UnitReported, UnitStatus
from core.ids import UnitId
from device_adapters.mqtt.codec import place_of, time_of
from device_adapters.mqtt.payload import WireError
from device_adapters.mqtt.wire.alarms import Cry
from device_adapters.mqtt.wire.fields import Object, key_of, number, object_of, seconds, seq_of
from device_adapters.mqtt.wire.said import Left, Passed, Reading, Said

CODE_MAX = 2**16 - 1
EMERGENCY = 0
BARE_BYTES_MAX = 8
DEFAULT_CODES: dict[int, str] = {EMERGENCY: "emergency"}


def read(payload: bytes, key: str, how: Reading, at_ns: int) -> list[Said]:
    """Return what the code stands for."""
    said: Object
    if key and len(payload) <= BARE_BYTES_MAX and not payload.lstrip().startswith(b"{"):
        said = {"code": payload.decode("ascii", errors="replace").strip()}
    else:
        said = object_of(payload, mend=True)
        key = key_of(said, key, how)
    given = said.get("code")
    meaning = how.codes.get(code_of(said.get("status") if given is None else given))
    if meaning is None:
        raise WireError("unknown_code")
    if meaning == "ignored":
        return [(key, Passed("code"))]
    if meaning in ("emergency", "man_down"):
        return _call(said, key, cast(Cry, meaning), how, at_ns)
    tst = 0 if said.get("tst") is None else time_of(seconds(said["tst"], how), at_ns, how.future_s_max)
    status = cast(UnitStatus, meaning)
    return [
        (key, UnitReported(at_ns=at_ns, unit_id=UnitId(key), status=status, tst=tst, seq=seq_of(said, "seq")))
    ]


def code_of(value: object) -> int:
    """Return the number of a status. Raises WireError `unreadable` when it is none of 16 bits."""
    if isinstance(value, str) and len(value) <= BARE_BYTES_MAX:
        try:
            value = int(value, 16 if value[:2] in ("0x", "0X") else 10)
        except ValueError:
            raise WireError("unreadable") from None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= CODE_MAX:
        raise WireError("unreadable")
    return value


def _call(said: Object, key: str, cry: Cry, how: Reading, at_ns: int) -> list[Said]:
    heard: list[Said] = []
    tst, lat, lon = 0, None, None
    try:
        if said.get("tst") is not None:
            tst = time_of(seconds(said["tst"], how), at_ns, how.future_s_max)
    except WireError as wrong:
        heard.append((key, Left(wrong.reason, mended=True)))
    try:
        lat, lon = number(said, "lat"), number(said, "lon")
        if lat is not None and lon is not None:
            lat, lon = place_of(lat, lon, how.crs)
    except WireError as wrong:
        lat = lon = None
        heard.append((key, Left(wrong.reason, mended=True)))
    seq = seq_of(said, "seq")
    call = UnitCalled(at_ns=at_ns, unit_id=UnitId(key), event=cry, tst=tst, seq=seq, lat=lat, lon=lon)
    return [(key, call), *heard]
