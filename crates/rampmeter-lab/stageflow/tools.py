"""The tools of a scenario, as tools of Stageflow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from stageflow.tools.base import BaseTool, ToolInput, ToolOutput

from book import Book
from faults import Failed, Throttled
from script import Script, again
from world import World

PAGE = 4096


@dataclass(frozen=True)
class Action:
    """What is asked of a tool, in the shape that Stageflow's registry wants; `call` is the lab's."""

    type: str
    payload: dict[str, Any]
    call: int


class Stage:
    """What all tools of one playing share."""

    def __init__(self, script: Script, world: World, book: Book) -> None:
        self.script = script
        self.world = world
        self.clock = world.clock
        self.book = book
        self.dead = False
        self.nested: Callable[[int], Awaitable[None]] = _nobody


async def _nobody(call: int) -> None:
    raise RuntimeError(f"nobody takes call {call} yet")


class Stay:
    """What a run holds while it is inside its tool."""

    def __init__(self, stage: Stage, memory: int) -> None:
        self._stage = stage
        self._memory = memory
        self._counted = 0
        self._held: bytearray | None = None

    def hold(self) -> None:
        """Takes the memory, in real time really."""
        self._counted = self._memory
        self._stage.book.hold(self._counted)
        if self._stage.clock.real:
            self._held = _touched(self._memory)

    def leave(self) -> None:
        self._held = None
        self._stage.book.let_go(self._counted)


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
        stage, index = self._stage, cast(Action, input.action).call
        run, nth = stage.book.start(index, stage.clock.now())
        stay = Stay(stage, self._spec.memory)
        end = "failed"
        try:
            await self._own_work(index, nth, stay)
            await asyncio.gather(*map(stage.nested, stage.script.calls[index].children))
        except Throttled:
            end = "throttled"
            raise
        except Failed as failure:
            return ToolOutput(success=False, error=str(failure))
        except asyncio.CancelledError:
            end = "cut"
            raise
        else:
            end = "done"
        finally:
            stay.leave()
            stage.book.end(index, run, stage.clock.now(), end)
        return ToolOutput(success=True, data={"call": index})

    async def _own_work(self, index: int, nth: int, stay: Stay) -> None:
        """The work, which goes on for a while after it is cut short if it does not listen."""
        work = self._work(index, nth, stay)
        if not self._spec.ignores_cancel:
            await work
            return
        deaf = asyncio.ensure_future(work)
        try:
            await asyncio.shield(deaf)
        except asyncio.CancelledError:
            # A process that is dead does not go on.
            if not self._stage.dead:
                patience = asyncio.ensure_future(self._stage.clock.sleep(self._spec.ignores_cancel))
                await asyncio.wait([deaf, patience], return_when=asyncio.FIRST_COMPLETED)
                patience.cancel()
            deaf.cancel()
            raise

    async def _work(self, index: int, nth: int, stay: Stay) -> None:
        spec, stage = self._spec, self._stage
        call = stage.script.calls[index]
        attempt = len(stage.book.records[index].runs)
        faults, place = stage.world.faults, ("tool", self._index)
        faults.strike(place, stage.clock.now(), call.fault_at, attempt)
        seen = self._read()
        stay.hold()
        await stage.world.cores.work(spec.cpu)
        if again(call.hang_at, attempt) < spec.hangs:
            await stage.clock.loop.create_future()
        now = stage.clock.now()
        takes = faults.done_at(place, now, call.takes) - now
        if spec.server is None:
            await stage.clock.sleep(takes)
        else:
            await stage.world.servers[spec.server].work(takes, call.fault_at, attempt)
        all_fail = spec.fails_from is not None and nth >= spec.fails_from
        if all_fail or again(call.fail_at, attempt) < spec.fails:
            raise Failed("its work came to nothing")
        self._write(seen)

    def _read(self) -> int:
        name = self._spec.races
        return 0 if name is None else self._stage.book.counters.get(name, 0)

    def _write(self, seen: int) -> None:
        name = self._spec.races
        if name is not None:
            self._stage.book.counters[name] = seen + 1
            self._stage.book.writers[name] += 1


def _touched(memory: int) -> bytearray:
    """Bytes that are really there: every page has been written."""
    held = bytearray(memory)
    held[::PAGE] = b"\x01" * len(held[::PAGE])
    return held
