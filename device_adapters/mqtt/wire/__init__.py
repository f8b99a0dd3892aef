# SPDX-License-Identifier: Apache-2.0
"""Foreign payloads, one small module each: bytes to what they say. Pure.

A new one is a module with `read` (device_adapters.mqtt.wire.said.Codec), a line in CODECS and in the README, and its
samples as tests.
"""

from typing import Literal

import msgspec

from device_adapters.mqtt.wire import (
    gb28181,
    geojson,
    jt808,
    meshtastic,
    native,
    owntracks,
    tetra,
    traccar,
)
from device_adapters.mqtt.wire.said import Codec

CodecName = Literal["native", "owntracks", "traccar", "jt808", "gb28181", "geojson", "meshtastic", "tetra"]
SpeedUnit = Literal["", "km/h", "m/s", "knots", "mph", "0.1km/h"]
KM_H: dict[str, float] = {"km/h": 1.0, "m/s": 3.6, "knots": 1.852, "mph": 1.609344, "0.1km/h": 0.1}


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A codec and what it takes for granted when a source does not say."""

    read: Codec
    unit_from: str
    speed_unit: str = "km/h"
    calls: bool = False
    "Whether it may carry what must not be lost: its sources then come by the events line, QoS 1."
    wills: bool = False
    "Whether its devices say when they left the air; then their first fix says that they are on it."


CODECS: dict[CodecName, Dialect] = {
    "native": Dialect(read=native.read, unit_from="field:unit_id", calls=True),
    "owntracks": Dialect(read=owntracks.read, unit_from="level:2", wills=True),
    "traccar": Dialect(read=traccar.read, unit_from="field:device.uniqueId", speed_unit="knots", calls=True),
    "jt808": Dialect(read=jt808.read, unit_from="field:header.phone", speed_unit="0.1km/h", calls=True),
    "gb28181": Dialect(read=gb28181.read, unit_from=""),
    "geojson": Dialect(read=geojson.read, unit_from="field:id"),
    "meshtastic": Dialect(read=meshtastic.read, unit_from="field:from"),
    "tetra": Dialect(read=tetra.read, unit_from="field:issi", calls=True),
}
