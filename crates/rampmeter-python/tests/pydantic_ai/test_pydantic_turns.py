"""Calls of one turn of a tool that may write and names no keys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from counter import IN_ORDER, Counter, by_policy
from pydantic_ai import Agent, FunctionToolset
from pydantic_doubles import Asked, Inside, answers, asks_for

from rampmeter import Gate
from rampmeter.pydantic_ai import LimitedToolset, LimitTools

CALLS: list[Asked] = [("add", {"number": number}) for number in range(4)]


@by_policy
@pytest.mark.parametrize("as_toolset", [True, False])
def test_they_run_in_the_models_order(gate: Gate, in_order: bool, as_toolset: bool) -> None:
    counter = Counter()

    async def add(number: int) -> str:
        await counter.add(number)
        return "added"

    toolset = FunctionToolset[None]([add])
    limited = (
        Agent(asks_for(*CALLS), toolsets=[LimitedToolset(toolset, gate)])
        if as_toolset
        else Agent(asks_for(*CALLS), toolsets=[toolset], capabilities=[LimitTools(gate)])
    )
    asyncio.run(limited.run("go"))
    assert counter.order == [0, 1, 2, 3]
    assert (counter.value == 4) == in_order


@pytest.mark.parametrize("policy", IN_ORDER)
def test_two_runs_go_side_by_side(policy: str) -> None:
    inside = Inside(meet=2)

    async def add(number: int) -> str:
        await inside.stay()
        return "added"

    async def main() -> list[Any]:
        agent = Agent(asks_for(*CALLS), tools=[add], capabilities=[LimitTools(Gate.from_toml(policy))])
        runs = await asyncio.gather(agent.run("go"), agent.run("go"))
        return [answer for result in runs for answer in answers(result)]

    assert asyncio.run(main()) == ["added"] * 8
    assert inside.peak == 2
