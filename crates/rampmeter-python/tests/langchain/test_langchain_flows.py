"""For whom a call is: said by the middleware, by the request, or by what is around it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.prebuilt.tool_node import ToolCallRequest
from langchain_parts import ASK, Scripted, answers, call

from rampmeter import Gate, flow
from rampmeter.langchain import GateMiddleware, thread_id

ONE_FOR_EACH_FLOW = """
[limits.host]
concurrency = 1
queue = { per_flow = 1 }

[tools.look_up]
limits = ["host"]
"""
ONE_FOR_EACH_KEY = """
[limits.server]
concurrency = 1
per = "api_key"
queue = { size = 0 }

[tools.look_up]
limits = ["server"]
"""


@tool
async def look_up() -> str:
    """Looks something up."""
    return "found"


def agent_of(gate: Gate, calls: int = 2, **options: Any) -> Any:
    asked = [call("look_up", number) for number in range(calls)]
    return create_agent(
        Scripted(calls=asked),
        [look_up],
        middleware=[GateMiddleware(gate, **options)],
        context_schema=Tenant,
    )


@dataclass
class Tenant:
    key: str


def reasons(state: Any) -> list[str]:
    """Why calls were refused, sorted; "" for those that were not."""
    return sorted((answer.artifact or {"reason": ""})["reason"] for answer in answers(state))


async def behind_a_call(gate: Gate, *runs: Any) -> list[list[str]]:
    """Has the runs wait behind a running call."""
    async with gate.admit("look_up", flow="first"):
        going = [asyncio.ensure_future(run) for run in runs]
        await asyncio.sleep(0.05)
    return [reasons(await run) for run in going]


def test_the_thread_is_the_flow() -> None:
    gate = Gate.from_toml(ONE_FOR_EACH_FLOW)
    agent = agent_of(gate, calls=1, flow=thread_id)

    def thread(name: str) -> Any:
        return {"configurable": {"thread_id": name}}

    async def run() -> list[list[str]]:
        return await behind_a_call(
            gate, agent.ainvoke(ASK, thread("a")), agent.ainvoke(ASK, thread("b")), agent.ainvoke(ASK, thread("a"))
        )

    assert asyncio.run(run()) == [[""], [""], ["queue_full"]]


def test_without_a_thread_the_flow_around_the_run_counts() -> None:
    gate = Gate.from_toml(ONE_FOR_EACH_FLOW)

    async def within(name: str) -> Any:
        with flow(name):
            return await agent_of(gate, calls=1, flow=thread_id).ainvoke(ASK)

    async def run() -> list[list[str]]:
        return await behind_a_call(gate, within("a"), within("b"), within("a"))

    assert asyncio.run(run()) == [[""], [""], ["queue_full"]]


def test_a_flow_that_is_said_once_is_that_of_all_calls() -> None:
    gate = Gate.from_toml(ONE_FOR_EACH_FLOW)

    async def run() -> list[list[str]]:
        return await behind_a_call(gate, agent_of(gate, flow="tenant").ainvoke(ASK))

    assert asyncio.run(run()) == [["", "queue_full"]]


def test_labels_come_from_the_runs_context() -> None:
    gate = Gate.from_toml(ONE_FOR_EACH_KEY)

    def key(request: ToolCallRequest) -> dict[str, str]:
        tenant: Any = request.runtime.context
        return {"api_key": tenant.key}

    agent = agent_of(gate, calls=1, labels=key)
    with gate.admit_sync("look_up", labels={"api_key": "1"}):
        ended = [asyncio.run(agent.ainvoke(ASK, context=Tenant(name))) for name in "12"]
    assert [reasons(state) for state in ended] == [["queue_full"], [""]]


def test_the_priority_is_the_requests_own() -> None:
    """What is kept for `high` is had by the call that says it is."""
    policy = """
    [limits.host]
    concurrency = 2
    reserved = { high = 1 }
    queue = { size = 0 }

    [tools.look_up]
    limits = ["host"]
    """
    gate = Gate.from_toml(policy)
    with gate.admit_sync("look_up"):
        plain = asyncio.run(agent_of(gate, calls=1).ainvoke(ASK))
        high = asyncio.run(agent_of(gate, calls=1, priority=lambda request: "high").ainvoke(ASK))
    assert (reasons(plain), reasons(high)) == (["queue_full"], [""])
