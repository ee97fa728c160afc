"""Pipelines whose stages pass the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from stageflow.core import StageContext, StageKind, StageOutput
from stageflow.pipeline import Pipeline, UnifiedStageExecutionError
from stageflow.pipeline.results import PipelineResults
from stageflow.stages.context import PipelineContext
from stageflow_desk import Action, Doing, Seen, Sink

from rampmeter import Gate, Refused, UnknownTool, UsageError
from rampmeter.stageflow import LimitedToolRegistry, limit_pipeline

ONE_AT_A_TIME = '[limits.host]\nconcurrency = 1\n[tools."*"]\nlimits = ["host"]\naccess = "read"'

Runner = Callable[[StageContext], Awaitable[Any]]


def pipeline_of(stages: dict[str, Any], **after: str) -> Pipeline:
    pipeline = Pipeline(name="tests")
    for name, runner in stages.items():
        pipeline = pipeline.with_stage(name, runner, StageKind.WORK, after=after.get(name))
    return pipeline


def working(seen: Seen) -> Runner:
    async def stage(ctx: StageContext) -> StageOutput:
        await seen.work(ctx.stage_name)
        return StageOutput.ok(stage=ctx.stage_name)

    return stage


def run(pipeline: Pipeline, **context: Any) -> PipelineResults:
    return asyncio.run(pipeline.run(PipelineContext.create(**context)))


def test_a_hundred_stages_side_by_side_peak_at_the_cap() -> None:
    seen, seen_without = Seen(), Seen()
    gate = Gate.from_toml(ONE_AT_A_TIME.replace("concurrency = 1", "concurrency = 8"))

    results = run(limit_pipeline(gate, pipeline_of({f"s{n}": working(seen) for n in range(100)})))
    run(pipeline_of({f"s{n}": working(seen_without) for n in range(100)}))

    assert seen.peak == 8
    assert [results.data(f"s{n}") for n in range(100)] == [{"stage": f"s{n}"} for n in range(100)]
    assert seen_without.peak == 100


def test_a_cap_holds_over_pipelines_and_registries_at_once() -> None:
    seen = Seen()
    gate = Gate.from_toml(ONE_AT_A_TIME.replace("concurrency = 1", "concurrency = 3"))
    pipelines = [limit_pipeline(gate, pipeline_of({f"s{n}": working(seen) for n in range(4)}))] * 3
    registry = LimitedToolRegistry(gate)
    registry.register(Doing("work", lambda _: seen.work("tool")))

    async def all_of_it() -> None:
        runs = [pipeline.run(PipelineContext.create()) for pipeline in pipelines]
        await asyncio.gather(*runs, *(registry.execute(Action("work"), {}) for _ in range(5)))

    asyncio.run(all_of_it())
    assert seen.peak == 3
    assert len(seen.ended) == 3 * 4 + 5


class Configured:
    """A stage as a class, which Stageflow makes anew for each run."""

    name = "configured"
    kind = StageKind.WORK

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def execute(self, ctx: StageContext) -> StageOutput | dict[str, Any] | None:
        await self._seen.work(ctx.stage_name)
        return {"made": True}


def test_stages_may_be_functions_instances_and_classes_and_come_in_their_order() -> None:
    seen = Seen()
    pipeline = Pipeline(name="kinds").with_stage("one", Configured, config={"seen": seen})
    pipeline = pipeline.with_stage("two", Configured(seen), after="one")
    pipeline = pipeline.with_stage("three", working(seen), StageKind.WORK, after="two")

    results = run(limit_pipeline(Gate.from_toml(ONE_AT_A_TIME), pipeline))
    assert seen.started == ["one", "two", "three"]
    assert results.data("one") == results.data("two") == {"made": True}


def test_only_the_stages_that_are_named_pass_and_under_the_names_given() -> None:
    seen = Seen()
    gate = Gate.from_toml('[limits.host]\nconcurrency = 1\n[tools.fetch]\nlimits = ["host"]\naccess = "read"')
    tools = {"a": "fetch", "b": "fetch"}

    run(limit_pipeline(gate, pipeline_of({name: working(seen) for name in "abcd"}), tools=tools))
    # `c` and `d` run beside one of the other two.
    assert seen.peak == 3
    with pytest.raises(UnknownTool, match="'?c'?"):
        limit_pipeline(gate, pipeline_of({"c": working(seen)}))


def test_a_stage_that_is_named_and_not_there_is_told_with_those_that_are() -> None:
    pipeline = pipeline_of({"fetch": working(Seen()), "rank": working(Seen())})
    with pytest.raises(UsageError, match="`fetchh`: the stages of `tests` are fetch, rank"):
        limit_pipeline(Gate.from_toml(ONE_AT_A_TIME), pipeline, tools={"fetchh": "fetch"})


def test_a_task_that_outlives_its_stage_is_not_bound_by_the_stages_time() -> None:
    gate = Gate.from_toml(ONE_AT_A_TIME)
    registry = LimitedToolRegistry(gate)
    registry.register(Doing("work", lambda _: Seen().work()))
    tasks: list[asyncio.Task[Any]] = []

    async def later() -> Any:
        await asyncio.sleep(0.04)
        return await registry.execute(Action("work"), {})

    async def stage(_: StageContext) -> None:
        tasks.append(asyncio.create_task(later()))

    async def outlive() -> Any:
        limited = limit_pipeline(gate, pipeline_of({"stage": stage}), tools={})
        await limited.run(PipelineContext.create(data={"_timeout_ms": 20}))
        return await tasks[0]

    assert asyncio.run(outlive()).success


def test_stages_that_are_added_later_pass_too() -> None:
    seen = Seen()
    gate = Gate.from_toml('[limits.host]\nconcurrency = 1\n[tools."s*"]\nlimits = ["host"]\naccess = "read"')
    limited = limit_pipeline(gate, pipeline_of({"s1": working(seen)}))
    limited = limited.with_stage("s2", working(seen), StageKind.WORK)
    limited = limited.compose(pipeline_of({"s3": working(seen)}))

    run(limited)
    assert seen.peak == 1 and len(seen.ended) == 3
    with pytest.raises(UnknownTool, match="other"):
        limited.with_stage("other", working(seen), StageKind.WORK)


def test_a_refused_stage_is_an_error_with_the_refusal_in_it_and_never_done(sink: Sink) -> None:
    seen = Seen()
    gate = Gate.from_toml(ONE_AT_A_TIME.replace("concurrency = 1", "concurrency = 1\nqueue = { size = 0 }"))
    with pytest.raises(UnifiedStageExecutionError) as caught:
        run(limit_pipeline(gate, pipeline_of({"a": working(seen), "b": working(seen)})))

    refusal = caught.value.original
    assert isinstance(refusal, Refused)
    assert (refusal.tool, refusal.reason, refusal.limit) == ("b", "queue_full", "host")
    assert seen.started == ["a"]
    assert sink.names == ["stage.a.started", "stage.b.denied"]
    denied = sink.one("stage.b.denied")
    assert (denied["stage"], denied["reason"], denied["limit"]) == ("b", "queue_full", "host")


def test_stages_that_wait_when_their_pipeline_is_over_never_start() -> None:
    """Stageflow leaves siblings of a stage that says it failed behind, and all when it is cancelled."""
    seen = Seen()
    gate = Gate.from_toml(ONE_AT_A_TIME)

    async def fail(_: StageContext) -> StageOutput:
        await asyncio.sleep(0)
        return StageOutput.fail("broken")

    async def hang(ctx: StageContext) -> None:
        await asyncio.sleep(60)

    async def both() -> None:
        failing = limit_pipeline(gate, pipeline_of({"fail": fail, "w1": working(seen), "w2": working(seen)}))
        with pytest.raises(UnifiedStageExecutionError, match="broken"):
            await failing.run(PipelineContext.create())

        hanging = limit_pipeline(gate, pipeline_of({"hang": hang, "w3": working(seen)}))
        task = asyncio.ensure_future(hanging.run(PipelineContext.create()))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        for left in asyncio.all_tasks() - {asyncio.current_task()}:
            left.cancel()
        # Whoever asks now finds the limit free.
        async with asyncio.timeout(5), gate.admit("other"):
            pass

    asyncio.run(both())
    # Of those behind the one that failed, one had its slot before the pipeline was over.
    assert len(seen.started) <= 1 and "w3" not in seen.started


def test_a_stage_that_cannot_start_in_time_is_refused_and_one_that_hangs_is_ended() -> None:
    seen = Seen()

    async def hang(_: StageContext) -> None:
        await asyncio.sleep(60)

    async def busy() -> tuple[BaseException, BaseException]:
        gate = Gate.from_toml(ONE_AT_A_TIME)
        held = await gate.admit("other")
        ends = []
        for runner in (working(seen), hang):
            limited = limit_pipeline(gate, pipeline_of({"stage": runner}))
            with pytest.raises(UnifiedStageExecutionError) as caught:
                await limited.run(PipelineContext.create(data={"_timeout_ms": 30}))
            ends.append(caught.value.original)
            held.finish()
        async with gate.admit("other"):
            return ends[0], ends[1]

    waited, hung = asyncio.run(busy())
    assert isinstance(waited, Refused) and waited.reason == "deadline" or "timed out" in str(waited)
    assert "timed out after 30ms" in str(hung)
    assert seen.started == []


@pytest.mark.parametrize("end", ["hangs", "fails", "asks for a retry"])
def test_a_stage_that_stageflow_ends_for_its_time_or_that_says_it_failed_opens_the_breaker(end: str) -> None:
    policy = '[limits.host]\nbreaker = { failures = "50%", min_calls = 2, open = "30s" }\n'
    policy += '[tools."*"]\nlimits = ["host"]'

    async def stage(_: StageContext) -> StageOutput:
        if end == "hangs":
            await asyncio.sleep(60)
        return StageOutput.fail("no") if end == "fails" else StageOutput.retry("later")

    async def three_times() -> BaseException:
        limited = limit_pipeline(Gate.from_toml(policy), pipeline_of({"stage": stage}))
        for _ in range(2):
            # Stageflow takes a stage that asks for a retry for done.
            await asyncio.gather(
                limited.run(PipelineContext.create(data={"_timeout_ms": 200})), return_exceptions=True
            )
        with pytest.raises(UnifiedStageExecutionError) as caught:
            await limited.run(PipelineContext.create())
        return caught.value.original

    third = asyncio.run(three_times())
    assert isinstance(third, Refused) and third.reason == "open"


def test_a_registry_within_a_stage_has_the_stages_time_and_its_runs_options() -> None:
    """What a stage's own context does not carry: `StageContext.to_dict()` has no `data`."""
    seen = Seen()
    policy = '[limits.api]\nconcurrency = 1\nper = "tenant"\n[tools.work]\nlimits = ["api"]\naccess = "read"'
    gate = Gate.from_toml(policy)
    registry = LimitedToolRegistry(gate)

    async def work(payload: dict[str, Any]) -> None:
        seen.enter()
        await asyncio.sleep(60)

    registry.register(Doing("work", work))

    async def agent(ctx: StageContext) -> StageOutput:
        output = await registry.execute(Action("work"), ctx.to_dict())
        return StageOutput.ok(output=output)

    async def two_tenants() -> list[Any]:
        limited = limit_pipeline(gate, pipeline_of({"agent": agent}), tools={})
        contexts = (
            PipelineContext.create(data={"_timeout_ms": 50, "rampmeter": {"labels": {"tenant": tenant}}})
            for tenant in "ab"
        )
        return await asyncio.gather(*(limited.run(ctx) for ctx in contexts), return_exceptions=True)

    ends = asyncio.run(two_tenants())
    # Each tenant had a slot of its own, and neither hung for longer than its stage.
    assert seen.peak == 2
    assert len(ends) == 2 and all("timed out" in str(end) for end in ends)


