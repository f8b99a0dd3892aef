# SPDX-License-Identifier: Apache-2.0
"""Sippy (BSD) as a server: `python -m … PORT`. One sending thread: of its default three, one overtakes another."""

import importlib
import sys
from typing import Any

SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\n"
)


def _of(module: str, name: str) -> Any:  # noqa: ANN401  untyped, and not everywhere installed
    return getattr(importlib.import_module(f"sippy.{module}"), name)


Ring, Connect, Try = (_of("CCEvents", f"CCEvent{name}") for name in ("Ring", "Connect", "Try"))
Agent, Body = _of("UA", "UA"), _of("MsgBody", "MsgBody")
Contact, Address, Url = (
    _of("SipContact", "SipContact"),
    _of("SipAddress", "SipAddress"),
    _of("SipURL", "SipURL"),
)


class NoLog:
    """Writes nothing."""

    def write(self, *words: object, **more: object) -> None:
        """Drop it."""


class Call:
    """Rings and answers one caller."""

    def __init__(self, house: dict[str, Any]) -> None:
        self.agent = Agent(house, self.heard)
        place = Url(host="127.0.0.1", port=house["_sip_port"])
        self.agent.lContact = Contact(address=Address(url=place))

    def heard(self, event: object, agent: Any) -> None:  # noqa: ANN401
        """Take what the agent tells."""
        if isinstance(event, Try):
            agent.recvEvent(Ring((180, "Ringing", None)))
            agent.recvEvent(Connect((200, "OK", Body(SDP))))


def serve(port: int) -> None:
    """Answer until the process is ended."""
    _of("Udp_server", "Udp_server_opts").nworkers = 1
    house: dict[str, Any] = {"_sip_address": "127.0.0.1", "_sip_port": port, "_sip_logger": NoLog()}

    def requested(request: Any, transaction: Any) -> Any:  # noqa: ANN401
        if request.getHFBody("to").getTag() is not None:
            return request.genResponse(481, "Call Leg/Transaction Does Not Exist"), None, None
        if request.getMethod() == "INVITE":
            return Call(house).agent.recvRequest(request, transaction)
        return request.genResponse(501, "Not Implemented"), None, None

    house["_sip_tm"] = _of("SipTransactionManager", "SipTransactionManager")(house, requested)
    _of("Core.EventDispatcher", "ED2").loop()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
