"""What the claims are tried with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from stageflow.tools.base import BaseTool, ToolInput, ToolOutput
from stageflow.tools.registry import ToolRegistry

Seen = dict[str, Any]
CLAIMS: dict[str, Callable[[], Awaitable[Seen]]] = {}


def claim(check: Callable[[], Awaitable[Seen]]) -> Callable[[], Awaitable[Seen]]:
    """A function whose answer is what was seen of the claim of its name."""
    CLAIMS[check.__name__] = check
    return check


@dataclass
class Inside:
    """How many are inside at once."""

    now: int = 0
    peak: int = 0
    ended: list[Any] = field(default_factory=list)

    async def stay(self, seconds: float, who: Any = None) -> None:
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            await asyncio.sleep(seconds)
            self.ended.append(who)
        finally:
            self.now -= 1


@dataclass
class Action:
    """What the registry is given."""

    type: str = "probe"
    payload: dict[str, Any] = field(default_factory=dict)


class Probe(BaseTool):
    """A tool that does whatever it is given."""

    name = "probe"
    description = "a probe"
    action_type = "probe"

    def __init__(
        self, work: Callable[[dict[str, Any], dict[str, Any]], Awaitable[ToolOutput | None]]
    ) -> None:
        self._work = work

    async def execute(self, input: ToolInput, ctx: dict[str, Any]) -> ToolOutput:
        return await self._work(input.action.payload, ctx) or ToolOutput(success=True, data={})


def registry(
    work: Callable[[dict[str, Any], dict[str, Any]], Awaitable[ToolOutput | None]],
) -> ToolRegistry:
    made = ToolRegistry()
    made.register(Probe(work))
    return made


def elapsed() -> float:
    return round(asyncio.get_running_loop().time(), 6)


async def ended_with(waited: Awaitable[Any]) -> str:
    """The name of the error that it ends with, or `nothing`."""
    try:
        await waited
    except Exception as error:
        return type(error).__name__
    return "nothing"
