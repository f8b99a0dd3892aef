# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker: pyVoIP as an extension of a small PBX, in a process of its own (see NOTICE).

The only file that imports pyVoIP. Of pyVoIP are the REGISTER and its digest, the message, the call and its RTP; what
it does wrong (README.md) is put right in subclasses here and in the loop around them. None of its threads is started.
"""

import socket
import struct
import sys
import traceback
import warnings
from collections import Counter, deque
from secrets import token_hex
from types import TracebackType

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # pyVoIP imports audioop
    import pyVoIP
    from pyVoIP import RTP
    from pyVoIP.VoIP.VoIP import CallState, NoPortsAvailableError, VoIPCall, VoIPPhone

    from pyVoIP.SIP import SIPClient, SIPMessage, SIPParseError  # isort: skip  # alone and first it is circular

from device_adapters import prompts
from device_adapters.g711 import FRAME, Law, is_loud
from device_adapters.pyvoip import legible, media, wire
from device_adapters.pyvoip.guest import FAULTS, GuestFaultError, NoPortError
from device_adapters.pyvoip.legible import Legible
from device_adapters.pyvoip.loop import Loop
from device_adapters.pyvoip.settings import PyvoipSettings

TELL_S_MAX = 5.0  # a gateway that has not read for so long is dead
PYVOIP_FAULTS = (SIPParseError, RTP.RTPParseError, RTP.DynamicPayloadType, *FAULTS)


class Heard(SIPMessage):
    """A message as pyVoIP keeps it, from one made legible; headers pyVoIP would stumble over stay text."""

    def __init__(self, message: Legible) -> None:
        super().__init__(message.plain())

    def parse_header(self, header: str, data: str) -> None:
        """Let pyVoIP read only what it needs for a digest."""
        if header in ("CSeq", "WWW-Authenticate"):
            super().parse_header(header, data)
        else:
            self.headers[header] = data


class Line(SIPClient):
    """pyVoIP's REGISTER. Its loop, its timers and its waits are never started."""

    def __init__(self, phone: "Phone", settings: PyvoipSettings, password: str, host: str) -> None:
        self._call_id = f"{token_hex(16)}@{host}"
        super().__init__(
            settings.server_host,
            settings.server_port,
            settings.username,
            password,
            phone=phone,
            myIP=host,
            myPort=settings.port,
        )

    def gen_tag(self) -> str:
        """By chance, and not kept: pyVoIP searches a list that only grows."""
        return token_hex(8)

    def gen_call_id(self) -> str:
        """One for this process: pyVoIP's are the same after each start, and a registrar refuses their old CSeq."""
        return self._call_id


class Phone(VoIPPhone):
    """pyVoIP's telephone (guest.GuestPhone) with a pool of ports that come back."""

    version = pyVoIP.__version__

    def __init__(self, settings: PyvoipSettings, password: str, host: str, counters: Counter[str]) -> None:
        super().__init__(
            settings.server_host,
            settings.server_port,
            settings.username,
            password,
            myIP=host,
            sipPort=settings.port,
            rtpPortLow=settings.rtp_port_min,
            rtpPortHigh=settings.rtp_port_max,
        )
        self.line = self.sip = Line(self, settings, password, host)
        self.free = deque(range(settings.rtp_port_min, settings.rtp_port_max + 1))
        self.counters = counters

    def call(self, invite: Legible, voice: media.Voice) -> "Sound":  # type: ignore[override]
        """Make pyVoIP's call; its voice is what the loop needs."""
        try:
            return Call(self, invite, voice).sound
        except PYVOIP_FAULTS as error:
            raise GuestFaultError(type(error).__name__) from error
        except NoPortsAvailableError as error:
            raise NoPortError("no port for voice is free") from error

    def register(self, *, leave: bool) -> tuple[int, bytes]:
        """Return CSeq and text of a REGISTER without credentials."""
        text = self.line.gen_first_response(deregister=leave)
        return self.line.registerCounter.current() - 1, text.encode()

    def register_with_digest(self, challenge: Legible, *, leave: bool) -> tuple[int, bytes]:
        """Return the REGISTER that answers a 401, or the 407 pyVoIP does not know."""
        try:
            text = self.line.gen_register(Heard(challenge), deregister=leave)
        except PYVOIP_FAULTS as error:
            raise GuestFaultError(type(error).__name__) from error
        if challenge.status == 407:
            text = text.replace("\r\nAuthorization: ", "\r\nProxy-Authorization: ")
        return self.line.registerCounter.current() - 1, text.encode()

    def request_port(self, blocking: bool = True) -> int:
        """Return the port that is unused for longest."""
        if not self.free:
            raise NoPortsAvailableError
        return self.free.popleft()

    def release_ports(self, call: VoIPCall | None = None) -> None:
        """Do nothing: pyVoIP frees the ports of live calls here. `Sound.close` gives them back."""


