"""What a call carries to the gate, and what is kept of a tool."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import agents.version
import pytest
from agents import Agent, FunctionTool, RunContextWrapper, WebSearchTool, function_tool
from agents.tool import tool_namespace
from openai_doubles import Inside, agent_with, answers, asks_for, run, search_gate

import rampmeter
from rampmeter import Gate, Permit, UnknownTool, current_permit
from rampmeter.openai_agents import TESTED, limit, limit_agent

FILES = """
[tools."*"]
writes = ["file:{path}"]
"""


def test_writers_of_one_file_run_alone_and_in_order_and_other_files_beside_them() -> None:
    written: dict[str, list[int]] = {"a": [], "b": []}
    both, inside = Inside(meet=2), {"a": Inside(), "b": Inside()}

    @function_tool
    async def append(path: str, n: int) -> str:
        with inside[path]:
            await both.stay()
        written[path].append(n)
        return "ok"

    async def main() -> None:
        calls = [("append", {"path": path, "n": n}) for n in range(4) for path in "ab"]
        await run(agent_with(limit(Gate.from_toml(FILES), [append]), *calls))

    asyncio.run(main())
    assert written == {"a": [0, 1, 2, 3], "b": [0, 1, 2, 3]}
    assert inside["a"].peak == inside["b"].peak == 1
    assert both.peak == 2


@dataclass
class Tenant:
    name: str


PER_TENANT = """
[limits.tenant]
concurrency = 1
per = "tenant"
[tools.search]
limits = ["tenant"]
access = "read"
"""


def test_flow_and_labels_come_from_the_runs_context() -> None:
    inside, seen = Inside(meet=2), []

    @function_tool
    async def search(run: RunContextWrapper[Tenant], query: str) -> str:
        await inside.stay()
        return query

    def flow(run: RunContextWrapper[Tenant]) -> str:
        seen.append(run.context.name)
        return run.context.name

    async def main() -> None:
        tools = limit(
            Gate.from_toml(PER_TENANT),
            [search],
            flow=flow,
            labels=lambda run: {"tenant": run.context.name},
        )
        agent = agent_with(tools, ("search", {"query": "x"}), ("search", {"query": "y"}))
        tenants = [Tenant("a"), Tenant("b")]
        await asyncio.gather(*(run(agent, context=tenant) for tenant in tenants))

    asyncio.run(main())
    assert sorted(seen) == ["a", "a", "b", "b"]
    assert (inside.peak, inside.total) == (2, 4)


RESERVED = """
[limits.search]
concurrency = 2
reserved = { critical = 1 }
[tools.search]
limits = ["search"]
access = "read"
"""


@pytest.mark.parametrize(("priority", "peak"), [("critical", 2), ("low", 1)])
def test_a_priority_may_be_said_for_all_calls(priority: str, peak: int) -> None:
    inside = Inside(meet=peak)

    @function_tool
    async def search() -> str:
        await inside.stay()
        return "found"

    tools = limit(Gate.from_toml(RESERVED), [search], priority=priority)
    asyncio.run(run(agent_with(tools, *[("search", {})] * 4)))
    assert (inside.peak, inside.total) == (peak, 4)


ONE_A_FLOW = """
[limits.search]
concurrency = 1
queue = { per_flow = 1 }
[tools.search]
limits = ["search"]
access = "read"
"""


@pytest.mark.parametrize(("flows", "refused"), [("aaa", 1), ("abc", 0)])
def test_calls_wait_in_the_queue_of_their_flow(flows: str, refused: int) -> None:
    @function_tool
    async def search() -> str:
        await asyncio.sleep(0.003)
        return "found"

    names = iter(flows)
    tools = limit(Gate.from_toml(ONE_A_FLOW), [search], flow=lambda _: next(names))
    told = answers(asyncio.run(run(agent_with(tools, *[("search", {})] * 3))))
    assert told.count("found") == 3 - refused


def test_the_flow_around_a_run_is_the_flow_of_its_calls() -> None:
    inside = Inside(meet=2)

    @function_tool
    async def search() -> str:
        await inside.stay()
        return "found"

    async def main() -> None:
        agent = agent_with(limit(Gate.from_toml(PER_TENANT), [search]), ("search", {}), ("search", {}))

        async def one(tenant: str) -> None:
            with rampmeter.flow(tenant, labels={"tenant": tenant}):
                await run(agent)

        await asyncio.gather(one("a"), one("b"), one("b"))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (2, 6)


def test_a_cancelled_run_frees_its_slots() -> None:
    started, never = asyncio.Event(), asyncio.Event()

    @function_tool
    async def search(query: str) -> str:
        if query == "hang":
            started.set()
            await never.wait()
        return query

    async def main() -> None:
        tools = limit(search_gate(), [search])
        hanging = agent_with(tools, *[("search", {"query": "hang"})] * 5)
        task = asyncio.create_task(run(hanging))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        served = await run(agent_with(tools, *[("search", {"query": "x"})] * 4))
        assert answers(served) == ["x"] * 4

    asyncio.run(main())


def test_a_sync_tool_keeps_its_slot_until_its_thread_has_ended() -> None:
    inside, may_end, permits = threading.Event(), threading.Event(), list[Permit]()

    @function_tool
    def search() -> str:
        permit = current_permit()
        assert permit is not None
        permits.append(permit)
        inside.set()
        may_end.wait(5)
        return "found"

    async def main() -> None:
        task = asyncio.create_task(run(agent_with(limit(search_gate(), [search]), ("search", {}))))
        await asyncio.to_thread(inside.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert permits[0].running
        may_end.set()
        while permits[0].running:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(main(), 5))


def test_what_the_model_and_the_sdk_see_of_a_tool_is_kept() -> None:
    async def asks(_: Any, given: dict[str, Any], __: str) -> bool:
        return bool(given["query"] == "secret")

    @function_tool(name_override="search", strict_mode=False, needs_approval=asks, timeout=5)
    async def original(query: str = "all") -> str:
        """Looks things up."""
        return query

    (limited,) = limit(search_gate(), [original])
    assert isinstance(limited, FunctionTool) and limited is not original
    kept = ["name", "description", "params_json_schema", "strict_json_schema", "needs_approval"]
    assert [getattr(limited, it) for it in kept] == [getattr(original, it) for it in kept]
    assert limited.__wrapped__ is original.__wrapped__
    assert original.timeout_seconds == 5

    async def main() -> None:
        async def interruptions(tools: list[Any], **given: Any) -> int:
            return len((await run(agent_with(tools, ("search", given)))).interruptions)

        for tools in ([original], [limited]):
            assert await interruptions(tools, query="secret") == 1
            assert await interruptions(tools, query="open") == 0
            # The policy would judge other arguments than the tool is called with, so a person is asked.
            assert await interruptions(tools) == 1

    asyncio.run(main())


def test_copies_that_the_sdk_makes_of_a_limited_tool_are_limited() -> None:
    inside = Inside()

    @function_tool
    async def search() -> str:
        await inside.stay()
        return "found"

    (limited,) = limit(search_gate(), [search])
    assert isinstance(limited, FunctionTool)
    (named,) = tool_namespace(name="web", description="The web", tools=[limited])

    async def main() -> None:
        from agents.tool_context import ToolContext

        context = ToolContext(None, tool_name="search", tool_call_id="1", tool_arguments="{}")
        with pytest.raises(UnknownTool, match="web.search"):
            await named.on_invoke_tool(context, "{}")

    asyncio.run(main())


def test_what_a_gate_limits_already_is_limited_once() -> None:
    @function_tool
    async def search() -> str:
        return "found"

    gate = search_gate()
    tools = limit(gate, [search])
    assert limit(gate, tools) == tools
    assert limit_agent(gate, agent_with(tools)).tools == tools


def test_tools_that_the_provider_runs_are_left_as_they_are() -> None:
    hosted = WebSearchTool()
    assert limit(search_gate(), [hosted]) == [hosted]


def test_a_tool_that_the_policy_does_not_name_is_unknown_when_it_is_limited() -> None:
    @function_tool
    async def searh() -> str:
        return "found"

    with pytest.raises(UnknownTool, match="searh"):
        limit(search_gate(), [searh])
    agent: Agent[None] = Agent(name="agent", tools=[searh], model=asks_for())
    with pytest.raises(UnknownTool, match="searh"):
        limit_agent(search_gate(), agent)


def test_bad_use_is_told_what_to_do() -> None:
    def search() -> str:
        return "found"

    nothing: Any = 3
    with pytest.raises(TypeError, match="gate is 3; give a Gate"):
        limit(nothing, [])
    with pytest.raises(TypeError, match="gate is 3; give a Gate"):
        limit_agent(nothing, agent_with([]))
    with pytest.raises(TypeError, match="agent is 3; give an Agent"):
        limit_agent(search_gate(), nothing)
    with pytest.raises(TypeError, match="tools is 3; give a list of tools"):
        limit(search_gate(), nothing)
    with pytest.raises(TypeError, match="an item of tools is 3; give a tool, as @function_tool"):
        limit(search_gate(), [nothing])
    with pytest.raises(TypeError, match="search is a plain function: make it a tool with @function_tool"):
        limit(search_gate(), [search])  # type: ignore[list-item]
    with pytest.raises(ValueError, match='"message" or "raise"'):
        limit(search_gate(), [], refusals="ignore")  # type: ignore[arg-type]


def test_the_sdk_is_the_release_that_this_was_tested_with() -> None:
    assert agents.version.__version__.split(".")[:2] == TESTED.split(".")[:2]