def test_a_stage_of_a_run_without_a_time_out_has_stageflows_thirty_seconds() -> None:
    """So nobody waits for what cannot come in time: a call of the next hour is refused at once."""
    policy = (
        '[limits.api]\nrequests = "1/h"\n[tools."*"]\nlimits = ["api"]\naccess = "read"\nqueue_timeout = "2h"'
    )
    gate = Gate.from_toml(policy)
    registry = LimitedToolRegistry(gate)
    registry.register(Doing("work", lambda _: Seen().work()))

    async def agent(ctx: StageContext) -> StageOutput:
        output = await registry.execute(Action("work"), ctx.to_dict())
        assert output is not None and output.data is not None
        return StageOutput.ok(output.data)

    async def both() -> tuple[PipelineResults, BaseException]:
        async with gate.admit("work"):
            pass
        within = await limit_pipeline(gate, pipeline_of({"agent": agent}), tools={}).run()
        with pytest.raises(UnifiedStageExecutionError) as caught:
            await limit_pipeline(gate, pipeline_of({"stage": working(Seen())})).run()
        return within, caught.value.original

    within, stage = asyncio.run(both())
    assert within.data("agent")["refused"]["reason"] == "deadline"
    assert isinstance(stage, Refused) and stage.reason == "deadline"


