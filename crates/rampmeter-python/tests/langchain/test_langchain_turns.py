"""Calls of one turn of a tool that may write and names no keys."""

from __future__ import annotations

import asyncio
import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import pytest
from counter import IN_ORDER, Counter, by_policy
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.tools import BaseTool, tool
from langchain_parts import ASK, Inside, Scripted, answers, asking, call, graph_of
from langgraph.graph import START, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Send

from rampmeter import Gate
from rampmeter.langchain import GateMiddleware, tool_node_wrappers

CALLS = [call("add", number, n=number) for number in range(4)]


def adding_to(counter: Counter) -> BaseTool:
    @tool
    async def add(n: int) -> str:
        """Adds one."""
        await counter.add(n)
        return "added"

    return add


def agent_of(gate: Gate, add: BaseTool) -> Any:
    return create_agent(Scripted(calls=CALLS), [add], middleware=[GateMiddleware(gate)])


@by_policy
def test_they_run_in_the_models_order_in_an_agent(gate: Gate, in_order: bool) -> None:
    counter = Counter()
    asyncio.run(agent_of(gate, adding_to(counter)).ainvoke(ASK))
    assert counter.order == [0, 1, 2, 3]
    assert (counter.value == 4) == in_order


class Named(TypedDict):
    asked: Annotated[list[AnyMessage], operator.add]


@dataclass
class Fields:
    asked: Annotated[list[AnyMessage], operator.add] = field(default_factory=list)


@by_policy
@pytest.mark.parametrize("state", [Named, Fields])
def test_they_run_in_the_models_order_in_a_graph_of_any_state(
    gate: Gate, in_order: bool, state: type[Any]
) -> None:
    counter = Counter()
    node = ToolNode([adding_to(counter)], messages_key="asked", **tool_node_wrappers(gate))
    graph: Any = StateGraph(state).add_node("tools", node).add_edge(START, "tools").compile()
    asyncio.run(graph.ainvoke({"asked": [AIMessage("", tool_calls=CALLS)]}))
    assert counter.order == [0, 1, 2, 3]
    assert (counter.value == 4) == in_order


@by_policy
def test_they_run_one_by_one_in_threads(gate: Gate, in_order: bool) -> None:
    counter = Counter()

    @tool
    def add(n: int) -> str:
        """Adds one."""
        counter.add_in_thread(n)
        return "added"

    agent_of(gate, add).invoke(ASK)
    assert sorted(counter.order) == [0, 1, 2, 3]
    assert (counter.value == 4) == in_order


@pytest.mark.parametrize("policy", IN_ORDER)
@pytest.mark.parametrize("is_agent", [True, False])
def test_two_runs_of_one_input_go_side_by_side(policy: str, is_agent: bool) -> None:
    gate, inside = Gate.from_toml(policy), Inside()

    async def run() -> tuple[Any, Any]:
        both = asyncio.Event()

        @tool
        async def add(n: int) -> str:
            """Waits for the other run."""
            with inside.count():
                if inside.now == 2:
                    both.set()
                await asyncio.wait_for(both.wait(), timeout=10)
            return "added"

        graph = agent_of(gate, add)
        given = ASK
        if not is_agent:
            graph, given = graph_of(ToolNode([add], **tool_node_wrappers(gate))), asking(*CALLS)
        return await asyncio.gather(graph.ainvoke(given), graph.ainvoke(given))

    states = asyncio.run(run())
    assert [answer.text for state in states for answer in answers(state)] == ["added"] * 8
    assert inside.peak == 2


def test_calls_that_no_message_asks_for_belong_to_no_turn() -> None:
    counter = Counter()
    node = ToolNode([adding_to(counter)], **tool_node_wrappers(Gate.from_toml(IN_ORDER[0])))
    graph: Any = StateGraph(Named).add_node("tools", node)
    graph.add_conditional_edges(START, lambda _: [Send("tools", [asked]) for asked in CALLS])
    graph.add_node("end", lambda _: {"asked": []}).add_edge("tools", "end")
    asyncio.run(graph.compile().ainvoke({"asked": []}))
    assert counter.order == [0, 1, 2, 3]
    assert counter.value < 4
