"""Claims about pipelines."""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import stageflow
from stageflow import Pipeline, PipelineContext, StageKind, StageOutput
from stageflow.context import ContextBag, DataConflictError, OutputBag, OutputConflictError

from probe import Inside, Seen, claim, elapsed, ended_with


@claim
async def stages_without_dependencies_all_run_at_once() -> Seen:
    inside = Inside()
    pipeline = Pipeline()
    for index in range(100):
        pipeline = pipeline.with_stage(f"s{index}", _sleeps(inside, 1.0, index), StageKind.WORK)
    await pipeline.run(PipelineContext.create())
    return {"peak": inside.peak, "seconds": elapsed()}


@claim
async def the_monitor_of_pipelines_that_limits_is_used_by_none() -> Seen:
    """`BackpressureMonitor` holds a semaphore of ten; no pipeline makes one, or takes one."""
    folder = Path(stageflow.__file__).parent
    users = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*.py"))
        if "failure_tolerance" in path.read_text(encoding="utf-8")
        and path.name != "failure_tolerance.py"
    ]
    takes = [name for name in inspect.signature(Pipeline.build).parameters if "pressure" in name]
    return {"named in": users, "taken by build": takes}


# Writes to one output key


def _writes(key: str, value: str, after: float) -> Callable[[Any], Awaitable[StageOutput]]:
    async def stage(_ctx: Any) -> StageOutput:
        await asyncio.sleep(after)
        return StageOutput.ok(**{key: value})

    return stage


@claim
async def stages_that_write_one_key_are_all_kept_and_the_first_done_is_found() -> Seen:
    found: list[Any] = []

    async def reads(ctx: Any) -> StageOutput:
        found.append(ctx.inputs.get("answer"))
        return StageOutput.ok()

    work = StageKind.WORK
    pipeline = (
        Pipeline()
        .with_stage("slow", _writes("answer", "slow", 2.0), work)
        .with_stage("fast", _writes("answer", "fast", 1.0), work)
        .with_stage("reads", reads, work, dependencies=("slow", "fast"))
    )
    results = await pipeline.run(PipelineContext.create())
    kept = {name: results[name].data["answer"] for name in ("slow", "fast")}
    return {"kept": kept, "found": found[0]}


@claim
async def a_second_stage_of_one_name_replaces_the_first_without_a_word() -> Seen:
    pipeline = (
        Pipeline()
        .with_stage("one", _writes("answer", "first", 0.0), StageKind.WORK)
        .with_stage("one", _writes("answer", "second", 0.0), StageKind.WORK)
    )
    results = await pipeline.run(PipelineContext.create())
    return {"stages": len(results), "answer": results["one"].data["answer"]}


@claim
async def the_output_bag_refuses_the_second_write_and_no_pipeline_uses_it() -> Seen:
    bag = OutputBag()
    await bag.write("one", StageOutput.ok(answer=1))
    try:
        await bag.write("one", StageOutput.ok(answer=2))
        refused = "nothing"
    except OutputConflictError as error:
        refused = type(error).__name__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = ContextBag()
    await old.write("answer", 1, "one")
    try:
        await old.write("answer", 2, "two")
        refused_by_key = "nothing"
    except DataConflictError as error:
        refused_by_key = type(error).__name__
    folder = Path(stageflow.__file__).parent
    users = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*.py"))
        if "OutputBag(" in path.read_text(encoding="utf-8") and path.parent.name != "context"
    ]
    return {"output bag": refused, "context bag": refused_by_key, "made in": users}


# Time-outs


async def _piped(context: PipelineContext, **stages: Any) -> Seen:
    """Stages side by side: how and when that ends, and whether anything goes on afterwards."""
    pipeline = Pipeline()
    for name, stage in stages.items():
        pipeline = pipeline.with_stage(name, stage, StageKind.WORK)
    return await _seen(pipeline, context)


async def _seen(pipeline: Pipeline, context: PipelineContext) -> Seen:
    began = elapsed()
    error = await ended_with(pipeline.run(context))
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    seen = {"error": error, "seconds": round(elapsed() - began, 6), "left running": bool(left)}
    if left:
        await asyncio.wait(left)
    return seen


def _sleeps(inside: Inside, seconds: float, name: str) -> Callable[[Any], Awaitable[None]]:
    async def stage(_ctx: Any) -> None:
        await inside.stay(seconds, name)

    return stage


@claim
async def a_stage_has_thirty_seconds_unless_the_context_says_otherwise() -> Seen:
    inside = Inside()
    slow = _sleeps(inside, 100.0, "slow")
    return {
        "by default": await _piped(PipelineContext.create(), slow=slow),
        "_timeout_ms 1000": await _piped(
            PipelineContext.create(data={"_timeout_ms": 1000}), slow=slow
        ),
        "_timeout_ms 0": await _piped(PipelineContext.create(data={"_timeout_ms": 0}), slow=slow),
        "by the stage's name": await _piped(
            PipelineContext.create(data={"_timeout_ms.slow": 1000, "_timeout.slow": 1000}),
            slow=slow,
        ),
    }


