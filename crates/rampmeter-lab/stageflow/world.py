"""What stands behind the tools: servers, and cores."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque

from clock import Clock
from faults import Faults, Throttled, half_up
from script import Script, Server

CORES = 2


class SharedServer:
    """Processor sharing by the Universal Scalability Law: with `n` inside, each advances at
    `1 / (1 + sigma(n-1) + kappa n(n-1))` of its speed alone, and slower while a fault says so.

    All inside advance alike, so the work done for one that is inside since the beginning says when
    each is ready. The arithmetic is that of the lab's own server, step by step.
    """

    def __init__(self, clock: Clock, server: Server, index: int, faults: Faults) -> None:
        self._clock = clock
        self._server = server
        self._place = ("server", index)
        self._faults = faults
        self._slower = 1.0
        self._given = 0.0
        self._at = 0
        self._inside: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._came: list[deque[int]] = [deque() for _ in server.quotas]

    async def work(self, nanos: int, drawn: float, attempt: int) -> None:
        """Is inside until so much work is done, or is turned away, which uses no quota."""
        now = self._clock.now()
        self._admit(now, drawn, attempt)
        self._pass(now)
        done = self._clock.loop.create_future()
        entry = (self._given + nanos, next(self._order), done)
        heapq.heappush(self._inside, entry)
        self._go_on()
        try:
            await done
        except asyncio.CancelledError:
            if entry in self._inside:
                self._pass(self._clock.now())
                self._inside.remove(entry)
                heapq.heapify(self._inside)
                self._go_on()
            raise

    def _admit(self, now: int, drawn: float, attempt: int) -> None:
        self._faults.strike(self._place, now, drawn, attempt)
        wait = 0
        for quota, came in zip(self._server.quotas, self._came, strict=True):
            while came and came[0] + quota["period"] <= now:
                came.popleft()
            if len(came) >= quota["calls"]:
                oldest = came[0] if came else now
                wait = max(wait, oldest + quota["period"] - now)
        if wait > 0:
            raise Throttled(429, wait)
        if self._server.full is not None and len(self._inside) >= self._server.full:
            raise Throttled(503, None)
        for came in self._came:
            came.append(now)

    def _speed(self) -> float:
        n = float(len(self._inside))
        sigma, kappa = self._server.sigma, self._server.kappa
        return 1.0 / (1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0)) / self._slower

    def _pass(self, now: int) -> None:
        if self._inside:
            self._given += float(now - self._at) * self._speed()
        self._at = now

    def _next(self) -> float:
        left = max(self._inside[0][0] - self._given, 0.0)
        return float(self._at) + left / self._speed()

    def _go_on(self) -> None:
        """Lets go whoever is ready, and sets the timer for the next one, or the next fault."""
        # One look at the clock: in real time it goes on between two.
        now = self._clock.now()
        self._pass(now)
        self._slower = self._faults.slowness(self._place, now)
        # Half a nanosecond is what rounding may make of it.
        while self._inside and self._next() <= now + 0.5:
            _, _, done = heapq.heappop(self._inside)
            if not done.done():
                done.set_result(None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._inside:
            ready = max(half_up(self._next()), now + 1)
            changes = (it for it in self._faults.changes(self._place) if now < it < ready)
            self._timer = self._clock.at(min(changes, default=ready), self._go_on)


class Cores:
    """Processor time: two cores, first come, in virtual time; in real time the one of the loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free = asyncio.Semaphore(CORES)

    async def work(self, nanos: int) -> None:
        """Keeps a core busy so long."""
        if nanos == 0:
            return
        if self._clock.real:
            # Inline, as a tool that computes does it: nobody else on the loop moves meanwhile.
            until = time.perf_counter_ns() + nanos
            while time.perf_counter_ns() < until:
                pass
            return
        async with self._free:
            await self._clock.sleep(nanos)


class World:
    """All of it."""

    def __init__(self, clock: Clock, script: Script) -> None:
        self.clock = clock
        self.faults = Faults(script)
        self.cores = Cores(clock)
        self.servers = [
            SharedServer(clock, server, index, self.faults)
            for index, server in enumerate(script.servers)
        ]
