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


class Playing:
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

    def __init__(self, playing: Playing, memory: int) -> None:
        self._playing = playing
        self._memory = memory
        self._counted = 0
        self._held: bytearray | None = None

    def hold(self) -> None:
        """Takes the memory, in real time really."""
        self._counted = self._memory
        self._playing.book.hold(self._counted)
        if self._playing.clock.real:
            self._held = _touched(self._memory)

    def leave(self) -> None:
        self._held = None
        self._playing.book.let_go(self._counted)


class LabTool(BaseTool):
    """One tool of the script."""

    def __init__(self, playing: Playing, index: int) -> None:
        self._playing = playing
        self._index = index
        self._spec = playing.script.tools[index]

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
        playing, index = self._playing, cast(Action, input.action).call
        run, nth = playing.book.start(index, playing.clock.now())
        stay = Stay(playing, self._spec.memory)
        end = "failed"
        try:
            await self._own_work(index, nth, stay)
            await asyncio.gather(*map(playing.nested, playing.script.calls[index].children))
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
            playing.book.end(index, run, playing.clock.now(), end)
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
            if not self._playing.dead:
                patience = asyncio.ensure_future(
                    self._playing.clock.sleep(self._spec.ignores_cancel)
                )
                await asyncio.wait([deaf, patience], return_when=asyncio.FIRST_COMPLETED)
                patience.cancel()
            deaf.cancel()
            raise

    async def _work(self, index: int, nth: int, stay: Stay) -> None:
        spec, playing = self._spec, self._playing
        call = playing.script.calls[index]
        attempt = len(playing.book.records[index].runs)
        faults, place = playing.world.faults, ("tool", self._index)
        faults.strike(place, playing.clock.now(), call.fault_at, attempt)
        seen = self._read()
        stay.hold()
        await playing.world.cores.work(spec.cpu)
        if again(call.hang_at, attempt) < spec.hangs:
            await playing.clock.loop.create_future()
        now = playing.clock.now()
        takes = faults.done_at(place, now, call.takes) - now
        if spec.server is None:
            await playing.clock.sleep(takes)
        else:
            await playing.world.servers[spec.server].work(takes, call.fault_at, attempt)
        all_fail = spec.fails_from is not None and nth >= spec.fails_from
        if all_fail or again(call.fail_at, attempt) < spec.fails:
            raise Failed("its work came to nothing")
        self._write(seen)

    def _read(self) -> int:
        name = self._spec.races
        return 0 if name is None else self._playing.book.counters.get(name, 0)

    def _write(self, seen: int) -> None:
        name = self._spec.races
        if name is not None:
            self._playing.book.counters[name] = seen + 1
            self._playing.book.writers[name] += 1


def _touched(memory: int) -> bytearray:
    """Bytes that are really there: every page has been written."""
    held = bytearray(memory)
    held[::PAGE] = b"\x01" * len(held[::PAGE])
    return held
