"""The gate in Stageflow's global registry."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from stageflow.agent import Agent
from stageflow.helpers import LLMResponse
from stageflow.pipeline import Pipeline
from stageflow.stages.context import PipelineContext
from stageflow.tools import ToolExecutor, ToolRegistry, get_tool_registry, register_tool
from stageflow_desk import Action, Doing, Seen

from rampmeter import Gate, UnknownTool, UsageError
from rampmeter.stageflow import LimitedToolExecutor, LimitedToolRegistry, install, limit_pipeline, limit_turn

ONE_AT_A_TIME = '[limits.host]\nconcurrency = 1\n[tools.work]\nlimits = ["host"]'


def peak(registry: ToolRegistry, seen: Seen) -> int:
    """The peak of three gathered calls."""
    seen.peak = 0

    async def run() -> None:
        await asyncio.gather(*(registry.execute(Action("work"), {}) for _ in range(3)))

    asyncio.run(run())
    return seen.peak


def test_the_global_registry_is_limited_until_the_gate_is_taken_out() -> None:
    seen = Seen()
    register_tool(Doing("work", lambda _: seen.work()))
    held = get_tool_registry()

    installed = install(Gate.from_toml(ONE_AT_A_TIME))
    assert get_tool_registry() is held
    assert peak(held, seen) == 1
    installed.uninstall()
    assert peak(held, seen) == 3
    assert "execute" not in vars(held)


def test_with_takes_the_gate_out_at_its_end_also_after_an_error() -> None:
    seen = Seen()
    register_tool(Doing("work", lambda _: seen.work()))
    with pytest.raises(ValueError), install(Gate.from_toml(ONE_AT_A_TIME)):
        assert peak(get_tool_registry(), seen) == 1
        raise ValueError
    assert peak(get_tool_registry(), seen) == 3


def test_a_second_gate_is_an_error_and_a_second_uninstall_is_none() -> None:
    seen = Seen()
    register_tool(Doing("work", lambda _: seen.work()))
    first = install(Gate.from_toml(ONE_AT_A_TIME))
    with pytest.raises(UsageError, match="has a gate already: call `uninstall"):
        install(Gate.from_toml(ONE_AT_A_TIME))
    first.uninstall()
    with install(Gate.from_toml(ONE_AT_A_TIME)):
        first.uninstall()
        assert peak(get_tool_registry(), seen) == 1


def test_a_tool_that_the_policy_lacks_is_told_at_once_and_one_that_comes_later_when_it_is_called() -> None:
    register_tool(Doing("other", lambda _: Seen().work()))
    with pytest.raises(UnknownTool, match="other"):
        install(Gate.from_toml(ONE_AT_A_TIME))
    assert "execute" not in vars(get_tool_registry())

    with install(Gate.from_toml("[tools.other]")):
        register_tool(Doing("late", lambda _: Seen().work()))
        with pytest.raises(UnknownTool, match="late"):
            asyncio.run(get_tool_registry().execute(Action("late"), {}))


@dataclass
class Plan:
    actions: list[Any]


def test_executors_that_were_made_before_share_one_cap() -> None:
    seen = Seen()
    register_tool(Doing("work", lambda _: seen.work()))
    executors = [ToolExecutor() for _ in range(4)]

    async def run() -> int:
        plan = Plan([Action("work") for _ in range(3)])
        ctx = PipelineContext.create()
        results = await asyncio.gather(*(executor.execute(ctx, plan) for executor in executors))
        return sum(result.actions_executed for result in results)

    with install(Gate.from_toml(ONE_AT_A_TIME)):
        assert asyncio.run(run()) == 12
    assert seen.peak == 1


class Model:
    """Asks for two tools in its first turn and answers in its second."""

    def __init__(self) -> None:
        self.turns = [
            '{"tool_calls": [{"name": "work"}, {"name": "work"}]}',
            '{"final_answer": "done"}',
        ]

    async def chat(self, **_: Any) -> Any:
        return LLMResponse(content=self.turns.pop(0), model="none", provider="none")


def test_four_agents_share_one_cap() -> None:
    seen = Seen()
    register_tool(Doing("work", lambda _: seen.work()))

    async def run() -> list[Any]:
        agents = [Agent(llm_client=Model()) for _ in range(4)]
        return await asyncio.gather(*(agent.run("go") for agent in agents))

    assert all(result.response == "done" for result in asyncio.run(run()))
    assert seen.peak == 4
    policy = ONE_AT_A_TIME.replace("concurrency = 1", "concurrency = 2")
    seen.peak = 0
    with install(Gate.from_toml(policy)):
        results = asyncio.run(run())
    assert seen.peak == 2
    assert [tool.success for result in results for tool in result.tool_results] == [True] * 8


@pytest.mark.parametrize(
    "made",
    [
        install,
        LimitedToolRegistry,
        LimitedToolExecutor,
        lambda gate: limit_pipeline(gate, Pipeline()),
        lambda gate: asyncio.run(limit_turn(gate, [])),
    ],
)
def test_what_is_no_gate_is_told_where_it_is_given(made: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match="gate is 'gate'; give a Gate"):
        made("gate")
