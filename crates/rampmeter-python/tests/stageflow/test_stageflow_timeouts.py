"""`ctx.data["_timeout_ms"]`, Stageflow's own word for how long things may take."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from stageflow.stages.context import PipelineContext
from stageflow.tools import ToolDefinition, ToolExecutionError
from stageflow.tools.adapters import DictContextAdapter
from stageflow.tools.base import ToolOutput
from stageflow.tools.definitions import ToolInput as HandlerInput
from stageflow.tools.definitions import ToolOutput as HandlerOutput
from stageflow_desk import Action, Doing, Seen

from rampmeter import Gate
from rampmeter.stageflow import LimitedToolExecutor, LimitedToolRegistry, TimedOut

ONE_AT_A_TIME = '[limits.host]\nconcurrency = 1\n[tools.work]\nlimits = ["host"]'


async def for_a_minute(_: dict[str, Any]) -> None:
    await asyncio.sleep(60)


def test_a_call_that_runs_for_too_long_is_ended_and_says_so() -> None:
    async def run() -> ToolOutput | None:
        registry = LimitedToolRegistry(Gate.from_toml(ONE_AT_A_TIME))
        registry.register(Doing("work", for_a_minute))
        first = await registry.execute(Action("work"), {"data": {"_timeout_ms": 20}})
        registry.register(Doing("work", lambda _: Seen().work()))
        again = await registry.execute(Action("work"), {})
        assert again is not None and again.success
        return first

    output = asyncio.run(run())
    assert output == ToolOutput(
        success=False, error="work was ended: the `_timeout_ms` of its context is over"
    )


def test_a_call_that_waits_for_too_long_is_refused_and_never_starts() -> None:
    seen = Seen()

    async def work(payload: dict[str, Any]) -> None:
        seen.enter(payload["n"])
        await asyncio.sleep(0.06)

    async def run() -> tuple[ToolOutput | None, ToolOutput | None]:
        registry = LimitedToolRegistry(Gate.from_toml(ONE_AT_A_TIME))
        registry.register(Doing("work", work))
        hurry = PipelineContext.create(data={"_timeout_ms": 20}).to_dict()
        return await asyncio.gather(
            registry.execute(Action("work", {"n": 1}), {}), registry.execute(Action("work", {"n": 2}), hurry)
        )

    done, refused = asyncio.run(run())
    assert done is not None and done.success
    assert refused is not None and refused.data is not None
    assert refused.data["refused"]["reason"] == "deadline"
    assert seen.started == [1]


@pytest.mark.parametrize("none", [0, -1, None])
def test_nothing_and_zero_are_no_time_out_as_in_stageflow(none: int | None) -> None:
    registry = LimitedToolRegistry(Gate.from_toml(ONE_AT_A_TIME))
    registry.register(Doing("work", lambda _: Seen().work()))
    output = asyncio.run(registry.execute(Action("work"), {"data": {"_timeout_ms": none}}))
    assert output is not None and output.success


def test_a_time_out_of_the_tools_own_is_the_tools() -> None:
    async def work(_: dict[str, Any]) -> None:
        raise TimeoutError("the tool's own")

    registry = LimitedToolRegistry(Gate.from_toml(ONE_AT_A_TIME))
    registry.register(Doing("work", work))
    with pytest.raises(TimeoutError, match="the tool's own"):
        asyncio.run(registry.execute(Action("work"), {"_timeout_ms": 60_000}))


@pytest.mark.parametrize(
    "context",
    [lambda data: PipelineContext.create(data=data), lambda data: DictContextAdapter({"data": data})],
)
def test_an_executor_ends_its_handler_and_says_why(context: Any) -> None:
    async def handler(_: HandlerInput) -> HandlerOutput:
        await asyncio.sleep(60)
        return HandlerOutput.ok()

    executor = LimitedToolExecutor(Gate.from_toml(ONE_AT_A_TIME))
    executor.register(ToolDefinition(name="works", action_type="work", handler=handler))
    with pytest.raises(ToolExecutionError, match="_timeout_ms") as caught:
        asyncio.run(executor.execute(Action("work"), context({"_timeout_ms": 20})))
    assert isinstance(caught.value.cause, TimedOut)
