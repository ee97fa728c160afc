"""What these tests share: tools of Stageflow that count who is inside, and a sink that keeps events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from stageflow.tools import BaseTool
from stageflow.tools.base import ToolInput, ToolOutput


@dataclass
class Action:
    """A call in the shape that Stageflow wants."""

    type: str
    payload: dict[str, Any] = field(default_factory=dict)
    id: UUID = field(default_factory=uuid4)


@dataclass
class Seen:
    """What was counted inside of tools."""

    inside: int = 0
    peak: int = 0
    started: list[Any] = field(default_factory=list)
    ended: list[Any] = field(default_factory=list)

    async def work(self, mark: Any = None, pauses: int = 3) -> None:
        """Is inside for a few turns of the loop."""
        self.enter(mark)
        try:
            for _ in range(pauses):
                await asyncio.sleep(0)
            self.ended.append(mark)
        finally:
            self.inside -= 1

    def enter(self, mark: Any = None) -> None:
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        self.started.append(mark)


Does = Callable[[dict[str, Any]], Awaitable[Any]]


class Doing(BaseTool):
    """A tool that does what it is told when it is made."""

    def __init__(self, action_type: str, does: Does) -> None:
        self._action_type = action_type
        self._does = does

    @property
    def name(self) -> str:
        return f"the tool {self._action_type}"

    @property
    def description(self) -> str:
        return "a tool of the tests"

    @property
    def action_type(self) -> str:
        return self._action_type

    async def execute(self, input: ToolInput, ctx: dict[str, Any]) -> ToolOutput:
        done = await self._does(input.action.payload)
        return done if isinstance(done, ToolOutput) else ToolOutput(success=True, data={"done": done})


class Sink:
    """Keeps the events it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    async def emit(self, *, type: str, data: dict[str, Any] | None) -> None:
        self.told.append((type, data or {}))

    def try_emit(self, *, type: str, data: dict[str, Any] | None) -> None:
        self.told.append((type, data or {}))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.told]

    def one(self, name: str) -> dict[str, Any]:
        [data] = [data for told, data in self.told if told == name]
        return data


async def until(condition: Callable[[], bool]) -> None:
    """Waits until something is so; the loop goes on meanwhile."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never became so")
