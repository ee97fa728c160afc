"""What stands behind the tools: servers, two cores, and what goes wrong when."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections import deque

from clock import Clock
from script import Fault, Script, Server

CORES = 2


class Throttled(Exception):
    """What a tool called had no room: 429 or 503, with when to come back if that is known."""

    def __init__(self, status: int, retry_after: int | None) -> None:
        after = "" if retry_after is None else f", retry after {retry_after / 1e9:.3f} s"
        super().__init__(f"{status}{after}")
        self.status = status
        self.retry_after = retry_after


class SharedServer:
    """Processor sharing by the Universal Scalability Law: with `n` inside, each advances at
    `1 / (1 + sigma(n-1) + kappa n(n-1))` of its speed alone, and slower while a fault says so.

    All inside advance alike, so one sum of what each has been given says when the next is done.
    """

    def __init__(self, clock: Clock, server: Server, faults: list[Fault]) -> None:
        self._clock = clock
        self._server = server
        self._slower = [fault for fault in faults if fault.what == "slower"]
        self._given = 0.0
        self._rate = 1.0
        self._since = 0
        self._inside: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._came: list[deque[int]] = [deque() for _ in server.quotas]
        for fault in self._slower:
            clock.at(fault.since, self._changed)
            clock.at(fault.until, self._changed)

    def admit(self) -> None:
        """Lets a call in, or raises [`Throttled`]; a call that is turned away uses no quota."""
        now = self._clock.now()
        for quota, came in zip(self._server.quotas, self._came, strict=True):
            while came and came[0] + quota["period"] <= now:
                came.popleft()
            if len(came) >= quota["calls"]:
                raise Throttled(429, came[0] + quota["period"] - now)
        if self._server.full is not None and len(self._inside) >= self._server.full:
            raise Throttled(503, None)
        for came in self._came:
            came.append(now)

    async def work(self, nanos: float) -> None:
        """Is inside until so much work is done."""
        self._advance()
        done = self._clock.loop.create_future()
        entry = (self._given + nanos, next(self._order), done)
        heapq.heappush(self._inside, entry)
        self._plan()
        try:
            await done
        finally:
            if not done.done() or done.cancelled():
                self._advance()
                self._inside.remove(entry)
                heapq.heapify(self._inside)
                self._plan()

    def _speed(self) -> float:
        inside = len(self._inside)
        others = inside - 1
        speed = 1.0 / (1.0 + self._server.sigma * others + self._server.kappa * inside * others)
        now = self._clock.now()
        for fault in self._slower:
            if fault.holds(now):
                speed /= fault.value
        return speed

    def _advance(self) -> None:
        now = self._clock.now()
        if self._inside:
            self._given += (now - self._since) * self._rate
        self._since = now

    def _plan(self) -> None:
        """Sets the timer for whoever is done next."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._inside:
            self._given = 0.0
            return
        self._rate = self._speed()
        left = max(self._inside[0][0] - self._given, 0.0)
        self._timer = self._clock.at(self._clock.now() + math.ceil(left / self._rate), self._due)

    def _due(self) -> None:
        self._timer = None
        self._advance()
        # The one that the timer was set for is done, whatever the rounding says.
        done = [heapq.heappop(self._inside)]
        while self._inside and self._inside[0][0] <= self._given:
            done.append(heapq.heappop(self._inside))
        self._plan()
        for _, _, future in done:
            if not future.done():
                future.set_result(None)

    def _changed(self) -> None:
        self._advance()
        self._plan()


class Cores:
    """Two cores, first come: work on a core is never cut in two."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at = [0] * CORES

    async def work(self, nanos: int) -> None:
        """Waits for a core and keeps it busy so long."""
        now = self._clock.now()
        start = max(now, heapq.heappop(self._free_at))
        heapq.heappush(self._free_at, start + nanos)
        await self._clock.sleep(start + nanos - now)


class World:
    """All of it."""

    def __init__(self, clock: Clock, script: Script) -> None:
        self.clock = clock
        self.cores = Cores(clock)
        self._faults = script.faults
        self.servers = [
            SharedServer(clock, server, self._of("server", index))
            for index, server in enumerate(script.servers)
        ]

    def _of(self, at: str, index: int | None) -> list[Fault]:
        return [fault for fault in self._faults if (fault.at, fault.index) == (at, index)]

    def striking(self, tool: int, server: int | None) -> list[Fault]:
        """The faults that hold now at a tool and at the server behind it."""
        now = self.clock.now()
        places = [("tool", tool)] + ([] if server is None else [("server", server)])
        return [f for f in self._faults if (f.at, f.index) in places and f.holds(now)]

    def slower(self, tool: int) -> float:
        """How many times as long a tool's own work takes that begins now."""
        now = self.clock.now()
        times = 1.0
        for fault in self._of("tool", tool):
            if fault.what == "slower" and fault.holds(now):
                times *= fault.value
        return times
