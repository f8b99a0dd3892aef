# SPDX-License-Identifier: Apache-2.0
"""A worker without pyVoIP: does what its orders say, and what PBX calls would have made it say.

Run as a process of its own. The extension's name in the hello says how it behaves.
"""

import os
import socket
import sys
from collections.abc import Callable

from core.ids import Leg
from device_adapters.pyvoip import wire

CALLS_AT_ONCE = {"talks": 2, "dies": 2}
CALLS_WHEN_DRAINED = {"bursts": 100, "chokes": 1, "overflows": 101}
LONG = b"x" * 4_000  # a hundred of them are longer than a frame


def main() -> None:
    link = socket.socket(fileno=int(sys.argv[1]))
    frames = wire.Frames()
    behaviour, buried = "", 0

    def say(message: wire.Message) -> None:
        link.sendall(wire.framed(message))

    while data := link.recv(65_536):
        for body in frames.feed(data):
            match wire.order(body):
                case wire.Hello(settings=settings, password=password):
                    behaviour = settings.username
                    begin(say, behaviour, password)
                case wire.Ping(n=n) if behaviour != "mute":
                    say(wire.Pong(n=n, counters={"pings": n}))
                case wire.Bury() if behaviour == "chokes":
                    os._exit(4)
                case wire.Bury(leg=leg):
                    say(wire.Buried(leg=leg))
                    buried += 1
                    say(came(f"pbx-buried{buried}"))  # tells the test what it was told
                    say(wire.Ended(leg=Leg(f"pbx-buried{buried}"), reason="bye"))
                case wire.Drain(on=True):
                    for n in range(CALLS_WHEN_DRAINED.get(behaviour, 0)):
                        say(came(f"pbx-{os.getpid()}-{n}", raw=LONG))
                case wire.Answer(leg=leg):
                    say(wire.Answered(leg=leg))
                    if behaviour == "talks":
                        say(wire.Silent(leg=leg))
                        say(wire.Keyed(leg=leg, key="5"))
                        say(wire.Ended(leg=leg, reason="bye"))
                        say(wire.Ended(leg=leg, reason="bye"))
                    if behaviour == "dies":
                        os._exit(3)
                case wire.HangUp(leg=leg):
                    say(wire.Ended(leg=leg, reason="refused"))
                case wire.Leave():
                    return


def begin(say: Callable[[wire.Message], None], behaviour: str, password: str) -> None:
    if behaviour == "refuses":
        say(wire.Registered(up=False, reason="port taken"))
        sys.exit(1)
    if behaviour == "nonsense":
        os.write(int(sys.argv[1]), b"\x00\x00\x00\x02hi")
        return
    if behaviour == "raves":  # a message but for an octet that is no text
        os.write(int(sys.argv[1]), b"\x00\x00\x00\x12\x82\xa1t\xa8answered\xa3leg\xa1\xff")
        return
    if behaviour == "old":
        say(wire.Ready(guest="x", version=wire.VERSION - 1))
        return
    say(wire.Ready(guest="none"))
    say(wire.Registered(up=True))
    if behaviour == "begins":
        os._exit(3)
    for n in range(CALLS_AT_ONCE.get(behaviour, 0)):
        say(came(f"pbx-{os.getpid()}-{n}", password))


def came(leg: str, caller: str = "", raw: bytes = b"x") -> wire.Came:
    return wire.Came(leg=Leg(leg), sip_call_id=f"call-{leg}", caller=caller, peer="192.0.2.1:5060", raw=raw)


if __name__ == "__main__":
    main()
