# SPDX-License-Identifier: Apache-2.0
"""`gateway check` tries what the `[lookup]` table names."""

from pathlib import Path

import pytest

from device_adapters.lookup.settings import LookupSettings
from device_adapters.lookup.trial import TrialError, try_all
from tests.unit.lookup.test_lookup_adapter import CELLS, desk, phone


async def test_without_lookups_nothing_is_tried() -> None:
    assert await try_all(LookupSettings()) == "nobody is asked about callers"


async def test_tables_are_read_and_services_reached_but_no_number_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "cells.csv"
    path.write_text(CELLS + "x,1,1,1\n", "utf-8")

    async with desk() as service:
        said = await try_all(phone(service, cells=str(path)))

    assert f"{path} has 1 lines; left out: 1 with no cell (first: line 3)" in said
    assert f"127.0.0.1:{service.port} can be reached" in said
    assert service.asked == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (LookupSettings(numbers="nowhere.csv"), "lookup.numbers = 'nowhere.csv'"),
        (LookupSettings(phone_token_file="nowhere"), "lookup.phone_token_file"),
        (
            LookupSettings(held_origins=("http://127.0.0.1:1",)),
            "lookup.held_origins: 127.0.0.1:1: unreachable",
        ),
        (LookupSettings(held_origins=("https://127.0.0.1:1",), cafile="nowhere.pem"), "lookup.cafile"),
    ],
)
async def test_what_does_not_work_is_named(settings: LookupSettings, named: str) -> None:
    with pytest.raises(TrialError, match=named):
        await try_all(settings)
