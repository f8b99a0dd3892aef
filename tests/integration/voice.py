# SPDX-License-Identifier: Apache-2.0
"""A telephone's ear and mouth for the tests: RTP in and out, by standard library and numpy, not by what is tested."""

import asyncio
import math
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import numpy as np

RATE_HZ, FRAME = 8000, 160
ALAW, ULAW, KEYS = 8, 0, 101


class Ear(asyncio.DatagramProtocol):
    """One RTP port on loopback."""

    def __init__(self) -> None:
        self.packets: list[tuple[int, int, int, bytes]] = []
        "payload type, sequence number, timestamp, payload"
        self.far: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None
        self._sequence, self._timestamp = 65_530, 0xFFFF_FF00  # both turn over early

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        _, kind, sequence, timestamp, _ = struct.unpack(">BBHII", data[:12])
        self.far = addr
        self.packets.append((kind & 0x7F, sequence, timestamp, data[12:]))

    @property
    def port(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def say(self, payload: bytes, law: int) -> None:
        """Send 20 ms."""
        self._send(law, payload, marker=False)
        self._timestamp += FRAME

    def press(self, event: int, packets: int = 5, lost: int = 0) -> None:
        """Press a key: its packets share one timestamp; the first `lost` of them never arrive (RFC 4733)."""
        for n in range(lost, packets):
            is_last = 0x80 if n >= packets - 3 else 0
            self._send(KEYS, struct.pack(">BBH", event, is_last | 10, FRAME * (n + 1)), marker=n == 0)
        self._timestamp += FRAME * packets

    def _send(self, kind: int, payload: bytes, *, marker: bool) -> None:
        assert self._transport is not None
        assert self.far is not None, "nobody has been heard yet"
        kind |= 0x80 if marker else 0
        head = struct.pack(">BBHII", 0x80, kind, self._sequence & 0xFFFF, self._timestamp & 0xFFFF_FFFF, 7)
        self._sequence += 1
        self._transport.sendto(head + payload, self.far)


@asynccontextmanager
async def ear() -> AsyncIterator[Ear]:
    """Open one."""
    loop = asyncio.get_running_loop()
    transport, opened = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
    try:
        yield opened
    finally:
        transport.close()
        await asyncio.sleep(0)  # the loop closes the socket in its next turn


def heard(
    packets: list[tuple[int, int, int, bytes]], law: int
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Return the samples of what came under this law's number, as ITU-T G.711 says."""
    data = np.frombuffer(b"".join(p[3] for p in packets if p[0] == law), dtype=np.uint8).astype(np.int64)
    if law == ALAW:
        data ^= 0x55
        segment, mantissa = data >> 4 & 7, data & 0x0F
        magnitude = np.where(
            segment == 0, (mantissa << 4) + 8, ((mantissa << 4) + 0x108) << np.maximum(segment - 1, 0)
        )
        return np.where(data & 0x80, magnitude, -magnitude).astype(float)
    data = ~data & 0xFF
    magnitude = (((data & 0x0F) << 3) + 0x84 << (data >> 4 & 7)) - 0x84
    return np.where(data & 0x80, -magnitude, magnitude).astype(float)


def tone_in(samples: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> tuple[int, float]:
    """Return the strongest frequency (Hz) of the loud part, and the share of the power that is not it."""
    loud = samples[np.flatnonzero(np.abs(samples) > 300)[0] :][: RATE_HZ // 2]
    assert len(loud) == RATE_HZ // 2, "half a second of it is needed"
    power = np.abs(np.fft.rfft(loud * np.hanning(len(loud)))) ** 2
    peak = int(np.argmax(power))
    around = power[max(0, peak - 3) : peak + 4].sum()
    return round(peak * RATE_HZ / len(loud)), float(1 - around / power.sum())


def tone(hz: int, law: int, frames: int) -> list[bytes]:
    """Return a sine in frames; every sample by search in the law's own table."""
    table = heard([(law, 0, 0, bytes(range(256)))], law)
    wanted = [9000 * math.sin(2 * math.pi * hz * n / RATE_HZ) for n in range(frames * FRAME)]
    data = bytes(int(np.argmin(np.abs(table - sample))) for sample in wanted)
    return [data[at : at + FRAME] for at in range(0, len(data), FRAME)]
