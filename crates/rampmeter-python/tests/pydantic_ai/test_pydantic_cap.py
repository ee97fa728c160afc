"""A cap is a cap over all runs."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from pydantic_ai import Agent, FunctionToolset, limit_model_concurrency
from pydantic_ai.capabilities import ToolSearch
from pydantic_ai.concurrency import ConcurrencyLimiter
from pydantic_ai.models.test import TestModel
from pydantic_doubles import Asked, Inside, asks_for, search_gate

from rampmeter import Gate
from rampmeter.pydantic_ai import GateLimiter, LimitedToolset, LimitTools

CALLS: list[Asked] = [("search", {"query": str(n)}) for n in range(4)]


def searching(inside: Inside) -> FunctionToolset[None]:
    toolset: FunctionToolset[None] = FunctionToolset()

    @toolset.tool_plain
    async def search(query: str) -> str:
        await inside.stay()
        return query

    return toolset


async def five_runs(agent: Agent[None, str]) -> None:
    results = await asyncio.gather(*(agent.run("go") for _ in range(5)))
    assert [result.output for result in results] == ["done"] * 5


def test_five_runs_share_one_cap() -> None:
    inside = Inside(meet=3)
    agent = Agent(
        asks_for(*CALLS),
        deps_type=type(None),
        toolsets=[searching(inside)],
        capabilities=[LimitTools(search_gate())],
    )
    asyncio.run(five_runs(agent))
    assert (inside.peak, inside.total) == (3, 20)


def test_five_runs_with_a_limited_toolset_share_one_cap() -> None:
    inside = Inside(meet=3)
    toolset = LimitedToolset(searching(inside), search_gate())
    agent = Agent(asks_for(*CALLS), deps_type=type(None), toolsets=[toolset])
    asyncio.run(five_runs(agent))
    assert (inside.peak, inside.total) == (3, 20)


def test_limits_on_runs_and_on_model_requests_do_not_cap_tools() -> None:
    of_runs, of_requests = Inside(meet=12), Inside(meet=20)
    runs = Agent(asks_for(*CALLS), deps_type=type(None), toolsets=[searching(of_runs)], max_concurrency=3)
    model = limit_model_concurrency(asks_for(*CALLS), ConcurrencyLimiter(3))
    requests = Agent(model, deps_type=type(None), toolsets=[searching(of_requests)])
    asyncio.run(five_runs(runs))
    asyncio.run(five_runs(requests))
    assert (of_runs.peak, of_requests.peak) == (12, 20)


def test_agents_of_one_gate_share_the_cap() -> None:
    inside = Inside(meet=3)
    gate = search_gate()
    agents = [
        Agent(
            TestModel(), deps_type=type(None), toolsets=[searching(inside)], capabilities=[LimitTools(gate)]
        )
        for _ in range(8)
    ]

    async def main() -> None:
        await asyncio.gather(*(agent.run("go") for agent in agents))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (3, 8)


def test_sync_tools_run_in_threads_under_the_cap() -> None:
    inside = Inside(meet=3)
    agent = Agent(asks_for(*CALLS), deps_type=type(None), capabilities=[LimitTools(search_gate())])

    @agent.tool_plain
    def search(query: str) -> str:
        inside.stay_in_thread()
        return query

    asyncio.run(five_runs(agent))
    assert (inside.peak, inside.total) == (3, 20)


def test_runs_in_threads_with_loops_of_their_own_share_the_cap() -> None:
    inside = Inside(meet=3)
    agent = Agent(asks_for(*CALLS), deps_type=type(None), capabilities=[LimitTools(search_gate())])

    @agent.tool_plain
    async def search(query: str) -> str:
        await inside.stay()
        return query

    with ThreadPoolExecutor(5) as threads:
        list(threads.map(lambda _: asyncio.run(agent.run("go")), range(5)))
    assert (inside.peak, inside.total) == (3, 20)


ONE = """
[limits.one]
concurrency = 1
[tools."*"]
limits = ["one"]
access = "read"
queue_timeout = "1s"
"""


def test_an_agent_in_a_tool_lends_its_slot_to_the_tools_of_its_run() -> None:
    inside = Inside()
    gate = Gate.from_toml(ONE)
    inner = Agent(
        asks_for(CALLS[0]),
        deps_type=type(None),
        toolsets=[searching(inside)],
        capabilities=[LimitTools(gate)],
    )
    outer = Agent(asks_for(("research", {})), deps_type=type(None), capabilities=[LimitTools(gate)])

    @outer.tool_plain
    async def research() -> str:
        return (await inner.run("go")).output

    asyncio.run(five_runs(outer))
    assert (inside.peak, inside.total) == (1, 5)


def test_a_run_that_holds_a_slot_lends_it_to_its_model_requests_and_its_tools() -> None:
    inside = Inside()
    gate = Gate.from_toml(ONE)
    model = limit_model_concurrency(asks_for(*CALLS), GateLimiter(gate))
    agent = Agent(
        model,
        deps_type=type(None),
        toolsets=[searching(inside)],
        capabilities=[LimitTools(gate)],
        max_concurrency=GateLimiter(gate),
    )
    asyncio.run(five_runs(agent))
    assert (inside.peak, inside.total) == (1, 20)


def test_what_finds_tools_needs_no_place_in_the_policy() -> None:
    inside = Inside()
    agent = Agent(
        asks_for(("search_tools", {"queries": ["search"]})),
        deps_type=type(None),
        toolsets=[searching(inside).defer_loading()],
        capabilities=[LimitTools(search_gate()), ToolSearch()],
    )
    asyncio.run(five_runs(agent))
