"""Claims about the registry, and what comes with Stageflow to run tools."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import types
from typing import Any

import stageflow.tools
from stageflow import PipelineContext
from stageflow.agent import Agent
from stageflow.pipeline import BackpressureConfig
from stageflow.tools.base import BaseTool, ToolInput, ToolOutput
from stageflow.tools.registry import ToolRegistry

from probe import Action, Inside, Probe, Seen, claim, elapsed, ended_with, registry


@claim
async def gathered_calls_all_run_at_once() -> Seen:
    seen: Seen = {}
    for asked in (1, 10, 50, 100, 1000):
        inside = Inside()
        tools = registry(lambda _payload, _ctx, inside=inside: inside.stay(1.0))
        await asyncio.gather(*(tools.execute(Action(), {}) for _ in range(asked)))
        seen[str(asked)] = inside.peak
    return seen


@claim
async def stageflow_itself_runs_a_turn_one_after_the_other() -> Seen:
    """Neither of the two loops that come with it gathers: a turn's calls run in sequence."""
    inside = Inside()
    tools = registry(lambda _payload, _ctx: inside.stay(1.0))
    calls = [{"name": "probe", "arguments": {}} for _ in range(10)]
    answers = iter([json.dumps({"tool_calls": calls}), json.dumps({"final_answer": "done"})])

    class Model:
        async def chat(self, **_kwargs: Any) -> Any:
            return {"content": next(answers), "model": "probe"}

    await Agent(llm_client=Model(), tool_registry=tools).run("go")
    agent = {"peak": inside.peak, "seconds": elapsed()}

    inside = Inside()
    stageflow.tools.clear_tool_registry()
    stageflow.tools.register_tool(Probe(lambda _payload, _ctx: inside.stay(1.0)))
    plan = types.SimpleNamespace(actions=[Action() for _ in range(10)])
    await stageflow.tools.ToolExecutor().execute(PipelineContext.create(), plan)
    return {
        "agent": agent,
        "executor": {"peak": inside.peak, "seconds": elapsed() - agent["seconds"]},
    }


@claim
async def the_advanced_executor_limits_nothing_either() -> Seen:
    inside = Inside()

    async def handler(_input: Any) -> stageflow.tools.ToolOutput:
        await inside.stay(1.0)
        return stageflow.tools.ToolOutput(success=True)

    executor = stageflow.tools.AdvancedToolExecutor()
    executor.register(
        stageflow.tools.ToolDefinition(name="probe", action_type="probe", handler=handler)
    )
    context = PipelineContext.create()
    actions = [types.SimpleNamespace(id=None, type="probe", payload={}) for _ in range(100)]
    await asyncio.gather(*(executor.execute(action, context) for action in actions))
    return {"peak": inside.peak}


@claim
async def nothing_about_tools_takes_a_limit() -> Seen:
    """No public thing of `stageflow.tools` has a parameter or a field by which to say one."""
    found = [name for name in stageflow.tools.__all__ if _limits(getattr(stageflow.tools, name))]
    # The search itself finds what there is elsewhere.
    return {"found": found, "elsewhere": _limits(BackpressureConfig)}


def _limits(thing: Any) -> list[str]:
    """Its parameters, and its methods', that are called like a limit."""
    words = ("limit", "concurren", "rate", "priorit", "weight", "flow", "tenant", "quota", "queue")
    methods = (
        [it for _, it in inspect.getmembers(thing, inspect.isfunction)]
        if inspect.isclass(thing)
        else []
    )
    found: set[str] = set()
    for function in [thing, *methods]:
        with contextlib.suppress(TypeError, ValueError):
            found |= set(inspect.signature(function).parameters)
    return sorted(name for name in found if any(word in name.lower() for word in words))


@claim
async def a_call_that_is_asked_for_first_starts_first_whatever_its_priority() -> Seen:
    order: list[str] = []

    async def work(payload: dict[str, Any], _ctx: dict[str, Any]) -> None:
        order.append(payload["priority"])
        await asyncio.sleep(1.0)

    tools = registry(work)
    asked = [Action(payload={"priority": p}) for p in ("low", "low", "critical")]
    await asyncio.gather(
        *(tools.execute(action, {"priority": action.payload["priority"]}) for action in asked)
    )
    return {"order": order, "seconds": elapsed()}


@claim
async def the_registry_has_no_time_out() -> Seen:
    tools = registry(lambda _payload, _ctx: asyncio.sleep(86_400.0))
    await tools.execute(Action(), {})
    return {"seconds": elapsed()}


