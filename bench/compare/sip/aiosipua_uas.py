# SPDX-License-Identifier: Apache-2.0
"""aiosipua (MIT) as its manual shows a server, on uvloop: `python -O -m … PORT`; without -O it asserts there."""

import asyncio
import importlib
import logging
import sys
from typing import Any

import uvloop

RTP_PORT = 40_000
PCMA, PCMU = 8, 0

# By name at run time: the benches are type-checked where the neighbour is not installed.
aiosipua: Any = importlib.import_module("aiosipua")
transport: Any = importlib.import_module("aiosipua.transport")


def ring(call: Any) -> None:  # noqa: ANN401  the neighbour's own type
    """Ring, and answer in the next turn of the loop."""
    call.ringing()
    asyncio.get_running_loop().call_soon(answer, call)


def answer(call: Any) -> None:  # noqa: ANN401
    """Answer with what we have in common."""
    session, _ = aiosipua.negotiate_sdp(
        offer=call.sdp_offer, local_ip="127.0.0.1", rtp_port=RTP_PORT, supported_codecs=[PCMA, PCMU]
    )
    call.accept(session)


async def serve(port: int) -> None:
    """Answer until the process is ended."""
    logging.disable(logging.CRITICAL)
    server = aiosipua.SipUAS(transport.UdpSipTransport(local_addr=("127.0.0.1", port)))
    server.on_invite = ring
    server.on_bye = lambda call, request: None
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
