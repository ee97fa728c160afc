"""Keys that tools declare, and calls within calls."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.tools import BaseTool, tool
from langchain_parts import ASK, Inside, Scripted, answers, asking, call, graph_of
from langgraph.prebuilt import ToolNode

from rampmeter import Gate, current_permit
from rampmeter.langchain import GateMiddleware, tool_node_wrappers

WRITERS = """
[tools.append]
writes = ["file:{path}"]
"""


class Contrary(ThreadPoolExecutor):
    """What it is given last is done first."""

    pause = 0.03

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Any:
        self.pause = pause = max(0.0, self.pause - 0.002)

        def later() -> Any:
            time.sleep(pause)
            return work(*arguments, **named)

        return super().submit(later)


def agent_that(append: BaseTool, calls: list[Any]) -> Any:
    middleware = [GateMiddleware(Gate.from_toml(WRITERS))]
    return create_agent(Scripted(calls=calls), [append], middleware=middleware).ainvoke(ASK)


def graph_that(append: BaseTool, calls: list[Any]) -> Any:
    node = ToolNode([append], **tool_node_wrappers(Gate.from_toml(WRITERS)))
    return graph_of(node).ainvoke(asking(*calls))


@pytest.mark.parametrize("start", [agent_that, graph_that])
def test_writers_of_one_key_run_one_by_one_in_the_models_order(start: Any) -> None:
    wrote: list[str] = []
    inside = Inside()

    @tool
    async def append(path: str, text: str) -> str:
        """Appends to a file."""
        with inside.count():
            await asyncio.sleep(0.001)
            wrote.append(text)
        return text

    async def run() -> None:
        asyncio.get_running_loop().set_default_executor(Contrary(16))
        await start(append, [call("append", number, path="a", text=str(number)) for number in range(8)])

    asyncio.run(run())
    assert wrote == [str(number) for number in range(8)]
    assert inside.peak == 1


def test_writers_of_two_keys_run_side_by_side() -> None:
    async def run() -> Any:
        both = asyncio.Event()
        inside = Inside()

        @tool
        async def append(path: str) -> str:
            """Appends to a file."""
            with inside.count():
                if inside.now == 2:
                    both.set()
                await asyncio.wait_for(both.wait(), timeout=10)
            return path

        agent = create_agent(
            Scripted(calls=[call("append", 0, path="a"), call("append", 1, path="b")]),
            [append],
            middleware=[GateMiddleware(Gate.from_toml(WRITERS))],
        )
        return await agent.ainvoke(ASK)

    assert [answer.content for answer in answers(asyncio.run(run()))] == ["a", "b"]


def test_no_update_of_one_counter_is_lost_in_threads() -> None:
    counter = {"value": 0}

    @tool
    def append(path: str) -> str:
        """Reads, waits and writes."""
        seen = counter["value"]
        time.sleep(0.001)
        counter["value"] = seen + 1
        return path

    calls = [call("append", number, path="counter") for number in range(20)]
    agent = create_agent(
        Scripted(calls=calls), [append], middleware=[GateMiddleware(Gate.from_toml(WRITERS))]
    )
    agent.invoke(ASK)
    assert counter["value"] == 20


NESTED = """
[limits.host]
concurrency = 1

[tools.outer]
limits = ["host"]

[tools.inner]
limits = ["host"]
"""


def test_a_call_within_an_async_tool_runs_on_its_callers_slot() -> None:
    gate = Gate.from_toml(NESTED)

    @tool
    async def outer() -> str:
        """Makes a call of its own."""
        async with gate.admit("inner") as permit:
            return permit.tool

    agent = create_agent(Scripted(calls=[call("outer")]), [outer], middleware=[GateMiddleware(gate)])
    assert [one.content for one in answers(asyncio.run(agent.ainvoke(ASK)))] == ["inner"]


def test_a_call_within_a_tool_in_a_thread_runs_on_its_callers_slot() -> None:
    gate = Gate.from_toml(NESTED)
    ran_in: list[threading.Thread] = []

    @tool
    def outer() -> str:
        """Makes a call of its own."""
        ran_in.append(threading.current_thread())
        caller = current_permit()
        assert caller is not None
        with gate.admit_sync("inner") as permit:
            return f"{permit.tool} in {caller.tool}"

    agent = create_agent(Scripted(calls=[call("outer")]), [outer], middleware=[GateMiddleware(gate)])
    for state in (asyncio.run(agent.ainvoke(ASK)), agent.invoke(ASK)):
        assert [one.content for one in answers(state)] == ["inner in outer"]
    assert threading.main_thread() not in ran_in


def test_an_agent_within_a_tool_runs_on_its_callers_slot() -> None:
    gate = Gate.from_toml(NESTED)

    @tool
    async def inner() -> str:
        """Does the work."""
        return "worked"

    within = create_agent(Scripted(calls=[call("inner")]), [inner], middleware=[GateMiddleware(gate)])

    @tool
    async def outer() -> str:
        """Hands the work to another agent."""
        return answers(await within.ainvoke(ASK))[0].text

    agent = create_agent(Scripted(calls=[call("outer")]), [outer], middleware=[GateMiddleware(gate)])
    assert [one.content for one in answers(asyncio.run(agent.ainvoke(ASK)))] == ["worked"]
