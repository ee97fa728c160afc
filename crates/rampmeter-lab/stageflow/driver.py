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
from tools import Stage
from turns import Desk
from world import World


def main() -> int:
    """Reads, plays, writes; 0 if it came to its end."""
    # What Stageflow logs is nobody's business here, and would cost what is measured.
    logging.getLogger().addHandler(logging.NullHandler())
    told = json.load(sys.stdin)
    script = Script.read(told["script"])
    clock: Clock = RealClock() if told["job"]["clock"] == "real" else VirtualClock()
    book = Book(script)
    asyncio.set_event_loop(clock.loop)
    try:
        facts = clock.loop.run_until_complete(_play(script, clock, book))
    except BaseException:
        traceback.print_exc()
        _write(book, clock.now(), None)
        return 1
    _write(book, facts["ended"], facts)
    return 0


async def _play(script: Script, clock: Clock, book: Book) -> dict[str, Any]:
    stage = Stage(script, World(clock, script), book)
    house = House(script, stage, Desk(stage))
    meter = Meter() if isinstance(clock, RealClock) else None
    if isinstance(clock, RealClock) and meter is not None:
        meter.begin()
        house.keep(meter.heart)
        clock.begin()
    ended = await house.play()
    facts = {**book.facts(ended), "under": under()}
    if meter is not None:
        facts |= meter.facts()
    book.freeze(ended)
    await house.clear()
    return facts


def under() -> str:
    """What the calls run on."""
    version = importlib.metadata.version("stageflow-core")
    return f"stageflow-core {version}, {platform.python_implementation()} {platform.python_version()}"


def _write(book: Book, ended: int, facts: dict[str, Any] | None) -> None:
    for record in book.lines(ended):
        print(json.dumps({"record": record}))
    if facts is not None:
        print(json.dumps({"facts": facts}))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
