"""A cap is a cap over all runs."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from agents import Agent, Handoff, RunConfig, Runner, ToolExecutionConfig, function_tool, handoff
from agents.mcp import MCPServer
from mcp.types import CallToolResult, TextContent
from mcp.types import Tool as MCPTool
from openai_doubles import Asked, Inside, agent_with, answers, asks_for, run, search_gate

from rampmeter import Gate
from rampmeter.openai_agents import limit, limit_agent

ONE = """
[limits.one]
concurrency = 1
[tools."*"]
limits = ["one"]
access = "read"
queue_timeout = "1s"
"""
CALLS: list[Asked] = [("search", {"query": str(n)}) for n in range(4)]


def test_four_runs_share_one_cap() -> None:
    inside = Inside(meet=3)

    @function_tool
    async def search(query: str) -> str:
        await inside.stay()
        return f"found {query}"

    async def main() -> None:
        agent = agent_with(limit(search_gate(), [search]), *CALLS)
        for result in await asyncio.gather(*(run(agent) for _ in range(4))):
            assert answers(result) == [f"found {n}" for n in range(4)]

    asyncio.run(main())
    assert (inside.peak, inside.total) == (3, 16)


def test_the_setting_of_the_sdk_caps_each_run_for_itself() -> None:
    inside = Inside(meet=12)

    @function_tool
    async def search(query: str) -> str:
        await inside.stay()
        return query

    async def main() -> None:
        agent = agent_with([search], *CALLS)
        setting = RunConfig(tool_execution=ToolExecutionConfig(max_function_tool_concurrency=3))
        await asyncio.gather(*(run(agent, run_config=setting) for _ in range(4)))

    asyncio.run(main())
    assert inside.peak == 12


def test_runs_of_different_agents_share_the_cap_too() -> None:
    inside = Inside(meet=3)

    @function_tool
    async def search(query: str) -> str:
        await inside.stay()
        return query

    async def main() -> None:
        gate = search_gate()
        agents = [limit_agent(gate, agent_with([search], *CALLS, name=f"agent {n}")) for n in range(3)]
        await asyncio.gather(*(run(agent) for agent in agents))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (3, 12)


def test_sync_tools_run_in_threads_under_the_cap() -> None:
    inside = Inside(meet=3)

    @function_tool
    def search(query: str) -> str:
        inside.stay_in_thread()
        return query

    async def main() -> None:
        agent = agent_with(limit(search_gate(), [search]), *CALLS)
        await asyncio.gather(*(run(agent) for _ in range(4)))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (3, 16)


def test_streamed_runs_share_the_cap() -> None:
    inside = Inside(meet=3)

    @function_tool
    async def search(query: str) -> str:
        await inside.stay()
        return query

    async def main() -> None:
        agent = agent_with(limit(search_gate(), [search]), *CALLS)

        async def stream() -> None:
            async for _ in Runner.run_streamed(agent, "go").stream_events():
                pass

        await asyncio.gather(*(stream() for _ in range(4)))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (3, 16)


def test_runs_in_threads_with_loops_of_their_own_share_the_cap() -> None:
    inside = Inside(meet=3)

    @function_tool
    async def search(query: str) -> str:
        await inside.stay()
        return query

    agent = agent_with(limit(search_gate(), [search]), *CALLS)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: asyncio.run(run(agent)), range(4)))
    assert (inside.peak, inside.total) == (3, 16)


def test_an_agent_as_a_tool_lends_its_slot_to_the_tools_of_its_agent() -> None:
    inside = Inside()

    @function_tool
    async def search(query: str) -> str:
        await inside.stay()
        return query

    async def main() -> None:
        gate = Gate.from_toml(ONE)
        inner = limit_agent(gate, agent_with([search], CALLS[0], name="inner"))
        research = inner.as_tool("research", "Looks things up")
        outer = limit_agent(gate, agent_with([research], ("research", {"input": "x"})))
        results = await asyncio.gather(*(run(outer) for _ in range(3)))
        assert [answers(result) for result in results] == [["done"]] * 3

    asyncio.run(main())
    assert (inside.peak, inside.total) == (1, 3)


def test_the_agents_of_handoffs_are_limited_also_when_they_hand_over_to_each_other() -> None:
    inside = Inside(meet=3)

    @function_tool
    async def search(query: str) -> str:
        await inside.stay()
        return query

    async def main() -> None:
        billing = agent_with([search], *CALLS, name="billing")
        triage: Agent[None] = Agent(
            name="triage", handoffs=[billing], model=asks_for(("transfer_to_billing", {}))
        )
        billing.handoffs.append(triage)
        team = limit_agent(search_gate(), triage)
        handed_over = team.handoffs[0]
        assert isinstance(handed_over, Agent) and handed_over.handoffs[0] is team
        for result in await asyncio.gather(*(run(team) for _ in range(3))):
            assert result.last_agent is handed_over

    asyncio.run(main())
    assert (inside.peak, inside.total) == (3, 12)


def test_the_agent_behind_a_handoff_of_ones_own_making_is_limited() -> None:
    inside = Inside(meet=3)

    @function_tool
    async def search(query: str) -> str:
        await inside.stay()
        return query

    async def main() -> None:
        billing = agent_with([search], *CALLS, name="billing")
        to_billing = handoff(billing, tool_name_override="escalate")
        triage: Agent[None] = Agent(name="triage", handoffs=[to_billing], model=asks_for(("escalate", {})))
        team = limit_agent(search_gate(), triage)
        limited = team.handoffs[0]
        assert isinstance(limited, Handoff) and limited._agent_ref is not None
        for result in await asyncio.gather(*(run(team) for _ in range(3))):
            assert result.last_agent is limited._agent_ref()

    asyncio.run(main())
    assert (inside.peak, inside.total) == (3, 12)


def test_an_agent_that_a_handoff_makes_as_it_is_invoked_is_limited() -> None:
    inside = Inside(meet=3)

    @function_tool
    async def search(query: str) -> str:
        await inside.stay()
        return query

    async def make(*_: Any) -> Agent[Any]:
        return agent_with([search], *CALLS, name="new")

    async def main() -> None:
        to_new: Handoff[Any, Any] = Handoff("escalate", "", {}, make, "new")
        triage: Agent[None] = Agent(name="triage", handoffs=[to_new], model=asks_for(("escalate", {})))
        team = limit_agent(search_gate(), triage)
        await asyncio.gather(*(run(team) for _ in range(3)))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (3, 12)


class Server(MCPServer):
    """An MCP server in this process."""

    def __init__(self, inside: Inside) -> None:
        super().__init__()
        self._inside = inside

    @property
    def name(self) -> str:
        return "server"

    async def connect(self) -> None: ...

    async def cleanup(self) -> None: ...

    async def list_tools(self, *_: Any) -> list[MCPTool]:
        return [MCPTool.model_validate({"name": "search", "inputSchema": {"type": "object"}})]

    async def call_tool(self, *_: Any, **__: Any) -> CallToolResult:
        await self._inside.stay()
        return CallToolResult(content=[TextContent(type="text", text="found")])

    async def list_prompts(self) -> Any: ...

    async def get_prompt(self, *_: Any) -> Any: ...


def test_the_tools_of_an_mcp_server_are_limited() -> None:
    inside = Inside(meet=3)

    async def main() -> None:
        agent = agent_with([], *CALLS)
        agent.mcp_servers = [Server(inside)]
        limited = limit_agent(search_gate(), agent)
        await asyncio.gather(*(run(limited) for _ in range(3)))
        await run(limited.clone(name="another"))

    asyncio.run(main())
    assert (inside.peak, inside.total) == (3, 16)
