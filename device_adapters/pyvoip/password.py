# SPDX-License-Identifier: Apache-2.0
"""The password of our extension: in a file, never in the configuration, and in no message about it."""

from pathlib import Path

PASSWORD_CHARS_MAX = 256  # a longer one is some other file (guess)


class PasswordError(OSError):
    """It cannot be used; the text names the file and says why, and holds nothing of what is in it."""


def read_password(name: str) -> str:
    """Return it; empty for no file. Raises PasswordError."""
    if not name:
        return ""
    file = f"pyvoip.password_file {name!r}"
    try:
        with Path(name).open(encoding="utf-8") as lines:
            password = lines.read(PASSWORD_CHARS_MAX + 1).strip()
    except OSError as wrong:
        raise PasswordError(f"{file} cannot be read: {wrong.strerror}") from None
    except ValueError:  # UnicodeDecodeError holds all of it
        raise PasswordError(f"{file} is not UTF-8 text") from None
    if not password.isprintable() or len(password) > PASSWORD_CHARS_MAX:
        raise PasswordError(f"{file} is not one line of up to {PASSWORD_CHARS_MAX} characters")
    return password
