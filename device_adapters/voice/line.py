# SPDX-License-Identifier: Apache-2.0
"""One caller's line: what is said to it, where it is heard from, what is heard. Pure; a frame is 20 ms."""

from collections import Counter, deque
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Literal

from core.ids import Leg
from device_adapters.g711 import FRAME_S, QUIET, Law, is_loud
from device_adapters.prompts import Prompt
from device_adapters.voice.rtp import Keys, Packet, Stream, read
from device_adapters.voices import Side

Address = tuple[str, int]
LOUD_FRAMES_MIN = 5
"100 ms above the line's noise are somebody (guess)."
STATIC: dict[int, Law] = {8: "PCMA", 0: "PCMU"}
"RFC 3551 6: whoever answers our own offer may speak the other law."
NOBODY: Address = ("", 0)
MOVED_S = 2.0
"Whoever was heard and is silent for so long may have moved: a translation drew another port (guess)."


class Line:
    """A caller who was answered."""

    __slots__ = (
        "_announced",
        "_asking",
        "_at",
        "_heard_at",
        "_is_v6",
        "_keys",
        "_laws",
        "_loud",
        "_rank",
        "_stream",
        "_talks_since",
        "_told",
        "_watched_since",
        "far",
        "leg",
        "side",
    )

    def __init__(self, leg: Leg, side: Side, stream: Stream, now: float, *, v6: bool = False) -> None:
        """`v6`: the socket shows IPv4 callers as ::ffff:a.b.c.d."""
        self.leg = leg
        self.side = side
        self.far: Address = NOBODY
        "Where our packets go."
        self._stream = stream
        self._is_v6 = v6
        self._keys = Keys()
        self._asking: deque[bytes] = deque()
        self._at = 0
        "Frames of the announcement, and of the quiet after it, that are over."
        self._loud = 0
        self._heard_at = self._talks_since = self._watched_since = now
        self._told = False
        self._announced = NOBODY
        self._rank = 0
        self.change(side, now)

    def change(self, side: Side, now: float) -> None:
        """Take another far side: a hold, its end, another telephone."""
        self.side = side
        self._laws = {**STATIC, side.number: side.law}
        self._watched_since = now
        announced = (_numeric(side.host, mapped=self._is_v6), side.port)
        if announced != self._announced:
            self._announced = announced
            self._rank = 0
            self.far = announced if announced[0] and announced[1] else NOBODY

    def ask(self, frames: Sequence[bytes]) -> None:
        """Say this next, whatever was being said; asked twice is asked once."""
        if not self._asking:
            self._asking.extend(frames)

    def say(self, announcement: Prompt, every_frames: int) -> bytes:
        """Return the packet of the next 20 ms; nothing when nobody listens there, or wants to."""
        side = self.side
        if not (side.hears and self.far[1]):
            self._stream.skip()
            return b""
        return self._stream.say(side.number, self._frame(announcement, every_frames, side.law))

    def skip(self) -> None:
        """Leave out 20 ms that are too late."""
        self._stream.skip()

    def hear(self, data: bytes, came_from: Address, now: float, counters: Counter[str]) -> str:
        """Take what came; return a key that was pressed, else an empty string."""
        packet = read(data)
        if packet is None:
            counters["rtp_unreadable"] += 1
            return ""
        law = self._laws.get(packet.kind)
        if law is None and packet.kind != self.side.keys:
            counters["rtp_other"] += 1  # comfort noise (RFC 3389), or a codec we never took: a sign of life
            if came_from[:2] == self.far:
                self._heard_at = now
            return ""
        if not self._is_far(came_from, now):
            counters["rtp_strangers"] += 1
            return ""
        self._heard_at = now
        counters["rtp_heard"] += 1
        if packet.kind == self.side.keys:
            return self._pressed(packet, counters)
        if law is not None and self._loud < LOUD_FRAMES_MIN:
            self._loud += is_loud(packet.payload, law)
        return ""

    def silence(self, now: float, silent_s: float, dead_s: float) -> Literal["", "silent", "dead"]:
        """Tell once, for the whole leg, that nobody was heard, or that nothing comes any more (0: never)."""
        if self._told:
            return ""
        if silent_s and self._loud < LOUD_FRAMES_MIN and now - self._talks_since >= silent_s:
            self._told = True
            return "silent"
        watched = self.side.speaks and now - max(self._heard_at, self._watched_since) >= dead_s
        if dead_s and watched:
            self._told = True
            return "dead"
        return ""

    def _frame(self, announcement: Prompt, every_frames: int, law: Law) -> bytes:
        if self._asking:
            return self._asking.popleft()
        frames = announcement.frames[law]
        at = self._at % max(every_frames, len(frames)) if every_frames else self._at
        self._at += 1
        return frames[at] if at < len(frames) else QUIET[law]

    def _is_far(self, came_from: Address, now: float) -> bool:
        """Tell whether this is the caller, and speak to where it really is (symmetric RTP, RFC 4961).

        The announced address counts most, then its host, whatever the port (a translation); another host only as long
        as nothing came from that one. Who has been heard is left for somebody who counts more, or when silent for
        somebody who counts as much.
        """
        if came_from[1] == self.far[1] and came_from[0] == self.far[0] and self._rank:
            return True
        rank = 3 if came_from[:2] == self._announced else 2 if came_from[0] == self._announced[0] else 1
        has_moved = rank == self._rank and now - self._heard_at >= MOVED_S
        if rank <= self._rank and not has_moved:
            return False
        self._rank = rank
        self.far = (came_from[0], came_from[1])
        return True

    def _pressed(self, packet: Packet, counters: Counter[str]) -> str:
        key = self._keys.hear(packet)
        if key:
            counters["keys"] += 1
            self._loud = LOUD_FRAMES_MIN  # who presses a key is somebody
        return key


def _numeric(host: str, *, mapped: bool) -> str:
    """Return the address as the socket has it; nothing for a name, and for where no caller can be."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    if address.is_unspecified or address.is_multicast or (address.version == 6 and not mapped):
        return ""
    return f"::ffff:{address}" if mapped and address.version == 4 else str(address)


def frames_of(seconds: float) -> int:
    """Return how many frames that is."""
    return round(seconds / FRAME_S)
