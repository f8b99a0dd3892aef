# SPDX-License-Identifier: Apache-2.0
"""How busy others kept the machine: what we started ourselves is not others."""

import subprocess
import sys
import time

from bench.machine import Others, cpu_s

WORK_S = 0.3
WAIT_S_MAX = 30.0


def test_a_server_of_ours_that_still_lives_is_not_others() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as server:
        try:
            blind, seeing = Others(), Others((server.pid,))
            begun_s, used_s, until_s = time.monotonic(), cpu_s(server.pid), time.monotonic() + WAIT_S_MAX
            while cpu_s(server.pid) < used_s + WORK_S:
                assert time.monotonic() < until_s, "the server got no processor"
            told, told_blind = seeing.share(), blind.share()
            elapsed_s = time.monotonic() - begun_s
        finally:
            server.kill()

    assert told_blind - told > 0.1 * WORK_S / elapsed_s
