"""Why the gate is no interceptor of pipelines: what the real Stageflow makes of one that says no.

Each test shows one thing that a gate made of `before()` and `after()` would run into.
"""

from __future__ import annotations

import asyncio

import pytest
from stageflow.core import StageContext, StageKind, StageOutput, StageStatus
from stageflow.pipeline import Pipeline
from stageflow.pipeline.interceptors import BaseInterceptor, InterceptorResult
from stageflow.stages.context import PipelineContext
from stageflow.stages.result import StageResult
from stageflow_desk import Seen


class Gatekeeper(BaseInterceptor):
    """Writes down what it is asked; says no if it is told to."""

    def __init__(self, name: str, priority: int, told: list[str], says: str = "yes") -> None:
        self.name = name
        self.priority = priority
        self._told = told
        self._says = says

    async def before(self, stage_name: str, ctx: PipelineContext) -> InterceptorResult | None:
        self._told.append(f"{self.name} before")
        if self._says == "raises":
            raise PermissionError("there is no room")
        if self._says == "no":
            return InterceptorResult(stage_ran=False, error="there is no room")
        return None

    async def after(self, _stage_name: str, _result: StageResult, _ctx: PipelineContext) -> None:
        self._told.append(f"{self.name} after")


def pipeline_of(seen: Seen) -> Pipeline:
    async def stage(ctx: StageContext) -> StageOutput:
        await seen.work(ctx.stage_name)
        return StageOutput.ok(done=True)

    return Pipeline(name="one").with_stage("work", stage, StageKind.WORK)


def test_a_refusal_of_an_interceptor_is_reported_as_done() -> None:
    seen, told = Seen(), list[str]()
    results = asyncio.run(pipeline_of(seen).run(interceptors=[Gatekeeper("gate", 50, told, says="no")]))

    assert seen.started == []
    assert results["work"].status == StageStatus.OK
    # Not even the reason is left.
    assert (results["work"].error, results["work"].data) == (None, {})


def test_an_interceptor_that_raises_a_refusal_is_passed_over() -> None:
    seen, told = Seen(), list[str]()
    results = asyncio.run(pipeline_of(seen).run(interceptors=[Gatekeeper("gate", 50, told, says="raises")]))

    assert seen.started == ["work"]
    assert results["work"].status == StageStatus.OK


def test_after_comes_to_an_interceptor_whose_before_never_came() -> None:
    seen, told = Seen(), list[str]()
    outer, inner = Gatekeeper("outer", 10, told, says="no"), Gatekeeper("gate", 50, told)
    asyncio.run(pipeline_of(seen).run(interceptors=[outer, inner]))

    # A gate there would give back what it never took.
    assert told == ["outer before", "gate after", "outer after"]


def test_what_waits_in_before_is_under_no_time_out() -> None:
    class Waiting(Gatekeeper):
        async def before(self, stage_name: str, ctx: PipelineContext) -> InterceptorResult | None:
            await asyncio.sleep(0.03)
            return None

    seen = Seen()
    ctx = PipelineContext.create(data={"_timeout_ms": 10})
    results = asyncio.run(pipeline_of(seen).run(ctx, interceptors=[Waiting("gate", 50, [])]))
    assert results["work"].status == StageStatus.OK


def test_a_cancellation_skips_after() -> None:
    told: list[str] = []

    async def run() -> None:
        entered = asyncio.Event()

        async def hang(ctx: StageContext) -> StageOutput:
            entered.set()
            await asyncio.sleep(60)
            return StageOutput.ok()

        async def fail(ctx: StageContext) -> StageOutput:
            await entered.wait()
            raise ValueError("broken")

        # A stage that raises has its siblings cancelled.
        pipeline = Pipeline(name="two").with_stage("hang", hang, StageKind.WORK)
        pipeline = pipeline.with_stage("fail", fail, StageKind.WORK)
        with pytest.raises(Exception, match="broken"):
            await pipeline.run(interceptors=[Gatekeeper("gate", 50, told)])

    asyncio.run(run())
    # Of two that came in, one went out: the other's permit would be lost.
    assert told.count("gate before") == 2
    assert told.count("gate after") == 1
