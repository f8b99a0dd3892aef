# SPDX-License-Identifier: Apache-2.0
"""What voice asks of the kernel."""

import resource
import socket

FILES_SPARE = 32  # beside the ports: the link, the loop, Python's own


def bound(host: str, port: int) -> socket.socket:
    """Return a socket for voice. Raises OSError when the port is another's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ear = socket.socket(family, socket.SOCK_DGRAM)
    try:
        ear.setblocking(False)
        if family == socket.AF_INET6:
            ear.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        ear.bind((host, port))
    except OSError:
        ear.close()
        raise
    return ear


def room_for(ports: int) -> None:
    """Ask for as many open files as there are ports: 1,024 are usual."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ports + FILES_SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
