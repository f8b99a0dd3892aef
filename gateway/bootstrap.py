# SPDX-License-Identifier: Apache-2.0
"""From a fresh checkout to a machine that can run it: standard library only, run by the Makefile as a script.

    python3 gateway/bootstrap.py run|dev|bench [--servers] [--peers]

Makes `.venv` out of the hash-locked lists, once for each list, and puts the `gateway` command into it. Debian's
python3 has no ensurepip, so pip works from outside on a virtual environment without pip. With --servers it also
sees to redis-server and mosquitto: as root it installs what is missing; for an ordinary user the demo has
stand-ins, which are installed instead. With --peers it sees to the telephones and exchanges the tests call with;
without them those tests are skipped by name.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {
    "run": "requirements.lock",
    "dev": "requirements-dev.lock",
    "bench": "requirements-bench.lock",
    "standin": "requirements-standin.lock",
}
SERVERS = {
    "redis-server": "redis-server",
    "mosquitto": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
}
PEERS = {"sipp": "sip-tester", "kamailio": "kamailio", "baresip": "baresip-core", "openssl": "openssl"}
"{binary: Debian package}"
NEEDED_BY_DEMO = ("redis-server", "mosquitto")


def main(arguments: list[str]) -> int:
    """Set up what was asked for; return the exit code."""
    what = next((word for word in arguments if word in LOCKS), "")
    if not what:
        return fail("say which: run, dev or bench")
    try:
        if "--servers" in arguments:
            servers()
        if "--peers" in arguments:
            provide(PEERS)
        install(what)
    except subprocess.CalledProcessError as error:
        shown = " ".join(str(part) for part in error.cmd)
        return fail(
            f"{shown}\nended with {error.returncode}; the lines above say why. Try again when it is mended."
        )
    return 0


def servers() -> None:
    """See that there is a Redis and a broker: the real ones, or the stand-ins."""
    missing = provide(SERVERS)
    if any(binary in missing for binary in NEEDED_BY_DEMO):
        packages = " ".join(SERVERS[binary] for binary in missing)
        say(
            f"not on this machine: {packages}. Stand-ins serve the demo; for the real ones: apt-get install {packages}"
        )
        install("standin")


def provide(wanted: dict[str, str]) -> list[str]:
    """Install the packages of missing binaries, if this user may; return the binaries still missing."""
    missing = [binary for binary in wanted if not found(binary)]
    if missing and may_install():
        try:
            apt([wanted[binary] for binary in missing])
        except subprocess.CalledProcessError:
            say("apt-get could not install them")
        missing = [binary for binary in wanted if not found(binary)]
    return missing


def install(what: str) -> None:
    """Install one locked list into .venv, unless it is there already."""
    lock = ROOT / LOCKS[what]
    stamp = VENV / f"{what}.stamp"
    state = hashlib.sha256(
        lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + sys.version.encode()
    ).hexdigest()
    if stamp.is_file() and stamp.read_text() == state:
        return
    if not PYTHON.exists():
        say(f"first run: setting up {VENV.name} (about 90 MB, once)")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
    # --no-compile halves the time; Python compiles what it imports.
    pip("--require-hashes", "--no-deps", "--no-compile", "-r", lock)
    if what != "standin" and not (VENV / "bin" / "gateway").exists():
        pip("--no-deps", "--no-build-isolation", "--no-compile", "-e", ROOT)
    stamp.write_text(state)


def pip(*arguments: str | Path) -> None:
    """Run pip on .venv from outside it."""
    if importlib.util.find_spec("pip") is None:
        if not may_install():
            sys.exit(fail("python3 has no pip here: ask for apt-get install python3-pip"))
        apt(["python3-pip"])
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        PYTHON,
        "install",
        "--disable-pip-version-check",
        "-q",
    ]
    environment = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}
    subprocess.run([*command, *arguments], check=True, env=environment)


def apt(packages: list[str]) -> None:
    """Install Debian packages; their services are not started, the demo starts its own."""
    say(f"installing {' '.join(packages)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["apt-get", "-qq", *command], check=True, env=environment, stdout=subprocess.DEVNULL)


def may_install() -> bool:
    """Return whether this user can install Debian packages."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def found(binary: str) -> bool:
    """Return whether a program is here: mosquitto lies in /usr/sbin, off an ordinary user's PATH."""
    return shutil.which(binary, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") is not None


def say(text: str) -> None:
    """Tell the one who waits."""
    print(f"gateway: {text}", file=sys.stderr, flush=True)


def fail(text: str) -> int:
    """Say what is wrong; return 1."""
    say(text)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
