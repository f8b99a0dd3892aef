# SPDX-License-Identifier: Apache-2.0
"""What may be wrong around the gateway, by name. Each message says what to do.

GatewayError
├── ConfigError           the configuration cannot be used
├── JournalError
│   ├── JournalFolderError    the data folder cannot be written
│   ├── JournalBusyError      another gateway has it
│   └── JournalBrokenError    a file in it cannot be read
├── StartError            a listener cannot be opened
├── ZonesError            a map of zones cannot be used
├── RoadSourceError       a map cannot be turned into roads
├── RoadFileError         a .roads file cannot be used
├── NeighbourAwayError    transient: try again
└── RefusedError          permanent: trying again would not help
"""


class GatewayError(Exception):
    """Base of everything the gateway raises on purpose."""


class ConfigError(GatewayError):
    """The configuration cannot be used."""


class JournalError(GatewayError):
    """The journal cannot be used."""


class JournalFolderError(JournalError):
    """The data folder cannot be written."""


class JournalBusyError(JournalError):
    """Another gateway is using the data folder."""


class JournalBrokenError(JournalError):
    """A journal file cannot be read."""


class StartError(GatewayError):
    """The gateway cannot start; the message says what to do."""


class ZonesError(GatewayError):
    """A map of zones cannot be used."""


class RoadSourceError(GatewayError):
    """A map cannot be turned into roads."""


class RoadFileError(GatewayError):
    """A .roads file cannot be used."""


class NeighbourAwayError(GatewayError):
    """A neighbour does not answer; it will be tried again."""


class RefusedError(GatewayError):
    """A neighbour refused, and would refuse again."""
