# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with the other side, with us, and with the machine we stand on."""


class SipError(Exception):
    """Anything this room names."""


class RemoteProtocolError(SipError):
    """The peer sent something that is not SIP, or SIP that nobody could take."""

    def __init__(self, reason: str, status_hint: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        "A few fixed words with underscores: the name under which it is counted."
        self.status_hint = status_hint
        "The status to refuse with; None when nothing can be answered."


class LocalProtocolError(SipError):
    """We asked a machine for something its table does not hold."""


class ListenError(SipError, OSError):
    """We cannot listen where the configuration says."""


class PortTakenError(ListenError):
    """Someone else already listens there."""


class UnusableFileError(ListenError):
    """A certificate, key or password file that the configuration names cannot be used."""
