"""The loops that everything is measured under, in turn."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from types import TracebackType

Timed = Callable[[], Awaitable[None]]


class Loops:
    """One loop of each kind, both alive all the time, so that each round goes through both."""

    def __init__(self) -> None:
        self.kinds = {"asyncio": asyncio.new_event_loop()}
        try:
            import uvloop
        except ImportError:
            print("uvloop is not there, and is left out")
        else:
            self.kinds["uvloop"] = uvloop.new_event_loop()

    def time(self, kind: str, work: Timed) -> int:
        """Nanoseconds that a piece of work takes under that loop."""

        async def timed() -> int:
            start = time.perf_counter_ns()
            await work()
            return time.perf_counter_ns() - start

        gc.collect()
        return self.kinds[kind].run_until_complete(timed())

    def __enter__(self) -> Loops:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for loop in self.kinds.values():
            # Some peers leave a task behind that clears their tables.
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left))
            loop.close()
