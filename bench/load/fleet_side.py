# SPDX-License-Identifier: Apache-2.0
"""Radios and a map on the wall in a process of their own, so that callers beside them wait for the gateway alone.

`FleetSide` is the handle of whoever measures: it starts the process, says a word, and gets an answer to each.
"""

import asyncio
import gc
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Literal

import msgspec
import uvloop

from bench.load.result import Radios, radios_of
from device_adapters.simulated.city import City
from device_adapters.simulated.shown import ShownReport

Word = Literal["ready", "mute", "speak", "fixes", "end"]
ANSWER_S = 60.0
"A word is answered at once, but for `ready`: five thousand radios switch on. A guess."
STOP_S = 10.0
LOOK_S = 0.05
NICE = 10
"Radios are elsewhere in life: here they may not take a processor from the gateway or from who calls."


class FleetSideError(Exception):
    """The process of the radios ended or does not answer."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What the fleet has to say at its end."""

    positions: ShownReport
    "Of those sent since the last `speak`."
    radios: Radios


class FleetSide:
    """The process of the radios, seen from outside."""

    def __init__(self, process: Any, line: "Connection[Word, Any]") -> None:  # noqa: ANN401  spawned: no public type
        self._process = process
        self._line = line

    @property
    def pid(self) -> int:
        """Process id."""
        assert self._process.pid is not None, "it is started"
        return int(self._process.pid)

    async def say(self, word: Word) -> Any:  # noqa: ANN401
        """Return its answer: the fixes sent so far, or `Ended` to `end`. Raises FleetSideError."""
        return await asyncio.to_thread(self._said, word)

    def _said(self, word: Word) -> Any:  # noqa: ANN401
        try:
            self._line.send(word)
            if self._line.poll(ANSWER_S):
                return self._line.recv()
        except (EOFError, OSError):
            pass
        raise FleetSideError(f"the radios did not answer to {word!r}")


@contextmanager
def fleet_side(city: City) -> Iterator[FleetSide]:
    """Run the city, which places no calls, in a process of its own until the block ends."""
    spawn = multiprocessing.get_context("spawn")  # a fork of a process with threads is a gamble
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(city, theirs), name="radios", daemon=True)
    process.start()
    theirs.close()
    try:
        yield FleetSide(process, ours)
    finally:
        ours.close()
        process.join(STOP_S)
        if process.is_alive():
            process.kill()
            process.join(STOP_S)


def _serve(city: City, line: "Connection[Any, Word]") -> None:
    os.nice(NICE)
    gc.freeze()
    uvloop.run(_live(city, line))


async def _live(city: City, line: "Connection[Any, Word]") -> None:
    words: asyncio.Queue[Word] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(line.fileno(), _hear, line, words)
    ending = False
    async with asyncio.TaskGroup() as tasks:
        living = tasks.create_task(city.run(), name="radios")
        while not ending:
            word = await words.get()
            if living.done():
                return  # the line ends with us: whoever asks hears that
            if word == "ready":
                await _until_ready(city, words)
            elif word in ("mute", "speak"):
                _mute(city, word == "mute")
            ending = word == "end"
            if not ending:
                _answer(line, sum(radio.fixes for radio in city.radios))
        loop.remove_reader(line.fileno())
        city.stop()
    assert city.shown is not None, "who measures watches"
    _answer(line, Ended(positions=city.shown.report(), radios=radios_of(city, living.result())))


async def _until_ready(city: City, words: "asyncio.Queue[Word]") -> None:
    while not city.ready and words.empty():  # a word that comes meanwhile is the end: nobody asks any more
        await asyncio.sleep(LOOK_S)


def _answer(line: "Connection[Any, Word]", told: int | Ended) -> None:
    with suppress(OSError):  # nobody asks any more; the end comes as a word
        line.send(told)


def _hear(line: "Connection[Any, Word]", words: "asyncio.Queue[Word]") -> None:
    try:
        words.put_nowait(line.recv())
    except (EOFError, OSError):
        asyncio.get_running_loop().remove_reader(line.fileno())
        words.put_nowait("end")


def _mute(city: City, muted: bool) -> None:
    for radio in city.radios:
        radio.muted = muted
    if not muted and city.shown is not None:
        city.shown.begin()
