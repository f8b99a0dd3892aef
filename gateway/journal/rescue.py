# SPDX-License-Identifier: Apache-2.0
"""The second way to write a call down, for when the disk has not answered and the caller must not wait.

One JSON line a call, in another folder (best on another disk). The next start reads it: a call the journal has
is forgotten here; one it lacks is entered as abandoned, so that somebody rings back.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.events import CallReceived
from core.ids import Leg

NAME = "calls-at-risk.ndjson"
TAKEN = "calls-at-risk.taken"
_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[CallReceived] = msgspec.json.Decoder(CallReceived)


def write_down(folder: Path, call: CallReceived) -> None:
    """Append a call. Blocks on the disk: call it off the loop. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("ab") as file:
        file.write(_ENCODER.encode(call) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_back(folder: Path, known: Callable[[], set[Leg]]) -> list[CallReceived]:
    """Return the calls the journal lacks; `known` tells the legs it has.

    A line cut short by a crash is not a call any more. Raises OSError.
    """
    taken = folder / TAKEN
    with contextlib.suppress(FileNotFoundError):
        (folder / NAME).rename(taken)  # what is written from now on is another start's to read
    if not taken.exists():
        return []
    legs = known()
    calls = []
    for line in taken.read_bytes().splitlines():
        try:
            call = _DECODER.decode(line)
        except msgspec.MsgspecError:
            continue
        if call.leg not in legs:
            calls.append(call)
    return calls


def forget(folder: Path) -> None:
    """The journal has them all now. Raises OSError."""
    (folder / TAKEN).unlink(missing_ok=True)
