# SPDX-License-Identifier: Apache-2.0
"""Print a county's decisions and, started again, go on after the last one printed.

python docs/examples/read_decisions.py redis://127.0.0.1:6379/0 330302 seen.txt
"""

import json
import sys
from pathlib import Path
from typing import Any

import redis


def main(url: str, county: str, seen: Path) -> None:
    """Follow the stream. Its last id is kept when the decision has been used, so none is missed."""
    stream, block_ms = f"g110:{{{county}}}:decisions", 5000
    # The socket must be allowed to wait longer than XREAD does.
    connection: Any = redis.Redis.from_url(
        url, decode_responses=True, protocol=2, socket_timeout=block_ms / 1000 + 5
    )
    last = seen.read_text() if seen.exists() else "0-0"
    while True:
        for _, entries in connection.xread({stream: last}, count=100, block=block_ms) or []:
            for entry_id, fields in entries:
                decision = json.loads(fields["data"])
                subject = (
                    decision.get("order_id") or decision.get("call_id") or decision.get("incident_id", "")
                )
                sys.stdout.write(f"{entry_id}  {fields['type']:20} {subject:8} {decision.get('state', '')}\n")
                last = entry_id
                seen.write_text(last)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
