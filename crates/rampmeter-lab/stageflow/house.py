"""Who asks, and the process that they ask: it may die and come back."""

from __future__ import annotations

import asyncio
from typing import Any

from clock import Clock
from script import Script, Session
from tools import Playing
from turns import Desk


class House:
    """Plays a script to its end."""

    def __init__(self, script: Script, playing: Playing, desk: Desk) -> None:
        self._script = script
        self._playing = playing
        self._clock: Clock = playing.clock
        self._desk = desk
        self._outside: set[asyncio.Task[Any]] = set()
        self._up = asyncio.Event()
        self._up.set()

    def keep(self, task: asyncio.Task[Any] | None) -> None:
        """A task that is no part of the process which may die."""
        if task is not None:
            self._outside.add(task)

    async def play(self) -> int:
        """Until the last thing has ended, or the scenario; says when that was."""
        over = self._clock.loop.create_future()
        end = self._clock.at(self._script.ends, _set, over)
        self.keep(asyncio.current_task())
        for crash in self._script.crashes:
            self._clock.at(crash.since, self._die)
            self._clock.at(crash.until, self._rise)
        sessions = [asyncio.ensure_future(self._session(each)) for each in self._script.sessions]
        for task in sessions:
            self.keep(task)
        asked = asyncio.ensure_future(_all(sessions))
        self.keep(asked)
        await asyncio.wait([asked, over], return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            asked.result()
        # What nobody waits for any more may still run.
        while not over.done() and (left := self._inside()):
            rest = asyncio.ensure_future(asyncio.wait(left))
            self.keep(rest)
            await asyncio.wait([over, rest], return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        return self._script.ends if over.done() else self._playing.book.last

    async def clear(self) -> None:
        """Ends whatever still runs; what happens from now on is in no book."""
        self._playing.dead = True
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _session(self, session: Session) -> None:
        await self._clock.sleep(session.at - self._clock.now())
        if session.pulled:
            # The registry takes whatever it is given: nothing tells its caller to wait.
            turns = [asyncio.ensure_future(self._turn(turn)) for turn in session.turns]
            for task in turns:
                self.keep(task)
            await _all(turns)
            return
        for position, turn in enumerate(session.turns):
            if position:
                await self._clock.sleep(session.think)
            await self._turn(turn)

    async def _turn(self, turn: int) -> None:
        """Asks again for what a process that died has not answered."""
        self._desk.ask(turn)
        while True:
            await self._up.wait()
            inside = asyncio.ensure_future(self._desk.turn(turn))
            await asyncio.wait([inside])
            if not inside.cancelled():
                inside.result()
                return

    def _die(self) -> None:
        self._up.clear()
        self._playing.dead = True
        self._playing.book.cut(self._clock.now())
        for task in self._inside():
            task.cancel()

    def _rise(self) -> None:
        self._playing.dead = False
        self._up.set()

    def _inside(self) -> list[asyncio.Task[Any]]:
        """Its tasks, on virtual time in the order in which they came."""
        return sorted((task for task in asyncio.all_tasks() if task not in self._outside), key=hash)


async def _all(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