@claim
async def the_time_out_is_of_each_stage_and_never_of_the_whole() -> Seen:
    inside = Inside()
    pipeline = Pipeline()
    before: str | None = None
    for name in ("one", "two", "three"):
        pipeline = pipeline.with_stage(
            name, _sleeps(inside, 0.9, name), StageKind.WORK, after=before
        )
        before = name
    error = await ended_with(pipeline.run(PipelineContext.create(data={"_timeout_ms": 1000})))
    return {"error": error, "seconds": elapsed()}


@claim
async def a_stage_that_times_out_leaves_its_siblings_running() -> Seen:
    inside = Inside()
    work = StageKind.WORK
    pipeline = (
        Pipeline()
        .with_stage("slow", _sleeps(inside, 100.0, "slow"), work)
        .with_stage("first", _sleeps(inside, 5.0, "first"), work)
        .with_stage("second", _sleeps(inside, 8.0, "second"), work, after="first")
    )
    seen = await _seen(pipeline, PipelineContext.create(data={"_timeout_ms": 10_000}))
    return seen | {"ended": inside.ended}


@claim
async def a_stage_that_does_not_listen_holds_the_pipeline_up_past_its_time_out() -> Seen:
    async def deaf(_ctx: Any) -> None:
        try:
            await asyncio.sleep(100.0)
        except asyncio.CancelledError:
            await asyncio.sleep(5.0)
            raise

    return await _piped(PipelineContext.create(data={"_timeout_ms": 1000}), deaf=deaf)


# Failures


@claim
async def a_stage_that_raises_cuts_its_siblings() -> Seen:
    inside = Inside()

    async def raises(_ctx: Any) -> None:
        await asyncio.sleep(1.0)
        raise ValueError("no")

    seen = await _piped(
        PipelineContext.create(), raises=raises, sibling=_sleeps(inside, 5.0, "sibling")
    )
    return seen | {"ended": inside.ended}


@claim
async def a_stage_that_says_it_failed_ends_the_pipeline_and_its_siblings_run_on() -> Seen:
    inside = Inside()

    async def fails(_ctx: Any) -> StageOutput:
        await asyncio.sleep(1.0)
        return StageOutput.fail(error="no")

    seen = await _piped(
        PipelineContext.create(), fails=fails, sibling=_sleeps(inside, 5.0, "sibling")
    )
    return seen | {"ended": inside.ended}


@claim
async def what_was_done_before_a_failure_is_not_in_the_error() -> Seen:
    async def fails(_ctx: Any) -> StageOutput:
        await asyncio.sleep(2.0)
        return StageOutput.fail(error="no")

    pipeline = Pipeline().with_stage("done", _writes("answer", "42", 1.0), StageKind.WORK)
    pipeline = pipeline.with_stage("fails", fails, StageKind.WORK)
    try:
        await pipeline.run(PipelineContext.create())
    except Exception as error:
        return {"holds results": hasattr(error, "results"), "says": str(error)}
    return {}


@claim
async def a_stage_behind_its_open_breaker_is_reported_as_done() -> Seen:
    ran: list[int] = []

    async def fails(_ctx: Any) -> StageOutput:
        ran.append(1)
        raise ValueError("no")

    graph = Pipeline().with_stage("probe", fails, StageKind.WORK).build()
    ends: list[str] = []
    for _ in range(5):
        try:
            results = await graph.run(PipelineContext.create())
            ends.append(results["probe"].status.value)
        except Exception as error:
            ends.append(type(error).__name__)
    return {"ran": len(ran), "ends": ends}


@claim
async def each_run_of_a_pipeline_has_breakers_of_its_own() -> Seen:
    """`Pipeline.run` builds its graph, and with it the breakers: they never see a second run."""

    async def fails(_ctx: Any) -> StageOutput:
        raise ValueError("no")

    pipeline = Pipeline().with_stage("probe", fails, StageKind.WORK)
    return {"ends": [await ended_with(pipeline.run(PipelineContext.create())) for _ in range(5)]}


@claim
async def a_stage_that_asks_to_be_tried_again_is_taken_as_done() -> Seen:
    """What tries again, `RetryInterceptor`, is none of the default ones."""
    ran: list[str] = []

    async def again(_ctx: Any) -> StageOutput:
        ran.append("again")
        return StageOutput.retry(error="not yet")

    async def then(_ctx: Any) -> None:
        ran.append("then")

    pipeline = Pipeline().with_stage("again", again, StageKind.WORK)
    pipeline = pipeline.with_stage("then", then, StageKind.WORK, after="again")
    return {"error": await ended_with(pipeline.run(PipelineContext.create())), "ran": ran}
