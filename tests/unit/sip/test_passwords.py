# SPDX-License-Identifier: Apache-2.0
"""The passwords of trunks: a file nobody can use is named, and what is in it is not."""

import traceback
from pathlib import Path

import pytest

from core.ids import CountyCode
from device_adapters.sip.errors import UnusableFileError
from device_adapters.sip.passwords import read_passwords
from device_adapters.sip.settings import Trunk


def trunk(password_file: Path) -> Trunk:
    return Trunk(
        name="t",
        county=CountyCode("330302"),
        addresses=("192.0.2.1",),
        digest="SHA-256",
        username="u",
        password_file=str(password_file),
    )


def test_a_password_is_read_without_the_end_of_its_line(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes("秘密 \r\n".encode())

    assert read_passwords((trunk(tmp_path / "password"),)) == {"t": "秘密 "}


@pytest.mark.parametrize(("octets", "why"), [(b"geheim\xff\n", "is not UTF-8 text"), (b"\n", "is empty")])
def test_a_password_nobody_can_use_is_told_by_its_file_alone(tmp_path: Path, octets: bytes, why: str) -> None:
    (tmp_path / "password").write_bytes(octets)

    with pytest.raises(UnusableFileError, match=why) as told:
        read_passwords((trunk(tmp_path / "password"),))

    assert "geheim" not in "".join(traceback.format_exception(told.value)), "and not where a trace is logged"
