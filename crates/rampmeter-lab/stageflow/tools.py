"""The tools of a scenario, as tools of Stageflow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from book import Book, Run
from script import Call, Script, again
from stageflow.tools.base import BaseTool, ToolInput, ToolOutput
from world import Throttled, World

PAGE = 4096


@dataclass(frozen=True)
class Action:
    """What is asked of a tool, in the shape that Stageflow's registry wants; `call` is the lab's."""

    type: str
    payload: dict[str, Any]
    call: int


class Failed(Exception):
    """A tool's own failure, told apart from the driver's."""


class Stage:
    """What all tools of one playing share."""

    def __init__(self, script: Script, world: World, book: Book) -> None:
        self.script = script
        self.world = world
        self.clock = world.clock
        self.book = book
        self.dead = False
        self.nested: Callable[[int], Awaitable[bool]] | None = None


class LabTool(BaseTool):
    """One tool of the script."""

    def __init__(self, stage: Stage, index: int) -> None:
        self._stage = stage
        self._index = index
        self._spec = stage.script.tools[index]

    @property
    def name(self) -> str:
        return self._spec.name

    @property
    def description(self) -> str:
        return "a tool of the lab"

    @property
    def action_type(self) -> str:
        return self._spec.name

    async def execute(self, input: ToolInput, ctx: dict[str, Any]) -> ToolOutput:
        """Does what the script says of the call; the run is in the book whichever way it ends."""
        index = input.action.call
        stage = self._stage
        run, nth = stage.book.start(index, stage.clock.now())
        stage.book.hold(self._spec.memory)
        held = _touched(self._spec.memory) if stage.clock.real else None
        try:
            await self._work(stage.script.calls[index], nth, len(stage.book.records[index].runs))
        except Throttled:
            self._end(index, run, "throttled")
            raise
        except Failed as failure:
            self._end(index, run, "failed")
            return ToolOutput(success=False, error=str(failure))
        except asyncio.CancelledError:
            await self._linger()
            self._end(index, run, "cut")
            raise
        finally:
            del held
            stage.book.let_go(self._spec.memory)
        self._end(index, run, "done")
        return ToolOutput(success=True, data={"call": index})

    def _end(self, call: int, run: Run, end: str) -> None:
        self._stage.book.end(call, run, self._stage.clock.now(), end)

    async def _work(self, call: Call, nth: int, attempt: int) -> None:
        spec, stage = self._spec, self._stage
        self._strike(call, attempt)
        if spec.server is not None:
            stage.world.servers[spec.server].admit()
        if again(call.hang_at, attempt) < spec.hangs:
            await stage.clock.loop.create_future()
        seen = self._read()
        await self._burn()
        await self._serve(call.takes * stage.world.slower(self._index))
        if again(call.fail_at, attempt) < spec.fails:
            raise Failed("its work came to nothing")
        if spec.fails_from is not None and nth >= spec.fails_from:
            raise Failed("it fails from now on")
        self._write(seen)
        await self._call(call.children)

    def _strike(self, call: Call, attempt: int) -> None:
        for fault in self._stage.world.striking(self._index, self._spec.server):
            if fault.what == "slower" or again(call.fault_at, attempt) >= fault.value:
                continue
            if fault.what == "throttles":
                raise Throttled(429, fault.until - self._stage.clock.now())
            raise Failed("a fault struck it")

    async def _burn(self) -> None:
        if not self._spec.cpu:
            return
        if not self._stage.clock.real:
            await self._stage.world.cores.work(self._spec.cpu)
            return
        # Inline, as a tool that computes does it: nobody else on the loop moves meanwhile.
        until = time.thread_time_ns() + self._spec.cpu
        while time.thread_time_ns() < until:
            pass

    async def _serve(self, nanos: float) -> None:
        if self._spec.server is None:
            await self._stage.clock.sleep(round(nanos))
        else:
            await self._stage.world.servers[self._spec.server].work(nanos)

    def _read(self) -> int:
        name = self._spec.races
        return 0 if name is None else self._stage.book.counters.get(name, 0)

    def _write(self, seen: int) -> None:
        name = self._spec.races
        if name is not None:
            self._stage.book.counters[name] = seen + 1
            self._stage.book.writers[name] += 1

    async def _call(self, children: list[int]) -> None:
        if children and self._stage.nested is not None:
            good = await asyncio.gather(*(self._stage.nested(child) for child in children))
            if not all(good):
                raise Failed("a call that it made came to nothing")

    async def _linger(self) -> None:
        """A tool that does not listen goes on for a while; nothing does in a process that is dead."""
        if self._spec.ignores_cancel and not self._stage.dead:
            await self._stage.clock.sleep(self._spec.ignores_cancel)


def _touched(memory: int) -> bytearray:
    """Bytes that are really there: every page has been written."""
    held = bytearray(memory)
    held[::PAGE] = b"\x01" * len(held[::PAGE])
    return held