class Call(VoIPCall):
    """pyVoIP's call, made from an offer it cannot misread."""

    phone: Phone
    sound: "Sound"

    def __init__(self, phone: Phone, invite: Legible, voice: media.Voice) -> None:
        request = Heard(invite)
        request.body = {
            "c": [{"address": voice.address, "address_count": 1}],
            "m": [
                {
                    "type": "audio",
                    "port": voice.port,
                    "port_count": 1,
                    "methods": [str(number) for number in voice.formats],
                    "attributes": {str(n): {"rtpmap": {"name": name}} for n, name in voice.formats.items()},
                }
            ],
        }
        session = (
            0  # pyVoIP draws it from a pool of 100,000 that is never refilled; our answer carries its own
        )
        super().__init__(phone, CallState.RINGING, request, session, phone.myIP, sendmode="sendrecv")

    def __del__(self) -> None:
        """Give no port back: pyVoIP does so here, whenever that is."""

    def create_rtp_clients(
        self, codecs: dict[int, RTP.PayloadType], ip: str, port: int, request: SIPMessage, baseport: int
    ) -> None:
        """Make the one client there is."""
        address = request.body["c"][0]["address"]
        self.sound = Sound(codecs, ip, port, address, baseport, RTP.TransmitType.SENDRECV)
        self.sound.phone = self.phone
        self.RTPClients.append(self.sound)


