"""What the limits learn of how tools end, also where the framework makes a message of an error."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolErrorMiddleware, ToolRetryMiddleware
from langchain_core.tools import ToolException, tool
from langchain_parts import ASK, Scripted, answers, asking, call, graph_of
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolInvocationError
from langgraph.types import interrupt

from rampmeter import Gate, Refused, current_permit
from rampmeter.langchain import GateMiddleware, tool_node_wrappers

LISTENS = """
[limits.server]
requests = "1000/s"

[tools."*"]
limits = ["server"]
"""
OPENS_AT_ONE_FAILURE = """
[limits.server]
breaker = { failures = "50%", min_calls = 1 }

[tools."*"]
limits = ["server"]
"""


class Busy(Exception):
    """As HTTP clients raise it."""

    class response:
        status_code = 429
        headers = {"retry-after": "7"}


@tool
async def ask() -> str:
    """Asks a server that has no room."""
    raise Busy("no room")


@tool("ask")
def ask_in_thread() -> str:
    """Asks a server that has no room."""
    raise Busy("no room")


def pause(gate: Gate) -> float:
    """Seconds for which the server's limit is paused."""
    with pytest.raises(Refused) as refused:
        gate.try_admit("other")
    assert refused.value.limit == "server"
    return refused.value.retry_after or 0.0


def is_open(gate: Gate) -> bool:
    try:
        gate.try_admit("other").finish("cancelled")
    except Refused as refused:
        assert refused.reason == "open"
        return True
    return False


@pytest.mark.parametrize("asked", [ask, ask_in_thread])
def test_a_429_that_a_tool_raises_pauses_its_server(asked: Any) -> None:
    gate = Gate.from_toml(LISTENS)
    agent = create_agent(Scripted(calls=[call("ask")]), [asked], middleware=[GateMiddleware(gate)])
    with pytest.raises(Busy):
        asyncio.run(agent.ainvoke(ASK))
    assert 6 < pause(gate) < 8


@pytest.mark.parametrize("asked", [ask, ask_in_thread])
def test_a_429_that_a_tool_node_made_a_message_of_pauses_its_server(asked: Any) -> None:
    gate = Gate.from_toml(LISTENS)
    graph = graph_of(ToolNode([asked], handle_tool_errors=True, **tool_node_wrappers(gate)))
    calls = asking(call("ask"))
    state = graph.invoke(calls) if asked is ask_in_thread else asyncio.run(graph.ainvoke(calls))
    assert [one.status for one in answers(state)] == ["error"]
    assert "Busy" in answers(state)[0].text
    assert 6 < pause(gate) < 8


def test_a_429_that_a_middleware_made_a_message_of_pauses_its_server() -> None:
    gate = Gate.from_toml(LISTENS)
    agent = create_agent(
        Scripted(calls=[call("ask")]),
        [ask],
        middleware=[GateMiddleware(gate), ToolErrorMiddleware(lambda error, request: "busy")],
    )
    assert [one.content for one in answers(asyncio.run(agent.ainvoke(ASK)))] == ["busy"]
    assert 6 < pause(gate) < 8


def test_a_tool_says_itself_that_its_server_had_no_room() -> None:
    @tool("ask")
    async def says() -> str:
        """Tells the permit."""
        permit = current_permit()
        assert permit is not None and permit.throttled(retry_after=7)
        return "later"

    gate = Gate.from_toml(LISTENS)
    agent = create_agent(Scripted(calls=[call("ask")]), [says], middleware=[GateMiddleware(gate)])
    assert [one.content for one in answers(asyncio.run(agent.ainvoke(ASK)))] == ["later"]
    assert 6 < pause(gate) < 8


def test_an_error_that_the_tool_made_a_message_of_is_a_failure() -> None:
    @tool
    async def fails() -> str:
        """Says so."""
        raise ToolException("no")

    fails.handle_tool_error = True
    gate = Gate.from_toml(OPENS_AT_ONE_FAILURE)
    agent = create_agent(Scripted(calls=[call("fails")]), [fails], middleware=[GateMiddleware(gate)])
    assert [one.status for one in answers(asyncio.run(agent.ainvoke(ASK)))] == ["error"]
    assert is_open(gate)


def test_what_a_tool_heard_of_another_server_is_no_word_of_its_own() -> None:
    @tool
    async def tells() -> str:
        """Answers the model itself when another tool has no room."""
        try:
            await ask.ainvoke({})
        except Busy as error:
            raise ToolException("no room there") from error
        return "never"

    tells.handle_tool_error = True
    gate = Gate.from_toml(LISTENS)
    agent = create_agent(Scripted(calls=[call("tells")]), [tells], middleware=[GateMiddleware(gate)])
    assert [one.content for one in answers(asyncio.run(agent.ainvoke(ASK)))] == ["no room there"]
    gate.try_admit("other").finish()


def test_an_error_that_was_made_good_within_the_call_is_none() -> None:
    tries = []

    @tool
    async def works_at_last() -> str:
        """Works the second time."""
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("not yet")
        return "worked"

    gate = Gate.from_toml(OPENS_AT_ONE_FAILURE)
    agent = create_agent(
        Scripted(calls=[call("works_at_last")]),
        [works_at_last],
        middleware=[GateMiddleware(gate), ToolRetryMiddleware(initial_delay=0, jitter=False)],
    )
    assert [one.content for one in answers(asyncio.run(agent.ainvoke(ASK)))] == ["worked"]
    assert not is_open(gate)


@pytest.mark.parametrize("handled", [True, False])
def test_arguments_that_are_no_good_are_the_models_failure(handled: bool) -> None:
    @tool
    async def square(side: int) -> int:
        """Of how large an area."""
        return side * side

    gate = Gate.from_toml(OPENS_AT_ONE_FAILURE)
    node = ToolNode([square], handle_tool_errors=handled, **tool_node_wrappers(gate))
    graph, calls = graph_of(node), asking(call("square", side="seven"))
    if handled:
        assert [one.status for one in answers(asyncio.run(graph.ainvoke(calls)))] == ["error"]
    else:
        with pytest.raises(ToolInvocationError):
            asyncio.run(graph.ainvoke(calls))
    assert not is_open(gate)


def test_a_tool_that_waits_for_a_human_has_not_failed() -> None:
    @tool
    async def asks() -> str:
        """Asks a human."""
        return str(interrupt("may I?"))

    gate = Gate.from_toml(OPENS_AT_ONE_FAILURE)
    agent = create_agent(
        Scripted(calls=[call("asks")]),
        [asks],
        middleware=[GateMiddleware(gate)],
        checkpointer=InMemorySaver(),
    )
    state = asyncio.run(agent.ainvoke(ASK, {"configurable": {"thread_id": "1"}}))
    assert "__interrupt__" in state
    assert not is_open(gate)
