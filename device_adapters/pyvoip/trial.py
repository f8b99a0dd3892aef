# SPDX-License-Identifier: Apache-2.0
"""One try at the PBX, for `gateway check`: it is asked whether it is there, and nothing is registered."""

import socket
from secrets import token_hex

from device_adapters.pyvoip.adapter import NOT_INSTALLED, is_installed
from device_adapters.pyvoip.password import PasswordError, read_password
from device_adapters.pyvoip.settings import PyvoipSettings

ANSWER_S_MAX = 2.0


class PbxError(Exception):
    """It would not work; the message says what to do."""


def try_pbx(settings: PyvoipSettings) -> str:
    """Return what is well. Waits for the network. Raises PbxError."""
    if not settings.server:
        return "off"
    if not is_installed():
        raise PbxError(NOT_INSTALLED)
    try:
        read_password(settings.password_file)
        answer = _asked(settings)
    except TimeoutError:
        raise PbxError(f"{settings.server} does not answer OPTIONS over UDP") from None
    except PasswordError as error:
        raise PbxError(str(error)) from None
    except OSError as error:
        raise PbxError(f"{settings.server}: {error}") from None
    if not answer.startswith("SIP/2.0 "):
        raise PbxError(f"{settings.server} does not speak SIP")
    return f"{settings.server} answers {answer[8:]!r}"


def _asked(settings: PyvoipSettings) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((settings.server_host, settings.server_port))
        asking.settimeout(ANSWER_S_MAX)
        host, port = asking.getsockname()
        lines = [
            f"OPTIONS sip:{settings.server} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{token_hex(8)};rport",
            f"From: <sip:{settings.username}@{host}>;tag={token_hex(4)}",
            f"To: <sip:{settings.server}>",
            f"Call-ID: {token_hex(8)}",
            "CSeq: 1 OPTIONS",
            "Max-Forwards: 70",
            "Content-Length: 0",
        ]
        asking.send("\r\n".join([*lines, "", ""]).encode())
        return asking.recv(65_535).partition(b"\r\n")[0].decode("latin-1")[:80]
