# SPDX-License-Identifier: Apache-2.0
"""What systemd is told (sd_notify(3)): a datagram to the socket it names; without one, nothing happens."""

import os
import socket


def notify(state: str) -> None:
    """Send a state such as `READY=1` or `STOPPING=1`. A service manager that is not there is no fault."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address[0] == "@":
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(state.encode(), address)
        except OSError:
            return
