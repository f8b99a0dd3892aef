# SPDX-License-Identifier: Apache-2.0
"""Rows to one Parquet file. The only file that knows pyarrow, which is an extra and imported late."""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_adapters.fixes import COURSE_TURN
from device_adapters.fixes.track import BECAME, ROW_DTYPE, VERDICTS
from gateway.errors import StartError

GROUP_ROWS = 131_072  # of one row group: some 2 MB, what a reader fetches to see one unit
NS_A_MICROSECOND = 1_000


def need() -> None:
    """Load pyarrow before calls ring: it takes a while. Raises StartError when it is not installed."""
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise StartError(
            "[tracks] folder is set and pyarrow is missing: pip install 'gateway110[tracks]'"
        ) from None


def write(path: Path, data: bytes, unit_ids: Sequence[str], sources: Sequence[str]) -> int:
    """Write rows (device_adapters.fixes.track.ROW) as a whole file under this name; return how many.

    It appears complete or not at all: written beside it, brought to the disk, renamed. Rows are by unit, then by device
    time, so one unit's way is read from few pages. Raises OSError when the disk refuses.
    """
    import pyarrow
    from pyarrow import parquet

    rows = np.frombuffer(data, ROW_DTYPE)
    rows = rows[np.lexsort((rows["at_ns"], rows["tst"], rows["unit"]))]
    table = pyarrow.table(_columns(pyarrow, rows, unit_ids, sources))
    beside = path.with_name(path.name + ".tmp")
    with beside.open("wb") as file:
        parquet.write_table(
            table,
            file,
            compression="zstd",
            row_group_size=GROUP_ROWS,
            coerce_timestamps="us",
            version="2.6",
        )
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return len(rows)


def _columns(
    arrow: Any,  # noqa: ANN401  the module, imported late
    rows: NDArray[np.void],
    unit_ids: Sequence[str],
    sources: Sequence[str],
) -> dict[str, Any]:
    """Return the columns a reader sees, in the order of docs/operate.md."""
    moment = arrow.timestamp("us", tz="UTC")
    known, numbers = np.unique(rows["unit"], return_inverse=True)
    names = [unit_ids[row] if row < len(unit_ids) else f"#{row}" for row in known.tolist()]
    course, accuracy = rows["course_cdeg"], rows["accuracy_m"]

    def word(numbers: NDArray[Any], words: Sequence[str]) -> Any:  # noqa: ANN401  pyarrow is untyped
        return arrow.DictionaryArray.from_arrays(
            arrow.array(numbers.astype(np.int32)), arrow.array(list(words), arrow.string())
        )

    return {
        "unit_id": word(numbers, names),
        "device_at": arrow.array(rows["tst"].astype(np.int64) * 1_000_000, arrow.int64()).cast(moment),
        "arrived_at": arrow.array(rows["at_ns"] // NS_A_MICROSECOND, arrow.int64()).cast(moment),
        "lat": arrow.array(rows["lat_e7"] / 1e7),
        "lon": arrow.array(rows["lon_e7"] / 1e7),
        "speed_m_s": arrow.array((rows["speed_cm_s"] / 100).astype(np.float32)),
        "course_deg": arrow.array((course / 100).astype(np.float32), mask=course == COURSE_TURN),
        "accuracy_m": arrow.array(accuracy, mask=accuracy == 0),
        "seq": arrow.array(rows["seq"].astype(np.int64)),
        "source": word(rows["source"], sources),
        "verdict": word(rows["why"], [BECAME[verdict] for verdict in VERDICTS]),
        "why": word(rows["why"], VERDICTS),
    }