def test_texts_and_numbers_of_the_run_fill_the_keys_of_a_stage() -> None:
    seen = Seen()
    gate = Gate.from_toml('[tools.edit]\nwrites = ["doc:{doc}"]')
    limited = limit_pipeline(gate, pipeline_of({"edit": working(seen)}))

    async def three(docs: str) -> int:
        seen.peak = 0
        contexts = [
            PipelineContext.create(data={"doc": doc, "db": object(), "score": float("nan")})
            for doc in docs[:-1]
        ]
        contexts.append(PipelineContext.create(metadata={"doc": docs[-1]}))
        await asyncio.gather(*(limited.run(ctx) for ctx in contexts))
        return seen.peak

    assert asyncio.run(three("aaa")) == 1
    assert asyncio.run(three("abc")) == 3


def test_a_bad_time_out_is_told_where_it_stands() -> None:
    limited = limit_pipeline(Gate.from_toml(ONE_AT_A_TIME), pipeline_of({"stage": working(Seen())}))
    with pytest.raises(UnifiedStageExecutionError) as caught:
        run(limited, data={"rampmeter": {"prio": "high"}})
    assert isinstance(caught.value.original, UsageError)
    assert "no `prio`" in str(caught.value.original)


def test_a_graph_that_is_built_once_is_limited_in_each_run() -> None:
    seen = Seen()
    graph = limit_pipeline(Gate.from_toml(ONE_AT_A_TIME), pipeline_of({"a": working(seen)})).build()

    async def three() -> None:
        await asyncio.gather(*(graph.run(PipelineContext.create()) for _ in range(3)))

    asyncio.run(three())
    assert seen.peak == 1 and seen.ended == ["a"] * 3
