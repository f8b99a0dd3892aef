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


def main() -> None:
    link = socket.socket(fileno=int(sys.argv[1]))
    frames = wire.Frames()
    behaviour = ""

    def say(message: wire.Message) -> None:
        link.sendall(wire.framed(message))

    while data := link.recv(65_536):
        for body in frames.feed(data):
            match wire.order(body):
                case wire.Hello(settings=settings, buried=buried, password=password):
                    behaviour = settings.username
                    begin(say, behaviour, len(buried), password)
                case wire.Ping(n=n) if behaviour != "mute":
                    say(wire.Pong(n=n, counters={"pings": n}))
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


def begin(say: Callable[[wire.Message], None], behaviour: str, buried: int, password: str) -> None:
    if behaviour == "refuses":
        say(wire.Registered(up=False, reason="port taken"))
        sys.exit(1)
    if behaviour == "nonsense":
        os.write(int(sys.argv[1]), b"\x00\x00\x00\x02hi")
        return
    if behaviour == "old":
        say(wire.Ready(guest="x", version=wire.VERSION - 1))
        return
    say(wire.Ready(guest="none"))
    say(wire.Registered(up=True))
    if buried:  # tells the test what it was told
        say(came(f"pbx-buried{buried}"))
    elif behaviour in ("talks", "dies"):
        for n in (1, 2):
            say(came(f"pbx-{os.getpid()}-{n}", password))


def came(leg: str, caller: str = "") -> wire.Came:
    return wire.Came(leg=Leg(leg), sip_call_id=f"call-{leg}", caller=caller, peer="192.0.2.1:5060", raw=b"x")


if __name__ == "__main__":
    main()
