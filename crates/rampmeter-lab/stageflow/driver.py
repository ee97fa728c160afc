"""Plays a script of the lab through the real `stageflow-core`.

One JSON object comes on standard input, `{"job": …, "script": …}`; a line `{"record": …}` for each call
that was asked for goes to standard output, and one `{"facts": …}` at the end. Without the last line the
playing is broken, and standard error says why.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
import platform
import sys
import traceback
from typing import Any

from book import Book
from clock import Clock, RealClock, VirtualClock
from house import House
from measure import Meter
from script import Script
from tools import Playing
from turns import Desk
from world import World


def main() -> int:
    """Reads, plays, tells; 0 if it came to its end."""
    # What Stageflow logs is nobody's business here, and would cost what is measured.
    logging.getLogger().addHandler(logging.NullHandler())
    told = json.load(sys.stdin)
    script = Script.read(told["script"])
    clock: Clock = RealClock() if told["job"]["clock"] == "real" else VirtualClock()
    lines = Lines(at_once=not clock.real)
    book = Book(script, lines.tell)
    asyncio.set_event_loop(clock.loop)
    try:
        facts = clock.loop.run_until_complete(_play(script, clock, book, lines))
    except BaseException:
        traceback.print_exc()
        book.close(clock.now())
        return 1
    finally:
        lines.write()
    print(json.dumps({"facts": facts}), flush=True)
    return 0


async def _play(script: Script, clock: Clock, book: Book, lines: Lines) -> dict[str, Any]:
    playing = Playing(script, World(clock, script), book)
    house = House(script, playing, Desk(playing))
    meter = Meter(lines.write) if isinstance(clock, RealClock) else None
    if isinstance(clock, RealClock) and meter is not None:
        house.keep(meter.begin())
        clock.begin()
    ended = await house.play()
    facts = {**book.facts(ended), "under": under()}
    if meter is not None:
        facts |= meter.end()
    book.close(ended)
    await house.clear()
    return facts


def under() -> str:
    """What the calls run on."""
    version = importlib.metadata.version("stageflow-core")
    return (
        f"stageflow-core {version}, {platform.python_implementation()} {platform.python_version()}"
    )


class Lines:
    """What is told on standard output: at once, or when there is time for it."""

    def __init__(self, *, at_once: bool) -> None:
        self._at_once = at_once
        self._waiting: list[str] = []

    def tell(self, line: str) -> None:
        self._waiting.append(line)
        if self._at_once:
            self.write()

    def write(self) -> None:
        """Lets go of all that waits."""
        sys.stdout.write("".join(self._waiting))
        sys.stdout.flush()
        self._waiting.clear()


if __name__ == "__main__":
    sys.exit(main())
