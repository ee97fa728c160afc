"""The limited `AdvancedToolExecutor`."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import stageflow_desk as desk
from stageflow.stages.context import PipelineContext
from stageflow.tools import (
    AdvancedToolExecutor,
    ApprovalService,
    ToolDefinition,
    ToolDeniedError,
    ToolExecutionError,
    ToolExecutorConfig,
    ToolNotFoundError,
)
from stageflow.tools.definitions import ToolInput, ToolOutput
from stageflow_desk import Action, Seen, Sink

from rampmeter import Gate, Refused, UnknownTool
from rampmeter.stageflow import LimitedToolExecutor

ONE_AT_A_TIME = '[limits.host]\nconcurrency = 1\n[tools."*"]\nlimits = ["host"]\naccess = "read"'
NO_QUEUE = '[limits.host]\nconcurrency = 1\nqueue = { size = 0 }\n[tools."*"]\nlimits = ["host"]'


def definition(seen: Seen, action_type: str = "WORK", **how: Any) -> ToolDefinition:
    async def handler(tool_input: ToolInput) -> ToolOutput:
        await seen.work(tool_input.payload.get("n"))
        return ToolOutput.ok({"n": tool_input.payload.get("n")})

    return ToolDefinition(name="works", action_type=action_type, handler=handler, **how)


async def gather(executor: AdvancedToolExecutor, many: int) -> list[Any]:
    ctx = PipelineContext.create()
    calls = (executor.execute(Action("WORK", {"n": n}), ctx) for n in range(many))
    return await asyncio.gather(*calls, return_exceptions=True)


def test_a_hundred_calls_under_a_cap_of_eight_peak_at_eight() -> None:
    seen, seen_without = Seen(), Seen()
    policy = ONE_AT_A_TIME.replace("concurrency = 1", "concurrency = 8")
    limited, without = LimitedToolExecutor(Gate.from_toml(policy)), AdvancedToolExecutor()
    limited.register(definition(seen))
    without.register(definition(seen_without))

    outputs = asyncio.run(gather(limited, 100))
    asyncio.run(gather(without, 100))
    assert seen.peak == 8
    assert [output.data for output in outputs] == [{"n": n} for n in range(100)]
    assert seen_without.peak == 100


def test_a_refusal_is_an_execution_error_with_the_refusal_as_its_cause(sink: Sink) -> None:
    seen = Seen()
    executor = LimitedToolExecutor(Gate.from_toml(NO_QUEUE))
    executor.register(definition(seen))

    first, second = asyncio.run(gather(executor, 2))
    assert first.success
    assert isinstance(second, ToolExecutionError)
    assert isinstance(second.cause, Refused)
    assert (second.cause.tool, second.cause.limit) == ("WORK", "host")
    assert seen.started == [0]
    assert sorted(sink.names) == [
        "tool.completed",
        "tool.denied",
        "tool.invoked",
        "tool.invoked",
        "tool.started",
    ]
    denied = sink.one("tool.denied")
    assert (denied["tool_name"], denied["reason"], denied["limit"]) == ("works", "queue_full", "host")


def test_started_comes_when_the_call_was_admitted_and_the_waiting_is_in_no_duration(sink: Sink) -> None:
    async def handler(_: ToolInput) -> ToolOutput:
        await asyncio.sleep(0.03)
        return ToolOutput.ok()

    executor = LimitedToolExecutor(Gate.from_toml(ONE_AT_A_TIME))
    executor.register(ToolDefinition(name="works", action_type="WORK", handler=handler))

    async def asked_second() -> float:
        """How long the call took in all, in milliseconds."""
        began = time.perf_counter()
        await executor.execute(second, PipelineContext.create())
        return (time.perf_counter() - began) * 1000

    async def run() -> float:
        first = executor.execute(Action("WORK"), PipelineContext.create())
        return (await asyncio.gather(first, asked_second()))[1]

    second = Action("WORK")
    took = asyncio.run(run())
    told = [(name, data) for name, data in sink.told if data["action_id"] == str(second.id)]
    assert [name for name, _ in told] == ["tool.invoked", "tool.started", "tool.completed"]
    # The other one had ended before this one was told to have started.
    assert sink.names.index("tool.completed") < sink.told.index(told[1])
    assert told[1][1]["waited_ms"] + told[2][1]["duration_ms"] <= took


def test_what_a_handler_raises_is_told_and_raised_as_by_stageflow(sink: Sink) -> None:
    async def handler(_: ToolInput) -> ToolOutput:
        raise ValueError("broken")

    executor = LimitedToolExecutor(Gate.from_toml(ONE_AT_A_TIME))
    executor.register(ToolDefinition(name="works", action_type="WORK", handler=handler))
    [error] = asyncio.run(gather(executor, 1))
    assert isinstance(error, ToolExecutionError) and isinstance(error.cause, ValueError)
    assert sink.names == ["tool.invoked", "tool.started", "tool.failed"]
    assert sink.one("tool.failed")["error_code"] == "ValueError"


def test_a_refusal_of_a_call_that_the_handler_makes_is_a_failure_of_the_handler(sink: Sink) -> None:
    policy = (
        '[limits.shut]\nconcurrency = 1\nqueue = { size = 0 }\n[tools.INNER]\nlimits = ["shut"]\n[tools.WORK]'
    )
    gate = Gate.from_toml(policy)

    async def handler(_: ToolInput) -> ToolOutput:
        async with gate.admit("INNER"):
            return ToolOutput.ok()

    async def run() -> list[Any]:
        executor = LimitedToolExecutor(gate)
        executor.register(ToolDefinition(name="works", action_type="WORK", handler=handler))
        with_the_slot = await gate.admit("INNER")
        try:
            return await gather(executor, 1)
        finally:
            with_the_slot.finish()

    [error] = asyncio.run(run())
    assert isinstance(error, ToolExecutionError) and isinstance(error.cause, Refused)
    assert sink.names == ["tool.invoked", "tool.started", "tool.failed"]


def test_nothing_is_held_while_somebody_thinks_about_an_approval() -> None:
    seen = Seen()
    approvals = ApprovalService()
    executor = LimitedToolExecutor(Gate.from_toml(ONE_AT_A_TIME), approval_service=approvals)
    executor.register(definition(seen, "ASKS", requires_approval=True))
    executor.register(definition(seen))

    async def run() -> None:
        ctx = PipelineContext.create()
        asking = asyncio.ensure_future(executor.execute(Action("ASKS", {"n": "asks"}), ctx))
        while not (pending := await approvals.get_pending_requests()):
            await asyncio.sleep(0)
        assert (await executor.execute(Action("WORK", {"n": "passes"}), ctx)).success
        await approvals.record_decision(pending[0].id, granted=True)
        assert (await asking).success

    asyncio.run(run())
    assert seen.started == ["passes", "asks"]


def test_what_is_denied_asks_the_gate_for_nothing() -> None:
    seen = Seen()
    policy = '[limits.api]\nrequests = "1/h"\n[tools."*"]\nlimits = ["api"]\naccess = "read"'
    executor = LimitedToolExecutor(Gate.from_toml(policy))
    executor.register(definition(seen, "SECRET", allowed_behaviors=("practice",)))
    executor.register(definition(seen))

    async def run() -> ToolOutput:
        ctx = PipelineContext.create(data={"_timeout_ms": 1000})
        with pytest.raises(ToolDeniedError):
            await executor.execute(Action("SECRET"), ctx)
        with pytest.raises(ToolNotFoundError):
            await executor.execute(Action("NOBODY"), ctx)
        # The one call of the hour is still there.
        return await executor.execute(Action("WORK"), ctx)

    assert asyncio.run(run()).success


def test_a_call_that_is_cancelled_frees_its_slot_and_is_told(sink: Sink) -> None:
    seen = Seen()

    async def handler(tool_input: ToolInput) -> ToolOutput:
        seen.enter(tool_input.payload["n"])
        await asyncio.sleep(0 if tool_input.payload["n"] == 1 else 60)
        return ToolOutput.ok()

    async def run() -> ToolOutput:
        executor = LimitedToolExecutor(Gate.from_toml(ONE_AT_A_TIME))
        executor.register(ToolDefinition(name="works", action_type="WORK", handler=handler))
        ctx = PipelineContext.create()
        hanging, waiting = (
            asyncio.ensure_future(executor.execute(Action("WORK", {"n": n}), ctx)) for n in range(2)
        )
        await desk.until(lambda: seen.inside == 1)
        hanging.cancel()
        await asyncio.wait([hanging])
        return await waiting

    assert asyncio.run(run()).success
    assert seen.started == [0, 1]
    assert sink.one("tool.failed")["error_code"] == "cancelled"


def test_events_can_be_turned_off_as_in_stageflow(sink: Sink) -> None:
    executor = LimitedToolExecutor(Gate.from_toml(NO_QUEUE), ToolExecutorConfig(emit_events=False))
    executor.register(definition(Seen()))
    asyncio.run(gather(executor, 2))
    assert sink.told == []


def test_a_policy_that_lacks_a_tool_is_told_when_the_tool_is_registered() -> None:
    executor = LimitedToolExecutor(Gate.from_toml("[tools.OTHER]"))
    with pytest.raises(UnknownTool, match="WORK"):
        executor.register(definition(Seen()))
    assert not executor.can_execute("WORK")
