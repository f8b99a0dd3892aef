# SPDX-License-Identifier: Apache-2.0
"""The command line as an operator meets it: what goes wrong is said in one line, with the right exit code."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from gateway.demo.child import gateway
from tests.integration.house import GATEWAY, run_gateway


def one_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line]
    assert len(lines) == 1, text
    return lines[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say what to do"),
        (("dance",), "invalid choice: 'dance'"),
        (("serve", "--sipp", "x"), "unrecognized arguments: --sipp"),
        (("journal",), "required: cat|verify"),
        (("replay",), "required: --data"),
        (("demo", "--seconds", "0"), "0 is not a number above zero"),
        (("serve", "--config", "nowhere.toml"), "nowhere.toml cannot be read"),
        (("serve", "--answer", "sometimes"), "dispatch.answer"),
        (("serve", "--redis", "foo"), "redis.url must be"),
        (("serve", "--mqtt", "mqtt://h:99999"), "mqtt.url"),
        (("check", "--redis", "redis://h:x"), "redis.url must be"),
        (("demo", "--seconds", "abc"), "abc is not a number above zero"),
        (
            ("journal", "cat", "--data", "x", "--type", "nonsense"),
            "no fact is a 'nonsense'; there are call.abandoned",
        ),
    ],
)
def test_wrong_usage_exits_2_with_one_line_that_says_what_to_do(words: tuple[str, ...], said: str) -> None:
    done = run_gateway(*words)

    assert done.returncode == 2
    assert said in one_line(done.stderr)


def test_an_unknown_key_of_the_configuration_is_answered_with_the_nearest_known(tmp_path: Path) -> None:
    (tmp_path / "g.toml").write_text("[redis]\nurll = 'redis://x'\n")

    done = run_gateway("serve", "--config", str(tmp_path / "g.toml"))

    assert done.returncode == 2
    assert "unknown key 'urll' in [redis]: did you mean 'url'?" in one_line(done.stderr)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

        done = run_gateway("serve", "--data", str(tmp_path / "d"), "--sip", f"127.0.0.1:{port}", "--http", "")

    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in one_line(done.stderr)


def test_a_taken_http_port_is_told_and_stops_no_telephone(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        with gateway(
            tmp_path, "--redis", "redis://127.0.0.1:1", "--mqtt", "mqtt://127.0.0.1:1", "--http", address
        ) as running:
            running.wait_ready()
            running.wait_log("http_not_served")

    assert address in running.log.read_text()


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    done = run_gateway(
        "serve", "--data", str(tmp_path / "file" / "data"), "--sip", "127.0.0.1:0", "--http", ""
    )

    assert done.returncode == 1
    assert "cannot be written" in one_line(done.stderr)


def test_a_broken_roster_stops_the_start_and_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "units.csv").write_text("unit_id,county\nu1,33\n")

    done = run_gateway(
        "serve", "--data", str(tmp_path / "d"), "--units", str(tmp_path / "units.csv"), "--sip", "127.0.0.1:0"
    )

    assert done.returncode == 1
    assert "line 2, county: '33'" in one_line(done.stderr)


def test_check_tells_of_each_neighbour_hides_passwords_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "g.toml").write_text(
        f'data = "{tmp_path / "data"}"\n[mqtt]\nurl = "mqtt://127.0.0.1:1"\nusername = "g"\npassword = "secret1"\n'
        '[redis]\nurl = "redis://:secret2@127.0.0.1:1/0"\n[sip]\nlisten = ["udp:127.0.0.1:0"]\n[http]\nlisten = ""\n'
    )

    done = run_gateway("check", "--config", str(tmp_path / "g.toml"))

    assert done.returncode == 1
    shown, _, tried = done.stdout.partition("\n}\n")
    assert json.loads(shown + "\n}")["sip"]["listen"] == ["udp:127.0.0.1:0"]
    told = {line.split()[0]: line.split()[1] for line in tried.splitlines()}
    assert told == {
        "sip": "ok",
        "data": "ok",
        "redis": "FAULT",
        "mqtt": "FAULT",
        "units": "ok",
        "zones": "ok",
        "roads": "ok",
        "lookup": "ok",
        "pyvoip": "ok",
        "tracks": "ok",
        "voice": "ok",
        "http": "ok",
    }
    assert "secret" not in done.stdout + done.stderr
    assert not (tmp_path / "data").exists()


def test_reading_a_journal_that_is_not_there_exits_1(tmp_path: Path) -> None:
    for words in (("journal", "cat"), ("journal", "verify"), ("journal", "sip"), ("replay",)):
        done = run_gateway(*words, "--data", str(tmp_path / "nowhere"))
        assert done.returncode == 1
        assert "no journal folder" in one_line(done.stderr)


def test_warmup_says_how_each_kernel_runs() -> None:
    done = run_gateway("warmup", timeout=120)

    assert done.returncode == 0, done.stderr
    assert {line.split()[1] for line in done.stdout.splitlines()} <= {"cached", "compiled"}


def test_load_without_a_gateway_says_how_to_start_one() -> None:
    done = run_gateway("load")

    assert done.returncode == 2
    assert "gateway serve" in done.stderr


def test_no_kernel_cache_does_not_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = {
        "NUMBA_CACHE_DIR": str(tmp_path / "file" / "x"),
        "HOME": str(tmp_path / "file"),
        "TMPDIR": str(tmp_path),
    }

    with gateway(tmp_path, "--http", "", environment=nowhere) as running:
        running.wait_ready()
        assert running.stop() == 0


def test_a_fault_of_our_own_ends_the_process_and_loses_nothing(tmp_path: Path) -> None:
    """An assertion in the loop must end the process: a gateway that goes on half is worse than a restart."""
    program = (
        "import asyncio, sys\n"
        "from gateway import app\n"
        "from gateway.config import load\n"
        "def ready():\n"
        "    def broken(): raise AssertionError('we are wrong')\n"
        "    asyncio.get_running_loop().call_soon(broken)\n"
        f"given = {{'data': {str(tmp_path / 'd')!r}, 'sip.listen': ['udp:127.0.0.1:0'], 'http.listen': ''}}\n"
        "config = load(None, given)\n"
        "import uvloop\n"
        "uvloop.run(app.App(config, on_ready=ready, read_again=lambda: config).run())\n"
    )

    done = subprocess.run(
        [GATEWAY.parent / "python", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 70
    assert "we are wrong" in done.stdout + done.stderr
    assert run_gateway("journal", "verify", "--data", str(tmp_path / "d")).returncode == 0


def test_sighup_takes_over_a_new_roster_and_says_what_needs_a_restart(tmp_path: Path) -> None:
    units = tmp_path / "units.csv"
    units.write_text("unit_id,county\nu1,330302\n")
    config = tmp_path / "g.toml"
    config.write_text(f'units = "{units}"\n')
    with gateway(tmp_path, "--config", str(config), "--http", "") as running:
        running.wait_ready()
        units.write_text("unit_id,county\nu1,330302\nu2,330302\n")
        config.write_text(f'units = "{units}"\n[sip]\ncalls_max = 7\n')

        os.kill(running.pid, signal.SIGHUP)
        running.wait_log("reloaded")
        units.write_text("unit_id,county\nu1,330302\nu1,330302\n")
        os.kill(running.pid, signal.SIGHUP)
        running.wait_log("is on line 2 already")
        units.write_text("unit_id,county\nu3,330302\n")
        os.kill(running.pid, signal.SIGHUP)
        running.wait_log("leaves out 2 of 2 units")
        assert running.stop() == 0

    log = running.log.read_text()
    assert '"tables": ["sip"]' in log
    assert '"brought": 1' in log
    told = run_gateway("journal", "cat", "--type", "roster.loaded", "--data", str(running.data)).stdout
    assert [len(json.loads(line)["data"]["units"]) for line in told.splitlines()] == [1, 2]
