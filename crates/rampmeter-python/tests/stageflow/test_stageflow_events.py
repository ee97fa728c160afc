"""What the limited registry tells Stageflow's event sink, under Stageflow's names."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
import stageflow_desk as desk
from stageflow.events import set_event_sink
from stageflow.stages.context import PipelineContext
from stageflow.tools.base import ToolOutput
from stageflow_desk import Action, Doing, Seen, Sink

from rampmeter import Gate
from rampmeter.stageflow import LimitedToolRegistry

NARROW = (
    '[limits.host]\nconcurrency = 1\nqueue = { size = 1 }\n[tools.work]\nlimits = ["host"]\naccess = "read"'
)


def registry_of(does: desk.Does) -> LimitedToolRegistry:
    registry = LimitedToolRegistry(Gate.from_toml(NARROW))
    registry.register(Doing("work", does))
    return registry


def test_each_call_is_told_from_its_beginning_to_its_one_end(sink: Sink) -> None:
    async def work(_: dict[str, Any]) -> None:
        await asyncio.sleep(0.01)

    async def run() -> list[Action]:
        registry, actions = registry_of(work), [Action("work", {"text": "x" * 300}) for _ in range(3)]
        ctx = PipelineContext.create(pipeline_run_id=uuid4(), execution_mode="practice").to_dict()
        await asyncio.gather(*(registry.execute(action, ctx) for action in actions))
        return actions

    actions = asyncio.run(run())
    by_call = [
        [name for name, data in sink.told if data["action_id"] == str(action.id)] for action in actions
    ]
    assert by_call == [
        ["tool.invoked", "tool.started", "tool.completed"],
        ["tool.invoked", "tool.started", "tool.completed"],
        ["tool.invoked", "tool.denied"],
    ]
    first, second = [data for name, data in sink.told if name == "tool.started"]
    assert first["waited_ms"] < second["waited_ms"]
    denied = sink.one("tool.denied")
    assert (denied["reason"], denied["limit"], denied["retry"]) == ("queue_full", "host", "on_release")
    assert denied["behavior"] == "practice"
    assert denied["pipeline_run_id"] == first["pipeline_run_id"] is not None
    # A long argument is not carried along whole.
    assert len(sink.told[0][1]["payload_summary"]["text"]) == 203


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (ToolOutput(success=False, error="no"), "execution_error"),
        (ValueError("no"), "ValueError"),
        (asyncio.CancelledError("no"), "cancelled"),
    ],
)
def test_a_call_that_fails_is_told_with_its_reason(end: Any, code: str, sink: Sink) -> None:
    async def work(_: dict[str, Any]) -> Any:
        if isinstance(end, BaseException):
            raise end
        return end

    async def run() -> None:
        await asyncio.gather(registry_of(work).execute(Action("work"), {}), return_exceptions=True)

    asyncio.run(run())
    assert sink.names == ["tool.invoked", "tool.started", "tool.failed"]
    failed = sink.one("tool.failed")
    assert (failed["error_code"], failed["error_message"]) == (code, "no")


def test_a_call_that_is_ended_for_its_time_is_told_as_failed(sink: Sink) -> None:
    async def work(_: dict[str, Any]) -> None:
        await asyncio.sleep(60)

    asyncio.run(registry_of(work).execute(Action("work"), {"_timeout_ms": 10}))
    assert sink.one("tool.failed")["error_code"] == "TimedOut"


def test_arguments_that_are_no_object_are_no_reason_to_lose_a_call(sink: Sink) -> None:
    action: Any = Action("work")
    action.payload = [1, 2]
    output = asyncio.run(registry_of(lambda _: Seen().work()).execute(action, {}))
    assert output is not None and output.success
    assert sink.one("tool.invoked")["payload_summary"] == {}


@pytest.mark.parametrize("ctx", [None, object()])
def test_a_context_of_another_kind_is_no_reason_to_lose_a_call(ctx: Any, sink: Sink) -> None:
    output = asyncio.run(registry_of(lambda _: Seen().work()).execute(Action("work"), ctx))
    assert output is not None and output.success
    assert sink.one("tool.completed")["pipeline_run_id"] is None


def test_a_sink_that_breaks_loses_no_call() -> None:
    class Broken(Sink):
        def try_emit(self, *, type: str, data: dict[str, Any] | None) -> None:
            raise ConnectionError("no sink")

    async def run() -> ToolOutput | None:
        set_event_sink(Broken())
        return await registry_of(lambda _: Seen().work()).execute(Action("work"), {})

    output = asyncio.run(run())
    assert output is not None and output.success
