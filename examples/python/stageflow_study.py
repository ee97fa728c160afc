# /// script
# requires-python = ">=3.11"
# dependencies = ["rampmeter[stageflow]"]
# ///
"""What a study of Stageflow found without limits, and the same under the gate.

    pip install "rampmeter[stageflow]"
    python examples/python/stageflow_study.py

Runs offline, in about four seconds: the last part is real time.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from stageflow.tools import BaseTool, ToolRegistry
from stageflow.tools.base import ToolInput, ToolOutput

from rampmeter import Gate
from rampmeter.stageflow import LimitedToolRegistry

POLICY = """
[limits.host]
concurrency = 8

[tools.fan_out]
limits = ["host"]
access = "read"

[tools.count]
writes = ["counter"]

# The server has a burst of 20; one less leaves room for a call that is late by 100 ms on its way.
[limits.server]
requests = { rate = "10/s", kind = "bucket", burst = 19 }

[tools.ask_server]
limits = ["server"]
access = "read"
"""


@dataclass
class Action:
    type: str
    payload: dict[str, Any] = field(default_factory=dict)


class Work(BaseTool):
    def __init__(self, action_type: str, does: Callable[[], Awaitable[bool]]) -> None:
        self._action_type = action_type
        self._does = does

    @property
    def name(self) -> str:
        return self._action_type

    @property
    def description(self) -> str:
        return "a tool of the study"

    @property
    def action_type(self) -> str:
        return self._action_type

    async def execute(self, input: ToolInput, ctx: dict[str, Any]) -> ToolOutput:
        return ToolOutput(success=await self._does())


async def succeeded(registry: ToolRegistry, tool: str, many: int) -> int:
    outputs = await asyncio.gather(*(registry.execute(Action(tool), {}) for _ in range(many)))
    return sum(output is not None and output.success for output in outputs)


async def fan_out(registry: ToolRegistry) -> str:
    """1,000 calls at once: how many are inside."""
    inside = peak = 0

    async def work() -> bool:
        nonlocal inside, peak
        inside += 1
        peak = max(peak, inside)
        await asyncio.sleep(0)
        inside -= 1
        return True

    registry.register(Work("fan_out", work))
    good = await succeeded(registry, "fan_out", 1000)
    return f"{peak:,} inside at once, {good:,} succeeded"


async def race(registry: ToolRegistry) -> str:
    """20 tasks read, wait and write one counter."""
    counter = 0

    async def work() -> bool:
        nonlocal counter
        read = counter
        await asyncio.sleep(0.001)
        counter = read + 1
        return True

    registry.register(Work("count", work))
    await succeeded(registry, "count", 20)
    return f"{counter} of 20 updates kept"


async def server(registry: ToolRegistry) -> str:
    """50 requests to a server that takes 10 a second with a burst of 20."""
    level, at = 20.0, time.monotonic()

    async def work() -> bool:
        nonlocal level, at
        now = time.monotonic()
        level, at = min(20.0, level + (now - at) * 10), now
        if level < 1:
            return False
        level -= 1
        return True

    registry.register(Work("ask_server", work))
    good = await succeeded(registry, "ask_server", 50)
    return f"{50 - good} of 50 turned away"


async def main() -> int:
    gate = Gate.from_toml(POLICY)
    as_said = True
    for part, limited in [
        (fan_out, "8 inside at once, 1,000 succeeded"),
        (race, "20 of 20 updates kept"),
        (server, "0 of 50 turned away"),
    ]:
        without, under = await part(ToolRegistry()), await part(LimitedToolRegistry(gate))
        print(f"{part.__doc__}\n  without: {without}\n  under the gate: {under}")
        as_said = as_said and under == limited and without != limited
    return 0 if as_said else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
