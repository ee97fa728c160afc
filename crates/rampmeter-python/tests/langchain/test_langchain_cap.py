"""One cap over all runs, counted in the tools."""

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

from rampmeter import Gate
from rampmeter.langchain import GateMiddleware, tool_node_wrappers

CAP_OF_THREE = """
[limits.host]
concurrency = 3

[tools.look_up]
limits = ["host"]
access = "read"
"""
RUNS = 5
FOUR_CALLS = [call("look_up", number, word=str(number)) for number in range(4)]


def quick_tool(inside: Inside) -> BaseTool:
    @tool
    async def look_up(word: str) -> str:
        """Looks a word up."""
        with inside.count():
            await asyncio.sleep(0.005)
        return word

    return look_up


def blocking_tool(inside: Inside) -> BaseTool:
    @tool
    def look_up(word: str) -> str:
        """Looks a word up."""
        with inside.count():
            inside.three.wait(10)
            time.sleep(0.005)
        return word

    return look_up


@pytest.mark.parametrize("make", [quick_tool, blocking_tool])
def test_five_runs_of_an_agent_share_one_cap(make: Any) -> None:
    inside = Inside()
    gate = Gate.from_toml(CAP_OF_THREE)

    async def run() -> list[Any]:
        agent = create_agent(Scripted(calls=FOUR_CALLS), [make(inside)], middleware=[GateMiddleware(gate)])
        return list(await asyncio.gather(*(agent.ainvoke(ASK) for _ in range(RUNS))))

    ended = asyncio.run(run())
    assert (inside.peak, inside.total) == (3, 20)
    for state in ended:
        assert [answer.content for answer in answers(state)] == ["0", "1", "2", "3"]
        assert state["messages"][-1].content == "done"


def test_the_frameworks_own_setting_counts_for_each_run() -> None:
    """What `max_concurrency` of 3 does for five runs: why the cap has to be shared."""
    inside = Inside()

    async def run() -> None:
        full = asyncio.Event()

        @tool
        async def look_up(word: str) -> str:
            """Looks a word up."""
            with inside.count():
                if inside.now == 3 * RUNS:
                    full.set()
                await asyncio.wait_for(full.wait(), timeout=10)
            return word

        agent = create_agent(Scripted(calls=FOUR_CALLS), [look_up])
        await asyncio.gather(*(agent.ainvoke(ASK, {"max_concurrency": 3}) for _ in range(RUNS)))

    asyncio.run(run())
    assert inside.peak == 3 * RUNS


@pytest.mark.parametrize("calls_each", [1, 4])
def test_five_runs_in_threads_share_one_cap(calls_each: int) -> None:
    inside = Inside()
    agent = create_agent(
        Scripted(calls=FOUR_CALLS[:calls_each]),
        [blocking_tool(inside)],
        middleware=[GateMiddleware(Gate.from_toml(CAP_OF_THREE))],
    )
    with ThreadPoolExecutor(RUNS) as threads:
        ended = list(threads.map(lambda _: agent.invoke(ASK), range(RUNS)))
    assert (inside.peak, inside.total) == (3, RUNS * calls_each)
    assert all(len(answers(state)) == calls_each for state in ended)


def test_async_runs_and_threads_share_one_cap() -> None:
    inside = Inside()
    agent = create_agent(
        Scripted(calls=FOUR_CALLS),
        [blocking_tool(inside)],
        middleware=[GateMiddleware(Gate.from_toml(CAP_OF_THREE))],
    )

    async def run() -> None:
        await asyncio.gather(*(agent.ainvoke(ASK) for _ in range(2)))

    with ThreadPoolExecutor(3) as threads:
        ran = [threads.submit(agent.invoke, ASK) for _ in range(3)]
        asyncio.run(run())
        for one in ran:
            one.result()
    assert (inside.peak, inside.total) == (3, 20)


@pytest.mark.parametrize("make", [quick_tool, blocking_tool])
def test_five_graphs_with_a_tool_node_share_one_cap(make: Any) -> None:
    inside = Inside()
    graph = graph_of(ToolNode([make(inside)], **tool_node_wrappers(Gate.from_toml(CAP_OF_THREE))))

    async def run() -> list[Any]:
        return await asyncio.gather(*(graph.ainvoke(asking(*FOUR_CALLS)) for _ in range(RUNS)))

    ended = asyncio.run(run())
    assert (inside.peak, inside.total) == (3, 20)
    assert all([one.content for one in answers(state)] == ["0", "1", "2", "3"] for state in ended)


def test_a_tool_nodes_threads_share_the_cap() -> None:
    inside = Inside()
    graph = graph_of(ToolNode([blocking_tool(inside)], **tool_node_wrappers(Gate.from_toml(CAP_OF_THREE))))
    state = graph.invoke(asking(*FOUR_CALLS), {"max_concurrency": 4})
    assert (inside.peak, inside.total) == (3, 4)
    assert [one.content for one in answers(state)] == ["0", "1", "2", "3"]


def test_a_cancelled_run_frees_its_slots_and_its_place() -> None:
    gate = Gate.from_toml(CAP_OF_THREE)
    inside = Inside()

    async def run() -> None:
        full = asyncio.Event()

        @tool
        async def look_up(word: str) -> str:
            """Looks a word up."""
            with inside.count():
                if inside.now == 3:
                    full.set()
                await asyncio.Event().wait()
            return word

        agent = create_agent(Scripted(calls=FOUR_CALLS), [look_up], middleware=[GateMiddleware(gate)])
        running = asyncio.create_task(agent.ainvoke(ASK))
        await full.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert inside.total == 3
        for permit in [gate.try_admit("look_up") for _ in range(3)]:
            permit.finish()

    asyncio.run(run())


def test_a_cancelled_tool_holds_its_slot_until_its_thread_has_ended() -> None:
    gate = Gate.from_toml(CAP_OF_THREE.replace("3", "1"))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        begun, may_end = asyncio.Event(), threading.Event()

        @tool
        def look_up(word: str) -> str:
            """Looks a word up."""
            loop.call_soon_threadsafe(begun.set)
            may_end.wait(10)
            return word

        agent = create_agent(Scripted(calls=FOUR_CALLS[:1]), [look_up], middleware=[GateMiddleware(gate)])
        running = asyncio.create_task(agent.ainvoke(ASK))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        waiting = asyncio.ensure_future(gate.admit("look_up"))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        may_end.set()
        (await waiting).finish()

    asyncio.run(run())
