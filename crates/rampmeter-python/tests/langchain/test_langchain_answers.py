"""What comes back through the gate: refusals, tools that nobody knows, commands, interrupts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ToolRetryMiddleware
from langchain.tools import InjectedState, ToolRuntime
from langchain_core.callbacks import CallbackManager
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_parts import ASK, Scripted, answers, call
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, interrupt

from rampmeter import Gate, Refused, UnknownTool, current_permit
from rampmeter.langchain import GateMiddleware, GateRateLimiter, tool_node_wrappers

ONE_AND_NONE_WAITS = """
[limits.narrow]
concurrency = 1
queue = { size = 0 }

[tools.narrow]
limits = ["narrow"]

[tools.wide]
"""


@tool
async def narrow() -> str:
    """Has a limit."""
    return "narrow"


@tool
async def wide() -> str:
    """Has none."""
    return "wide"


def agent_of(gate: Gate, calls: list[Any], tools: list[Any], **options: Any) -> Any:
    return create_agent(Scripted(calls=calls), tools, middleware=[GateMiddleware(gate, **options)])


@contextmanager
def held(gate: Gate) -> Iterator[None]:
    """Somebody else has the only slot."""
    permit = gate.try_admit("narrow")
    yield
    permit.finish()


TWO_CALLS = [call("narrow"), call("wide")]


@pytest.mark.parametrize("threads", [False, True])
def test_a_refusal_is_an_error_for_the_model_and_siblings_run(threads: bool) -> None:
    @tool
    def narrow() -> str:
        """Has a limit."""
        return "narrow"

    @tool
    def wide() -> str:
        """Has none."""
        return "wide"

    gate = Gate.from_toml(ONE_AND_NONE_WAITS)
    agent = agent_of(gate, TWO_CALLS, [narrow, wide])
    with held(gate):
        state = agent.invoke(ASK) if threads else asyncio.run(agent.ainvoke(ASK))
    refused, ran = answers(state)
    assert (refused.status, refused.name, refused.tool_call_id) == ("error", "narrow", "narrow-0")
    assert "limit narrow" in refused.text and "try again when other calls have ended" in refused.text
    assert refused.artifact["reason"] == "queue_full"
    assert refused.artifact["limit"] == "narrow"
    assert refused.artifact["retry"] == "on_release"
    assert (ran.status, ran.content) == ("success", "wide")
    assert state["messages"][-1].content == "done"


def test_a_refusal_is_raised_where_that_is_asked_for() -> None:
    gate = Gate.from_toml(ONE_AND_NONE_WAITS)
    agent = agent_of(gate, [call("narrow")], [narrow], refusals="raise")
    with held(gate), pytest.raises(Refused, match="narrow") as refused:
        asyncio.run(agent.ainvoke(ASK))
    assert refused.value.limit == "narrow"


def test_a_refusal_within_a_tool_leaves_its_siblings_running() -> None:
    gate = Gate.from_toml(ONE_AND_NONE_WAITS + "[tools.outer]\n")

    @tool
    async def outer() -> str:
        """Makes a call of its own."""
        async with gate.admit("narrow"):
            return "never"

    with held(gate):
        state = asyncio.run(agent_of(gate, [call("outer"), call("wide")], [outer, wide]).ainvoke(ASK))
    refused, ran = answers(state)
    assert (refused.status, refused.artifact["limit"]) == ("error", "narrow")
    assert ran.content == "wide"


def test_a_tool_that_the_policy_does_not_name_is_an_error_of_the_program() -> None:
    gate = Gate.from_toml("[tools.wide]\n")
    with pytest.raises(UnknownTool, match="narrow"):
        asyncio.run(agent_of(gate, [call("narrow")], [narrow, wide]).ainvoke(ASK))


@pytest.mark.parametrize("threads", [False, True])
def test_a_tool_that_the_model_made_up_is_an_error_for_the_model(threads: bool) -> None:
    @tool
    def wide() -> str:
        """Has no limit."""
        return "wide"

    agent = agent_of(Gate.from_toml("[tools.wide]\n"), [call("wild"), call("wide")], [wide])
    state = agent.invoke(ASK) if threads else asyncio.run(agent.ainvoke(ASK))
    made_up, ran = answers(state)
    assert made_up.status == "error"
    assert made_up.content == "Error: wild is not a valid tool, try one of [wide]."
    assert ran.content == "wide"


def test_a_pattern_does_not_make_a_tool_of_what_the_model_made_up() -> None:
    state = asyncio.run(agent_of(Gate.from_toml('[tools."*"]\n'), [call("wild")], [wide]).ainvoke(ASK))
    assert [answer.status for answer in answers(state)] == ["error"]


def test_commands_and_injected_values_pass() -> None:
    @tool
    async def narrow(
        word: str, state: Annotated[dict[str, Any], InjectedState], runtime: ToolRuntime[None, Any]
    ) -> Command[Any]:
        """Answers with a command."""
        said = f"{word} after {len(state['messages'])} in {runtime.tool_call_id}"
        return Command(update={"messages": [ToolMessage(said, tool_call_id=runtime.tool_call_id)]})

    gate = Gate.from_toml(ONE_AND_NONE_WAITS)
    state = asyncio.run(agent_of(gate, [call("narrow", word="hello")], [narrow]).ainvoke(ASK))
    assert [answer.content for answer in answers(state)] == ["hello after 2 in narrow-0"]
    gate.try_admit("narrow").finish()


@tool("narrow")
async def asks() -> str:
    """Asks a human."""
    return str(interrupt("may I?"))


@tool("narrow")
def asks_in_thread() -> str:
    """Asks a human."""
    return str(interrupt("may I?"))


@pytest.mark.parametrize("asks", [asks, asks_in_thread])
def test_a_tool_that_waits_for_a_human_holds_no_slot(asks: Any) -> None:
    gate = Gate.from_toml(ONE_AND_NONE_WAITS)
    agent = create_agent(
        Scripted(calls=[call("narrow")]),
        [asks],
        middleware=[GateMiddleware(gate)],
        checkpointer=InMemorySaver(),
    )
    thread: Any = {"configurable": {"thread_id": "1"}}

    async def run() -> Any:
        assert "__interrupt__" in await agent.ainvoke(ASK, thread)
        gate.try_admit("narrow").finish()
        return await agent.ainvoke(Command(resume="yes"), thread)

    assert [answer.content for answer in answers(asyncio.run(run()))] == ["yes"]


def test_what_another_middleware_tries_again_passes_the_gate_again() -> None:
    tries = []

    @tool
    async def wide() -> str:
        """Works the second time."""
        tries.append(admitted.copy())
        if len(tries) == 1:
            raise ConnectionError("not yet")
        return "wide"

    admitted: list[str] = []

    class Counted(GateMiddleware):
        async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
            admitted.append(request.tool_call["name"])
            return await super().awrap_tool_call(request, handler)

    agent = create_agent(
        Scripted(calls=[call("wide")]),
        [wide],
        middleware=[
            ToolRetryMiddleware(initial_delay=0, jitter=False),
            Counted(Gate.from_toml("[tools.wide]")),
        ],
    )
    state = asyncio.run(agent.ainvoke(ASK))
    assert [answer.content for answer in answers(state)] == ["wide"]
    assert tries == [["wide"], ["wide", "wide"]]


def test_a_call_leaves_nothing_behind_in_its_context() -> None:
    def handler(request: ToolCallRequest) -> ToolMessage:
        assert len(CallbackManager.configure().handlers) == 1
        return ToolMessage("ran", tool_call_id="1")

    nothing: Any = None
    request = ToolCallRequest(tool_call=call("wide"), tool=wide, state={}, runtime=nothing)
    GateMiddleware(Gate.from_toml("[tools.wide]")).wrap_tool_call(request, handler)
    assert current_permit() is None
    assert not CallbackManager.configure().handlers


def test_an_option_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match='refusals is \'ignore\'; give "message" or "raise"'):
        GateMiddleware(Gate.from_toml("[tools.wide]"), refusals="ignore")  # type: ignore[arg-type]


@pytest.mark.parametrize("made", [GateMiddleware, tool_node_wrappers, partial(GateRateLimiter, tool="wide")])
def test_what_is_no_gate_is_told_where_it_is_given(made: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match="gate is 'gate'; give a Gate"):
        made("gate")
