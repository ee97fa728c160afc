"""Calls of one turn of a tool that may write and names no keys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import Agent, RunConfig, Runner, ToolExecutionConfig, function_tool
from counter import IN_ORDER, Counter, by_policy
from openai_doubles import Asked, Inside, agent_with, answers, run

from rampmeter import Gate
from rampmeter.openai_agents import limit

CALLS: list[Asked] = [("add", {"number": number}) for number in range(4)]


def agent_that(gate: Gate, counter: Counter) -> Agent[Any]:
    @function_tool
    async def add(number: int) -> str:
        await counter.add(number)
        return "added"

    return agent_with(limit(gate, [add]), *CALLS)


@by_policy
def test_they_run_in_the_models_order(gate: Gate, in_order: bool) -> None:
    counter = Counter()
    asyncio.run(run(agent_that(gate, counter)))
    assert counter.order == [0, 1, 2, 3]
    assert (counter.value == 4) == in_order


def test_they_run_in_order_where_a_run_has_no_input_of_its_own() -> None:
    counter = Counter()

    async def main() -> None:
        await Runner.run(agent_that(Gate.from_toml(IN_ORDER[0]), counter), [])

    asyncio.run(main())
    assert (counter.value, counter.order) == (4, [0, 1, 2, 3])


def test_they_run_in_order_where_the_sdk_starts_them_by_and_by() -> None:
    """A call that comes late, when an agent-as-tool has asked its own model, is of the same turn."""
    counter = Counter()
    gate = Gate.from_toml(IN_ORDER[0])
    inner = agent_with([], name="inner").as_tool("inner", None)
    agent = agent_that(gate, counter)
    agent = agent_with([*agent.tools, inner], CALLS[0], ("inner", {"input": "go"}), *CALLS[1:])
    two = RunConfig(tool_execution=ToolExecutionConfig(max_function_tool_concurrency=2))
    asyncio.run(run(agent, run_config=two))
    assert (counter.value, counter.order) == (4, [0, 1, 2, 3])


@pytest.mark.parametrize("policy", IN_ORDER)
def test_two_runs_of_one_input_go_side_by_side(policy: str) -> None:
    inside = Inside(meet=2)

    @function_tool
    async def add(number: int) -> str:
        await inside.stay()
        return "added"

    async def main() -> list[Any]:
        agent = agent_with(limit(Gate.from_toml(policy), [add]), *CALLS)
        given: list[Any] = [{"role": "user", "content": "go"}]
        runs = await asyncio.gather(Runner.run(agent, given), Runner.run(agent, given))
        return [answer for result in runs for answer in answers(result)]

    assert asyncio.run(main()) == ["added"] * 8
    assert inside.peak == 2