@claim
async def fifty_calls_at_one_instant_all_pass() -> Seen:
    """What turned 30 of the study's 50 away was the limiter in its own mock: there is none here."""
    inside = Inside()
    tools = registry(lambda _payload, _ctx: inside.stay(0.0))
    outputs = await asyncio.gather(*(tools.execute(Action(), {}) for _ in range(50)))
    return {"passed": sum(output.success for output in outputs), "seconds": elapsed()}


# Races


class Locked(BaseTool):
    """A tool that guards what it counts with a lock of its own, as the study's mock did."""

    description = "adds one"

    def __init__(self, name: str, counter: dict[str, int]) -> None:
        self._name = name
        self._counter = counter
        self._lock = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def action_type(self) -> str:
        return self._name

    async def execute(self, input: ToolInput, ctx: dict[str, Any]) -> ToolOutput:
        async with self._lock:
            seen = self._counter["n"]
            await asyncio.sleep(0.01)
            self._counter["n"] = seen + 1
        return ToolOutput(success=True)


async def _count(instances: int) -> int:
    counter = {"n": 0}
    tools = ToolRegistry()
    for index in range(instances):
        tools.register(Locked(f"add-{index}", counter))
    await asyncio.gather(*(tools.execute(Action(f"add-{i % instances}"), {}) for i in range(20)))
    return counter["n"]


@claim
async def a_lock_in_each_instance_guards_nothing_and_one_instance_loses_nothing() -> Seen:
    return {"20 instances": await _count(20), "1 instance": await _count(1)}


@claim
async def the_registry_keeps_one_instance_for_each_name() -> Seen:
    """So one lock in a registered tool is enough; a race needs a lock that is not shared."""
    made: list[int] = []

    class Counted(Probe):
        def __init__(self) -> None:
            made.append(1)
            super().__init__(lambda _payload, _ctx: asyncio.sleep(0.01))

    tools = ToolRegistry()
    tools.register_factory("probe", Counted)
    await asyncio.gather(*(tools.execute(Action(), {}) for _ in range(20)))
    return {"made": len(made)}


@claim
async def a_tool_that_reads_waits_and_writes_loses_updates() -> Seen:
    counter = {"n": 0}

    async def work(_payload: dict[str, Any], _ctx: dict[str, Any]) -> None:
        seen = counter["n"]
        await asyncio.sleep(0.01)
        counter["n"] = seen + 1

    tools = registry(work)
    await asyncio.gather(*(tools.execute(Action(), {}) for _ in range(20)))
    return {"asked": 20, "kept": counter["n"]}


# What siblings do to each other


@claim
async def calls_that_write_one_key_of_the_context_they_are_given_keep_the_last() -> Seen:
    async def work(payload: dict[str, Any], ctx: dict[str, Any]) -> None:
        await asyncio.sleep(payload["after"])
        ctx["answer"] = payload["after"]

    tools = registry(work)
    shared: dict[str, Any] = {}
    await asyncio.gather(*(tools.execute(Action(payload={"after": n}), shared) for n in (3, 1, 2)))
    return {"kept": [shared["answer"]]}


@claim
async def an_error_leaves_gather_at_once_and_its_siblings_run_on() -> Seen:
    inside = Inside()

    async def work(payload: dict[str, Any], _ctx: dict[str, Any]) -> None:
        if payload.get("fails"):
            raise ValueError("no")
        await inside.stay(5.0, "sibling")

    tools = registry(work)
    calls = [tools.execute(Action(payload={"fails": n == 0}), {}) for n in range(3)]
    error = await ended_with(asyncio.gather(*calls))
    told_at = elapsed()
    await asyncio.sleep(10.0)
    return {"error": error, "told at": told_at, "ended later": len(inside.ended)}


@claim
async def an_output_that_failed_touches_no_sibling() -> Seen:
    async def work(payload: dict[str, Any], _ctx: dict[str, Any]) -> ToolOutput:
        await asyncio.sleep(1.0)
        return ToolOutput(success=not payload["fails"])

    tools = registry(work)
    calls = [tools.execute(Action(payload={"fails": n < 6}), {}) for n in range(20)]
    outputs = await asyncio.gather(*calls)
    return {
        "failed": sum(not o.success for o in outputs),
        "succeeded": sum(o.success for o in outputs),
    }
