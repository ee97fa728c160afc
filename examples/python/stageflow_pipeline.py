# /// script
# requires-python = ">=3.11"
# dependencies = ["rampmeter[stageflow]"]
# ///
"""A Stageflow pipeline whose stages call tools of three priorities, under one cap.

    pip install "rampmeter[stageflow]"
    python examples/python/stageflow_pipeline.py

Runs offline. The stage that imports asks first and for the most; whoever answers a user goes before it.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from stageflow.core import StageContext, StageKind, StageOutput
from stageflow.pipeline import Pipeline
from stageflow.tools import BaseTool, ToolRegistry
from stageflow.tools.base import ToolInput, ToolOutput

from rampmeter import Gate
from rampmeter.stageflow import LimitedToolRegistry, limit_pipeline

POLICY = """
[limits.host]
concurrency = 3

[tools.import_page]
limits = ["host"]
access = "read"
priority = "low"

[tools.search]
limits = ["host"]
access = "read"

[tools.answer_user]
limits = ["host"]
access = "read"
priority = "high"

[limits.llm]
concurrency = 1

[tools.llm]
limits = ["llm"]
"""
CALLS = {"import_page": 20, "search": 6, "answer_user": 4}


class Slow(BaseTool):
    """A tool that takes a moment; all of them count together who is inside."""

    inside = 0
    peak = 0
    started: list[str] = []

    def __init__(self, action_type: str) -> None:
        self._action_type = action_type

    @property
    def name(self) -> str:
        return self._action_type

    @property
    def description(self) -> str:
        return "takes five milliseconds"

    @property
    def action_type(self) -> str:
        return self._action_type

    async def execute(self, input: ToolInput, ctx: dict[str, Any]) -> ToolOutput:
        Slow.started.append(self._action_type)
        Slow.inside += 1
        Slow.peak = max(Slow.peak, Slow.inside)
        await asyncio.sleep(0.005)
        Slow.inside -= 1
        return ToolOutput(success=True)


def pipeline_over(registry: LimitedToolRegistry) -> Pipeline:
    """One stage a tool, side by side, and a summary when they are done."""

    def calling(tool: str, many: int) -> Any:
        async def stage(ctx: StageContext) -> StageOutput:
            calls = [{"id": f"{tool}-{n}", "name": tool, "arguments": {"n": n}} for n in range(many)]
            results = await registry.run_turn(calls, ctx)
            return StageOutput.ok(succeeded=sum(result.output.success for result in results))

        return stage

    async def summary(ctx: StageContext) -> StageOutput:
        return StageOutput.ok(succeeded=sum(ctx.inputs.get_from(tool, "succeeded") for tool in CALLS))

    pipeline = Pipeline(name="three priorities")
    for tool, many in CALLS.items():
        pipeline = pipeline.with_stage(tool, calling(tool, many), StageKind.WORK)
    return pipeline.with_stage("summary", summary, StageKind.TRANSFORM, after=list(CALLS))


async def main() -> int:
    gate = Gate.from_toml(POLICY)
    tools = ToolRegistry()
    for tool in CALLS:
        tools.register(Slow(tool))
    pipeline = limit_pipeline(gate, pipeline_over(LimitedToolRegistry(gate, tools)), tools={"summary": "llm"})

    results = await pipeline.run()

    order = "".join(tool[0] for tool in Slow.started)
    print(f"in the order in which they started (i = import, s = search, a = answer):\n  {order}")
    print(f"inside at once: {Slow.peak}; succeeded: {results.data('summary')['succeeded']} of {len(order)}")
    # The first three found the limit free. From then on whoever answers a user comes before the import.
    behind = order[3:]
    as_said = (
        Slow.peak == 3
        and results.data("summary")["succeeded"] == sum(CALLS.values())
        and behind.startswith("a")
        and behind.rindex("a") < behind.rindex("s") < behind.rindex("i")
    )
    return 0 if as_said else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
