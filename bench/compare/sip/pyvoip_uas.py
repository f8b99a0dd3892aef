# SPDX-License-Identifier: Apache-2.0
"""pyVoIP 1.6 (GPL-3.0, for the bench alone) as a server: `python -m … PORT CALLER_PORT`.

It replies to one configured address only, so the caller must use that port; and it always registers first, which
nobody here answers: that part of it is told that it has.
"""

import importlib
import sys
import threading
import time
import warnings
from typing import Any

LOOK_S = 0.05
RTP_PORTS = 30_000, 39_999


def answer(call: Any) -> None:  # noqa: ANN401  untyped, and not everywhere installed
    """Answer and stay with the caller, as its manual shows."""
    call.answer()
    while call.state.value == "ANSWERED":
        time.sleep(LOOK_S)


def serve(port: int, caller_port: int) -> None:
    """Answer until the process is ended."""
    warnings.simplefilter("ignore")  # audioop is deprecated
    voip: Any = importlib.import_module("pyVoIP.VoIP")  # first: pyVoIP.SIP alone is a circular import
    sip: Any = importlib.import_module("pyVoIP.SIP")
    status: Any = importlib.import_module("pyVoIP.VoIP.status")

    def register(client: Any) -> bool:  # noqa: ANN401
        client.phone._status = status.PhoneStatus.REGISTERED
        return True

    sip.SIPClient.register = register
    sip.SIPClient.deregister = lambda client: True
    low, high = RTP_PORTS
    phone = voip.VoIPPhone(
        "127.0.0.1",
        caller_port,
        "110",
        "bench",
        myIP="127.0.0.1",
        callCallback=answer,
        sipPort=port,
        rtpPortLow=low,
        rtpPortHigh=high,
    )
    phone.start()
    threading.Event().wait()


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]))
