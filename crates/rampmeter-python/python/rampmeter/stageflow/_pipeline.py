"""A pipeline whose stages pass the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import KW_ONLY, dataclass, field, replace
from math import inf
from typing import Any, cast

from stageflow.core import StageContext, StageOutput, StageStatus
from stageflow.pipeline import Pipeline, UnifiedStageGraph
from stageflow.pipeline.dag import UnifiedStageSpec
from stageflow.pipeline.pipeline import UnifiedStageGraph as Graph
from stageflow.pipeline.results import PipelineResults
from stageflow.stages.context import PipelineContext

from .. import Gate, Permit, Refused
from .._adapter import check_gate
from .._errors import UsageError
from ._call import Call, DescribeCall
from ._context import RunningStage, running, stage_arguments, stage_time_out
from ._events import refusal_facts

Runner = Callable[[StageContext], Awaitable[Any]]


def limit_pipeline(
    gate: Gate,
    pipeline: Pipeline,
    *,
    tools: Mapping[str, str] | None = None,
    describe: DescribeCall | None = None,
) -> LimitedPipeline:
    """The same pipeline with stages that pass the gate, each under its own name.

    With `tools = {"fetch_a": "fetch"}` only the stages named there do, under the names given there. A stage
    asks when its dependencies are done. A refused stage raises `Refused`, which ends the pipeline as
    any error does: it is the `original` of Stageflow's `UnifiedStageExecutionError`. Raises `UnknownTool`
    if the policy says nothing of a tool, and `UsageError` if `tools` names a stage that is not there.
    """
    for stage in tools or ():
        if not pipeline.has_stage(stage):
            there = ", ".join(pipeline.stages)
            raise UsageError(
                f"`tools` names the stage `{stage}`: the stages of `{pipeline.name}` are {there}"
            )
    return LimitedPipeline(pipeline.name, dict(pipeline.stages), gate=gate, tools=tools, describe=describe)


@dataclass
class LimitedPipeline(Pipeline):
    """What `limit_pipeline` gives. Stages that are added to it pass the gate like the others."""

    _: KW_ONLY
    gate: Gate
    tools: Mapping[str, str] | None = None
    describe: DescribeCall | None = None

    def __post_init__(self) -> None:
        check_gate(self.gate)
        for stage in self.stages:
            tool = self._tool(stage)
            if tool is not None:
                self.gate.check_tool(tool)

    def with_stage(self, *args: Any, **kwargs: Any) -> LimitedPipeline:
        return self._again(super().with_stage(*args, **kwargs))

    def compose(self, other: Pipeline) -> LimitedPipeline:
        return self._again(super().compose(other))

    def build(self, *args: Any, **how: Any) -> Graph:
        plain = cast(UnifiedStageGraph, super().build(*args, **how))
        specs = [self._limited(spec) for spec in plain.stage_specs]
        return cast(Graph, _LimitedGraph(specs, pipeline_name=self.name, **how))

    def _again(self, plain: Pipeline) -> LimitedPipeline:
        return replace(self, name=plain.name, stages=plain.stages)

    def _tool(self, stage: str) -> str | None:
        return stage if self.tools is None else self.tools.get(stage)

    def _limited(self, spec: UnifiedStageSpec) -> UnifiedStageSpec:
        return replace(spec, runner=_Stage(self, self._tool(spec.name), spec.runner))


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a limited pipeline."""

    data: Mapping[str, Any]
    waiting: set[asyncio.Task[Any]] = field(default_factory=set)
    """The stages that wait at the gate."""

    async def wait(self, call: Call) -> Permit:
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self.waiting.add(task)
        try:
            return await call.admit()
        finally:
            self.waiting.discard(task)


_run: ContextVar[_Run] = ContextVar("rampmeter_pipeline_run")


class _LimitedGraph(UnifiedStageGraph):
    async def run(self, ctx: StageContext | PipelineContext) -> PipelineResults:
        run = _Run(ctx.data if isinstance(ctx, PipelineContext) else {})
        token = _run.set(run)
        try:
            return await super().run(ctx)
        finally:
            _run.reset(token)
            # A pipeline that ends early can leave stages behind, which nobody waits for any more. Those
            # that run are Stageflow's; those that wait shall not start.
            for task in run.waiting:
                task.cancel()


@dataclass(frozen=True, slots=True)
class _Stage:
    """Runs one stage of a limited pipeline; under the gate if it is the policy's `tool`."""

    pipeline: LimitedPipeline
    tool: str | None
    runner: Runner

    async def __call__(self, ctx: StageContext) -> Any:
        run = _run.get()
        seconds = stage_time_out(run.data) or inf
        ends = asyncio.get_running_loop().time() + seconds
        with running(RunningStage(run.data, seconds, ends)):
            if self.tool is None:
                return await self.runner(ctx)
            return await self._under_gate(self.tool, ctx, run)

    async def _under_gate(self, tool: str, ctx: StageContext, run: _Run) -> Any:
        arguments = stage_arguments(ctx, run.data)
        call = Call.of(self.pipeline.gate, tool, arguments, ctx, self.pipeline.describe)
        told = {"stage": ctx.stage_name, "tool_name": tool}
        try:
            permit = await run.wait(call)
        except Refused as refusal:
            ctx.try_emit_event(f"stage.{ctx.stage_name}.denied", told | refusal_facts(refusal))
            raise
        ctx.try_emit_event(f"stage.{ctx.stage_name}.started", told | {"waited_ms": permit.waited * 1000})
        return await call.run(permit, lambda: self.runner(ctx), _failed)


def _failed(output: Any) -> bool:
    return isinstance(output, StageOutput) and output.status in (StageStatus.FAIL, StageStatus.RETRY)
