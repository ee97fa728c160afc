"""What a call carries to the gate, what frees it, and what is told to whoever writes the agent."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from datetime import date
from typing import Any

import pydantic_ai
import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, DeferredToolRequests, ExternalToolset, FunctionToolset, RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models.test import TestModel
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset
from pydantic_doubles import Asked, Inside, answers, asks_for, search_gate

import rampmeter
from rampmeter import Gate, Permit, UnknownTool, current_permit
from rampmeter.pydantic_ai import TESTED, GateLimiter, LimitedToolset, LimitTools

FILES = """
[tools.append]
writes = ["file:{place.path}"]
"""


class Place(BaseModel):
    path: str
    day: date = date(2026, 1, 1)


def test_writers_of_one_file_run_alone_and_in_order_and_other_files_beside_them() -> None:
    written: dict[str, list[int]] = {"a": [], "b": []}
    both, inside = Inside(meet=2), {"a": Inside(), "b": Inside()}

    async def append(place: Place, n: int) -> str:
        with inside[place.path]:
            await both.stay()
        written[place.path].append(n)
        return "ok"

    calls: list[Asked] = [("append", {"place": {"path": path}, "n": n}) for n in range(4) for path in "ab"]
    agent = Agent(asks_for(*calls), tools=[append], capabilities=[LimitTools(Gate.from_toml(FILES))])
    asyncio.run(agent.run("go"))
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

    async def search(ctx: RunContext[Tenant], query: str) -> str:
        await inside.stay()
        return query

    def flow(ctx: RunContext[Tenant]) -> str:
        seen.append((ctx.deps.name, ctx.tool_name))
        return ctx.deps.name

    async def main() -> None:
        limited = LimitTools[Tenant](
            Gate.from_toml(PER_TENANT),
            flow=flow,
            labels=lambda ctx: {"tenant": ctx.deps.name},
        )
        calls: list[Asked] = [("search", {"query": "x"}), ("search", {"query": "y"})]
        agent = Agent(asks_for(*calls), deps_type=Tenant, tools=[search], capabilities=[limited])
        tenants = [Tenant("a"), Tenant("b")]
        await asyncio.gather(*(agent.run("go", deps=tenant) for tenant in tenants))

    asyncio.run(main())
    assert sorted(seen) == [("a", "search"), ("a", "search"), ("b", "search"), ("b", "search")]
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

    async def search() -> str:
        await inside.stay()
        return "found"

    limited = LimitTools[None](Gate.from_toml(RESERVED), priority=priority)
    calls: list[Asked] = [("search", {})] * 4
    agent = Agent(asks_for(*calls), deps_type=type(None), tools=[search], capabilities=[limited])
    asyncio.run(agent.run("go"))
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
    async def search() -> str:
        await asyncio.sleep(0.003)
        return "found"

    names = iter(flows)
    limited = LimitTools[None](Gate.from_toml(ONE_A_FLOW), flow=lambda _: next(names))
    calls: list[Asked] = [("search", {})] * 3
    agent = Agent(asks_for(*calls), deps_type=type(None), tools=[search], capabilities=[limited])
    assert answers(asyncio.run(agent.run("go"))).count("found") == 3 - refused


def test_the_flow_around_a_run_is_the_flow_of_its_calls() -> None:
    inside = Inside(meet=2)

    async def search() -> str:
        await inside.stay()
        return "found"

    limited = LimitTools[None](Gate.from_toml(PER_TENANT))
    calls: list[Asked] = [("search", {}), ("search", {})]
    agent = Agent(asks_for(*calls), deps_type=type(None), tools=[search], capabilities=[limited])

    async def one(tenant: str) -> None:
        with rampmeter.flow(tenant, labels={"tenant": tenant}):
            await agent.run("go")

    async def main() -> None:
        await asyncio.gather(one("a"), one("b"), one("b"))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (2, 6)


def test_a_cancelled_run_frees_its_slots() -> None:
    started, never = asyncio.Event(), asyncio.Event()

    async def search(query: str) -> str:
        if query == "hang":
            started.set()
            await never.wait()
        return query

    async def main() -> None:
        limited = LimitTools[None](search_gate())

        def agent(query: str) -> Agent[None, str]:
            calls: list[Asked] = [("search", {"query": query})] * 5
            return Agent(asks_for(*calls), deps_type=type(None), tools=[search], capabilities=[limited])

        task = asyncio.create_task(agent("hang").run("go"))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert answers(await agent("x").run("go")) == ["x"] * 5

    asyncio.run(main())


def test_a_sync_tool_keeps_its_slot_until_its_thread_has_ended() -> None:
    inside, may_end, permits = threading.Event(), threading.Event(), list[Permit]()

    def search() -> str:
        permit = current_permit()
        assert permit is not None
        permits.append(permit)
        inside.set()
        may_end.wait(5)
        return "found"

    async def main() -> None:
        limited = LimitTools[None](search_gate())
        agent = Agent(asks_for(("search", {})), deps_type=type(None), tools=[search], capabilities=[limited])
        task = asyncio.create_task(agent.run("go"))
        await asyncio.to_thread(inside.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert permits[0].running
        may_end.set()
        while permits[0].running:
            await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(main(), 5))


def test_a_tool_is_limited_under_the_name_that_its_limited_toolset_gives_it() -> None:
    inside = Inside(meet=3)
    toolset: FunctionToolset[None] = FunctionToolset()

    @toolset.tool_plain
    async def search() -> str:
        await inside.stay()
        return "found"

    async def main() -> None:
        limited = LimitedToolset(toolset, search_gate()).prefixed("web")
        agent = Agent(asks_for(*[("web_search", {})] * 5), deps_type=type(None), toolsets=[limited])
        assert answers(await agent.run("go")) == ["found"] * 5

    asyncio.run(main())
    assert inside.peak == 3


class Renaming(AbstractCapability[None]):
    def get_wrapper_toolset(self, toolset: AbstractToolset[None]) -> AbstractToolset[None]:
        return toolset.renamed({"find": "search"})


def test_tools_keep_their_names_to_the_policy_whatever_other_capabilities_call_them() -> None:
    async def search() -> str:
        return "found"

    capabilities = [LimitTools[None](search_gate()), Renaming()]
    agent = Agent(asks_for(("find", {})), deps_type=type(None), tools=[search], capabilities=capabilities)
    assert answers(asyncio.run(agent.run("go"))) == ["found"]


async def searh() -> str:
    return "found"


def test_a_tool_that_the_policy_does_not_name_is_unknown_before_the_model_is_asked() -> None:
    model = TestModel()
    agent = Agent(model, tools=[searh], capabilities=[LimitTools(search_gate())])
    with pytest.raises(UnknownTool, match="searh"):
        asyncio.run(agent.run("go"))
    assert model.last_model_request_parameters is None


def test_tools_that_run_elsewhere_need_no_place_in_the_policy() -> None:
    away: ExternalToolset[None] = ExternalToolset([ToolDefinition(name="elsewhere")])
    agent = Agent(
        asks_for(("elsewhere", {})),
        deps_type=type(None),
        output_type=[str, DeferredToolRequests],
        toolsets=[away],
        capabilities=[LimitTools(search_gate())],
    )
    output: Any = asyncio.run(agent.run("go")).output
    assert [call.tool_name for call in output.calls] == ["elsewhere"]


def test_bad_use_is_told_what_to_do() -> None:
    nothing: Any = 3
    for made in (LimitTools, GateLimiter, lambda gate: LimitedToolset(FunctionToolset[None](), gate)):
        with pytest.raises(TypeError, match="gate is 3; give a Gate"):
            made(nothing)
    with pytest.raises(TypeError, match="wrapped is 3; give a toolset"):
        LimitedToolset(nothing, search_gate())
    with pytest.raises(ValueError, match='"message" or "raise"'):
        LimitTools(search_gate(), refusals="ignore")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match='"message" or "raise"'):
        LimitedToolset(FunctionToolset[None](), search_gate(), refusals="ignore")  # type: ignore[arg-type]


def test_pydantic_ai_is_the_release_that_this_was_tested_with() -> None:
    assert pydantic_ai.__version__.split(".")[:2] == TESTED.split(".")[:2]
