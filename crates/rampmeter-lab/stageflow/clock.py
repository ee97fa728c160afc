"""Time as the driver knows it: nanoseconds since the beginning, virtual or real."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import selectors
import time
from collections.abc import Callable
from typing import Any

SECOND = 1_000_000_000


class Stuck(RuntimeError):
    """Everybody waits, and nothing is left that could happen."""


class _Timer(asyncio.TimerHandle):
    """A timer that knows its nanosecond, and after which others it was set."""

    __slots__ = ("nanos", "order")
    nanos: int
    order: int
    _scheduled: bool

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, _Timer):
            return NotImplemented
        return (self.nanos, self.order) < (other.nanos, other.order)


class _Jump(selectors.SelectSelector):
    """Waits for nothing: whoever would wait is at once at the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.jump: Callable[[], None] = lambda: None

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stuck("everybody waits for ever")
        if timeout > 0:
            self.jump()
        return []


class _Task(asyncio.Task[Any]):
    """A task that lies in sets by its number instead of its address, so that whoever goes through a set
    of tasks, as Stageflow's pipelines do, meets them in the same order each time."""

    _numbers = itertools.count()
    _number: int

    def __new__(cls, *args: Any, **kwargs: Any) -> _Task:
        task = super().__new__(cls)
        task._number = next(cls._numbers)
        return task

    def __hash__(self) -> int:
        return self._number


def _numbered(loop: Any, coro: Any, **kwargs: Any) -> _Task:
    return _Task(coro, loop=loop, **kwargs)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything can be done, and then jumps to the next
    timer. Timers of one instant fire in the order in which they were set. `time()` is in seconds, as
    asyncio wants it; `nanos` is exact.
    """

    # The heap of timers is asyncio's own, and has had this name in every version.
    _scheduled: list[_Timer]

    def __init__(self) -> None:
        self.nanos = 0
        self._order = itertools.count()
        self._jump = _Jump()
        super().__init__(self._jump)
        self._jump.jump = self._to_the_next_timer
        self.set_task_factory(_numbered)
        self._settle()

    def time(self) -> float:
        return self.nanos / SECOND

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Any = None
    ) -> _Timer:
        # What asks in seconds gets the nearest nanosecond, and what is past is due now.
        return self.at(max(round(when * SECOND), self.nanos), callback, *args, context=context)

    def at(self, nanos: int, callback: Any, *args: Any, context: Any = None) -> _Timer:
        """Calls back at that nanosecond."""
        timer = _Timer(nanos / SECOND, callback, args, self, context)
        timer.nanos = nanos
        timer.order = next(self._order)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def _to_the_next_timer(self) -> None:
        self.nanos = max(self.nanos, self._scheduled[0].nanos)
        self._settle()

    def _settle(self) -> None:
        # asyncio fires what is due before `time() + resolution`; one step of a float is just enough.
        self._clock_resolution = math.ulp(self.time())


class VirtualClock:
    """Time that jumps."""

    real = False

    def __init__(self) -> None:
        self.loop = VirtualLoop()

    def now(self) -> int:
        return self.loop.nanos

    def at(self, nanos: int, callback: Any, *args: Any) -> asyncio.TimerHandle:
        return self.loop.at(max(nanos, self.loop.nanos), callback, *args)

    async def sleep(self, nanos: int) -> None:
        """Waits; not at all if there is nothing to wait for."""
        if nanos <= 0:
            return
        woken = self.loop.create_future()
        timer = self.at(self.now() + nanos, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()


class RealClock:
    """The wall clock, from the moment of [`RealClock.begin`]."""

    real = True

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self._began = time.perf_counter_ns()

    def begin(self) -> None:
        self._began = time.perf_counter_ns()

    def now(self) -> int:
        return time.perf_counter_ns() - self._began

    def at(self, nanos: int, callback: Any, *args: Any) -> asyncio.TimerHandle:
        return self.loop.call_later(max(nanos - self.now(), 0) / SECOND, callback, *args)

    async def sleep(self, nanos: int) -> None:
        if nanos > 0:
            await asyncio.sleep(nanos / SECOND)


Clock = VirtualClock | RealClock


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
