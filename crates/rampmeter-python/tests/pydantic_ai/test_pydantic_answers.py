"""What the model, whoever runs the agent, and the gate are told of a call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic_ai import (
    Agent,
    ApprovalRequired,
    DeferredToolRequests,
    ModelRetry,
    RunContext,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_doubles import Asked, answers, asks_for, returns

from rampmeter import Gate, Refused
from rampmeter.pydantic_ai import LimitTools

ONE = """
[limits.one]
concurrency = 1
queue = { size = 0 }
[tools."*"]
limits = ["one"]
access = "read"
"""
TWICE: list[Asked] = [("slow", {}), ("slow", {})]


async def slow() -> str:
    await asyncio.sleep(0.005)
    return "slow"


def test_a_refused_call_is_a_failed_tool_to_the_model_and_its_sibling_runs() -> None:
    agent = Agent(asks_for(*TWICE), tools=[slow], capabilities=[LimitTools(Gate.from_toml(ONE))])
    result = asyncio.run(agent.run("go"))
    served, refused = returns(result)
    assert (served.content, served.outcome) == ("slow", "success")
    assert refused.outcome == "failed"
    assert "slow" in str(refused.content) and "refused" in str(refused.content)
    assert result.output == "done"


def test_refusals_do_not_use_up_the_retries_of_a_tool() -> None:
    def answer(messages: list[Any], _: Any) -> ModelResponse:
        if len(messages) > 8:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart(name, given) for name, given in TWICE])

    def run(refused: Agent[None, str]) -> str:
        return asyncio.run(refused.run("go")).output

    limited = LimitTools[None](Gate.from_toml(ONE))
    assert (
        run(Agent(FunctionModel(answer), deps_type=type(None), tools=[slow], capabilities=[limited]))
        == "done"
    )

    # What a tool that asked for a retry each time would come to.
    async def slow_and_sorry() -> str:
        raise ModelRetry("again")

    sorry = Agent(FunctionModel(answer), deps_type=type(None))
    sorry.tool_plain(name="slow")(slow_and_sorry)
    with pytest.raises(UnexpectedModelBehavior, match="exceeded max retries"):
        run(sorry)


def test_arguments_that_lack_what_a_key_is_filled_from_are_asked_for_again() -> None:
    async def append(place: dict[str, str]) -> str:
        return place["path"]

    gate = Gate.from_toml('[tools.append]\nwrites = ["file:{place.path}"]')
    calls: list[Asked] = [("append", {"place": {}}), ("append", {"place": {"path": "b"}})]
    result = asyncio.run(Agent(asks_for(*calls), tools=[append], capabilities=[LimitTools(gate)]).run("go"))
    malformed, served = returns(result)
    assert malformed.outcome == "retried" and "needs the argument `place.path`" in str(malformed.content)
    assert served.content == "b"


def test_a_refusal_ends_the_run_where_that_is_asked_for() -> None:
    limited = LimitTools[None](Gate.from_toml(ONE), refusals="raise")
    agent = Agent(asks_for(*TWICE), deps_type=type(None), tools=[slow], capabilities=[limited])
    with pytest.raises(Refused) as caught:
        asyncio.run(agent.run("go"))
    assert (caught.value.tool, caught.value.reason, caught.value.limit) == ("slow", "queue_full", "one")


BREAKER = """
[limits.search]
breaker = { failures = "50%", over = "30s", min_calls = 2, open = "30s" }
[tools.search]
limits = ["search"]
access = "read"
"""


def outcomes_of(search: Any, calls: int, **options: Any) -> list[str]:
    """How so many calls of a tool end for the model, under a breaker that opens after two failures."""
    limited = LimitTools[None](Gate.from_toml(BREAKER))
    agent: Agent[None, Any] = Agent(
        asks_for(("search", {})), deps_type=type(None), capabilities=[limited], retries=9, **options
    )
    agent.tool_plain(search)

    async def main() -> list[str]:
        ends = []
        for _ in range(calls):
            part = returns(await agent.run("go"))
            ends.append(f"{part[0].outcome}: {part[0].content}" if part else "deferred")
        return ends

    return asyncio.run(main())


def test_the_gate_learns_of_failures_that_the_model_is_asked_to_retry() -> None:
    async def search() -> str:
        raise ModelRetry("again")

    first, second, third = outcomes_of(search, 3)
    assert first.startswith("retried") and second.startswith("retried")
    assert third.startswith("failed") and "refused" in third


def test_calls_that_wait_for_approval_say_nothing_of_the_tool() -> None:
    async def search() -> str:
        raise ApprovalRequired

    assert outcomes_of(search, 4, output_type=[str, DeferredToolRequests]) == ["deferred"] * 4


class NoRoom(Exception):
    status_code = 429


LEARNING = """
[limits.search]
concurrency = { size = 4, adaptive = "aimd" }
[tools.search]
limits = ["search"]
access = "read"
"""


@pytest.mark.parametrize("behind", [NoRoom, TimeoutError])
def test_the_gate_learns_what_is_behind_a_retry(behind: type[Exception]) -> None:
    """An adaptive limit shrinks by overloads alone; by what it serves at once afterwards it is seen."""
    may_end = asyncio.Event()
    inside = 0

    async def search(ctx: RunContext[bool]) -> str:
        nonlocal inside
        if ctx.deps:
            try:
                raise behind
            except Exception as error:
                raise ModelRetry("again") from error
        inside += 1
        await may_end.wait()
        return "found"

    async def main() -> None:
        agent = Agent(
            asks_for(*[("search", {})] * 4),
            deps_type=bool,
            tools=[search],
            retries=9,
            capabilities=[LimitTools(Gate.from_toml(LEARNING))],
        )
        await agent.run("go", deps=True)
        task = asyncio.create_task(agent.run("go", deps=False))
        while not inside:
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert 0 < inside < 4
        may_end.set()
        await task

    asyncio.run(main())


def test_a_time_out_counts_from_when_the_tool_may_start() -> None:
    gate = Gate.from_toml(ONE.replace("queue = { size = 0 }", ""))
    agent = Agent(asks_for(("slow", {})), deps_type=type(None), capabilities=[LimitTools(gate)])

    @agent.tool_plain(timeout=0.1)
    async def slow() -> str:
        return "slow"

    async def main() -> None:
        permit = await gate.admit("another")
        waiting = asyncio.create_task(agent.run("go"))
        await asyncio.sleep(0.15)
        permit.finish()
        assert answers(await waiting) == ["slow"]

    asyncio.run(main())