class Sound(RTP.RTPClient):
    """pyVoIP's RTP (guest.GuestCall): without two threads and buffers that only grow, and A-law is A-law."""

    phone: Phone
    ears: socket.socket
    loud_frames = 0
    _key_at: tuple[int, int] | None = None
    _is_open = False
    _has_spoken = False

    @property
    def port(self) -> int:
        """Ours."""
        return int(self.inPort)

    @property
    def law(self) -> Law:
        """The first law offered; pyVoIP encodes mu-law in either case, so our frames come encoded."""
        return "PCMA" if self.preference == RTP.PayloadType.PCMA else "PCMU"

    def open(self) -> socket.socket:
        """Bind; a port that another program holds goes back, and the next one is tried. Raises NoPortError."""
        for _ in range(len(self.phone.free) + 1):
            self.ears = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.ears.setblocking(False)
            try:
                self.ears.bind((self.inIP, self.inPort))
            except OSError:
                self.ears.close()
                self.phone.counters["ports_taken"] += 1
                self.phone.free.append(self.inPort)
                self.inPort = self.phone.free.popleft()
            else:
                self._is_open = True
                return self.ears
        raise NoPortError("no port for voice can be bound")

    def send_to(self, address: str, port: int) -> None:
        """Say where the other side listens."""
        self.outIP, self.outPort = address, port

    def hear(self, packet: bytes) -> str:
        """Take one packet. pyVoIP's receiver ends for ever at the first one it does not understand."""
        try:
            message = RTP.RTPMessage(packet, self.assoc)
        except PYVOIP_FAULTS:
            self.phone.counters["rtp_unreadable"] += 1
            return ""
        payload = message.payload
        if message.extension:  # RFC 3550 5.3.1; pyVoIP takes it for sound
            payload = payload[4 + 4 * int.from_bytes(payload[2:4], "big") :]
        if message.payload_type == RTP.PayloadType.EVENT:
            return self._key(message, payload)
        if message.payload_type in (RTP.PayloadType.PCMA, RTP.PayloadType.PCMU):
            self.phone.counters["rtp_heard"] += 1
            is_somebody = is_loud(payload, "PCMA" if message.payload_type == RTP.PayloadType.PCMA else "PCMU")
            self.loud_frames += is_somebody
            self.phone.counters["rtp_loud"] += is_somebody
        return ""

    def say(self, frame: bytes) -> None:
        """Send 20 ms. pyVoIP sends a broken header each time its sequence number is full."""
        if self.outPort:
            kind = int(self.preference) | (0 if self._has_spoken else 0x80)
            sequence, timestamp = self.outSequence & 0xFFFF, self.outTimestamp & 0xFFFF_FFFF
            head = struct.pack(">BBHII", 0x80, kind, sequence, timestamp, self.outSSRC)
            self._has_spoken = True
            self.outSequence += 1
            try:
                self.ears.sendto(head + frame, (self.outIP, self.outPort))
                self.phone.counters["rtp_sent"] += 1
            except OSError:
                self.phone.counters["rtp_unsent"] += 1
        self.outTimestamp += FRAME

    def skip(self) -> None:
        """Let 20 ms pass: the timestamp goes on, the sequence does not (RFC 3550 5.1)."""
        self.outTimestamp += FRAME

    def close(self) -> None:
        """Let go of socket and port. pyVoIP raises here when the call was never answered."""
        if self._is_open:
            self.ears.close()
            self._is_open = False
        self.phone.free.append(self.inPort)

    def _key(self, message: RTP.RTPMessage, payload: bytes) -> str:
        """Tell a key once: its packets share a timestamp, any may be lost (RFC 4733 2.5); pyVoIP needs the first."""
        at = (message.SSRC, message.timestamp)
        if at == self._key_at or not payload or payload[0] >= len(legible.KEYS):
            return ""
        self._key_at = at
        return legible.KEYS[payload[0]]


def main() -> int:
    """Serve the gateway at the other end of the socket whose number is our argument."""
    sys.excepthook = _say_where
    link = socket.socket(fileno=int(sys.argv[1]))
    link.settimeout(TELL_S_MAX)
    hello = _hello(link)
    try:
        loop = _loop(link, hello)
    except (OSError, prompts.PromptError) as error:
        link.sendall(wire.framed(wire.Registered(up=False, reason=str(error))))
        return 1
    loop.run()
    return 0


def _hello(link: socket.socket) -> wire.Hello:
    frames = wire.Frames()
    while True:
        data = link.recv(1)  # what follows the hello is the loop's to read
        if not data:
            raise wire.WireError("the gateway said nothing")
        for body in frames.feed(data):
            hello = wire.order(body)
            if not isinstance(hello, wire.Hello) or hello.version != wire.VERSION:
                raise wire.WireError("the gateway is of another version")
            return hello


def _loop(link: socket.socket, hello: wire.Hello) -> Loop:
    settings = hello.settings
    found = socket.getaddrinfo(settings.server_host, settings.server_port, socket.AF_INET, socket.SOCK_DGRAM)
    pbx = (str(found[0][4][0]), int(found[0][4][1]))
    host = settings.host or _host_towards(pbx)
    sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sip.setblocking(False)
    sip.bind((host, settings.port))
    counters: Counter[str] = Counter()
    return Loop(link, sip, hello, Phone(settings, hello.password, host, counters), pbx, counters)


def _host_towards(pbx: tuple[str, int]) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(pbx)
        return str(probe.getsockname()[0])


def _say_where(kind: type[BaseException], _: BaseException, trace: TracebackType | None) -> None:
    """Say what broke and where, never on whose call: an error's text may hold a caller's number."""
    where = [f" in {at.name}, {at.filename}:{at.lineno}" for at in traceback.extract_tb(trace)[-1:]]
    sys.stderr.write(f"pyvoip worker: {kind.__name__}{''.join(where)}\n")


if __name__ == "__main__":
    sys.exit(main())
