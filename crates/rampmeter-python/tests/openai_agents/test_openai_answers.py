"""What the model, and whoever runs the agent, is told: refusals, errors, time-outs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import FunctionTool, RunContextWrapper, ToolTimeoutError, UserError, function_tool
from agents.tool_context import ToolContext
from openai_doubles import Asked, agent_with, answers, run
from pydantic import BaseModel

from rampmeter import Gate, Refused
from rampmeter.openai_agents import limit

ONE = """
[limits.one]
concurrency = 1
queue = { size = 0 }
[tools."*"]
limits = ["one"]
access = "read"
"""


@function_tool
async def slow() -> str:
    await asyncio.sleep(0.005)
    return "slow"


TWICE: list[Asked] = [("slow", {}), ("slow", {})]


async def told_of_two(tool: FunctionTool) -> list[Any]:
    """Of two calls at once, where there is room for one."""
    return answers(await run(agent_with(limit(Gate.from_toml(ONE), [tool]), *TWICE)))


def test_a_refused_call_is_told_to_the_model_and_its_sibling_runs() -> None:
    served, refused = asyncio.run(told_of_two(slow))
    assert served == "slow"
    assert "slow" in refused and "one" in refused and "refused" in refused


def test_a_refusal_is_told_by_the_tools_own_function_for_failures() -> None:
    def told(_: RunContextWrapper[Any], error: Exception) -> str:
        assert isinstance(error, Refused)
        return f"busy: {error.reason}"

    @function_tool(failure_error_function=told)
    async def slow() -> str:
        await asyncio.sleep(0.005)
        return "slow"

    assert asyncio.run(told_of_two(slow)) == ["slow", "busy: queue_full"]


def test_a_refusal_ends_the_run_where_the_tool_lets_failures_through() -> None:
    @function_tool(failure_error_function=None)
    async def slow() -> str:
        await asyncio.sleep(0.005)
        return "slow"

    with pytest.raises(UserError, match="refused") as caught:
        asyncio.run(told_of_two(slow))
    assert isinstance(caught.value.__cause__, Refused)


def test_a_refusal_ends_the_run_where_that_is_asked_for() -> None:
    with pytest.raises(UserError) as caught:
        asyncio.run(run(agent_with(limit(Gate.from_toml(ONE), [slow], refusals="raise"), *TWICE)))
    refused = caught.value.__cause__
    assert isinstance(refused, Refused)
    assert (refused.tool, refused.reason, refused.limit) == ("slow", "queue_full", "one")


def test_a_tool_made_by_hand_is_refused_with_a_message_and_fails_as_it_did() -> None:
    async def invoke(_: ToolContext[Any], arguments: str) -> str:
        await asyncio.sleep(0.005)
        if "no" in arguments:
            raise ValueError("no")
        return "slow"

    schema = {"type": "object", "properties": {}}
    tool = FunctionTool(name="slow", description="", params_json_schema=schema, on_invoke_tool=invoke)

    async def main() -> None:
        gate = Gate.from_toml(ONE)
        served, refused = answers(await run(agent_with(limit(gate, [tool]), *TWICE)))
        assert served == "slow" and "refused" in refused
        with pytest.raises(UserError, match="Error running tool slow: no"):
            await run(agent_with(limit(gate, [tool]), ("slow", {"no": 1})))

    asyncio.run(main())


def test_a_tool_made_by_hand_gets_the_context_that_it_declares() -> None:
    given: list[object] = []

    async def invoke(run: RunContextWrapper[Any], _: str) -> str:
        given.append(type(run))
        return "done"

    schema = {"type": "object", "properties": {}}
    tool = FunctionTool(name="slow", description="", params_json_schema=schema, on_invoke_tool=invoke)
    asyncio.run(run(agent_with(limit(Gate.from_toml(ONE), [tool]), ("slow", {}))))
    assert given == [RunContextWrapper]


FILES = '[tools.append]\nwrites = ["file:{path}"]'


@pytest.mark.parametrize("by_hand", [False, True])
def test_arguments_that_do_not_fill_a_key_are_the_calls_own_error(by_hand: bool) -> None:
    async def invoke(_: ToolContext[Any], arguments: str) -> str:
        return arguments

    @function_tool(name_override="append", strict_mode=False)
    async def append(path: str = "a") -> str:
        return f'{{"path":"{path}"}}'

    schema = {"type": "object", "properties": {}}
    made = FunctionTool(name="append", description="", params_json_schema=schema, on_invoke_tool=invoke)
    calls: list[Asked] = [("append", {}), ("append", {"path": "b"})]

    async def main() -> list[Any]:
        tools = limit(Gate.from_toml(FILES), [made if by_hand else append])
        return answers(await run(agent_with(tools, *calls)))

    malformed, served = asyncio.run(main())
    assert "needs the argument `path`" in malformed
    assert served == '{"path":"b"}'


def test_what_fails_is_logged_and_traced_as_the_sdk_does(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "openai.agents"):
        asyncio.run(told_of_two(slow))
    assert [it.message for it in caplog.records if "failed" in it.message] == ["Tool slow failed"]


def test_an_error_in_what_says_the_flow_ends_the_run() -> None:
    def flow(_: RunContextWrapper[Any]) -> str:
        raise AttributeError("no tenant")

    with pytest.raises(UserError, match="no tenant"):
        asyncio.run(run(agent_with(limit(Gate.from_toml(ONE), [slow], flow=flow), ("slow", {}))))


BREAKER = """
[limits.search]
breaker = { failures = "50%", over = "30s", min_calls = 2, open = "30s" }
[tools.search]
limits = ["search"]
access = "read"
"""


def test_the_gate_learns_of_errors_that_the_model_is_told_as_messages() -> None:
    @function_tool
    async def search() -> str:
        raise ValueError("no")

    async def main() -> list[Any]:
        agent = agent_with(limit(Gate.from_toml(BREAKER), [search]), ("search", {}))
        return [answers(await run(agent))[0] for _ in range(3)]

    first, second, third = asyncio.run(main())
    assert first == second == "An error occurred while running the tool. Please try again."
    assert "refused" in third and "search" in third


def test_what_the_model_did_wrong_is_no_failure_of_the_tool() -> None:
    @function_tool
    async def search(query: str) -> str:
        return query

    async def main() -> list[Any]:
        tools = limit(Gate.from_toml(BREAKER), [search])
        for _ in range(4):
            await run(agent_with(tools, ("search", {"qeury": "x"})))
        return answers(await run(agent_with(tools, ("search", {"query": "x"}))))

    assert asyncio.run(main()) == ["x"]


def test_a_time_out_counts_from_when_the_tool_may_start_and_is_told_as_the_sdk_tells_it() -> None:
    @function_tool(timeout=0.1)
    async def slow(wait: float) -> str:
        await asyncio.sleep(wait)
        return "slow"

    async def main() -> None:
        gate = Gate.from_toml(ONE.replace("queue = { size = 0 }", ""))
        permit = await gate.admit("another")
        waiting = asyncio.create_task(run(agent_with(limit(gate, [slow]), ("slow", {"wait": 0}))))
        await asyncio.sleep(0.15)
        permit.finish()
        assert answers(await waiting) == ["slow"]
        late = answers(await run(agent_with(limit(gate, [slow]), ("slow", {"wait": 9}))))
        assert late == answers(await run(agent_with([slow], ("slow", {"wait": 9}))))
        assert "timed out" in late[0]

    asyncio.run(main())


def test_a_time_out_is_raised_or_told_as_the_tool_says() -> None:
    async def slow() -> None:
        await asyncio.sleep(9)

    raising = function_tool(slow, timeout=0.01, timeout_behavior="raise_exception")
    telling = function_tool(slow, timeout=0.01, timeout_error_function=lambda _, error: f"late: {error}")

    async def main() -> None:
        gate = Gate.from_toml(ONE)
        with pytest.raises(ToolTimeoutError, match="after 0.01 seconds"):
            await run(agent_with(limit(gate, [raising]), ("slow", {})))
        told = answers(await run(agent_with(limit(gate, [telling]), ("slow", {}))))
        assert told == ["late: Tool 'slow' timed out after 0.01 seconds."]

    asyncio.run(main())


class Found(BaseModel):
    pages: int


def test_what_is_told_instead_of_an_output_need_not_fit_the_outputs_schema() -> None:
    @function_tool(timeout=0.01, output_type=Found, allowed_callers=["direct", "programmatic"])
    async def slow() -> Found:
        await asyncio.sleep(9)
        return Found(pages=1)

    late, refused = asyncio.run(told_of_two(slow))
    assert "timed out" in late and "refused" in refused


def test_a_time_out_that_the_tool_met_itself_is_its_own_failure() -> None:
    @function_tool(timeout=9, failure_error_function=lambda _, error: f"failed: {error}")
    async def slow() -> None:
        raise asyncio.TimeoutError("upstream")

    async def main() -> list[Any]:
        return answers(await run(agent_with(limit(Gate.from_toml(ONE), [slow]), ("slow", {}))))

    assert asyncio.run(main()) == ["failed: upstream"]
