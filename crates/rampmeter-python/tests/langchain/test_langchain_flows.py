"""For whom a call is: said by the middleware, by the request, or by what is around it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_parts import ASK, Scripted, answers, call
from langgraph.prebuilt.tool_node import ToolCallRequest

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


def agent_of(gate: Gate, **options: Any) -> Any:
    return create_agent(
        Scripted(calls=[call("look_up")]),
        [look_up],
        middleware=[GateMiddleware(gate, **options)],
        context_schema=Tenant,
    )


@dataclass
class Tenant:
    key: str


def reason(state: Any) -> str:
    """Why the run's call was refused; "" if it was not."""
    (answer,) = answers(state)
    return str(answer.artifact["reason"]) if answer.artifact else ""


async def behind_a_call(gate: Gate, *runs: Any) -> tuple[list[str], str]:
    """Why runs were refused while all had to wait, of each flow one at most: of the first two, in any
    order, and of the third.
    """
    held = gate.try_admit("look_up", flow="first")
    going = [asyncio.ensure_future(run) for run in runs]
    await asyncio.wait(going, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    held.finish()
    first, second, third = [reason(await run) for run in going]
    return sorted([first, second]), third


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def test_the_thread_is_the_flow() -> None:
    gate = Gate.from_toml(ONE_FOR_EACH_FLOW)
    agent = agent_of(gate, flow=thread_id)

    async def run() -> tuple[list[str], str]:
        return await behind_a_call(gate, *(agent.ainvoke(ASK, thread(name)) for name in "aab"))

    assert asyncio.run(run()) == (["", "queue_full"], "")


def test_without_a_thread_the_flow_around_the_run_counts() -> None:
    gate = Gate.from_toml(ONE_FOR_EACH_FLOW)
    agent = agent_of(gate, flow=thread_id)

    async def within(name: str) -> Any:
        with flow(name):
            return await agent.ainvoke(ASK)

    async def run() -> tuple[list[str], str]:
        return await behind_a_call(gate, *(within(name) for name in "aab"))

    assert asyncio.run(run()) == (["", "queue_full"], "")


def test_a_flow_that_is_said_once_is_that_of_all_runs() -> None:
    gate = Gate.from_toml(ONE_FOR_EACH_FLOW)
    one, other = agent_of(gate, flow="one"), agent_of(gate, flow="other")

    async def run() -> tuple[list[str], str]:
        return await behind_a_call(gate, one.ainvoke(ASK), one.ainvoke(ASK), other.ainvoke(ASK))

    assert asyncio.run(run()) == (["", "queue_full"], "")


def test_labels_come_from_the_runs_context() -> None:
    gate = Gate.from_toml(ONE_FOR_EACH_KEY)

    def key(request: ToolCallRequest) -> dict[str, str]:
        tenant: Any = request.runtime.context
        return {"api_key": tenant.key}

    agent = agent_of(gate, labels=key)
    held = gate.try_admit("look_up", labels={"api_key": "1"})
    ended = [asyncio.run(agent.ainvoke(ASK, context=Tenant(name))) for name in "12"]
    held.finish()
    assert [reason(state) for state in ended] == ["queue_full", ""]


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
    held = gate.try_admit("look_up")
    plain = asyncio.run(agent_of(gate).ainvoke(ASK))
    high = asyncio.run(agent_of(gate, priority=lambda request: "high").ainvoke(ASK))
    held.finish()
    assert (reason(plain), reason(high)) == ("queue_full", "")
