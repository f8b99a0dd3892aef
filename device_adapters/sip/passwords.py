# SPDX-License-Identifier: Apache-2.0
"""The passwords of trunks that are asked for a digest: in files, never in the configuration."""

from pathlib import Path

from device_adapters.sip.errors import UnusableFileError
from device_adapters.sip.settings import Trunk


def read_passwords(trunks: tuple[Trunk, ...]) -> dict[str, str]:
    """Return the passwords by trunk name; raise UnusableFileError with a sentence that names the file."""
    return {trunk.name: _read(trunk) for trunk in trunks if trunk.digest}


def _read(trunk: Trunk) -> str:
    file = f"sip.trunks.password_file of {trunk.name!r}, {trunk.password_file},"
    try:
        password = Path(trunk.password_file).read_text("utf-8").rstrip("\r\n")
    except OSError as wrong:
        raise UnusableFileError(f"{file} cannot be read: {wrong.strerror}.") from None
    except ValueError:
        raise UnusableFileError(f"{file} is not UTF-8 text.") from None
    if not password:
        raise UnusableFileError(f"{file} is empty.")
    return password
