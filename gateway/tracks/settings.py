# SPDX-License-Identifier: Apache-2.0
"""What the operator may say about the track history."""

from typing import Annotated

import msgspec


class TracksSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[tracks]` table of the configuration."""

    folder: str = ""
    "Where the history is kept; empty: none is. Needs pip install 'gateway110[tracks]'."
    days_kept: Annotated[int, msgspec.Meta(ge=1, le=3_660)] = 30
    "Older days are deleted. A guess: how long officers' ways may be kept is for the law of the place to say."
    flush_s: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 60.0
    "A file is finished this often; a gateway that is killed loses what it has not finished."
